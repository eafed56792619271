//! A server's session on polling with its requests and WebSockets, composed as the driver in `sockeye` composes it.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use sockeye_proto::{
    session::{Config, Opening, Output, Probe, Reason, Session, Transport},
    wire::{engine::Kind, polling::Body, prepared::Prepared},
};

use crate::{
    Heard, Sight, Wire,
    http::{Down, Parcel, Traffic, Up},
    wire::Frame,
};

/// The server's end; it lets everybody into `/`.
#[derive(Debug)]
pub struct Host {
    wire: Wire,
    session: Session<u64>,
    queue: VecDeque<Prepared>,
    get: Option<u64>,
    post: Option<u64>,
    /// The answer that is on its way, and how many of the queue's packets are in it.
    answering: Option<(u64, usize)>,
    probe: Option<u64>,
    /// The WebSocket that carries the session.
    socket: Option<u64>,
    owes_farewell: bool,
    told: bool,
    heard: Vec<Heard>,
}

impl Host {
    pub(crate) fn new(now: Instant, wire: Wire, config: Config) -> Self {
        let opening = Opening { sid: "the-sid", encoding: wire.encoding, on_polling: true };
        let mut host = Self {
            wire,
            session: Session::server(now, Arc::new(config), opening),
            queue: VecDeque::new(),
            get: None,
            post: None,
            answering: None,
            probe: None,
            socket: None,
            owes_farewell: false,
            told: false,
            heard: Vec::new(),
        };
        let joined = host.session.join_root();
        host.hear(joined.map(Heard::from));
        host
    }

    /// Sends an event, or what else.
    pub fn send(&mut self, packet: Prepared) {
        self.queue.push_back(packet);
    }

    /// Ends the session.
    pub fn close(&mut self, reason: Reason) {
        self.session.close(reason);
    }

    /// What it heard so far.
    pub fn heard(&self) -> &[Heard] {
        &self.heard
    }

    /// Why the session ended, if it has.
    pub fn closed(&self) -> Option<Reason> {
        self.session.closed()
    }

    /// What carries the session.
    pub fn transport(&self) -> Transport {
        self.session.transport()
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.session.next_deadline()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        // A violation closes the session; that is all there is to it.
        let _ = self.session.handle_timeout(now);
    }

    pub(crate) fn receive(&mut self, now: Instant, parcel: Up, traffic: &mut Traffic) {
        match parcel {
            Up::Get { id } => match self.session.get(now) {
                Ok(()) => {
                    let waits = self.get.replace(id);
                    assert_eq!(waits, None, "a GET was let in while another one waits");
                }
                Err(_) => traffic.refuse(now, id),
            },
            Up::PostBegins { id } => match self.session.post() {
                Ok(()) => {
                    let is_read = self.post.replace(id);
                    assert_eq!(is_read, None, "a POST was let in while another one is read");
                }
                Err(_) => traffic.refuse(now, id),
            },
            Up::PostEnds { id, body } if self.post == Some(id) => {
                self.post = None;
                for frame in self.wire.messages(&body) {
                    self.frame(now, &frame);
                }
                self.session.post_done();
                let body = Body { bytes: b"ok".to_vec(), content_type: "text/html" };
                traffic.answer(now, id, body);
            }
            Up::PostEnds { .. } => {} // it was refused
            Up::Taken { id } => {
                if let Some((_, count)) = self.answering.take_if(|(answer, _)| *answer == id) {
                    self.queue.drain(..count);
                }
            }
            Up::Gone { id } => {
                if self.get.take_if(|get| *get == id).is_some()
                    || self.answering.is_some_and(|(answer, _)| answer == id)
                {
                    self.session.get_lost();
                }
                if self.post.take_if(|post| *post == id).is_some() {
                    self.session.post_lost();
                }
            }
            Up::Offer { socket } if self.session.probe(now) => {
                let probed = self.probe.replace(socket);
                assert_eq!(probed, None, "a WebSocket is probed beside another one");
                traffic.stream(now, socket, Parcel::Down(Down::Opened { socket }));
            }
            Up::Offer { socket } => {
                if !self.session.is_closed() {
                    traffic.saw(Sight::TurnedAway);
                }
                end(now, socket, traffic);
            }
            Up::Frame { socket, frame } if self.socket == Some(socket) => self.frame(now, &frame),
            Up::Frame { socket, frame } if self.probe == Some(socket) => {
                self.probed(now, socket, &frame, traffic);
            }
            Up::Frame { .. } => {} // of a WebSocket that was closed
            Up::End { socket } if self.socket == Some(socket) => {
                self.session.close(Reason::TransportClose);
            }
            Up::End { socket } => {
                if self.probe.take_if(|probe| *probe == socket).is_some() {
                    self.session.probe_lost();
                }
            }
        }
    }

