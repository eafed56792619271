//! What an owner of a session on polling knows of its requests, and of a WebSocket that wants to take over.

use std::time::{Duration, Instant};

use sockeye_proto::session::{Probe, Refused, Transport};

/// The owner's books: what is under way, and what must therefore come of the next thing.
#[derive(Debug)]
pub(crate) struct Requests {
    pub(crate) transport: Transport,
    /// When a probe runs out.
    until: Option<Instant>,
    pub(crate) get: bool,
    pub(crate) post: bool,
    /// When a GET was answered with nothing, since the probe was.
    noop_at: Option<Instant>,
}

impl Requests {
    pub(crate) const fn new(on_polling: bool) -> Self {
        let transport = if on_polling { Transport::Polling } else { Transport::WebSocket };
        Self { transport, until: None, get: false, post: false, noop_at: None }
    }

    pub(crate) fn on_polling(&self) -> bool {
        self.transport != Transport::WebSocket
    }

    /// A GET arrives.
    pub(crate) fn get(&mut self, closed: bool) -> Result<(), Refused> {
        if !self.on_polling() {
            Err(if closed { Refused::Closed } else { Refused::NotPolling })
        } else if std::mem::replace(&mut self.get, true) {
            Err(Refused::Overlap)
        } else {
            Ok(()) // also after the end, to be told so
        }
    }

    /// A POST arrives.
    pub(crate) fn post(&mut self, closed: bool) -> Result<(), Refused> {
        if closed {
            Err(Refused::Closed)
        } else if !self.on_polling() {
            Err(Refused::NotPolling)
        } else if std::mem::replace(&mut self.post, true) {
            Err(Refused::Overlap)
        } else {
            Ok(())
        }
    }

    /// A WebSocket offers itself.
    pub(crate) fn probe(&mut self, closed: bool, until: Instant) -> bool {
        let free = !closed && self.transport == Transport::Polling;
        if free {
            (self.transport, self.until) = (Transport::Probing, Some(until));
        }
        free
    }

    /// The WebSocket says something, perhaps after the end, which it is then told of.
    pub(crate) fn receive_probe(&mut self, message: &str) -> Probe {
        match (self.transport, message) {
            (Transport::Probing, "2probe") => {
                (self.transport, self.noop_at) = (Transport::Probed, None);
                Probe::Answer
            }
            (Transport::Probed, _) if message.starts_with('5') && !self.post => {
                (self.transport, self.until) = (Transport::WebSocket, None);
                Probe::Upgraded
            }
            _ => {
                self.probe_lost();
                Probe::Failed
            }
        }
    }

    /// The WebSocket is gone, if there was one.
    pub(crate) fn probe_lost(&mut self) {
        if self.on_polling() {
            (self.transport, self.until) = (Transport::Polling, None);
        }
    }

    /// A GET is answered although there is nothing to say.
    pub(crate) fn answer_nothing(&mut self, now: Instant) {
        let pause = self.noop_at.replace(now).map(|before| now - before);
        let is_flood = pause.is_some_and(|pause| pause < Duration::from_millis(100));
        assert!(!is_flood, "the client asks again at once, so this is a busy loop: {pause:?}");
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.until.is_some_and(|until| until <= now) {
            self.probe_lost();
        }
    }
}
