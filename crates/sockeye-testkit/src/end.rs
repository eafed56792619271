//! One end of a session: its machines, composed as a driver composes them, without the driver's I/O.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;
use sockeye_proto::{
    session::{
        Config, Opening, Output, Reason, Role, Session, Violation,
        websocket::{self, WebSocket},
    },
    wire::{
        encoding::Encoding,
        packet::Kind,
        payload::{EncodeError, Payload},
        prepared::Prepared,
        ws::{CloseCode, Encoder, Input, Message},
    },
};

use crate::{
    Heard, Rng,
    wire::{Frame, frames},
};

/// A WebSocket and a session with its namespaces, fed with bytes and times.
///
/// Feed [`Self::read`], [`Self::handle_eof`] and [`Self::handle_timeout`], give commands, and take what comes out:
/// [`Self::transmit`], [`Self::heard`].
#[derive(Debug)]
pub struct End {
    role: Role,
    encoding: Encoding,
    websocket: WebSocket,
    session: Session<u64>,
    keys: Rng,
    next_token: u64,
    heard: VecDeque<Heard>,
    transmit: Vec<u8>,
    violation: Option<Violation>,
    close_frame: Option<(u16, String)>,
    /// The session has told its reason.
    told: bool,
    ended: bool,
}

impl End {
    /// A client whose WebSocket handshake is done.
    pub fn client(now: Instant, encoding: Encoding, config: Config, seed: u64) -> Self {
        let websocket = WebSocket::new(Role::Client, &websocket_config(&config));
        let session = Session::client(now, Arc::new(config), encoding, false);
        Self::new((Role::Client, encoding), websocket, session, seed)
    }

    /// A server whose WebSocket handshake is done; its first bytes are the session's handshake.
    ///
    /// In version 3 the client asks for `/` without a word: that is heard at once.
    pub fn server(now: Instant, encoding: Encoding, config: Config, sid: &str) -> Self {
        let websocket = WebSocket::new(Role::Server, &websocket_config(&config));
        let opening = Opening { sid, encoding, on_polling: false };
        let session = Session::server(now, Arc::new(config), opening);
        let mut end = Self::new((Role::Server, encoding), websocket, session, 0);
        end.heard.extend(end.session.join_root().map(Heard::from));
        end
    }

    fn new(
        (role, encoding): (Role, Encoding),
        websocket: WebSocket,
        session: Session<u64>,
        seed: u64,
    ) -> Self {
        let mut end = Self {
            role,
            encoding,
            websocket,
            session,
            keys: Rng::new(seed),
            next_token: 0,
            heard: VecDeque::new(),
            transmit: Vec::new(),
            violation: None,
            close_frame: None,
            told: false,
            ended: false,
        };
        end.collect();
        end
    }

    /// Takes bytes that arrived.
    pub fn read(&mut self, now: Instant, bytes: &mut [u8]) {
        let mut input = Input::new(bytes);
        let Self { websocket, session, heard, violation, close_frame, .. } = self;
        loop {
            let received = match websocket.read(now, &mut input) {
                Ok(Some(Message::Text(text))) => session.receive_text(now, text),
                Ok(Some(Message::Binary(bytes))) => session.receive_binary(now, bytes),
                Ok(Some(Message::Ping(_) | Message::Pong(_))) => continue,
                Ok(Some(Message::Close(frame))) => {
                    *close_frame =
                        frame.map(|frame| (frame.code.as_u16(), frame.reason.to_owned()));
                    session.close(Reason::TransportClose);
                    continue;
                }
                Ok(None) => break,
                Err(_) => {
                    session.close(Reason::TransportError);
                    break;
                }
            };
            match received {
                Ok(received) => heard.extend(received.map(Heard::from)),
                Err(broken) => *violation = Some(broken),
            }
        }
        self.session.heard(now);
        self.settle(now);
    }

