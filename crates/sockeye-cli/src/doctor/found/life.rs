//! What was seen of one link from its opening to its end.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::flood::Flood;
use crate::{output::milliseconds, values::printable};

/// The two links of a watch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    /// Sends nothing but what the heartbeat wants.
    Idle,
    /// Sends at least once a second.
    Talking,
}

impl Role {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Talking => "talking",
        }
    }
}

/// One connection. Its times are ages: they count from its opening.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Life {
    /// How old it is, or was at its end.
    pub(crate) age: Duration,
    /// When the server's signs of life came: its pings, in version 3 its pongs.
    pub(crate) beats: Vec<Duration>,
    /// How long answers took: to pings of the WebSocket, in version 3 to those of Engine.IO, on polling to requests.
    pub(crate) round_trips: Vec<Duration>,
    /// When we sent something last, but for pings of the WebSocket.
    pub(crate) last_sent: Duration,
    /// When anything came last.
    pub(crate) last_heard: Duration,
    /// Why it ended; `None` if it lived to the end of the watch.
    pub(crate) end: Option<Death>,
}

/// Why a link ended, without our doing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Death {
    /// The ping, in version 3 the pong, did not come in its time.
    NoHeartbeat,
    /// The server, or a proxy in its name, said goodbye; without a code a browser calls that 1005.
    Closed { code: Option<u16>, reason: String },
    /// The server pings faster than anybody can answer, and the link was given up.
    Flood(Flood),
    /// The stream broke or ended without a word; a browser calls that 1006 on a WebSocket.
    Lost { code: Option<u16>, word: String },
}

impl Death {
    /// What it is called, for programs.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::NoHeartbeat => "no heartbeat",
            Self::Flood(_) => "flooded with pings",
            Self::Closed { .. } => "closed by the server",
            Self::Lost { .. } => "lost",
        }
    }

    pub(crate) const fn code(&self) -> Option<u16> {
        match self {
            Self::NoHeartbeat | Self::Flood(_) => None,
            Self::Closed { code, .. } | Self::Lost { code, .. } => *code,
        }
    }

    /// In a few words, for people.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::NoHeartbeat => "no heartbeat".to_owned(),
            Self::Flood(flood) => format!("the server {}", flood.note()),
            Self::Closed { code: Some(code), reason } if reason.is_empty() => {
                format!("close code {code}")
            }
            Self::Closed { code: Some(code), reason } => format!("close code {code}, {reason:?}"),
            Self::Closed { code: None, reason } | Self::Lost { code: None, word: reason } => {
                reason.clone()
            }
            Self::Lost { code: Some(code), word } => format!("{word}, close code {code}"),
        }
    }
}

impl Life {
    /// How long nothing had gone either way when it ended.
    pub(crate) fn silence(&self) -> Duration {
        self.age.saturating_sub(self.last_sent.max(self.last_heard))
    }

    /// From one sign of life to the next; the first counts from the opening.
    pub(crate) fn intervals(&self) -> impl Iterator<Item = Duration> {
        let before = std::iter::once(Duration::ZERO).chain(self.beats.iter().copied());
        self.beats.iter().zip(before).map(|(beat, before)| beat.saturating_sub(before))
    }

    pub(crate) fn evidence(&self) -> Value {
        let mut evidence = Map::new();
        let mut put = |name: &str, value: Value| evidence.insert(name.to_owned(), value);
        put("age_s", json!(seconds(self.age)));
        put("heartbeats", json!(self.beats.len()));
        put("intervals_s", json!(self.intervals().map(seconds).take(MOST).collect::<Vec<_>>()));
        if let Some(rtt) = median(&self.round_trips) {
            put("rtt_ms", json!(milliseconds(rtt)));
        }
        if let Some(end) = &self.end {
            put("end", json!(end.as_str()));
            put("close_code", json!(end.code()));
            put("reason", json!(printable(&end.words())));
            put("silent_s", json!(seconds(self.silence())));
            put("since_sent_s", json!(seconds(self.age.saturating_sub(self.last_sent))));
        }
        Value::Object(evidence)
    }
}

/// So many intervals are listed.
const MOST: usize = 20;

/// Seconds with three digits behind the point.
pub(crate) fn seconds(time: Duration) -> f64 {
    milliseconds(time).round() / 1_000.0
}

/// The one in the middle.
pub(crate) fn median(times: &[Duration]) -> Option<Duration> {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

/// Whether two times are the same, as exact as timers of servers are.
pub(crate) fn alike(one: Duration, other: Duration) -> bool {
    let slack = (one.max(other) / 8).max(Duration::from_millis(300));
    one.abs_diff(other) <= slack
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn times_are_alike_as_exactly_as_timers_are() {
        assert!(alike(s(1.0), s(1.3)) && !alike(s(1.0), s(1.4)));
        assert!(alike(s(60.0), s(66.0)) && !alike(s(60.0), s(70.0)));
        assert!(alike(s(0.0), s(0.2)) && !alike(s(0.0), s(0.5)));
    }
}
