//! Whatever the link does to the bytes: each packet arrives once and in order, or the session ends on both sides.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use proptest::prelude::*;
use sockeye_proto::{
    session::Config,
    wire::{encoding::Encoding, engine::Version, payload::Payload},
};
use sockeye_testkit::{ENCODINGS, End, Fault, Heard, Pair, Weather};

const NAMESPACES: [&str; 3] = ["/", "/a", "/b"];
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// Something that one of the applications does.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Emit { from: Side, namespace: usize, attachments: usize },
    Call { from: Side, namespace: usize, attachments: usize },
    Join { namespace: usize, has_auth: bool },
    Leave { by: Side, namespace: usize },
    Wait { millis: u64 },
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Side {
    Client,
    Server,
}

impl Side {
    const BOTH: [Self; 2] = [Self::Client, Self::Server];

    const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let side = || prop_oneof![Just(Side::Client), Just(Side::Server)];
    let namespace = || 0..NAMESPACES.len();
    let attachments = || prop_oneof![3 => Just(0_usize), 1 => 1..4_usize];
    prop_oneof![
        8 => (side(), namespace(), attachments())
            .prop_map(|(from, namespace, attachments)| Deed::Emit { from, namespace, attachments }),
        4 => (side(), namespace(), attachments())
            .prop_map(|(from, namespace, attachments)| Deed::Call { from, namespace, attachments }),
        4 => (namespace(), any::<bool>())
            .prop_map(|(namespace, has_auth)| Deed::Join { namespace, has_auth }),
        1 => (side(), namespace()).prop_map(|(by, namespace)| Deed::Leave { by, namespace }),
        4 => (0..400_u64).prop_map(|millis| Deed::Wait { millis }),
    ]
}

fn any_weather() -> impl Strategy<Value = Weather> {
    let fault = prop_oneof![Just(Fault::Cut), Just(Fault::BlackHole)];
    let faults = prop::option::weighted(0.4, (0..4_000_u64, fault));
    (prop_oneof![Just(1_usize), 1..40_usize, Just(usize::MAX)], 0..300_u64, faults).prop_map(
        |(max_chunk_bytes, millis, fault)| Weather {
            max_chunk_bytes,
            max_delay: Duration::from_millis(millis),
            fault,
        },
    )
}

/// The n-th membership of a namespace.
type Membership = (usize, u32);

/// What each application has done and seen.
#[derive(Debug, Default)]
struct Story {
    encoding: Encoding,
    /// The memberships that each side is in.
    joined: BTreeMap<(Side, usize), u32>,
    /// How many times each side has joined each namespace.
    memberships: BTreeMap<(Side, usize), u32>,
    /// Those that the client has asked for with an auth payload.
    auths: BTreeSet<Membership>,
    /// Those a side has left on its own: what was on its way to it may be lost.
    left: BTreeSet<(Side, Membership)>,
    sent: BTreeMap<Side, Vec<(Membership, u32)>>,
    seen: BTreeMap<Side, Vec<(Membership, u32)>>,
    asked: BTreeMap<Side, BTreeSet<u64>>,
    answered: BTreeMap<Side, BTreeSet<u64>>,
    closed: BTreeSet<Side>,
}

