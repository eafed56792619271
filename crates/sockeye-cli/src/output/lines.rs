//! What comes and goes, a line each: JSON for programs, or a short form for people.

use std::{
    io::{self, IsTerminal as _},
    time::{Duration, SystemTime},
};

use serde::Serialize;
use serde_json::value::RawValue;

use super::Output;
use crate::{date::rfc_3339, failure::Failure, values::printable};

/// One line. Its keys are written in this order, which scripts rely on.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Line<'l> {
    /// An event, or an ack.
    Event {
        dir: Direction,
        nsp: &'l str,
        event: &'l str,
        args: &'l RawValue,
        #[serde(skip_serializing_if = "Option::is_none")]
        ack_id: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        rtt_ms: Option<f64>,
    },
    /// A message of a raw WebSocket.
    Message { dir: Direction, data: &'l RawValue },
    /// Where the connection stands.
    State {
        state: State,
        nsp: &'l str,
        #[serde(skip_serializing_if = "Option::is_none")]
        sid: Option<&'l str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        transport: Option<&'l str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        eio: Option<u8>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'l str>,
    },
}

/// Where to.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Direction {
    In,
    Out,
    /// The server's answer to an event of ours.
    Ack,
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Connected,
    Reconnecting,
    Closed,
}

/// Who reads the lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reader {
    Program,
    Person,
}

impl Reader {
    /// A person only at a terminal, unless JSON was asked for.
    pub(crate) fn new(json: bool) -> Self {
        if json || !io::stdout().is_terminal() { Self::Program } else { Self::Person }
    }

    /// Writes a line to standard output.
    ///
    /// # Errors
    ///
    /// [`Failure`]: it can't be written to, or nobody reads it any more.
    pub(crate) fn print(self, output: &Output, line: &Line<'_>) -> Result<(), Failure> {
        let now = SystemTime::now();
        match self {
            Self::Program => output.json(&json(now, line)),
            Self::Person => output.line(&text(now, line)),
        }
    }
}

/// The arguments as [`Line`] takes them.
pub(crate) fn raw(args: String) -> Box<RawValue> {
    // What is shown is JSON; if it were none, the line must still be some.
    RawValue::from_string(args).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// Milliseconds with three digits behind the point.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

fn json(now: SystemTime, line: &Line<'_>) -> String {
    // Flattening would lose the text of the arguments, so the time is put in front.
    let body = serde_json::to_string(line).unwrap_or_default();
    let time = rfc_3339(now);
    format!(r#"{{"t":"{time}",{}"#, body.strip_prefix('{').unwrap_or(&body))
}

fn text(now: SystemTime, line: &Line<'_>) -> String {
    let time = rfc_3339(now);
    let time = &time[11..23];
    let shown = match line {
        Line::Event { dir, nsp, event, args, ack_id, rtt_ms } => {
            let arrow = match dir {
                Direction::In => "←",
                Direction::Out => "→",
                Direction::Ack => "⇐",
            };
            let args = args.get().strip_prefix('[').and_then(|args| args.strip_suffix(']'));
            let mut shown = format!("{arrow} {nsp} {event} {}", args.unwrap_or_default());
            if let Some(id) = ack_id {
                shown += &format!(" (ack {id})");
            }
            if let Some(rtt) = rtt_ms {
                shown += &format!(" ({rtt:.1} ms)");
            }
            shown
        }
        Line::Message { data, .. } => data.get().to_owned(),
        Line::State { state, nsp, transport, eio, reason, .. } => {
            let state = match state {
                State::Connected => "connected",
                State::Reconnecting => "reconnecting",
                State::Closed => "closed",
            };
            let mut shown = format!("● {nsp} {state}");
            if let (Some(transport), Some(eio)) = (transport, eio) {
                shown += &format!(" by {transport}, EIO={eio}");
            }
            if let Some(reason) = reason {
                shown += &format!(": {reason}");
            }
            shown
        }
    };
    printable(&format!("{time} {shown}"))
}

/// A line for people, whoever reads standard output.
pub(crate) fn for_people(line: &Line<'_>) -> String {
    text(SystemTime::now(), line)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn lines_keep_the_order_of_their_keys() {
        #[track_caller]
        fn check(line: &Line<'_>, as_json: &str, as_text: &str) {
            assert_eq!(json(UNIX_EPOCH, line), as_json);
            assert_eq!(text(UNIX_EPOCH, line), as_text);
        }
        let args = raw(r#"["a\u001b",1.50]"#.to_owned());
        let event = |dir, ack_id, rtt_ms| Line::Event {
            dir,
            nsp: "/imchat",
            event: "chat",
            args: &args,
            ack_id,
            rtt_ms,
        };
        check(
            &event(Direction::In, Some(3), None),
            r#"{"t":"1970-01-01T00:00:00.000Z","dir":"in","nsp":"/imchat","event":"chat","args":["a\u001b",1.50],"ack_id":3}"#,
            r#"00:00:00.000 ← /imchat chat "a\u001b",1.50 (ack 3)"#,
        );
        check(
            &event(Direction::Ack, None, Some(1.9)),
            r#"{"t":"1970-01-01T00:00:00.000Z","dir":"ack","nsp":"/imchat","event":"chat","args":["a\u001b",1.50],"rtt_ms":1.9}"#,
            r#"00:00:00.000 ⇐ /imchat chat "a\u001b",1.50 (1.9 ms)"#,
        );
        check(
            &Line::State {
                state: State::Connected,
                nsp: "/",
                sid: Some("abc"),
                transport: Some("websocket"),
                eio: Some(4),
                reason: None,
            },
            r#"{"t":"1970-01-01T00:00:00.000Z","state":"connected","nsp":"/","sid":"abc","transport":"websocket","eio":4}"#,
            "00:00:00.000 ● / connected by websocket, EIO=4",
        );
    }
}
