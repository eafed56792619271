//! The Engine.IO heartbeat: one side pings, the other answers, silence ends the session.

use std::time::{Duration, Instant};

use super::deadline::after;

/// How often the server pings and how long it waits for the pong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timing {
    /// From a pong to the next ping. Default: 25 s.
    pub ping_interval: Duration,
    /// From a ping to giving up. Default: 20 s.
    pub ping_timeout: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { ping_interval: Duration::from_secs(25), ping_timeout: Duration::from_secs(20) }
    }
}

/// How late timers may be.
const GRAIN: Duration = Duration::from_millis(20);

/// What the clock asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Beat {
    /// Nothing is due.
    Nothing,
    /// Send a ping.
    Ping,
    /// The peer is lost.
    Lost,
}

/// One side's heartbeat.
///
/// ```text
/// pinging:    Quiet ── ping_interval ──▶ Waiting ── ping_timeout of silence ──▶ lost
///               ▲                           │
///               └─────────── pong ──────────┘
/// listening:  Listening ── ping_interval + ping_timeout of silence ──▶ lost
/// ```
///
/// In version 4 the server pings, in version 3 the client does.
///
/// Anything heard from the peer counts as a sign of life, so a slow upload is not cut for the pong
/// queued behind it. The reference server counts only the pong.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    state: State,
    due: Instant,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Quiet,
    Waiting,
    Listening,
}

impl Heartbeat {
    /// The side that pings, first one interval from now.
    pub fn pinging(now: Instant, timing: Timing) -> Self {
        Self { state: State::Quiet, due: after(now, timing.ping_interval) }
    }

    /// The side that answers.
    pub fn listening(now: Instant, timing: Timing) -> Self {
        Self { state: State::Listening, due: after(now, silence(timing)) }
    }

    /// Notes that something arrived from the peer.
    pub fn heard(&mut self, now: Instant, timing: Timing) {
        match self.state {
            State::Quiet => {}
            State::Waiting => self.due = after(now, timing.ping_timeout),
            State::Listening => self.due = after(now, silence(timing)),
        }
    }

    /// Notes the pong. One that nobody asked for is harmless and changes nothing.
    pub fn pong(&mut self, now: Instant, timing: Timing) {
        if self.state == State::Waiting {
            *self = Self::pinging(now, timing);
        }
    }

    /// What is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant, timing: Timing) -> Beat {
        if now < self.due {
            return Beat::Nothing;
        }
        match self.state {
            State::Quiet => {
                // What a timer is late by is not given to the peer; what the owner is late by is no fault of the peer's.
                let grain = GRAIN.min(timing.ping_timeout / 8);
                let since = if now.duration_since(self.due) <= grain { self.due } else { now };
                *self = Self { state: State::Waiting, due: after(since, timing.ping_timeout) };
                Beat::Ping
            }
            State::Waiting | State::Listening => Beat::Lost,
        }
    }

    /// Whether the pong is overdue, even if nobody has looked since.
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.state == State::Waiting && now >= self.due
    }

    /// When [`Self::handle_timeout`] has something to say next.
    pub fn due(&self) -> Instant {
        self.due
    }

    /// The last sign of life that counted: anything heard by the side that answers, and by the one that pings while it
    /// waits for the pong.
    pub fn last_sign(&self, timing: Timing) -> Option<Instant> {
        let since = match self.state {
            State::Quiet => timing.ping_interval,
            State::Waiting => timing.ping_timeout,
            State::Listening => silence(timing),
        };
        self.due.checked_sub(since)
    }

    /// Whether a pong is being waited for.
    pub fn is_waiting(&self) -> bool {
        self.state == State::Waiting
    }
}

/// How long the side that answers may hear nothing.
fn silence(timing: Timing) -> Duration {
    timing.ping_interval.saturating_add(timing.ping_timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing = Timing {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
    };

    #[track_caller]
    fn check(beat: &mut Heartbeat, start: Instant, at_ms: u64, expect: Beat) {
        let now = start + Duration::from_millis(at_ms);
        assert_eq!(beat.handle_timeout(now, TIMING), expect, "at {at_ms} ms");
    }

    #[test]
    fn a_late_timer_gives_the_peer_no_time_and_a_late_owner_takes_none_away() {
        let start = Instant::now();
        for (late_ms, lost_ms) in [(0, 500), (20, 500), (21, 521), (1_000, 1_500)] {
            let mut beat = Heartbeat::pinging(start, TIMING);
            check(&mut beat, start, 300 + late_ms, Beat::Ping);
            let lost = start + Duration::from_millis(lost_ms);
            assert!(!beat.is_overdue(lost - Duration::from_millis(1)), "{late_ms}");
            assert!(beat.is_overdue(lost), "{late_ms}");
        }
    }

    #[test]
    fn server_pings_and_gives_up_after_silence() {
        let start = Instant::now();
        let mut beat = Heartbeat::pinging(start, TIMING);
        check(&mut beat, start, 299, Beat::Nothing);
        check(&mut beat, start, 300, Beat::Ping);
        check(&mut beat, start, 499, Beat::Nothing);
        check(&mut beat, start, 500, Beat::Lost);
    }

    #[test]
    fn the_last_sign_of_life_is_known() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut beat = Heartbeat::listening(start, TIMING);
        assert_eq!(beat.last_sign(TIMING), Some(start));
        beat.heard(at(70), TIMING);
        assert_eq!(beat.last_sign(TIMING), Some(at(70)));
        let mut beat = Heartbeat::pinging(start, TIMING);
        check(&mut beat, start, 300, Beat::Ping);
        beat.heard(at(350), TIMING);
        assert_eq!(beat.last_sign(TIMING), Some(at(350)));
        beat.pong(at(360), TIMING);
        assert_eq!(beat.last_sign(TIMING), Some(at(360)));
    }

    #[test]
    fn next_ping_is_an_interval_after_the_pong() {
        let start = Instant::now();
        let mut beat = Heartbeat::pinging(start, TIMING);
        check(&mut beat, start, 300, Beat::Ping);
        beat.pong(start + Duration::from_millis(450), TIMING);
        check(&mut beat, start, 749, Beat::Nothing);
        check(&mut beat, start, 750, Beat::Ping);
    }

    #[test]
    fn any_sign_of_life_defers_the_end() {
        let start = Instant::now();
        let mut beat = Heartbeat::pinging(start, TIMING);
        check(&mut beat, start, 300, Beat::Ping);
        beat.heard(start + Duration::from_millis(450), TIMING);
        check(&mut beat, start, 649, Beat::Nothing);
        check(&mut beat, start, 650, Beat::Lost);
    }

    #[test]
    fn an_unasked_pong_changes_nothing() {
        let start = Instant::now();
        let mut beat = Heartbeat::pinging(start, TIMING);
        beat.pong(start + Duration::from_millis(200), TIMING);
        check(&mut beat, start, 300, Beat::Ping);
    }

    #[test]
    fn client_listens_for_interval_and_timeout() {
        let start = Instant::now();
        let mut beat = Heartbeat::listening(start, TIMING);
        check(&mut beat, start, 499, Beat::Nothing);
        beat.heard(start + Duration::from_millis(400), TIMING);
        check(&mut beat, start, 899, Beat::Nothing);
        check(&mut beat, start, 900, Beat::Lost);
    }
}
