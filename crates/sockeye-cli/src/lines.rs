//! What comes and goes, a line each: JSON for programs, or a short form for people.

use std::{
    io::{self, IsTerminal as _},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{failure::Failure, output::Output, values::printable};

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

/// UTC, to the millisecond.
pub(crate) fn rfc_3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, milliseconds) = (since.as_secs(), since.subsec_millis());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

/// The date so many days after 1970-01-01, by counting eras of 400 years that begin on the first of March.
const fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(milliseconds: u64, expect: &str) {
            let time = UNIX_EPOCH + Duration::from_millis(milliseconds);
            assert_eq!(rfc_3339(time), expect);
        }
        check(0, "1970-01-01T00:00:00.000Z");
        check(951_782_399_999, "2000-02-28T23:59:59.999Z");
        check(951_782_400_000, "2000-02-29T00:00:00.000Z");
        check(1_709_251_200_001, "2024-03-01T00:00:00.001Z");
        check(1_796_083_199_000, "2026-11-30T23:59:59.000Z");
        check(4_107_542_400_000, "2100-03-01T00:00:00.000Z");
    }

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