    /// Takes the end of the stream.
    pub fn handle_eof(&mut self, now: Instant) {
        self.websocket.handle_eof();
        self.session.close(Reason::TransportClose);
        self.settle(now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Err(violation) = self.session.handle_timeout(now) {
            self.violation = Some(violation);
        }
        self.websocket.handle_timeout(now);
        self.settle(now);
    }

    /// Asks to join a namespace; `auth` is a JSON object, or empty.
    pub fn connect(&mut self, namespace: &str, auth: &str) -> bool {
        let asked = self.session.connect(namespace, auth);
        self.collect();
        asked
    }

    /// Lets the peer join.
    pub fn accept(&mut self, namespace: &str, data: &str) -> bool {
        let accepted = self.session.accept(namespace, data);
        self.collect();
        accepted
    }

    /// Turns the peer away.
    pub fn refuse(&mut self, namespace: &str, error: &str) -> bool {
        let refused = self.session.refuse(namespace, error);
        self.collect();
        refused
    }

    /// Leaves a namespace, or as a server makes the peer leave it.
    pub fn leave(&mut self, now: Instant, namespace: &str) -> bool {
        let left = self.session.leave(now, namespace);
        self.collect();
        left
    }

    /// Ends the session.
    pub fn close(&mut self, now: Instant, reason: Reason) {
        self.session.close(reason);
        self.settle(now);
    }

    /// Says whether the owner has stopped to read.
    pub fn set_paused(&mut self, now: Instant, paused: bool) {
        self.session.set_paused(now, paused);
    }

    /// Sends an event.
    ///
    /// # Errors
    ///
    /// [`EncodeError`]: the arguments have no JSON form.
    pub fn emit(
        &mut self,
        namespace: &str,
        event: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Result<(), EncodeError> {
        let payload = Payload::serialize_event(event, args)?;
        self.send_packet(Kind::Event, namespace, None, payload);
        Ok(())
    }

    /// Sends an event that asks for an ack; the token comes back once, in a [`Heard`].
    ///
    /// # Errors
    ///
    /// [`EncodeError`]: the arguments have no JSON form.
    pub fn call(
        &mut self,
        (now, timeout): (Instant, Duration),
        namespace: &str,
        event: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Result<u64, EncodeError> {
        let payload = Payload::serialize_event(event, args)?;
        let token = self.next_token;
        self.next_token += 1;
        match self.session.expect_ack(namespace, token, now + timeout, token) {
            Ok(()) => self.send_packet(Kind::Event, namespace, Some(token), payload),
            Err(token) => self.heard.push_back(Heard::AckLost { token }),
        }
        Ok(token)
    }

    /// Answers an event that asked for an ack.
    ///
    /// # Errors
    ///
    /// [`EncodeError`]: the arguments have no JSON form.
    pub fn ack(
        &mut self,
        namespace: &str,
        id: u64,
        args: &(impl Serialize + ?Sized),
    ) -> Result<(), EncodeError> {
        let payload = Payload::serialize(args)?;
        self.send_packet(Kind::Ack, namespace, Some(id), payload);
        Ok(())
    }

    /// Sends any message, also one that no correct peer sends.
    pub fn send_message(&mut self, message: Message<'_>) {
        let key = (self.role == Role::Client).then(|| self.keys.key());
        Encoder::new().encode(message, key, &mut self.transmit);
    }

    /// Takes the bytes to send.
    pub fn transmit(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.transmit)
    }

    /// Takes the next thing that was heard.
    pub fn heard(&mut self) -> Option<Heard> {
        self.heard.pop_front()
    }

    /// Whether [`Self::heard`] has something to give.
    pub fn has_heard(&self) -> bool {
        !self.heard.is_empty()
    }

    /// When to call [`Self::handle_timeout`].
    pub fn next_deadline(&self) -> Option<Instant> {
        [self.session.next_deadline(), self.websocket.next_deadline()].into_iter().flatten().min()
    }

    /// Why the session ended, if it has.
    pub fn closed(&self) -> Option<Reason> {
        self.session.closed()
    }

    /// What the peer did wrong, if that ended the session.
    pub const fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// Code and reason of the peer's close frame.
    pub fn close_frame(&self) -> Option<(u16, &str)> {
        self.close_frame.as_ref().map(|(code, reason)| (*code, &**reason))
    }

    /// Whether this end wants the stream to be ended, once [`Self::transmit`] is sent.
    pub const fn is_ended(&self) -> bool {
        self.ended
    }

    fn send_packet(
        &mut self,
        kind: Kind,
        namespace: &str,
        id: Option<u64>,
        payload: Payload<'static>,
    ) {
        let (array, attachments) = payload.into_parts();
        self.send(Prepared::packet(kind, namespace, id, &array, attachments));
    }

    fn send(&mut self, packet: Prepared) {
        if self.told || !self.websocket.is_open() {
            return;
        }
        if self.role == Role::Server {
            let packet = packet.encoded_for(self.encoding);
            packet.slices().for_each(|slice| self.transmit.extend_from_slice(slice));
            return;
        }
        for frame in frames(self.encoding, packet) {
            match frame {
                Frame::Text(text) => self.send_message(Message::Text(&text)),
                Frame::Binary(data) => self.send_message(Message::Binary(&data)),
            }
        }
    }

    /// Passes on what the session says.
    fn collect(&mut self) {
        while let Some(output) = self.session.poll_output() {
            assert!(!self.told, "{output:?} after the session has told that it is closed");
            match output {
                Output::Send(packet) => self.send(packet),
                Output::AckExpired(token) => self.heard.push_back(Heard::AckExpired { token }),
                Output::AckLost(token) => self.heard.push_back(Heard::AckLost { token }),
                Output::Closed(reason) => {
                    self.told = true;
                    self.heard.push_back(Heard::Closed { reason });
                }
            }
        }
    }

    /// [`Self::collect`], then closes the WebSocket below a session that is closed.
    fn settle(&mut self, now: Instant) {
        self.collect();
        if let Some(reason) = self.session.closed() {
            self.websocket.close(now, CloseCode::NORMAL, reason.as_str());
        }
        while let Some(output) = self.websocket.poll_output() {
            match output.message() {
                Some(message) => self.send_message(message),
                None => self.ended = true,
            }
        }
    }
}

fn websocket_config(config: &Config) -> websocket::Config {
    websocket::Config::default().max_message_bytes(config.max_payload_bytes)
}
