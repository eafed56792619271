//! Where a relay stands, as a few lines for people: a picture of a moment, drawn the same for the same.

use std::time::Duration;

use sockeye_relay::{
    ingress::{IngressStats, SinkStats},
    queue::Stats,
};

use super::{age::brief, table::cut};
use crate::values::printable;

/// What there is to show.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    pub(super) queue: String,
    pub(super) targets: Vec<Target>,
    /// What the store has said last; `None` until it has.
    pub(super) backlog: Option<Stats>,
    pub(super) in_flight: usize,
    pub(super) max_in_flight: usize,
    pub(super) blocked_lanes: usize,
    pub(super) confirmed: u64,
    /// Confirmed tasks a second, of late.
    pub(super) rate: f64,
    /// What the server has sent; `None` if there is no sink for it.
    pub(super) received: Option<IngressStats>,
    pub(super) last_error: Option<String>,
    pub(super) is_stopping: bool,
    /// Another relay has the queue.
    pub(super) stands_by: bool,
}

/// A connection.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) is_in: bool,
    /// How long it has stood so.
    pub(super) since: Duration,
    /// How many times it has been joined.
    pub(super) times: u64,
    /// Why it is not joined.
    pub(super) because: Option<String>,
}

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";

/// A shorter wait is part of the work.
const WORTH_TELLING: Duration = Duration::from_secs(2);

/// The lines, none wider than `width`.
pub(super) fn block(snapshot: &Snapshot, width: usize, is_colored: bool) -> Vec<String> {
    let mut lines = vec![Line::new("queue", snapshot.queue.clone(), None)];
    for target in &snapshot.targets {
        let since = brief(target.since);
        lines.push(match (target.is_in, &target.because) {
            (true, _) => {
                let again = match target.times {
                    0 | 1 => String::new(),
                    times => format!(", {times} times so far"),
                };
                Line::new(
                    "server",
                    format!("{} joined for {since}{again}", target.name),
                    Some(GREEN),
                )
            }
            (false, because) => {
                let because = because.as_deref().unwrap_or("connecting");
                let text = format!("{} not joined for {since}: {because}", target.name);
                Line::new("server", text, Some(YELLOW))
            }
        });
    }
    if let Some(backlog) = &snapshot.backlog {
        let mut text = format!("{} ready, {} delayed", backlog.ready, backlog.delayed);
        if let Some(oldest) = backlog.oldest {
            text += &format!(", the oldest for {}", brief(oldest));
        }
        let color = backlog.is_paused.then_some(YELLOW);
        if backlog.is_paused {
            text += "; paused";
        }
        lines.push(Line::new("backlog", text, color));
    }
    let mut sent = format!("{} of {}", snapshot.in_flight, snapshot.max_in_flight);
    if snapshot.blocked_lanes > 0 {
        sent += &format!(", {} lanes wait", snapshot.blocked_lanes);
    }
    if snapshot.is_stopping {
        sent += "; draining";
    }
    if snapshot.stands_by {
        sent += "; standing by for another relay";
    }
    lines.push(Line::new("in flight", sent, snapshot.is_stopping.then_some(YELLOW)));
    let mut done = format!("{}, {:.1} a second", snapshot.confirmed, snapshot.rate);
    let (held, dead) =
        snapshot.backlog.as_ref().map_or((0, 0), |backlog| (backlog.held, backlog.dead));
    if held > 0 {
        done += &format!("; {held} held");
    }
    if dead > 0 {
        done += &format!("; {dead} dead");
    }
    lines.push(Line::new("done", done, None));
    if let Some(received) = &snapshot.received {
        lines.push(received_line(received));
        lines.extend(received.sinks.iter().filter_map(sink_line));
    }
    if let Some(error) = &snapshot.last_error {
        lines.push(Line::new("last error", error.clone(), Some(RED)));
    }
    lines.iter().map(|line| line.draw(width, is_colored)).collect()
}

fn received_line(received: &IngressStats) -> Line {
    let mut text = format!("{} stored", received.stored);
    let dropped = received.dropped_oldest + received.dropped_newest + received.dropped_aged;
    let gaps = if received.gaps == 1 { "gap" } else { "gaps" };
    for (count, what) in [(dropped, "dropped"), (received.failed, "lost"), (received.gaps, gaps)] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    Line::new("received", text, (dropped + received.failed > 0).then_some(YELLOW))
}

