//! A client and a server over a faulty link: everything arrives once and in order, or both learn that it is over.
//!
//! Input: a seed, the weather (longest chunk, delay in 2 ms, fault, two bytes of when), then operations by their first
//! byte. SIDE is odd for the server; NAMESPACE is one of four, the last of which refuses everybody.
//!
//! ```text
//! e SIDE NAMESPACE COUNT   emits with so many attachments     p SIDE           stops to read
//! c SIDE NAMESPACE COUNT   the same, and waits for an ack     P SIDE           reads again
//! j NAMESPACE              the client joins                   w TIME           waits, in 10 ms
//! l SIDE NAMESPACE         leaves                             f KIND           breaks the link
//! x SIDE                   closes                             r SIDE LENGTH TEXT, b SIDE LENGTH BYTES  sends any message
//! ```
#![no_main]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sockeye_fuzz::Script;
use sockeye_proto::{
    session::{Config, Reason},
    wire::{encoding::Encoding, ws::Message},
};
use sockeye_testkit::{End, Fault, Heard, Pair, Weather};

const NAMESPACES: [&str; 4] = ["/", "/a", "/b", "/no"];
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

fuzz_target!(|data: &[u8]| {
    let mut script = Script::new(data);
    let seed = script.byte().into();
    let weather = Weather {
        max_chunk_bytes: match script.byte() {
            0 => usize::MAX,
            bytes => bytes.into(),
        },
        max_delay: Duration::from_millis(u64::from(script.byte()) * 2),
        fault: fault(script.byte()).map(|fault| (script.number().into(), fault)),
    };
    let mut pair = Pair::new(seed, Encoding::default(), &Config::default(), weather);
    let mut story = Story::default();
    // Somebody is always in, or the connect timeout ends the session.
    story.run_for(&mut pair, Duration::from_secs(1));
    story.join(&mut pair, 0);
    story.run_for(&mut pair, Duration::from_secs(1));
    while let Some(operation) = script.operation() {
        story.act(&mut pair, operation, &mut script);
        story.listen(&mut pair);
    }
    for side in Side::BOTH {
        let now = pair.now();
        end(&mut pair, side).set_paused(now, false);
    }
    // Longer than any call, and than interval + timeout of the heartbeat, whose bytes may be what breaks the link.
    story.run_for(&mut pair, Duration::from_secs(60));
    if pair.broken().is_some() {
        story.run_for(&mut pair, Duration::from_secs(60));
    }
    story.judge(&pair);
});

