//! A client that polls and then moves to a WebSocket: the machine, and what its owner does.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use sockeye_proto::{
    session::{Config, Output, Probe, Reason, Received, Session},
    wire::prepared::Prepared,
};

use crate::{
    Heard, Sight, Wire,
    http::{Down, FIRST, Parcel, Traffic, Up},
    wire::Frame,
};

/// The client's end; it joins `/` as soon as it can.
#[derive(Debug)]
pub struct Poller {
    wire: Wire,
    session: Session<u64>,
    queue: VecDeque<Prepared>,
    get: Option<u64>,
    post: Option<u64>,
    socket: Socket,
    /// From then on it offers a WebSocket.
    offer_at: Instant,
    heard: Vec<Heard>,
    /// It has said that it is gone.
    left: bool,
}

/// The WebSocket that it moves to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Socket {
    Unasked,
    Offered,
    Carries,
}

impl Poller {
    pub(crate) fn new(now: Instant, wire: Wire, config: Config, upgrade_after: Duration) -> Self {
        Self {
            wire,
            session: Session::client(now, Arc::new(config), wire.encoding, true),
            queue: VecDeque::new(),
            get: None,
            post: None,
            socket: Socket::Unasked,
            offer_at: now + upgrade_after,
            heard: Vec::new(),
            left: false,
        }
    }

    /// Sends an event, or what else.
    pub fn send(&mut self, packet: Prepared) {
        self.queue.push_back(packet);
    }

    /// What it heard so far.
    pub fn heard(&self) -> &[Heard] {
        &self.heard
    }

    /// Why its session ended, if it has.
    pub fn closed(&self) -> Option<Reason> {
        self.session.closed()
    }

    /// Whether it sends through the WebSocket.
    pub fn has_moved(&self) -> bool {
        self.socket == Socket::Carries
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let offer = self.may_offer().then_some(self.offer_at);
        [self.session.next_deadline(), offer].into_iter().flatten().min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        // A violation closes the session; that is all there is to it.
        let _ = self.session.handle_timeout(now);
    }

    pub(crate) fn receive(&mut self, now: Instant, parcel: Down, traffic: &mut Traffic) {
        match parcel {
            Down::Answer { id, body } if self.get == Some(id) => {
                self.get = None;
                self.session.get_answered(now);
                for frame in self.wire.messages(&body) {
                    self.frame(now, &frame);
                }
            }
            Down::Answer { id, .. } if self.post == Some(id) => {
                self.post = None;
                self.session.post_done();
            }
            Down::Failed { id } if self.get == Some(id) => {
                self.get = None;
                self.session.get_lost();
            }
            Down::Failed { id } if self.post == Some(id) => {
                self.post = None;
                self.session.post_lost();
            }
            Down::Answer { .. } | Down::Failed { .. } => {} // to a request that was given up
            Down::Opened { socket } => {
                if socket != FIRST || self.session.probe(now) {
                    say(now, socket, "2probe", traffic);
                }
            }
            Down::Frame { socket: FIRST, frame } if self.has_moved() => self.frame(now, &frame),
            Down::Frame { socket: FIRST, frame } => {
                let Frame::Text(text) = frame else { panic!("binary before the upgrade") };
                assert_eq!(text, "3probe", "before the upgrade");
                if self.session.receive_probe(now, &text) == Probe::Pause {
                    let under_way =
                        [(self.get, Sight::GetAtPause), (self.post, Sight::PostAtPause)];
                    for (_, sight) in under_way.into_iter().filter(|(id, _)| id.is_some()) {
                        traffic.saw(sight);
                    }
                }
            }
            Down::Frame { .. } => {} // another WebSocket, which goes no further
            Down::End { socket: FIRST } if self.has_moved() => {
                self.session.close(Reason::TransportClose);
            }
            Down::End { socket: FIRST } => self.session.probe_lost(),
            Down::End { .. } => {}
        }
    }

    /// Does what it can do now.
    pub(crate) fn settle(&mut self, now: Instant, traffic: &mut Traffic) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(packet) => self.queue.push_back(packet),
                Output::Closed(reason) => self.heard.push(Heard::Closed { reason }),
                Output::AckExpired(_) | Output::AckLost(_) => {}
            }
        }
        if self.session.is_closed() {
            self.leave(now, traffic);
            return;
        }
        if self.session.upgrade() {
            say(now, FIRST, "5", traffic);
            self.socket = Socket::Carries;
        }
        if self.has_moved() {
            for frame in self.queue.drain(..).flat_map(|packet| self.wire.frames(packet)) {
                let frame = Parcel::Up(Up::Frame { socket: FIRST, frame });
                traffic.stream(now, FIRST, frame);
            }
            return;
        }
        if self.session.may_get() && self.session.get(now).is_ok() {
            self.get = Some(traffic.request(now, None));
        }
        if !self.queue.is_empty() && self.session.may_post() && self.session.post().is_ok() {
            let (body, count) = self.wire.body(&self.queue, usize::MAX);
            self.queue.drain(..count);
            self.post = Some(traffic.request(now, Some(body)));
        }
        if self.may_offer() && self.offer_at <= now {
            traffic.stream(now, FIRST, Parcel::Up(Up::Offer { socket: FIRST }));
            self.socket = Socket::Offered;
        }
    }

    /// Whether the session is open, and no WebSocket was offered.
    fn may_offer(&self) -> bool {
        self.socket == Socket::Unasked && !self.heard.is_empty() && !self.session.is_closed()
    }

    fn frame(&mut self, now: Instant, frame: &Frame) {
        let received = match frame {
            Frame::Text(text) => self.session.receive_text(now, text),
            Frame::Binary(bytes) => self.session.receive_binary(now, bytes),
        };
        let opened = matches!(received, Ok(Some(Received::Opened { .. })));
        self.heard.extend(received.ok().flatten().map(Heard::from));
        if opened {
            self.session.connect("/", "");
        }
    }

    /// Drops what is under way, as the end of the program would.
    fn leave(&mut self, now: Instant, traffic: &mut Traffic) {
        if std::mem::replace(&mut self.left, true) {
            return;
        }
        for id in [self.get.take(), self.post.take()].into_iter().flatten() {
            traffic.give_up(now, id);
        }
        if self.socket != Socket::Unasked {
            traffic.stream(now, FIRST, Parcel::Up(Up::End { socket: FIRST }));
        }
    }
}

fn say(now: Instant, socket: u64, text: &str, traffic: &mut Traffic) {
    let frame = Frame::Text(text.to_owned());
    traffic.stream(now, socket, Parcel::Up(Up::Frame { socket, frame }));
}
