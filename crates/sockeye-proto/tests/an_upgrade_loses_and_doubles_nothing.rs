//! While a session moves from polling to a WebSocket each event arrives once and in order, or both ends learn why not.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

use std::{cell::RefCell, collections::BTreeMap, time::Duration};

use bytes::Bytes;
use proptest::{prelude::*, test_runner::TestRunner};
use sockeye_proto::{
    session::{Config, Reason, Transport},
    wire::{packet::Kind, payload::Payload, prepared::Prepared},
};
use sockeye_testkit::{Crossing, Fault, Heard, Mishap, Roads, Sight, Wire};

/// Longer than interval and timeout of the heartbeat twice over, and than any timeout of an upgrade.
const BOUND: Duration = Duration::from_secs(120);

/// What is sent while the session moves.
#[derive(Clone, Debug)]
struct Plan {
    seed: u64,
    wire: Wire,
    max_delay: Duration,
    /// How long the client polls at least.
    upgrade_after: Duration,
    /// Pauses in milliseconds, and who then sends an event, with how many attachments.
    deeds: Vec<(u64, bool, usize)>,
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let deed = (0..60_u64, any::<bool>(), prop_oneof![3 => Just(0_usize), 1 => 1..3_usize]);
    let wire = prop::sample::select(&Wire::ALL[..]);
    let upgrade_after = prop_oneof![Just(0), 0..600_u64].prop_map(Duration::from_millis);
    (any::<u64>(), wire, 0..300_u64, upgrade_after, prop::collection::vec(deed, 1..80)).prop_map(
        |(seed, wire, millis, upgrade_after, deeds)| {
            let max_delay = Duration::from_millis(millis);
            Plan { seed, wire, max_delay, upgrade_after, deeds }
        },
    )
}

/// What may befall a request without a copy of it being taken for another request.
const MISHAPS: [Mishap; 6] = [
    Mishap::Lost,
    Mishap::Swallowed,
    Mishap::Doubled,
    Mishap::Aborted,
    Mishap::AnswerLost,
    Mishap::AnswerSwallowed,
];

const FAULTS: [Fault; 2] = [Fault::Cut, Fault::BlackHole];

/// In how many runs each thing was met.
#[derive(Debug, Default)]
struct Tally(BTreeMap<Sight, usize>);

impl Tally {
    fn add(&mut self, crossing: &Crossing) {
        for sight in crossing.seen() {
            *self.0.entry(*sight).or_default() += 1;
        }
    }

    /// A simulation that does not meet what it is there for any more shows nothing.
    #[track_caller]
    fn has_met(&self, sights: impl IntoIterator<Item = Sight>, at_least: usize) {
        for sight in sights {
            let runs = self.0.get(&sight).copied().unwrap_or_default();
            assert!(runs >= at_least, "{sight:?} in {runs} runs, not {at_least}: {self:?}");
        }
    }
}

/// How many events each end sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Count {
    by_client: usize,
    by_server: usize,
}

/// Lets both ends send; `meanwhile` hears of each step.
fn run(
    plan: &Plan,
    roads: Roads,
    mut meanwhile: impl FnMut(usize, &mut Crossing),
) -> (Crossing, Count) {
    let roads = Roads { max_delay: plan.max_delay, upgrade_after: plan.upgrade_after, ..roads };
    let mut crossing = Crossing::new(plan.seed, plan.wire, &Config::default(), roads);
    let mut sent = Count::default();
    for (step, (pause, by_client, attachments)) in plan.deeds.iter().enumerate() {
        crossing.run_for(Duration::from_millis(*pause));
        meanwhile(step, &mut crossing);
        let has = |heard: &[Heard], what: fn(&Heard) -> bool| heard.iter().any(what);
        if *by_client {
            let joined =
                has(crossing.client.heard(), |heard| matches!(heard, Heard::Connected { .. }));
            if joined && crossing.client.closed().is_none() {
                crossing.client.send(event(sent.by_client, *attachments));
                sent.by_client += 1;
            }
        } else {
            let joined =
                has(crossing.server.heard(), |heard| matches!(heard, Heard::Connect { .. }));
            if joined && crossing.server.closed().is_none() {
                crossing.server.send(event(sent.by_server, *attachments));
                sent.by_server += 1;
            }
        }
    }
    crossing.run_for(BOUND);
    // The mishap may have struck a heartbeat, just now; and then the fault the next.
    for _ in 0..2 {
        if crossing.has_struck() {
            crossing.run_for(BOUND);
        }
    }
    (crossing, sent)
}

