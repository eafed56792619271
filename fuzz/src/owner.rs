//! The owner of a session, who believes nothing: it keeps its own books and compares them after every step.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use sockeye_proto::{
    session::{Config, Opening, Output, Reason, Received, Refused, Role, Session, Transport},
    wire::{
        encoding::{Encoding, Parser},
        engine::{self, Kind, Version},
        packet::{self, Limits},
        payload::Payload,
    },
};

use crate::requests::Requests;

/// Bounds that a short input can reach.
const LIMITS: Limits =
    Limits { max_attachments: 3, max_attachments_bytes: 20, max_args: 4, max_depth: 5 };
const MAX_NAMESPACES: usize = 3;
const MAX_ACKS: usize = 4;
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);
const ACK_TIMEOUT: Duration = Duration::from_secs(5);
const LONGEST_STEP: Duration = Duration::from_secs(200);

/// A session with everything that must be true of it.
#[derive(Debug)]
pub struct Owner {
    role: Role,
    version: Version,
    session: Session<u64>,
    now: Instant,
    requests: Requests,
    /// How many packets wait for a GET.
    unsent: usize,
    asking: BTreeSet<String>,
    joined: BTreeSet<String>,
    /// By token: the namespace and the deadline.
    acks: BTreeMap<u64, (String, Instant)>,
    next_token: u64,
    closed: Option<Reason>,
}

