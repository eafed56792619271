//! What a configuration promises, in words: what can be lost or doubled, and when. Made of the table that the crash suite
//! holds, see [`promise`](crate::promise).

use std::fmt::Write as _;

use crate::{
    config::{Config, Event},
    delivery::{Confirm, OnUnknown},
    promise::Mishap,
};

/// Says what may become of the tasks of this configuration, and of what the server sends.
///
/// # Examples
///
/// ```
/// use sockeye_relay::{config::Config, explain::explain};
///
/// let config = Config::read("to = \"http://127.0.0.1:3000/imchat\"", "relay.toml")?;
/// assert!(explain(&config).contains("at least once to the application"));
/// # Ok::<_, sockeye_relay::config::ConfigError>(())
/// ```
#[must_use]
pub fn explain(config: &Config) -> String {
    let mut text = String::new();
    let delivery = &config.delivery;
    let usual = Promised { confirm: delivery.confirm, on_unknown: delivery.on_unknown };
    usual.write(&mut text, "Tasks", &delivery.confirm_timeout.to_string());
    for (name, event) in &config.event {
        let own = usual.over(event);
        if own != usual {
            let timeout = event.confirm_timeout.unwrap_or(delivery.confirm_timeout);
            text.push('\n');
            own.write(&mut text, &format!("Tasks of {name:?}"), &timeout.to_string());
        }
    }
    text.push('\n');
    let mut line = |head: &str, body: &str| {
        // A String takes any text.
        let _ = writeln!(text, "{}", wrapped(head, body));
    };
    line("Store", store(config));
    line("Attempts", &attempts(config));
    line("Order", &order(config));
    line("Copies", &copies(config));
    line("Server", &server(config));
    text
}

/// What is promised for some tasks.
#[derive(Clone, Copy, Eq, PartialEq)]
struct Promised {
    confirm: Confirm,
    on_unknown: OnUnknown,
}

impl Promised {
    fn over(self, event: &Event) -> Self {
        Self {
            confirm: event.confirm.unwrap_or(self.confirm),
            on_unknown: event.on_unknown.unwrap_or(self.on_unknown),
        }
    }

    fn write(self, text: &mut String, who: &str, timeout: &str) {
        let (done, promised) = match self.confirm {
            Confirm::None => {
                ("they have left the queue, before they are sent".to_owned(), "at most once")
            }
            Confirm::Written => (
                "their bytes are written to the socket".to_owned(),
                "at least once to the socket, and no further",
            ),
            Confirm::Ack => (
                format!("the server has acknowledged them, within {timeout}"),
                "at least once to the application, if that acknowledges after its work",
            ),
            Confirm::Event => (
                format!("an event has answered them, within {timeout}"),
                "at least once to the application, if that answers after its work",
            ),
        };
        let word = serde_json::to_string(&self.confirm).unwrap_or_default();
        // A String takes any text.
        let _ = writeln!(text, "{who} are done once {done} (confirm = {word}).");
        let _ = writeln!(text, "Promised: {promised}.");
        let cases = |fits: fn(crate::promise::Promise) -> bool| {
            Mishap::ALL
                .into_iter()
                .filter(|mishap| fits(mishap.promise(self.confirm, self.on_unknown)))
                .map(Mishap::as_str)
                .collect::<Vec<_>>()
        };
        for (what, when) in [
            ("lost", cases(|it| it.may_be_lost)),
            ("sent twice", cases(|it| it.may_be_doubled)),
            ("set aside", cases(|it| it.may_be_set_aside)),
        ] {
            if !when.is_empty() {
                let _ = writeln!(text, "  may be {what} when");
                for case in when {
                    let _ = writeln!(text, "    {case}");
                }
            }
        }
        if matches!(self.confirm, Confirm::Ack | Confirm::Event) {
            let _ = writeln!(text, "  A server that passes over ids it has had: effectively once.");
        }
    }
}

fn store(config: &Config) -> &'static str {
    let url = config.queue_url();
    if url.starts_with("sqlite:") {
        return if url.contains("sync=normal") {
            "SQLite with sync=normal: the last commits are lost when the power goes."
        } else {
            "SQLite: what it has said it has survives the end of the process, and the loss of power."
        };
    }
    "Redis: as durable as Redis itself. Without appendonly a restart loses what came after its last snapshot, with appendfsync \
     everysec about a second, and a failover what the replica had not got yet."
}