/// Begins as what marks a binary message of version 3 does.
const ATTACHMENT: Bytes = Bytes::from_static(b"\x04bytes");

fn event(number: usize, attachments: usize) -> Prepared {
    // Characters of two and of four bytes: version 3 counts them in another unit than bytes.
    let args = (number, vec![ATTACHMENT; attachments]);
    let (text, attachments) =
        Payload::serialize_event("sáid 🙂", &args).expect("it is JSON").into_parts();
    Prepared::packet(Kind::Event, "/", None, &text, attachments)
}

/// The numbers of the peer's events that were heard.
#[track_caller]
fn numbers(heard: &[Heard]) -> Vec<usize> {
    let events = heard.iter().filter_map(|heard| match heard {
        Heard::Event { name, payload, .. } => Some((name, payload)),
        _ => None,
    });
    events
        .map(|(name, payload)| {
            let (number, attachments) =
                payload.deserialize::<(usize, Vec<Bytes>)>().expect("as it was sent");
            assert_eq!(name, "sáid 🙂");
            assert!(attachments.iter().all(|bytes| *bytes == ATTACHMENT), "{attachments:?}");
            number
        })
        .collect()
}

/// How many of the peer's events were heard: all that there are, once and in order, up to there.
#[track_caller]
fn in_order(heard: &[Heard]) -> usize {
    let numbers = numbers(heard);
    let expect: Vec<_> = (0..numbers.len()).collect();
    assert_eq!(numbers, expect, "twice, out of order, or with a gap");
    expect.len()
}

/// Whether all arrived; if not, both ends know that it is over.
#[track_caller]
fn judge(crossing: &Crossing, sent: Count) -> bool {
    let seen = Count {
        by_client: in_order(crossing.server.heard()),
        by_server: in_order(crossing.client.heard()),
    };
    let ends = (crossing.client.closed(), crossing.server.closed());
    match ends {
        (None, None) => assert_eq!(seen, sent, "lost, and nobody knows"),
        (Some(_), Some(_)) => {}
        _ => panic!("one end does not know that it is over: {ends:?}"),
    }
    seen == sent
}

#[track_caller]
fn arrives(crossing: &Crossing, sent: Count) {
    assert_eq!((crossing.client.closed(), crossing.server.closed()), (None, None));
    assert!(judge(crossing, sent));
}

#[track_caller]
fn moves(crossing: &Crossing, sent: Count) {
    arrives(crossing, sent);
    assert!(crossing.client.has_moved());
    assert_eq!(crossing.server.transport(), Transport::WebSocket);
}

/// An event from alternate ends every few milliseconds, so that something is always under way.
fn busy(seed: u64, wire: Wire) -> Plan {
    let deeds = (0..200).map(|step| (5, step % 2 == 0, usize::from(step % 7 == 0))).collect();
    let upgrade_after = Duration::from_millis(50 + 250 * (seed % 2));
    Plan { seed, wire, max_delay: Duration::from_millis(100), upgrade_after, deeds }
}

/// As [`busy`], and so slowly that GETs wait for something to say.
fn calm(seed: u64, wire: Wire) -> Plan {
    let deeds = busy(seed, wire).deeds.into_iter().take(20);
    let deeds = deeds.map(|(pause, by_client, attachments)| (40 * pause, by_client, attachments));
    Plan { deeds: deeds.collect(), ..busy(seed, wire) }
}

