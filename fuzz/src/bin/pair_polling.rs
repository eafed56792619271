//! A client and a server over HTTP polling, and from there to a WebSocket, step by step and in any order.
//!
//! Both are machines of ours: one GET and one POST at a time, and `5` only when neither is under way. Then
//! everything arrives once and in order, whatever is delivered first; or the link to the WebSocket was lost, and both
//! learn of it.
//!
//! Input: a byte of flags (1 version 3, 2 msgpack, 4 binary bodies, 8 small bodies), then operations by their first
//! byte:
//!
//! ```text
//! e SIDE COUNT  emits with so many attachments        u  the client opens a WebSocket
//! g  the client sends a GET                           U  what it sends there arrives
//! a  the answer arrives                               D  what the server sends there arrives
//! p  the client sends a POST                          x  the WebSocket breaks
//! P  it arrives, q one packet of it is fed,           w TIME  time goes by, in 100 ms
//! d  its answer arrives
//! ```
#![no_main]

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sockeye_fuzz::Script;
use sockeye_proto::{
    session::{Config, Opening, Output, Probe, Reason, Received, Session, Transport},
    wire::{
        encoding::{Encoding, Parser},
        engine::{self, Version},
        packet::Kind,
        payload::Payload,
        polling::{Body, Format, Item, Packets, encode},
        prepared::Prepared,
    },
};

fuzz_target!(|data: &[u8]| {
    let mut script = Script::new(data);
    let mut pair = Pair::new(script.byte());
    while let Some(operation) = script.operation() {
        match operation {
            b'e' => {
                let by_client = script.byte() & 1 == 0;
                pair.emit(by_client, usize::from(script.byte() % 3));
            }
            b'w' => pair.wait(Duration::from_millis(u64::from(script.byte()) * 100)),
            operation => pair.act(operation),
        }
    }
    pair.finish();
});

/// A session with what it has to send, and how far its application is.
struct End {
    session: Session<()>,
    encoding: Encoding,
    queue: VecDeque<Prepared>,
    joined: bool,
    emitted: u32,
    received: u32,
}

/// The client's GET.
enum Get {
    Idle,
    /// The server has not answered.
    Waiting,
    /// The answer is on its way; `None` is an error.
    Answered(Option<Body>),
}

/// The client's POST.
enum Post {
    Idle,
    Sent(Body),
    /// At the server, which has fed what lies before the offset.
    Arrived(Body, usize),
    /// The answer is on its way.
    Answered,
}

/// One message of the WebSocket.
enum Frame {
    Text(String),
    Binary(Vec<u8>),
}

struct Pair {
    version: Version,
    supports_binary: bool,
    max_bytes: usize,
    now: Instant,
    client: End,
    server: End,
    get: Get,
    post: Post,
    up: VecDeque<Frame>,
    down: VecDeque<Frame>,
}

impl End {
    fn new(session: Session<()>, encoding: Encoding) -> Self {
        let (queue, joined, emitted, received) = (VecDeque::new(), false, 0, 0);
        Self { session, encoding, queue, joined, emitted, received }
    }

    fn read(&mut self, now: Instant, frame: &Frame) {
        let received = match frame {
            Frame::Text(text) => self.session.receive_text(now, text),
            Frame::Binary(bytes) => self.session.receive_binary(now, bytes),
        };
        self.hear(received.unwrap_or_else(|violation| panic!("both are correct: {violation}")));
    }

    fn hear(&mut self, received: Option<Received<'_, ()>>) {
        match received {
            None => {}
            Some(Received::Opened { .. }) => {
                // In version 3 there is nothing to ask for.
                let asks = self.encoding.version == Version::V4;
                assert_eq!(self.session.connect("/", ""), asks);
            }
            Some(Received::Connect { namespace, .. }) => {
                assert!(self.session.accept(&namespace, "{}"));
                self.joined = true;
            }
            Some(Received::Connected { .. }) => self.joined = true,
            Some(Received::Event { payload, .. }) => {
                let (number, attachments): (u32, Vec<Bytes>) =
                    payload.deserialize().expect("what was sent");
                assert_eq!(number, self.received, "twice, out of order, or one is missing");
                assert!(attachments.iter().all(|bytes| bytes == "\u{4}bytes"));
                self.received += 1;
            }
            other => panic!("nobody does that: {other:?}"),
        }
    }

    fn emit(&mut self, attachments: usize) {
        if !self.joined || self.session.is_closed() {
            return;
        }
        let args = (self.emitted, vec![Bytes::from_static(b"\x04bytes"); attachments]);
        let payload = Payload::serialize_event("sáid", &args).expect("it is JSON");
        let (text, attachments) = payload.into_parts();
        let packet = Prepared::packet(Kind::Event, "/", None, &text, attachments);
        self.queue.push_back(packet.encoded_for(self.encoding));
        self.emitted += 1;
    }

    fn collect(&mut self) {
        while let Some(output) = self.session.poll_output() {
            if let Output::Send(packet) = output {
                self.queue.push_back(packet.encoded_for(self.encoding));
            }
        }
    }

