//! While a session moves from polling to a WebSocket each event arrives once and in order, or both ends learn why not.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

use std::time::Duration;

use proptest::prelude::*;
use sockeye_proto::{
    session::{Config, Reason, Transport},
    wire::{packet::Kind, prepared::Prepared},
};
use sockeye_testkit::{Crossing, Fault, Heard, Mishap, Roads};

/// Longer than interval and timeout of the heartbeat twice over, and than any timeout of an upgrade.
const BOUND: Duration = Duration::from_secs(120);

/// What is sent while the session moves.
#[derive(Clone, Debug)]
struct Plan {
    seed: u64,
    max_delay: Duration,
    /// Pauses in milliseconds, and who then sends an event, with how many attachments.
    deeds: Vec<(u64, bool, usize)>,
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let deed = (0..60_u64, any::<bool>(), prop_oneof![3 => Just(0_usize), 1 => 1..3_usize]);
    (any::<u64>(), 0..300_u64, prop::collection::vec(deed, 1..80)).prop_map(
        |(seed, millis, deeds)| Plan { seed, max_delay: Duration::from_millis(millis), deeds },
    )
}

fn any_mishap() -> impl Strategy<Value = Mishap> {
    prop_oneof![
        Just(Mishap::Lost),
        Just(Mishap::Swallowed),
        Just(Mishap::Doubled),
        Just(Mishap::Aborted),
        Just(Mishap::AnswerLost),
        Just(Mishap::AnswerSwallowed),
    ]
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
    let roads = Roads { max_delay: plan.max_delay, ..roads };
    let mut crossing = Crossing::new(plan.seed, &Config::default(), roads);
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
    if crossing.has_struck() {
        crossing.run_for(BOUND); // it may have been by a heartbeat, just now
    }
    (crossing, sent)
}

fn event(number: usize, attachments: usize) -> Prepared {
    let holders: String =
        (0..attachments).map(|num| format!(r#",{{"_placeholder":true,"num":{num}}}"#)).collect();
    let text = format!(r#"["said",{number}{holders}]"#);
    Prepared::packet(
        Kind::Event,
        "/",
        None,
        &text,
        vec![bytes::Bytes::from_static(b"x"); attachments],
    )
}

/// How many of the peer's events were heard: all that there are, once and in order, up to there.
#[track_caller]
fn in_order(heard: &[Heard]) -> usize {
    let numbers = heard.iter().filter_map(|heard| {
        heard.name()?;
        heard.text().split(',').next().map(str::to_owned)
    });
    let mut count = 0;
    for number in numbers {
        assert_eq!(number, count.to_string(), "twice, out of order, or with a gap");
        count += 1;
    }
    count
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

/// One event from each end every few milliseconds.
fn busy(seed: u64) -> Plan {
    let deeds = (0..200).map(|step| (5, step % 2 == 0, usize::from(step % 7 == 0))).collect();
    Plan { seed, max_delay: Duration::from_millis(100), deeds }
}

#[test]
fn a_cut_at_each_step_of_the_probe_loses_nothing_unnoticed() {
    for fault in [Fault::Cut, Fault::BlackHole] {
        for after in 0..12 {
            for seed in 0..20 {
                let roads = Roads { fault: Some((after, fault)), ..Roads::default() };
                let (crossing, sent) = run(&busy(seed), roads, |_, _| {});
                assert!(crossing.has_struck());
                // Handshake, its answer: until it is asked to wait for the WebSocket, a client loses nothing with it.
                if after < 3 {
                    arrives(&crossing, sent);
                } else {
                    judge(&crossing, sent);
                }
            }
        }
    }
}

#[test]
fn a_mishap_of_each_request_loses_nothing_unnoticed() {
    let mishaps = [
        Mishap::Lost,
        Mishap::Swallowed,
        Mishap::Doubled,
        Mishap::Aborted,
        Mishap::AnswerLost,
        Mishap::AnswerSwallowed,
    ];
    for mishap in mishaps {
        for number in 0..12 {
            for seed in 0..10 {
                let roads = Roads { mishap: Some((number, mishap)), ..Roads::default() };
                let (crossing, sent) = run(&busy(seed), roads, |_, _| {});
                judge(&crossing, sent);
            }
        }
    }
}

#[test]
fn the_plan_for_the_tables_sends_before_while_and_after_the_session_moves() {
    for seed in 0..20 {
        let mut stages = [0; 3];
        let (crossing, sent) =
            run(&busy(seed), Roads::default(), |_, crossing| match crossing.server.transport() {
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
        for seed in 0..5 {
            let (crossing, sent) = run(&busy(seed), Roads::default(), |at, crossing| {
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn everything_arrives_once_and_in_order_and_the_session_ends_on_websocket(plan in any_plan()) {
        let (crossing, sent) = run(&plan, Roads::default(), |_, _| {});
        moves(&crossing, sent);
    }

    #[test]
    fn a_second_websocket_disturbs_nothing(plan in any_plan(), at in 0..80_usize) {
        let (crossing, sent) = run(&plan, Roads::default(), |step, crossing| {
            if step == at {
                crossing.offer_another(0);
                crossing.offer_another(1);
            }
        });
        arrives(&crossing, sent);
    }

    #[test]
    fn with_one_fault_all_arrives_or_both_ends_learn_why(
        plan in any_plan(),
        mishap in prop::option::of((0..40_u64, any_mishap())),
        fault in prop::option::of((0..60_u64, prop_oneof![Just(Fault::Cut), Just(Fault::BlackHole)])),
    ) {
        let roads = Roads { mishap, fault, ..Roads::default() };
        let (crossing, sent) = run(&plan, roads, |_, _| {});
        judge(&crossing, sent);
    }
}