/// So many plans of each kind for each form that the bytes may have.
fn plans(seeds: u64, kinds: &[fn(u64, Wire) -> Plan]) -> impl Iterator<Item = Plan> {
    let seeds = (0..seeds).flat_map(|seed| Wire::ALL.map(|wire| (seed, wire))).enumerate();
    // No two have the same delays, and each form gets each moment to move.
    seeds.flat_map(|(index, (seed, wire))| {
        kinds.iter().map(move |kind| kind((index as u64) * 2 + seed % 2, wire))
    })
}

#[test]
fn a_cut_at_each_step_of_the_probe_loses_nothing_unnoticed() {
    let mut tally = Tally::default();
    for fault in FAULTS {
        for after in 0..12 {
            for plan in plans(2, &[busy, calm]) {
                let roads = Roads { fault: Some((after, fault)), ..Roads::default() };
                let (crossing, sent) = run(&plan, roads, |_, _| {});
                assert!(crossing.has_struck());
                // Handshake, its answer: until it is asked to wait for the WebSocket, a client loses nothing with it.
                if after < 3 {
                    arrives(&crossing, sent);
                } else {
                    judge(&crossing, sent);
                }
                tally.add(&crossing);
            }
        }
        tally.has_met((0..=Sight::CARRIES).map(|step| Sight::Fault(fault, step)), 24);
    }
}

#[test]
fn a_mishap_of_each_request_loses_nothing_unnoticed() {
    let mut tally = Tally::default();
    for mishap in MISHAPS {
        for number in 0..12 {
            for plan in plans(2, &[busy, calm]) {
                let roads = Roads { mishap: Some((number, mishap)), ..Roads::default() };
                let (crossing, sent) = run(&plan, roads, |_, _| {});
                judge(&crossing, sent);
                tally.add(&crossing);
            }
        }
        tally.has_met([Sight::Get(mishap), Sight::Post(mishap)], 30);
    }
    tally.has_met([Sight::GetAtProbe, Sight::GetAtPause, Sight::PostAtPause], 100);
    tally.has_met([Sight::PostAtProbe, Sight::Noop], 20);
}

#[test]
fn a_post_that_arrives_again_while_it_is_read_ends_the_session() {
    let mut tally = Tally::default();
    for number in 0..12 {
        for plan in plans(2, &[busy, calm]) {
            let roads = Roads { mishap: Some((number, Mishap::Doubled)), ..Roads::default() };
            let (crossing, sent) = run(&plan, roads, |_, _| {});
            judge(&crossing, sent);
            if crossing.seen().contains(&Sight::Post(Mishap::Doubled)) {
                assert_eq!(crossing.server.closed(), Some(Reason::TransportError));
            }
            tally.add(&crossing);
        }
    }
    tally.has_met([Sight::Post(Mishap::Doubled)], 30);
}