/// A sink of which there is something to say.
fn sink_line(sink: &SinkStats) -> Option<Line> {
    let mut said = Vec::new();
    if sink.lag_records > 0 {
        said.push(format!("{} behind", sink.lag_records));
        if sink.lag >= WORTH_TELLING {
            said.push(format!("the oldest for {}", brief(sink.lag)));
        }
    }
    for (count, what) in [(sink.dead, "dead"), (sink.lost, "dropped")] {
        if count > 0 {
            said.push(format!("{count} {what}"));
        }
    }
    let mut text = said.join(", ");
    if let Some(error) = &sink.error {
        text += &format!("{}{error}", if text.is_empty() { "" } else { ": " });
    }
    let color = (sink.error.is_some() || sink.dead + sink.lost > 0).then_some(YELLOW);
    (!text.is_empty()).then(|| Line::new("sink", format!("{} {text}", sink.name), color))
}

struct Line {
    name: &'static str,
    text: String,
    color: Option<&'static str>,
}

impl Line {
    const fn new(name: &'static str, text: String, color: Option<&'static str>) -> Self {
        Self { name, text, color }
    }

    fn draw(&self, width: usize, is_colored: bool) -> String {
        let line = cut(&format!("{:>10}  {}", self.name, printable(&self.text)), width);
        // The name is ASCII: twelve columns are twelve bytes, but where the line was cut before.
        match self.color.filter(|_| is_colored).zip(line.split_at_checked(12)) {
            Some((color, (name, text))) => format!("{name}\x1b[{color}m{text}\x1b[0m"),
            None => line,
        }
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;

    fn snapshot() -> Snapshot {
        Snapshot {
            queue: "relay.db".to_owned(),
            targets: vec![Target {
                name: "http://h/imchat".to_owned(),
                is_in: true,
                since: Duration::from_secs(200),
                times: 2,
                because: None,
            }],
            backlog: Some(Stats {
                ready: 12,
                delayed: 3,
                held: 1,
                dead: 2,
                oldest: Some(Duration::from_secs(4)),
                ..Stats::default()
            }),
            in_flight: 8,
            max_in_flight: 16,
            blocked_lanes: 3,
            confirmed: 1_203,
            rate: 41.26,
            received: None,
            last_error: Some("no ack\nin time".to_owned()),
            is_stopping: false,
            stands_by: false,
        }
    }

    #[test]
    fn a_moment_is_a_few_lines() {
        let expect = [
            "     queue  relay.db",
            "    server  http://h/imchat joined for 3m, 2 times so far",
            "   backlog  12 ready, 3 delayed, the oldest for 4s",
            " in flight  8 of 16, 3 lanes wait",
            "      done  1203, 41.3 a second; 1 held; 2 dead",
        ];
        let lines = block(&snapshot(), 100, false);
        assert_eq!(lines[..5], expect);
        assert!(
            lines[5].starts_with("last error  no ack") && !lines[5].contains('\n'),
            "{}",
            lines[5]
        );
    }

    #[test]
    fn what_is_not_as_usual_is_said() {
        let mut snapshot = snapshot();
        snapshot.targets[0].is_in = false;
        snapshot.targets[0].because = Some("connection refused".to_owned());
        snapshot.backlog.as_mut().unwrap().is_paused = true;
        snapshot.is_stopping = true;
        let lines = block(&snapshot, 100, true);
        assert_eq!(
            lines[1],
            "    server  \x1b[33mhttp://h/imchat not joined for 3m: connection refused\x1b[0m"
        );
        assert!(lines[2].contains("; paused\x1b[0m") && lines[3].contains("; draining\x1b[0m"));
        snapshot.backlog = None;
        assert_eq!(block(&snapshot, 100, false).len(), 5);
    }

    #[test]
    fn what_the_server_sent_is_told_with_the_sinks_that_lag() {
        let mut snapshot = Snapshot { received: Some(IngressStats::default()), ..snapshot() };
        let received = snapshot.received.as_mut().unwrap();
        (received.stored, received.gaps) = (7, 1);
        received.sinks = vec![SinkStats { name: "list".into(), ..SinkStats::default() }; 2];
        let sink = &mut received.sinks[1];
        (sink.lag_records, sink.lag) = (3, Duration::from_secs(70));
        sink.error = Some("no space left".to_owned());
        let lines = block(&snapshot, 100, false);
        let expect = [
            "  received  7 stored, 1 gap",
            "      sink  list 3 behind, the oldest for 70s: no space left",
        ];
        assert_eq!(lines[5..7], expect);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let mut snapshot = snapshot();
        snapshot.is_stopping = true;
        for width in 1..60 {
            let plain = block(&snapshot, width, false);
            for line in &plain {
                assert!(line.width() <= width, "{width}: {line}");
            }
            let colored = block(&snapshot, width, true).join("\n");
            let without: String = colored
                .split('\x1b')
                .map(|part| {
                    part.strip_prefix('[').and_then(|it| it.split_once('m')).map_or(part, |it| it.1)
                })
                .collect();
            assert_eq!(without, plain.join("\n"));
        }
    }
}