impl Story {
    fn act(&mut self, pair: &mut Pair, deed: Deed) {
        let now = pair.now();
        match deed {
            Deed::Wait { millis } => self.run_for(pair, Duration::from_millis(millis)),
            Deed::Join { namespace, has_auth } => {
                let auth = if has_auth { r#"{"a":1}"# } else { "" };
                if pair.client.connect(NAMESPACES[namespace], auth) {
                    let membership = self.begin(Side::Client, namespace);
                    self.auths.extend(has_auth.then_some(membership));
                }
            }
            Deed::Leave { by, namespace } => {
                if end(pair, by).leave(now, NAMESPACES[namespace]) {
                    let membership = self.joined.remove(&(by, namespace)).expect("it was joined");
                    self.left.insert((by, (namespace, membership)));
                }
            }
            Deed::Emit { from, namespace, attachments }
            | Deed::Call { from, namespace, attachments } => {
                let Some(&membership) = self.joined.get(&(from, namespace)) else { return };
                let sent = self.sent.entry(from).or_default();
                let number = sent.len() as u32;
                sent.push(((namespace, membership), number));
                let args = (membership, number, vec![Bytes::from("x".repeat(50)); attachments]);
                let end = end(pair, from);
                if matches!(deed, Deed::Emit { .. }) {
                    end.emit(NAMESPACES[namespace], "said", &args).expect("it is JSON");
                } else {
                    let until = (now, CALL_TIMEOUT);
                    let token = end.call(until, NAMESPACES[namespace], "asked", &args);
                    self.asked.entry(from).or_default().insert(token.expect("it is JSON"));
                }
            }
        }
        self.listen(pair);
    }

    fn run_for(&mut self, pair: &mut Pair, time: Duration) {
        let end = pair.now() + time;
        while pair.now() < end {
            pair.run_for((end - pair.now()).min(Duration::from_millis(50)));
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
            Heard::Opened if self.encoding.version == Version::V3 => _ = self.begin(side, 0), // unasked
            Heard::Opened => {}
            Heard::Connect { namespace, auth } => {
                let membership = self.begin(side, index(&namespace));
                let expect = match (self.auths.contains(&membership), self.encoding.version) {
                    (false, _) => "{}",
                    (true, Version::V4) => r#"{"a":1}"#,
                    (true, Version::V3) => r#"{"a":"1"}"#, // a query
                };
                assert_eq!(auth.args_text(), expect);
                pair.server.accept(&namespace, "{}");
                self.joined(side, index(&namespace));
            }
            Heard::Connected { namespace, .. } => self.joined(side, index(&namespace)),
            Heard::Disconnect { namespace } => drop(self.joined.remove(&(side, index(&namespace)))),
            Heard::Event { namespace, id, payload, .. } => {
                let (membership, number, attachments): (u32, u32, Vec<Bytes>) =
                    payload.deserialize().expect("what was sent");
                assert!(attachments.iter().all(|attachment| attachment.len() == 50));
                let membership = (index(&namespace), membership);
                assert_eq!(self.joined.get(&(side, membership.0)), Some(&membership.1));
                self.seen.entry(side).or_default().push((membership, number));
                if let Some(id) = id {
                    end(pair, side).ack(&namespace, id, &(id, attachments)).expect("it is JSON");
                }
            }
            Heard::Ack { token, payload } => {
                assert_eq!(first(&payload), token);
                self.answer(side, token);
            }
            Heard::AckExpired { token } | Heard::AckLost { token } => self.answer(side, token),
            Heard::Closed { .. } => _ = self.closed.insert(side),
            Heard::Refused { .. } => panic!("nobody refuses"),
        }
    }

    /// A membership that is asked for.
    fn begin(&mut self, side: Side, namespace: usize) -> Membership {
        let count = self.memberships.entry((side, namespace)).or_default();
        *count += 1;
        (namespace, *count)
    }

    fn joined(&mut self, side: Side, namespace: usize) {
        self.joined.insert((side, namespace), self.memberships[&(side, namespace)]);
    }

    fn answer(&mut self, side: Side, token: u64) {
        assert!(self.asked.entry(side).or_default().contains(&token), "nobody asked {token}");
        let first_time = self.answered.entry(side).or_default().insert(token);
        assert!(first_time, "the token {token} came back twice");
    }

    /// What must be true once nothing is on its way any more.
    fn judge(&self, pair: &Pair) {
        let over = pair.broken().is_some();
        assert_eq!(over, self.closed.contains(&Side::Client), "{:?}", pair.client.violation());
        assert_eq!(over, self.closed.contains(&Side::Server), "{:?}", pair.server.violation());
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
            assert_eq!(self.asked.get(&side), self.answered.get(&side), "acks of {side:?}");
        }
    }
}

fn end(pair: &mut Pair, side: Side) -> &mut End {
    match side {
        Side::Client => &mut pair.client,
        Side::Server => &mut pair.server,
    }
}

fn index(namespace: &str) -> usize {
    NAMESPACES.iter().position(|name| *name == namespace).expect("one of them")
}

fn first(payload: &Payload<'_>) -> u64 {
    payload.deserialize::<(u64,)>().expect("a number").0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn each_packet_arrives_once_in_order_or_both_ends_learn_why(
        seed: u64,
        encoding in prop::sample::select(&ENCODINGS[..]),
        weather in any_weather(),
        deeds in prop::collection::vec(any_deed(), 1..60),
    ) {
        let mut pair = Pair::new(seed, encoding, &Config::default(), weather);
        let mut story = Story { encoding, ..Story::default() };
        // Somebody is always in, or the connect timeout ends the session.
        story.run_for(&mut pair, Duration::from_millis(500));
        story.act(&mut pair, Deed::Join { namespace: 0, has_auth: true });
        story.run_for(&mut pair, Duration::from_secs(1));
        for deed in deeds {
            story.act(&mut pair, deed);
        }
        // Longer than any call, and than interval + timeout of the heartbeat, whose bytes may be what breaks the link.
        story.run_for(&mut pair, Duration::from_secs(60));
        if pair.broken().is_some() {
            story.run_for(&mut pair, Duration::from_secs(60));
        }
        story.judge(&pair);
    }
}