/// Engine.IO has no numbers by which a copy could be told from another POST, so that is all that can be asked for.
#[test]
fn a_post_that_arrives_again_later_is_heard_again_or_refused_and_nothing_is_lost_unnoticed() {
    let (mut heard_again, mut ended, mut refused) = (0, 0, 0);
    for number in 0..12 {
        for plan in plans(2, &[busy, calm]) {
            let roads = Roads { mishap: Some((number, Mishap::Replayed)), ..Roads::default() };
            let (crossing, sent) = run(&plan, roads, |_, _| {});
            if !crossing.seen().contains(&Sight::Post(Mishap::Replayed)) {
                continue;
            }
            in_order(crossing.client.heard());
            let mut numbers = numbers(crossing.server.heard());
            let mut next = 0;
            let mut copies = Vec::new();
            numbers.retain(|&number| {
                let is_new = number == next;
                if is_new {
                    next += 1;
                } else {
                    copies.push(number);
                }
                is_new
            });
            assert!(copies.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{copies:?}");
            assert!(copies.iter().all(|copy| *copy < next), "{copies:?} of {next}");
            match (crossing.client.closed(), crossing.server.closed()) {
                (None, None) => assert_eq!(next, sent.by_client, "lost, and nobody knows"),
                (Some(_), Some(_)) => ended += 1,
                ends => panic!("one end does not know that it is over: {ends:?}"),
            }
            heard_again += usize::from(!copies.is_empty());
            refused += usize::from(copies.is_empty() && crossing.server.closed().is_none());
        }
    }
    assert!(heard_again > 10 && ended > 10 && refused > 10, "{heard_again}, {ended}, {refused}");
}

#[test]
fn the_plan_for_the_tables_sends_before_while_and_after_the_session_moves() {
    for plan in plans(4, &[busy]) {
        let mut stages = [0; 3];
        let (crossing, sent) =
            run(&plan, Roads::default(), |_, crossing| match crossing.server.transport() {
                Transport::Polling => stages[0] += 1,
                Transport::Probing | Transport::Probed => stages[1] += 1,
                Transport::WebSocket => stages[2] += 1,
            });
        moves(&crossing, sent);
        assert!(stages.iter().all(|&steps| steps > 4), "{stages:?}");
        assert!(sent.by_client > 50 && sent.by_server > 50, "{sent:?}");
    }
}

#[test]
fn a_server_that_closes_at_any_step_tells_the_client() {
    for step in 0..60 {
        for plan in plans(1, &[busy]) {
            let (crossing, sent) = run(&plan, Roads::default(), |at, crossing| {
                if at == step {
                    crossing.server.close(Reason::ServerShuttingDown);
                }
            });
            judge(&crossing, sent);
            assert_eq!(crossing.server.closed(), Some(Reason::ServerShuttingDown));
            assert!(crossing.client.closed().is_some());
        }
    }
}

/// Runs a property for plans and more, and counts what it meets.
#[track_caller]
fn check<M: std::fmt::Debug>(
    more: impl Strategy<Value = M>,
    property: impl Fn(&Plan, M) -> Crossing,
) -> Tally {
    let config =
        ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    let tally = RefCell::<Tally>::default();
    let result = TestRunner::new(config).run(&(any_plan(), more), |(plan, more)| {
        tally.borrow_mut().add(&property(&plan, more));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    tally.into_inner()
}

#[test]
fn everything_arrives_once_and_in_order_and_the_session_ends_on_websocket() {
    let tally = check(Just(()), |plan, ()| {
        let (crossing, sent) = run(plan, Roads::default(), |_, _| {});
        moves(&crossing, sent);
        crossing
    });
    tally.has_met([Sight::GetAtProbe, Sight::GetAtPause, Sight::PostAtPause], 10);
    tally.has_met([Sight::Noop], 10);
}

#[test]
fn a_second_websocket_disturbs_nothing() {
    let tally = check(0..80_usize, |plan, at| {
        let (crossing, sent) = run(plan, Roads::default(), |step, crossing| {
            if step == at {
                crossing.offer_another(0);
                crossing.offer_another(1);
            }
        });
        arrives(&crossing, sent);
        crossing
    });
    tally.has_met([Sight::TurnedAway], 10);
}

#[test]
fn with_one_fault_all_arrives_or_both_ends_learn_why() {
    let after = prop_oneof![0..=Sight::CARRIES, 0..60_u64];
    let mishap = prop::option::of((0..12_u64, prop::sample::select(&MISHAPS[..])));
    let fault = prop::option::of((after, prop::sample::select(&FAULTS[..])));
    let another = prop::option::of(0..80_usize);
    let tally = check((mishap, fault, another), |plan, (mishap, fault, another)| {
        let roads = Roads { mishap, fault, ..Roads::default() };
        let (crossing, sent) = run(plan, roads, |step, crossing| {
            if another == Some(step) {
                crossing.offer_another(0);
            }
        });
        judge(&crossing, sent);
        crossing
    });
    tally.has_met(FAULTS.map(|fault| Sight::Fault(fault, Sight::CARRIES)), 3);
    tally.has_met([Sight::TurnedAway, Sight::GetAtProbe, Sight::PostAtProbe], 3);
}
