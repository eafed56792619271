//! Whether a silent peer is still there: a ping, and an end if nothing follows.

use std::time::{Duration, Instant};

/// The clock of one connection's silence.
///
/// ```text
///   Quiet ── silence ──▶ Asked ── silence ──▶ lost
///     ▲                    │
///     └──── anything ──────┘
/// ```
#[derive(Debug)]
pub(super) struct KeepAlive {
    silence: Duration,
    since: Instant,
    asked: bool,
}

/// What the clock asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Due {
    Ping,
    Lost,
}

impl KeepAlive {
    pub(super) fn new(now: Instant, silence: Duration) -> Self {
        Self { silence, since: now, asked: false }
    }

    /// Something arrived.
    pub(super) fn heard(&mut self, now: Instant) {
        self.since = now;
        self.asked = false;
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        if now < self.next_deadline() {
            return None;
        }
        let due = if self.asked { Due::Lost } else { Due::Ping };
        self.since = now;
        self.asked = true;
        Some(due)
    }

    pub(super) fn next_deadline(&self) -> Instant {
        self.since + self.silence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: Duration = Duration::from_secs(30);

    #[test]
    fn a_silent_peer_is_asked_once_then_lost() {
        let start = Instant::now();
        let mut clock = KeepAlive::new(start, SILENCE);
        assert_eq!(clock.handle_timeout(start + SILENCE / 2), None);
        assert_eq!(clock.handle_timeout(start + SILENCE), Some(Due::Ping));
        assert_eq!(clock.handle_timeout(start + SILENCE), None);
        clock.heard(start + SILENCE * 3 / 2);
        assert_eq!(clock.handle_timeout(start + SILENCE * 2), None);
        assert_eq!(clock.next_deadline(), start + SILENCE * 5 / 2);
        assert_eq!(clock.handle_timeout(start + SILENCE * 5 / 2), Some(Due::Ping));
        assert_eq!(clock.handle_timeout(start + SILENCE * 7 / 2), Some(Due::Lost));
    }
}