fn fault(kind: u8) -> Option<Fault> {
    match kind {
        1 => Some(Fault::Cut),
        2 => Some(Fault::BlackHole),
        _ => None,
    }
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Side {
    Client,
    Server,
}

impl Side {
    const BOTH: [Self; 2] = [Self::Client, Self::Server];

    fn read(script: &mut Script<'_>) -> Self {
        if script.byte() & 1 == 0 { Self::Client } else { Self::Server }
    }

    const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// The n-th membership of a namespace.
type Membership = (usize, u32);

/// What each application has done and seen.
#[derive(Debug, Default)]
struct Story {
    /// The memberships that each side is in.
    joined: BTreeMap<(Side, usize), u32>,
    /// How many times each side has joined each namespace.
    memberships: BTreeMap<(Side, usize), u32>,
    /// Those a side has left on its own: what was on its way to it may be lost.
    left: BTreeSet<(Side, Membership)>,
    sent: BTreeMap<Side, Vec<(Membership, u32)>>,
    seen: BTreeMap<Side, Vec<(Membership, u32)>>,
    asked: BTreeMap<Side, BTreeSet<u64>>,
    answered: BTreeMap<Side, BTreeSet<u64>>,
    closed: BTreeSet<Side>,
    /// One has sent what no correct peer sends: only tokens and the end are still to be judged.
    is_hostile: bool,
}

impl Story {
    fn act(&mut self, pair: &mut Pair, operation: u8, script: &mut Script<'_>) {
        let now = pair.now();
        match operation {
            b'e' | b'c' => {
                let (from, namespace) = (Side::read(script), namespace(script));
                let attachments = usize::from(script.byte() % 4);
                self.send(pair, from, namespace, attachments, operation == b'c');
            }
            b'j' => self.join(pair, namespace(script)),
            b'l' => {
                let (by, namespace) = (Side::read(script), namespace(script));
                if end(pair, by).leave(now, NAMESPACES[namespace]) {
                    let membership = self.joined.remove(&(by, namespace)).unwrap_or_default();
                    self.left.insert((by, (namespace, membership)));
                }
            }
            b'w' => self.run_for(pair, Duration::from_millis(u64::from(script.byte()) * 10)),
            b'p' | b'P' => end(pair, Side::read(script)).set_paused(now, operation == b'p'),
            b'x' => end(pair, Side::read(script)).close(now, Reason::ServerShuttingDown),
            b'f' => {
                if let Some(fault) = fault(script.byte()) {
                    pair.fail(fault);
                }
            }
            b'r' => {
                self.is_hostile = true;
                let side = Side::read(script);
                let text = String::from_utf8_lossy(script.bytes());
                end(pair, side).send_message(Message::Text(&text));
            }
            b'b' => {
                self.is_hostile = true;
                let side = Side::read(script);
                end(pair, side).send_message(Message::Binary(script.bytes()));
            }
            _ => {}
        }
    }

    fn join(&mut self, pair: &mut Pair, namespace: usize) {
        if pair.client.connect(NAMESPACES[namespace], r#"{"a":1}"#) {
            *self.memberships.entry((Side::Client, namespace)).or_default() += 1;
        }
    }

    fn send(&mut self, pair: &mut Pair, from: Side, namespace: usize, count: usize, asks: bool) {
        let Some(&membership) = self.joined.get(&(from, namespace)) else { return };
        let sent = self.sent.entry(from).or_default();
        let number = sent.len() as u32;
        sent.push(((namespace, membership), number));
        let args = (membership, number, vec![Bytes::from("x".repeat(50)); count]);
        let until = (pair.now(), CALL_TIMEOUT);
        let (end, namespace) = (end(pair, from), NAMESPACES[namespace]);
        if asks {
            let token = end.call(until, namespace, "asked", &args).expect("it is JSON");
            self.asked.entry(from).or_default().insert(token);
        } else {
            end.emit(namespace, "said", &args).expect("it is JSON");
        }
    }

    fn run_for(&mut self, pair: &mut Pair, time: Duration) {
        let end = pair.now() + time;
        while pair.now() < end {
            pair.run_for((end - pair.now()).min(Duration::from_millis(500)));
            self.listen(pair);
        }
    }

    fn listen(&mut self, pair: &mut Pair) {
        for side in Side::BOTH {
            while let Some(heard) = end(pair, side).heard() {
                // A call that is made after the end is told so.
                let may_follow = matches!(heard, Heard::AckLost { .. });
                assert!(may_follow || !self.closed.contains(&side), "{heard:?} after the end");
                self.hear(pair, side, heard);
            }
        }
    }

    fn hear(&mut self, pair: &mut Pair, side: Side, heard: Heard) {
        match heard {
            Heard::Opened => {}
            Heard::Connect { namespace, .. } => match index(&namespace) {
                None | Some(3) => drop(pair.server.refuse(&namespace, r#"{"message":"no"}"#)),
                Some(index) => {
                    *self.memberships.entry((side, index)).or_default() += 1;
                    pair.server.accept(&namespace, "{}");
                    self.joined(side, index);
                }
            },
            Heard::Connected { namespace, .. } => {
                self.joined(side, index(&namespace).expect("asked for"));
            }
            Heard::Refused { namespace, .. } => {
                assert!(self.is_hostile || index(&namespace) == Some(3));
            }
            Heard::Disconnect { namespace } => {
                self.joined
                    .retain(|(of, joined), _| (*of, Some(*joined)) != (side, index(&namespace)));
            }
            Heard::Event { namespace, id, payload, .. } => {
                let answer = end(pair, side);
                if let Some(id) = id {
                    answer.ack(&namespace, id, &(id,)).expect("it is JSON");
                }
                if self.is_hostile {
                    return;
                }
                let (membership, number, attachments): (u32, u32, Vec<Bytes>) =
                    payload.deserialize().expect("what was sent");
                assert!(attachments.iter().all(|attachment| attachment.len() == 50));
                let membership = (index(&namespace).expect("joined"), membership);
                assert_eq!(self.joined.get(&(side, membership.0)), Some(&membership.1));
                self.seen.entry(side).or_default().push((membership, number));
            }
            Heard::Ack { token, payload } => {
                let answer = payload.deserialize::<(u64,)>().ok();
                assert!(self.is_hostile || answer == Some((token,)), "{payload:?} for {token}");
                self.answer(side, token);
            }
            Heard::AckExpired { token } | Heard::AckLost { token } => self.answer(side, token),
            Heard::Closed { .. } => _ = self.closed.insert(side),
        }
    }

    fn joined(&mut self, side: Side, namespace: usize) {
        let membership = self.memberships.get(&(side, namespace)).copied().unwrap_or_default();
        self.joined.insert((side, namespace), membership);
    }

    fn answer(&mut self, side: Side, token: u64) {
        assert!(self.asked.entry(side).or_default().contains(&token), "nobody asked {token}");
        let first_time = self.answered.entry(side).or_default().insert(token);
        assert!(first_time, "the token {token} came back twice");
    }

    /// What must be true once nothing is on its way any more.
    fn judge(&self, pair: &Pair) {
        let over = pair.broken().is_some() || !self.closed.is_empty();
        assert!(!over || self.closed.len() == 2, "{:?} only have learned the end", self.closed);
        let violations = (pair.client.violation(), pair.server.violation());
        assert!(self.is_hostile || violations == (None, None), "{violations:?}");
        for side in Side::BOTH {
            assert_eq!(self.asked.get(&side), self.answered.get(&side), "acks of {side:?}");
        }
        if self.is_hostile {
            return;
        }
        for side in Side::BOTH {
            let nothing = Vec::new();
            let sent = self.sent.get(&side).unwrap_or(&nothing);
            let seen = self.seen.get(&side.other()).unwrap_or(&nothing);
            // What the receiver had left does not reach it; a broken link loses the rest.
            let lost = |(membership, _): &(Membership, u32)| {
                self.left.contains(&(side.other(), *membership))
            };
            let mut seen = seen.iter().peekable();
            for packet in sent {
                if seen.next_if_eq(&packet).is_none() {
                    assert!(over || lost(packet), "{packet:?} from {side:?} did not arrive");
                }
            }
            assert_eq!(seen.next(), None, "from {side:?}: twice, out of order, or never sent");
        }
    }
}

fn end(pair: &mut Pair, side: Side) -> &mut End {
    match side {
        Side::Client => &mut pair.client,
        Side::Server => &mut pair.server,
    }
}

fn namespace(script: &mut Script<'_>) -> usize {
    usize::from(script.byte()) % NAMESPACES.len()
}

fn index(namespace: &str) -> Option<usize> {
    NAMESPACES.iter().position(|name| *name == namespace)
}
