//! The transport that a session is on, and what HTTP requests and a second transport may do to it.

use std::time::{Duration, Instant};

use crate::wire::engine::{self, Kind};

/// The transport that carries a session.
///
/// ```text
/// Polling ── a WebSocket offers itself ──▶ Probing ── 2probe ──▶ Probed ── 5 ──▶ WebSocket
///    ▲                                        │                    │
///    └────── anything else, the end of its stream, or upgrade_timeout ──────┘
/// ```
///
/// Until the `5` the session stays on polling in full: only the answer to the probe goes through the WebSocket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// HTTP requests: GET waits for packets, POST brings them.
    Polling,
    /// Polling, and a WebSocket that has not said anything yet.
    Probing,
    /// Polling, and a WebSocket whose probe was answered.
    Probed,
    /// WebSocket.
    WebSocket,
}

/// Why a request can't have what it asks for. The client's fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refused {
    /// The session is over.
    Closed,
    /// The session is on WebSocket.
    NotPolling,
    /// Another request of this kind is under way: now nobody can tell in which order packets go. The session is over.
    Overlap,
}

/// What to do after a message of the WebSocket that is being probed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Probe {
    /// Answer `3probe` through it (server only).
    Answer,
    /// Send no further request; [`Session::upgrade`](super::Session::upgrade) says when it can take over (client only).
    Pause,
    /// The session has moved to it: what is to be sent leaves there.
    Upgraded,
    /// It is of no use: close it. The session stays on polling.
    Failed,
}

/// Between two answers that say nothing, while the client moves to a WebSocket that was probed.
const NOOP_PAUSE: Duration = Duration::from_millis(100);

/// How long a client sends no GET while it waits for the answer to its probe.
///
/// A server releases the GET that waits, and some (netty-socketio, python-socketio) do it once. A GET sent before the
/// answer has come would wait for the next packet, and the WebSocket with it.
const HOLD: Duration = Duration::from_secs(1);

/// What a session on polling has under way.
#[derive(Debug)]
pub(super) struct Polling {
    state: State,
    /// A GET waits.
    get: bool,
    /// A POST is under way.
    post: bool,
    /// A client's WebSocket that shall take over is on its way.
    offered: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Polling,
    Probing {
        until: Instant,
        /// Until then a client sends no GET; `None` if that is over.
        hold: Option<Instant>,
    },
    Probed {
        until: Instant,
        /// From then on a GET is answered even if there is nothing to say.
        noop_from: Instant,
    },
}

impl Polling {
    pub(super) const fn new() -> Self {
        Self { state: State::Polling, get: false, post: false, offered: false }
    }

    pub(super) const fn transport(&self) -> Transport {
        match self.state {
            State::Polling => Transport::Polling,
            State::Probing { .. } => Transport::Probing,
            State::Probed { .. } => Transport::Probed,
        }
    }

    /// A GET arrives; `false` if one waits already.
    pub(super) const fn get(&mut self) -> bool {
        !std::mem::replace(&mut self.get, true)
    }

    /// A POST arrives; `false` if one is under way already.
    pub(super) const fn post(&mut self) -> bool {
        !std::mem::replace(&mut self.post, true)
    }

    /// Whether a client has to send a GET.
    pub(super) fn may_get(&self) -> bool {
        !self.get
            && !self.is_probed()
            && !matches!(self.state, State::Probing { hold: Some(_), .. })
    }

    /// Whether a client may send a POST.
    pub(super) fn may_post(&self) -> bool {
        !self.post && !self.is_probed()
    }

    /// Whether a client may go over to the WebSocket.
    pub(super) fn may_upgrade(&self) -> bool {
        !self.get && !self.post && self.is_probed()
    }

    /// A client begins to connect a WebSocket.
    pub(super) const fn offer(&mut self) {
        self.offered = true;
    }

    /// Whether a WebSocket may be about to take over.
    pub(super) fn is_moving(&self) -> bool {
        self.offered || self.state != State::Polling
    }

    fn is_probed(&self) -> bool {
        matches!(self.state, State::Probed { .. })
    }

    /// The waiting GET was answered.
    pub(super) fn get_answered(&mut self, now: Instant) {
        self.get = false;
        if let State::Probed { noop_from, .. } = &mut self.state {
            *noop_from = now + NOOP_PAUSE;
        }
    }

    pub(super) const fn post_done(&mut self) {
        self.post = false;
    }

    /// Whether a GET that waits must be answered although there is nothing to say.
    ///
    /// The client begins to poll again until it has seen the answer to its probe, so one answer is not enough.
    pub(super) fn releases_get(&self, now: Instant) -> bool {
        self.get && matches!(self.state, State::Probed { noop_from, .. } if noop_from <= now)
    }

    /// A WebSocket offers itself; `false` if another one did already.
    pub(super) fn probe(&mut self, now: Instant, until: Instant) -> bool {
        let free = self.state == State::Polling;
        if free {
            self.state = State::Probing { until, hold: Some(until.min(now + HOLD)) };
        }
        free
    }

    /// What a message on the WebSocket comes to. [`Probe::Upgraded`] makes an end of this.
    pub(super) fn receive_probe(&mut self, now: Instant, message: &str) -> Probe {
        match (self.state, engine::decode(message)) {
            (State::Probing { until, .. }, Ok((Kind::Ping, "probe"))) => {
                self.state = State::Probed { until, noop_from: now };
                Probe::Answer
            }
            // Whatever stands behind the digit: it has no meaning, and some clients write something.
            // With a POST under way nobody could say which came first, what it brings or what the WebSocket does.
            (State::Probed { .. }, Ok((Kind::Upgrade, _))) if !self.post => Probe::Upgraded,
            _ => {
                self.probe_failed();
                Probe::Failed
            }
        }
    }

    /// As [`Self::receive_probe`], for a client.
    pub(super) fn receive_probe_answer(&mut self, message: &str) -> Probe {
        match (self.state, message) {
            (State::Probing { until, .. }, "3probe") => {
                self.state = State::Probed { until, noop_from: until }; // it gets noops, and gives none
                Probe::Pause
            }
            _ => {
                self.probe_failed();
                Probe::Failed
            }
        }
    }

    /// The WebSocket that was probed is gone.
    pub(super) const fn probe_failed(&mut self) {
        self.state = State::Polling;
        self.offered = false;
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        match self.state {
            State::Probing { until, .. } | State::Probed { until, .. } if until <= now => {
                self.probe_failed();
            }
            State::Probing { until, hold: Some(hold) } if hold <= now => {
                self.state = State::Probing { until, hold: None };
            }
            _ => {}
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        match self.state {
            State::Polling => None,
            State::Probed { until, noop_from } if self.get => Some(until.min(noop_from)),
            State::Probing { until, hold } => Some(hold.unwrap_or(until)),
            State::Probed { until, .. } => Some(until),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_sends_no_get_while_its_probe_may_be_answered() {
        let now = Instant::now();
        let mut polling = Polling::new();
        assert!(polling.get());
        assert!(polling.probe(now, now + 10 * HOLD));
        polling.get_answered(now); // with a noop
        assert!(!polling.may_get() && polling.may_post());
        assert_eq!(polling.next_deadline(), Some(now + HOLD));
        // Who does not answer at once is polled again.
        polling.handle_timeout(now + HOLD);
        assert!(polling.may_get());
        assert_eq!(polling.next_deadline(), Some(now + 10 * HOLD));
        assert_eq!(polling.receive_probe_answer("3probe"), Probe::Pause);
        assert!(polling.may_upgrade());
    }
}