impl Owner {
    /// Owns the kind of session that the words say: `client` or a server, `polling`, `v3`, `msgpack`.
    pub fn new(words: &str) -> Self {
        let now = Instant::now();
        let says = |word| words.split(' ').any(|said| said == word);
        let version = if says("v3") { Version::V3 } else { Version::V4 };
        let parser = if says("msgpack") { Parser::MsgPack } else { Parser::Json };
        let encoding = Encoding::new(version, parser);
        let role = if says("client") { Role::Client } else { Role::Server };
        let on_polling = says("polling") && role == Role::Server;
        let config = Arc::new(config());
        let session = match role {
            Role::Client => Session::client(now, config, encoding, false),
            Role::Server => {
                Session::server(now, config, Opening { sid: "the-sid", encoding, on_polling })
            }
        };
        let mut owner = Self {
            role,
            version,
            session,
            now,
            requests: Requests::new(on_polling),
            unsent: 0,
            asking: BTreeSet::new(),
            joined: BTreeSet::new(),
            acks: BTreeMap::new(),
            next_token: 0,
            closed: None,
        };
        if role == Role::Server {
            let Some(Output::Send(first)) = owner.session.poll_output() else { panic!("nothing") };
            assert!(first.text().starts_with(r#"0{"sid":"the-sid","upgrades":["#), "{first:?}");
            assert_eq!(first.text().contains("websocket"), on_polling);
            let received = owner.session.join_root();
            assert_eq!(received.is_some(), version == Version::V3);
            owner.hear(received);
        }
        owner.drain();
        owner
    }

    /// Does one thing; what the letters stand for is listed in `bin/session.rs`.
    pub fn act(&mut self, operation: u8, rest: &[u8]) {
        match (operation, str::from_utf8(rest)) {
            (b'#', _) => self.receive_binary(rest),
            (operation, Ok(rest)) => self.act_on_text(operation.into(), rest),
            (_, Err(_)) => return,
        }
        self.drain();
    }

    fn act_on_text(&mut self, operation: char, rest: &str) {
        match operation {
            '<' => self.receive_text(rest),
            'h' => self.session.heard(self.now),
            '+' => self.run_for(duration(rest)),
            '~' => {
                self.now += duration(rest);
                self.handle_timeout();
            }
            't' => self.handle_timeout(),
            'p' | 'P' => self.session.set_paused(self.now, operation == 'p'),
            'x' => self.session.close(Reason::ServerShuttingDown),
            'g' | 'G' | 'o' | 'O' | 'Q' | 'z' => self.request(operation),
            'b' => {
                let until = self.now + UPGRADE_TIMEOUT;
                let expect = self.requests.probe(self.closed.is_some(), until);
                assert_eq!(self.session.may_probe(), expect);
                assert_eq!(self.session.probe(self.now), expect);
            }
            'B' => {
                let expect = self.requests.receive_probe(rest);
                assert_eq!(self.session.receive_probe(self.now, rest), expect);
            }
            'd' => {
                self.requests.probe_lost();
                self.session.probe_lost();
            }
            'L' => {
                self.session.leave_all(self.now);
                self.joined.clear();
            }
            _ if !packet::is_namespace(rest) => {}
            'j' if self.role == Role::Client => self.join(rest),
            'a' if self.role == Role::Server => {
                let accepted = self.session.accept(rest, r#"{"sid":"x"}"#);
                assert_eq!(accepted, self.closed.is_none() && self.asking.remove(rest));
                if accepted {
                    self.joined.insert(rest.to_owned());
                }
            }
            'r' if self.role == Role::Server => {
                let refused = self.session.refuse(rest, r#"{"message":"no"}"#);
                assert_eq!(refused, self.closed.is_none() && self.asking.remove(rest));
            }
            'l' => {
                let left = self.session.leave(self.now, rest);
                assert_eq!(left, self.closed.is_none() && self.joined.remove(rest));
            }
            'e' => self.expect_ack(rest),
            'f' => self.forget_ack(rest),
            'E' => {
                if let Some(id) = self.oldest_ack(rest) {
                    let deadline = self.now + ACK_TIMEOUT;
                    let back = self.session.expect_ack(rest, id, deadline, u64::MAX);
                    assert_eq!(back, Err(u64::MAX), "{id} is waited for already");
                }
            }
            _ => {}
        }
    }

    /// Waits until silence has ended the session.
    ///
    /// # Panics
    ///
    /// If it has not.
    pub fn end(mut self) {
        self.session.set_paused(self.now, false);
        // A server may announce a heartbeat of any length.
        let mut steps = 0..100;
        while let Some(due) = self.session.next_deadline() {
            assert!(steps.next().is_some(), "silence does not end it");
            self.now = self.now.max(due);
            self.handle_timeout();
        }
    }

    /// What HTTP does to a session on polling.
    fn request(&mut self, operation: char) {
        let closed = self.closed.is_some();
        match operation {
            'g' => {
                // Whoever comes too late is told so at once; the books know it by the clock.
                if self.session.next_deadline().is_some_and(|due| due <= self.now) {
                    self.handle_timeout();
                }
                let closed = self.closed.is_some();
                let expect = self.requests.get(closed);
                assert_eq!(self.session.get(self.now), expect);
                self.closes_on(expect);
            }
            'G' if self.requests.get => {
                self.session.get_lost();
                self.closes_with(Reason::TransportError);
            }
            'o' => {
                let expect = self.requests.post(closed);
                assert_eq!(self.session.post(), expect);
                self.closes_on(expect);
            }
            'O' if self.requests.post => {
                self.requests.post = false;
                self.session.post_done();
            }
            'Q' if self.requests.post => {
                self.session.post_lost();
                self.closes_with(Reason::TransportError);
            }
            'z' if self.requests.post => {
                self.session.receive_garbage();
                self.closes_with(Reason::ParseError);
            }
            _ => {}
        }
    }

    fn closes_on(&mut self, outcome: Result<(), Refused>) {
        if outcome == Err(Refused::Overlap) {
            self.closes_with(Reason::TransportError);
        }
    }

    fn closes_with(&mut self, reason: Reason) {
        let expect = self.closed.unwrap_or(reason);
        self.drain();
        assert_eq!(self.closed, Some(expect));
    }

    fn receive_text(&mut self, text: &str) {
        let is_close = matches!(engine::decode(text), Ok((Kind::Close, _)));
        let was_closed = self.closed.is_some();
        let received = self.session.receive_text(self.now, text);
        let ended = received.as_ref().err().map(|violation| violation.reason(self.role));
        assert!(!was_closed || matches!(received, Ok(None)), "heard after the end");
        let received = received.ok().flatten();
        // In a block of its own, since what was received borrows the text only.
        self.hear(received);
        self.drain();
        if was_closed {
            return;
        }
        assert_eq!(
            self.closed,
            if is_close && ended.is_none() { Some(Reason::TransportClose) } else { ended },
            "after {text:?}"
        );
    }

    fn receive_binary(&mut self, bytes: &[u8]) {
        let was_closed = self.closed;
        let received = self.session.receive_binary(self.now, bytes);
        let ended = received.as_ref().err().map(|violation| violation.reason(self.role));
        assert!(was_closed.is_none() || matches!(received, Ok(None)), "heard after the end");
        self.hear(received.ok().flatten());
        self.drain();
        assert_eq!(self.closed, was_closed.or(ended), "after {} bytes", bytes.len());
    }

    fn hear(&mut self, received: Option<Received<'_, u64>>) {
        let is_server = self.role == Role::Server;
        match received {
            None => {}
            Some(Received::Opened { .. }) => {
                assert!(!is_server);
                if self.version == Version::V3 {
                    self.asking.insert("/".to_owned()); // the server lets it in unasked
                }
            }
            Some(Received::Connect { namespace, auth }) => {
                assert!(is_server && packet::is_namespace(&namespace));
                assert!(!self.joined.contains(&*namespace), "it was joined already");
                assert!(self.asking.insert(namespace.into_owned()), "it has asked already");
                assert!(self.asking.len() + self.joined.len() <= MAX_NAMESPACES);
                assert!(auth.len() == 1 && auth.args_text().starts_with('{'), "{auth:?}");
            }
            Some(Received::Connected { namespace, .. }) => {
                assert!(!is_server && self.asking.remove(&*namespace), "nobody asked");
                assert!(self.joined.insert(namespace.into_owned()));
            }
            Some(Received::Refused { namespace, .. }) => {
                assert!(!is_server && self.asking.remove(&*namespace), "nobody asked");
            }
            Some(Received::Disconnect { namespace }) => {
                let had_asked = is_server && self.asking.remove(&*namespace);
                assert!(self.joined.remove(&*namespace) || had_asked, "was not joined");
            }
            Some(Received::Event { namespace, payload, .. }) => {
                // A server may send to whom it pleases, also before it says that a client is in; its client's owner hears
                // of it.
                assert!(!is_server || self.joined.contains(&*namespace), "one for {namespace:?}");
                check(&payload);
            }
            Some(Received::Ack { token, payload }) => {
                assert!(self.acks.remove(&token).is_some(), "an ack for nobody");
                check(&payload);
            }
        }
    }

    fn join(&mut self, namespace: &str) {
        let is_in = self.asking.contains(namespace) || self.joined.contains(namespace);
        let asked = self.session.connect(namespace, "");
        assert_eq!(asked, self.closed.is_none() && !is_in);
        if asked {
            self.asking.insert(namespace.to_owned());
        }
    }

    fn expect_ack(&mut self, namespace: &str) {
        let token = self.next_token;
        self.next_token += 1;
        let deadline = self.now + ACK_TIMEOUT;
        let is_in = self.closed.is_none() && self.joined.contains(namespace);
        match self.session.expect_ack(namespace, token, deadline, token) {
            Ok(()) => {
                assert!(is_in && self.acks.len() < MAX_ACKS);
                self.acks.insert(token, (namespace.to_owned(), deadline));
            }
            Err(back) => assert!(back == token && (!is_in || self.acks.len() == MAX_ACKS)),
        }
    }

    fn forget_ack(&mut self, namespace: &str) {
        let oldest = self.oldest_ack(namespace);
        let id = oldest.unwrap_or(self.next_token);
        assert_eq!(self.session.forget_ack(namespace, id), oldest);
        self.acks.remove(&id);
    }

    fn oldest_ack(&self, namespace: &str) -> Option<u64> {
        self.acks.iter().find(|(_, (of, _))| of == namespace).map(|(id, _)| *id)
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.session.next_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.handle_timeout();
        }
        self.now = end;
    }

    /// Does what is due, and looks that nothing stays so.
    fn handle_timeout(&mut self) {
        self.handle_timeout_once();
        if self.session.next_deadline().is_some_and(|next| next <= self.now) {
            // The ping that was due is to be answered in no time at all, if the server has said so.
            self.handle_timeout_once();
        }
        let next = self.session.next_deadline();
        assert!(next.is_none_or(|next| next > self.now), "a deadline that has passed was not met");
        assert!(self.acks.values().all(|(_, deadline)| *deadline > self.now), "an ack is overdue");
    }

    fn handle_timeout_once(&mut self) {
        let was_closed = self.closed;
        if was_closed.is_none() {
            self.requests.handle_timeout(self.now);
        }
        if let Err(violation) = self.session.handle_timeout(self.now) {
            assert_eq!(self.session.closed(), Some(violation.reason(self.role)));
            assert_eq!(was_closed, None, "twice");
        }
        self.drain();
    }

    /// Answers a GET that waits, once there is something to say or a reason to say nothing.
    fn answer_get(&mut self) {
        if !self.requests.on_polling() {
            self.requests.get = false; // by a noop, if the session has just moved away from it
            return;
        }
        let is_released = self.session.releases_get(self.now);
        let waits = self.requests.get;
        let may_be_released = waits && self.requests.transport == Transport::Probed;
        assert!(!is_released || may_be_released || self.closed.is_some());
        if waits && (self.unsent > 0 || self.closed.is_some() || is_released) {
            if self.unsent == 0 && self.closed.is_none() {
                self.requests.answer_nothing(self.now);
            }
            self.session.get_answered(self.now);
            self.requests.get = false;
            self.unsent = 0;
            assert!(!self.session.releases_get(self.now), "it was answered");
        }
    }

    /// Takes what the session has to say, and compares the books.
    fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            assert_eq!(self.closed, None, "{output:?} after the end");
            match output {
                Output::Send(packet) => {
                    self.unsent += 1;
                    let (kind, body) = engine::decode(packet.text()).expect("our own packet");
                    if kind == Kind::Message {
                        packet::decode(body, &Limits::default()).expect("our own packet");
                    }
                }
                Output::AckExpired(token) => {
                    let ack = self.acks.remove(&token);
                    assert!(ack.is_some_and(|(_, deadline)| deadline <= self.now), "too early");
                }
                Output::AckLost(token) => {
                    let ack = self.acks.remove(&token);
                    let (namespace, _) = ack.expect("handed back before");
                    let is_over = self.session.is_closed();
                    assert!(is_over || !self.joined.contains(&namespace), "could still arrive");
                }
                Output::Closed(reason) => {
                    self.closed = Some(reason);
                    assert!(self.acks.is_empty(), "tokens were not handed back: {:?}", self.acks);
                }
            }
        }
        self.answer_get();
        assert_eq!(self.session.closed(), self.closed);
        if self.closed.is_none() {
            assert_eq!(self.session.transport(), self.requests.transport);
        }
        assert_eq!(self.session.next_deadline().is_none(), self.closed.is_some());
        assert_eq!(self.session.has_acks(), !self.acks.is_empty());
        assert!(
            self.closed.is_some() || self.acks.values().all(|(of, _)| self.joined.contains(of))
        );
    }
}

fn config() -> Config {
    Config {
        max_namespaces: MAX_NAMESPACES,
        max_acks: MAX_ACKS,
        packets: LIMITS,
        upgrade_timeout: UPGRADE_TIMEOUT,
        ..Config::default()
    }
}

fn check(payload: &Payload<'_>) {
    assert!(payload.len() <= LIMITS.max_args);
    assert!(payload.attachments().len() <= LIMITS.max_attachments as usize);
    let bytes: usize = payload.attachments().iter().map(|attachment| attachment.len()).sum();
    assert!(bytes <= LIMITS.max_attachments_bytes);
}

/// Milliseconds in digits, within reason.
fn duration(text: &str) -> Duration {
    let millis = text.parse().unwrap_or(1);
    Duration::from_millis(millis).min(LONGEST_STEP)
}