    /// All that is to be sent, as messages of a WebSocket.
    fn frames(&mut self) -> VecDeque<Frame> {
        let mark = (self.encoding.version == Version::V3).then_some(4);
        let mut frames = VecDeque::new();
        for packet in self.queue.drain(..) {
            if !packet.text().is_empty() {
                frames.push_back(Frame::Text(packet.text().to_owned()));
            }
            let marked = |bytes: &Bytes| mark.into_iter().chain(bytes.iter().copied()).collect();
            frames.extend(packet.attachments().iter().map(|bytes| Frame::Binary(marked(bytes))));
        }
        frames
    }
}

impl Pair {
    fn new(flags: u8) -> Self {
        let now = Instant::now();
        let version = if flags & 1 == 0 { Version::V4 } else { Version::V3 };
        let parser = if flags & 2 == 0 { Parser::Json } else { Parser::MsgPack };
        let encoding = Encoding::new(version, parser);
        let config = Arc::new(Config::default());
        let opening = Opening { sid: "sid", encoding, on_polling: true };
        let mut pair = Self {
            version,
            supports_binary: flags & 4 != 0,
            max_bytes: if flags & 8 == 0 { 1_000_000 } else { 60 },
            now,
            client: End::new(Session::client(now, config.clone(), encoding, true), encoding),
            server: End::new(Session::server(now, config, opening), encoding),
            get: Get::Idle,
            post: Post::Idle,
            up: VecDeque::new(),
            down: VecDeque::new(),
        };
        let received = pair.server.session.join_root();
        pair.server.hear(received);
        pair.settle();
        pair
    }

    fn emit(&mut self, by_client: bool, attachments: usize) {
        let end = if by_client { &mut self.client } else { &mut self.server };
        end.emit(attachments);
        self.settle();
    }

    fn act(&mut self, operation: u8) {
        match operation {
            b'g' => self.send_get(),
            b'a' => self.read_answer(),
            b'p' => self.send_post(),
            b'P' => self.begin_post(),
            b'q' => self.feed_post(),
            b'd' if matches!(self.post, Post::Answered) => {
                self.post = Post::Idle;
                self.client.session.post_done();
            }
            b'u' => self.open_websocket(),
            b'U' => self.read_up(),
            b'D' => self.read_down(),
            b'x' => self.break_websocket(),
            _ => {}
        }
        self.settle();
    }

    /// Where the client is.
    fn transport(&self) -> Transport {
        self.client.session.transport()
    }

    fn has_moved(&self) -> bool {
        self.server.session.transport() == Transport::WebSocket
    }

    fn send_get(&mut self) {
        if self.client.session.may_get() {
            assert_eq!(self.client.session.get(self.now), Ok(()));
            assert_eq!(self.server.session.get(self.now), Ok(()));
            self.get = Get::Waiting;
        }
    }

    /// As the owner of a server's session does it.
    fn answer_get(&mut self) {
        let Get::Waiting = self.get else { return };
        let noop = Body::bare(self.version, engine::Kind::Noop);
        if self.has_moved() {
            self.get = Get::Answered(Some(noop));
            return;
        }
        let answer = if self.server.queue.is_empty() {
            let is_released = self.server.session.releases_get(self.now);
            match self.server.session.is_closed() {
                true => None,
                false if is_released => Some(noop),
                false => return,
            }
        } else {
            let (version, binary) = (self.version, self.supports_binary);
            let (body, count) = encode(self.server.queue.iter(), version, binary, self.max_bytes);
            self.server.queue.drain(..count);
            Some(body)
        };
        self.server.session.get_answered(self.now);
        self.get = Get::Answered(answer);
    }

    fn read_answer(&mut self) {
        match std::mem::replace(&mut self.get, Get::Idle) {
            Get::Answered(Some(body)) => {
                self.client.session.get_answered(self.now);
                let format = Format::of_request(self.version, Some(body.content_type));
                let mut packets = Packets::new(format.expect("our own"), &body.bytes);
                while let Some(item) = packets.next().expect("our own body") {
                    self.client.read(self.now, &frame(item));
                }
            }
            Get::Answered(None) => self.client.session.get_lost(),
            other => self.get = other,
        }
    }

    fn send_post(&mut self) {
        let End { session, queue, .. } = &mut self.client;
        if !session.is_closed() && session.may_post() && !queue.is_empty() {
            assert_eq!(session.post(), Ok(()));
            let (version, binary) = (self.version, self.supports_binary);
            let (body, count) = encode(self.client.queue.iter(), version, binary, self.max_bytes);
            self.client.queue.drain(..count);
            self.post = Post::Sent(body);
        }
    }

    fn begin_post(&mut self) {
        match std::mem::replace(&mut self.post, Post::Idle) {
            Post::Sent(body) => match self.server.session.post() {
                Ok(()) => self.post = Post::Arrived(body, 0),
                Err(error) => {
                    assert!(self.server.session.is_closed(), "refused: {error:?}");
                    self.client.session.post_lost();
                }
            },
            other => self.post = other,
        }
    }