    fn probed(&mut self, now: Instant, socket: u64, frame: &Frame, traffic: &mut Traffic) {
        let probe = match frame {
            Frame::Text(text) => self.session.receive_probe(now, text),
            Frame::Binary(_) => Probe::Failed,
        };
        match probe {
            Probe::Answer => {
                let under_way = [(self.get, Sight::GetAtProbe), (self.post, Sight::PostAtProbe)];
                for (_, sight) in under_way.into_iter().filter(|(id, _)| id.is_some()) {
                    traffic.saw(sight);
                }
                let frame = Frame::Text("3probe".to_owned());
                traffic.stream(now, socket, Parcel::Down(Down::Frame { socket, frame }));
            }
            Probe::Upgraded => {
                self.probe = None;
                self.socket = Some(socket);
                self.release(now, Kind::Noop, traffic);
                if self.answering.is_some() {
                    self.session.close(Reason::TransportError);
                }
            }
            Probe::Failed | Probe::Pause => {
                self.probe = None;
                self.session.probe_lost();
                end(now, socket, traffic);
            }
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
        let is_lost = matches!(
            self.session.closed(),
            Some(Reason::TransportError | Reason::ParseError | Reason::PingTimeout)
        );
        if (is_lost || self.session.transport() == Transport::Polling)
            && let Some(socket) = self.probe.take()
        {
            end(now, socket, traffic); // its time is over
        }
        if let Some(socket) = self.socket {
            if self.answering.is_none() {
                for packet in self.queue.drain(..) {
                    for frame in self.wire.frames(packet) {
                        traffic.stream(now, socket, Parcel::Down(Down::Frame { socket, frame }));
                    }
                }
            }
            if self.session.is_closed() && !std::mem::replace(&mut self.told, true) {
                end(now, socket, traffic);
            }
            return;
        }
        if self.session.is_closed() && !std::mem::replace(&mut self.told, true) {
            self.owes_farewell = true;
            if let Some(id) = self.post.take() {
                traffic.refuse(now, id);
            }
        }
        self.answer(now, traffic);
    }

    /// Answers the GET that waits, if there is something to say.
    fn answer(&mut self, now: Instant, traffic: &mut Traffic) {
        if self.get.is_some() && !self.queue.is_empty() && self.answering.is_none() {
            let (body, count) = self.wire.body(&self.queue, 1_000_000);
            if let Some(id) = self.get.take() {
                self.answering = Some((id, count));
                self.session.get_answered(now);
                traffic.answer(now, id, body);
            }
        } else if self.session.releases_get(now) {
            let again = traffic.seen().contains(&Sight::Noop);
            traffic.saw(if again { Sight::SecondNoop } else { Sight::Noop });
            self.release(now, Kind::Noop, traffic);
        } else if self.owes_farewell && self.queue.is_empty() && self.get.is_some() {
            self.release(now, Kind::Close, traffic);
            self.owes_farewell = false;
        }
    }

    /// Answers the GET that waits, if one does, with a packet that says nothing else.
    fn release(&mut self, now: Instant, kind: Kind, traffic: &mut Traffic) {
        if let Some(id) = self.get.take() {
            self.session.get_answered(now);
            traffic.answer(now, id, Body::bare(self.wire.encoding.version, kind));
        }
    }

    fn frame(&mut self, now: Instant, frame: &Frame) {
        let received = match frame {
            Frame::Text(text) => self.session.receive_text(now, text),
            Frame::Binary(bytes) => self.session.receive_binary(now, bytes),
        };
        let heard = received.ok().flatten().map(Heard::from);
        self.hear(heard);
    }

    fn hear(&mut self, heard: Option<Heard>) {
        if matches!(heard, Some(Heard::Connect { .. })) {
            self.session.accept("/", r#"{"sid":"a-socket"}"#);
        }
        self.heard.extend(heard);
    }
}

fn end(now: Instant, socket: u64, traffic: &mut Traffic) {
    traffic.stream(now, socket, Parcel::Down(Down::End { socket }));
}