fn attempts(config: &Config) -> String {
    let delivery = &config.delivery;
    let unknown = match delivery.on_unknown {
        OnUnknown::Retry => "one that was written and not confirmed is sent again",
        OnUnknown::Hold => "one that was written and not confirmed is held until somebody decides",
        OnUnknown::Dead => "one that was written and not confirmed is laid among the dead",
    };
    let age = delivery.max_age.map(|age| format!(", or older than {age}")).unwrap_or_default();
    format!(
        "{} may count, up to {} to {} apart; a lost connection costs none; {unknown}. A task that has had them all{age}, that is refused \
         for good or can't be read, is dead: see `sockeye relay dead`. So is one that {} relays had claimed when they died, sent or not, and \
         one that was under way when 100 connections were lost: perhaps they died of it.",
        delivery.max_attempts, delivery.first_delay, delivery.max_delay, delivery.max_deliveries
    )
}

fn order(config: &Config) -> String {
    let all = config.queue_url().contains("order=none");
    let lanes = if all {
        "order=none: every relay on this queue claims at once, and nothing keeps an order between them."
    } else {
        "Tasks of one key are sent in the order in which they came, one at a time, by one relay at a time: one that is tried again holds \
         up those behind it."
    };
    format!(
        "{lanes} Tasks without a key are sent as they come, {} at a time; one that is tried again may fall behind.",
        config.delivery.in_flight
    )
}

fn copies(config: &Config) -> String {
    match config.store.done_count {
        0 => "No id is remembered: a task that is put twice is sent twice.".to_owned(),
        count => format!(
            "The ids of the last {count} tasks that are done are remembered for {}: one that is put again is not sent again. A task \
             without an id has no copies.",
            config.store.done_age
        ),
    }
}

fn server(config: &Config) -> String {
    if config.sink.is_empty() {
        return "What the server sends goes nowhere: name a sink. Events that ask for an ack get none.".to_owned();
    }
    let full = match config.spool.when_full {
        super::config::WhenFull::DropOldest => "the oldest are dropped, and counted",
        super::config::WhenFull::DropNewest => {
            "what comes is dropped, counted, and not acknowledged"
        }
        super::config::WhenFull::Disconnect => "the connection is closed",
    };
    format!(
        "What the server sends while there is no connection is missed; a gap record says when that was. From the spool ({}) on each \
         sink gets it at least once, in order. It is acknowledged once the spool has it; one that was not may come again. When the spool \
         is full {full}.",
        config.spool.path.display()
    )
}

/// A paragraph behind its head, at most 100 columns wide.
fn wrapped(head: &str, body: &str) -> String {
    const HEAD: usize = 10;
    const WIDTH: usize = 100;

    let mut text = format!("{head:HEAD$}");
    let mut column = HEAD;
    for (index, word) in body.split_whitespace().enumerate() {
        let length = word.chars().count();
        if index > 0 && column + 1 + length > WIDTH {
            text.push('\n');
            text.push_str(&" ".repeat(HEAD));
            column = HEAD;
        } else if index > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        explain(&Config::read(text, "relay.toml").unwrap())
    }

    #[test]
    fn every_case_of_the_table_is_told() {
        for confirm in ["none", "written", "ack", "event"] {
            for on_unknown in ["retry", "hold", "dead"] {
                let text = of(&format!(
                    "[delivery]\nconfirm = \"{confirm}\"\non_unknown = \"{on_unknown}\""
                ));
                let confirm = serde_json::from_str(&format!("{confirm:?}")).unwrap();
                let on_unknown = serde_json::from_str(&format!("{on_unknown:?}")).unwrap();
                for mishap in Mishap::ALL {
                    let promise = mishap.promise(confirm, on_unknown);
                    let times =
                        [promise.may_be_lost, promise.may_be_doubled, promise.may_be_set_aside];
                    let times = times.into_iter().filter(|may| *may).count();
                    assert_eq!(text.matches(mishap.as_str()).count(), times, "{mishap:?}\n{text}");
                }
                assert!(!text.contains("exactly once"));
                assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
            }
        }
    }

    #[test]
    fn events_that_differ_are_told_apart() {
        let text = of("[event.chat]\nconfirm = \"written\"\n[event.same]\nmax_attempts = 3");
        assert!(text.contains("Tasks of \"chat\" are done once their bytes are written"), "{text}");
        assert!(!text.contains("same"), "{text}");
    }

    #[test]
    fn stores_sinks_and_order_have_their_words() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(text: &str, expect: &str) {
            let found = of(text).split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(found.contains(expect), "{text}: {found}");
        }
        check("", "survives the end of the process, and the loss of power");
        check(
            "from = \"sqlite:q.db?sync=normal\"",
            "the last commits are lost when the power goes",
        );
        check("from = \"redis://h?list=t\"", "as durable as Redis itself");
        check("from = \"redis://h?list=t&order=none\"", "nothing keeps an order between them");
        check("[store]\ndone_count = 0", "a task that is put twice is sent twice");
        check("", "What the server sends goes nowhere");
        check(
            "[[sink]]\nto = \"-\"\n[spool]\nwhen_full = \"disconnect\"",
            "is full the connection is closed",
        );
        check("[delivery]\non_unknown = \"hold\"", "is held until somebody decides");
    }
}
