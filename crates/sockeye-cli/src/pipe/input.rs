//! Lines of standard input: events to send, acks to give.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use sockeye::event::RawArgs;

use crate::values::{Arg, Saved, StdinLines, Unreadable};

/// What a line wants. The same objects are read as are printed, so that one command can feed another.
#[derive(Debug)]
pub(super) enum Order {
    /// Send an event, with or without asking for an ack.
    Emit { nsp: Option<String>, event: String, args: RawArgs, ack_id: Option<u64> },
    /// Answer an event that asked for an ack: the one of this number, else the oldest of this name, else the oldest.
    Answer { nsp: Option<String>, event: Option<String>, args: RawArgs, ack_id: Option<u64> },
}

/// The object on a line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    dir: Option<Direction>,
    nsp: Option<String>,
    event: Option<String>,
    #[serde(default)]
    args: Vec<Box<RawValue>>,
    ack_id: Option<u64>,
    // Of lines that a command has printed; they say nothing here.
    #[serde(rename = "t")]
    _t: Option<IgnoredAny>,
    #[serde(rename = "rtt_ms")]
    _rtt_ms: Option<IgnoredAny>,
}

/// Where a connection stands, as commands print it: a line with a state, and with nothing to send.
#[derive(Deserialize)]
struct State {
    #[serde(rename = "state")]
    _state: IgnoredAny,
    event: Option<IgnoredAny>,
    args: Option<IgnoredAny>,
}

#[derive(Clone, Copy, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Direction {
    In,
    Out,
    Ack,
}

impl Order {
    /// Reads a line; one of `listen --states` wants nothing.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn read(line: &str, saved: &Saved) -> Result<Option<Self>, String> {
        if let Ok(State { event: None, args: None, .. }) = serde_json::from_str(line) {
            return Ok(None);
        }
        let written: Written = serde_json::from_str(line).map_err(|error| {
            format!("{error}; expected something like {{\"event\":\"chat\",\"args\":[\"hi\"]}}")
        })?;
        let Written { dir, nsp, event, args, ack_id, .. } = written;
        let args = args.into_iter().map(|arg| Arg::from_raw_with(arg, |raw| saved.read(raw)));
        let args = args.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        let args = Arg::raw_args(&args).map_err(|error| error.to_string())?;
        match (dir, event) {
            (Some(Direction::Ack), event) => Ok(Some(Self::Answer { nsp, event, args, ack_id })),
            (_, Some(event)) => Ok(Some(Self::Emit { nsp, event, args, ack_id })),
            (_, None) => Err("\"event\" is missing, the name of the event".to_owned()),
        }
    }
}

/// The next order of standard input; `None` at the end. Lines that want nothing are passed over.
///
/// # Errors
///
/// The line is none.
///
/// # Cancel safety
///
/// Dropping the future loses nothing.
pub(super) async fn next(
    lines: &mut StdinLines,
    saved: &Saved,
) -> Result<Option<Order>, Unreadable> {
    loop {
        let Some(line) = lines.next().await? else { return Ok(None) };
        if line.trim().is_empty() {
            continue;
        }
        if let Some(order) = Order::read(&line, saved).map_err(|reason| lines.wrong(reason))? {
            return Ok(Some(order));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_orders() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(line: &str, expect: &str) {
            let found = match Order::read(line, &Saved::new(None)).unwrap() {
                None => "nothing".to_owned(),
                Some(Order::Emit { nsp, event, args, ack_id }) => {
                    format!("emit {nsp:?} {event} {} {ack_id:?}", args.text())
                }
                Some(Order::Answer { nsp, event, args, ack_id }) => {
                    format!("answer {nsp:?} {event:?} {} {ack_id:?}", args.text())
                }
            };
            assert_eq!(found, expect, "{line}");
        }
        check(r#"{"event":"a"}"#, "emit None a  None");
        check(r#"{"event":"a","args":[1.50,"b"],"ack_id":1}"#, r#"emit None a 1.50,"b" Some(1)"#);
        check(
            r#"{"t":"2026-11-29T12:00:00.000Z","dir":"in","nsp":"/x","event":"a","args":[{"$bin":"YQ=="}]}"#,
            r#"emit Some("/x") a {"_placeholder":true,"num":0} None"#,
        );
        check(
            r#"{"t":"2026-11-29T12:00:00.000Z","state":"closed","nsp":"/","reason":"x"}"#,
            "nothing",
        );
        check(r#"{"state":"connected","sid":"\ud800","more":1}"#, "nothing");
        check(r#"{"dir":"ack","ack_id":3,"args":[true]}"#, "answer None None true Some(3)");
    }

    #[test]
    fn mistakes_are_told() {
        #[track_caller]
        fn check(line: &str, expect: &str) {
            let error = Order::read(line, &Saved::new(None)).unwrap_err();
            assert!(error.contains(expect), "{line}: {error}");
        }
        check("{", "expected something like");
        check("[]", "expected something like");
        check(r#"{"args":[]}"#, "\"event\" is missing");
        check(r#"{"event":"a","arg":[]}"#, "unknown field `arg`");
        check(r#"{"event":"a","args":[{"$bin":"%"}]}"#, "base64");
        check(r#"{"event":"a","state":1}"#, "unknown field `state`");
        let file = r#"{"event":"a","args":[[{"$bin_file":"got/a","len":1,"sha256":"00"}]]}"#;
        check(file, "--save-bin DIR");
    }
}