    fn feed_post(&mut self) {
        let Post::Arrived(body, offset) = &mut self.post else { return };
        let format = Format::of_request(self.version, Some(body.content_type)).expect("our own");
        let mut packets = Packets::resume(format, &body.bytes, *offset);
        if let Some(item) = packets.next().expect("our own body") {
            *offset = packets.consumed();
            self.server.read(self.now, &frame(item));
        } else {
            self.server.session.post_done();
            self.post = Post::Answered;
        }
    }

    fn open_websocket(&mut self) {
        let is_open = self.client.session.next_deadline().is_some() && self.client.joined;
        if is_open && self.client.session.may_probe() && self.server.session.may_probe() {
            assert!(self.client.session.probe(self.now) && self.server.session.probe(self.now));
            self.up.push_back(Frame::Text("2probe".to_owned()));
        }
    }

    fn read_up(&mut self) {
        let Some(frame) = self.up.pop_front() else { return };
        if self.has_moved() {
            self.server.read(self.now, &frame);
            return;
        }
        let Frame::Text(text) = &frame else { panic!("binary before the upgrade") };
        match self.server.session.receive_probe(self.now, text) {
            Probe::Answer => self.down.push_back(Frame::Text("3probe".to_owned())),
            Probe::Upgraded => {}
            Probe::Failed | Probe::Pause => panic!("a correct client: {text}"),
        }
    }

    fn read_down(&mut self) {
        let Some(frame) = self.down.pop_front() else { return };
        if self.transport() == Transport::WebSocket {
            self.client.read(self.now, &frame);
            return;
        }
        let Frame::Text(text) = &frame else { panic!("binary before the upgrade") };
        assert_eq!(self.client.session.receive_probe(self.now, text), Probe::Pause, "{text}");
    }

    /// The WebSocket is gone: no harm before the `5`, and the end behind it.
    fn break_websocket(&mut self) {
        match self.transport() {
            Transport::WebSocket => self.client.session.close(Reason::TransportError),
            _ => self.client.session.probe_lost(),
        }
        self.up.clear();
        self.down.clear();
        if self.has_moved() {
            self.server.session.close(Reason::TransportError);
        } else {
            self.server.session.probe_lost();
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let deadlines =
                [self.client.session.next_deadline(), self.server.session.next_deadline()];
            let next = deadlines.into_iter().flatten().min();
            self.now = next.unwrap_or(end).clamp(self.now, end);
            for session in [&mut self.client.session, &mut self.server.session] {
                // Whoever was left with half a packet learns of it here.
                _ = session.handle_timeout(self.now);
            }
            self.settle();
            for session in [&self.client.session, &self.server.session] {
                assert!(session.next_deadline().is_none_or(|next| next > self.now), "not met");
            }
        }
    }

    /// Does what both owners do by themselves.
    fn settle(&mut self) {
        self.client.collect();
        self.server.collect();
        let on_polling = [self.transport(), self.server.session.transport()]
            .map(|transport| transport == Transport::Polling);
        if on_polling.contains(&true) {
            self.break_websocket(); // if there was one: upgrade timeout, and who is on polling closes it
        }
        if self.client.session.upgrade() {
            self.up.push_back(Frame::Text("5".to_owned()));
        }
        if self.transport() == Transport::WebSocket {
            self.up.extend(self.client.frames());
            if self.client.session.is_closed() {
                self.break_websocket();
            }
        }
        if self.has_moved() {
            self.down.extend(self.server.frames());
            if self.server.session.is_closed() {
                self.client.session.close(Reason::TransportClose);
            }
        }
        self.answer_get();
    }

    /// Whether nothing is under way but a GET that waits.
    fn is_quiet(&self) -> bool {
        let is_sent = [&self.client, &self.server].iter().all(|end| end.queue.is_empty());
        let is_idle = !matches!(self.get, Get::Answered(_)) && matches!(self.post, Post::Idle);
        let is_settled = matches!(self.transport(), Transport::Polling | Transport::WebSocket);
        is_sent && is_idle && is_settled && self.up.is_empty() && self.down.is_empty()
    }

    /// Delivers all that is under way, then looks who has got what.
    fn finish(mut self) {
        for _ in 0..300 {
            for operation in *b"gapPqqqqdUUUUDDDD" {
                self.act(operation);
            }
            self.wait(Duration::from_millis(50));
            if self.is_quiet() {
                break;
            }
        }
        let ends = [&self.client, &self.server];
        let closed = ends.map(|end| end.session.is_closed());
        if closed == [false, false] {
            assert!(self.client.joined && self.server.joined);
            assert_eq!(self.server.received, self.client.emitted, "to the server");
            assert_eq!(self.client.received, self.server.emitted, "to the client");
            return;
        }
        // The other learns of it when a request fails, or by silence.
        for _ in 0..10 {
            self.act(b'g');
            self.act(b'a');
            self.wait(Duration::from_secs(10));
        }
        assert!(self.client.session.is_closed() && self.server.session.is_closed(), "{closed:?}");
    }
}

fn frame(item: Item<'_>) -> Frame {
    match item {
        Item::Text(text) => Frame::Text(text.to_owned()),
        Item::Binary(bytes) => Frame::Binary(bytes.into_owned()),
    }
}
