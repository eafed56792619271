//! Tasks leave the queue once the server has them, whatever happens in between.

use std::sync::atomic::Ordering;

use serde_json::json;
use sockeye_relay::{
    delivery::{Confirm, OnUnknown, Policy},
    queue::Reason,
    target::{Judge, Judgement, Options, Reply},
};

use crate::world::{World, policy};

#[tokio::test]
async fn what_is_acknowledged_is_done() {
    let world = World::new("acknowledged").await;
    world.put((0..500).map(|n| ("message", None, n))).await;
    let relay = world.relay(policy(Confirm::Ack), Options::default());
    world.ledger.reach(500).await;
    world.until(|stats| stats.claimed + stats.ready == 0).await;
    let ended = World::end(relay).await;
    assert_eq!(world.ledger.seen(), (0..500).map(|n| json!(n)).collect::<Vec<_>>());
    assert_eq!((ended.counts.claimed, ended.counts.confirmed, ended.unknown), (500, 500, 0));
}

#[tokio::test]
async fn every_mode_of_confirmation_ends_with_an_empty_queue() {
    for confirm in [Confirm::None, Confirm::Written, Confirm::Ack, Confirm::Event] {
        let world = World::new(&format!("modes-{confirm:?}")).await;
        world.put((0..50).map(|n| ("question", None, n))).await;
        let reply = Reply::new("answer", |task, args| {
            (*task.args.text() == *args[0].to_string()).then_some(Judgement::Success)
        });
        let relay =
            world.relay(policy(confirm), Options { reply: Some(reply), ..Options::default() });
        world.ledger.reach(50).await;
        world.until(|stats| stats.claimed + stats.ready == 0).await;
        let ended = World::end(relay).await;
        assert_eq!(ended.counts.confirmed, 50, "{confirm:?}");
        assert_eq!(world.ledger.seen().len(), 50, "{confirm:?}");
    }
}

#[tokio::test]
async fn a_lane_keeps_its_order_while_attempts_fail() {
    let world = World::new("lanes").await;
    world.ledger.refusals.store(10, Ordering::SeqCst);
    let tasks = (0..60).map(|n| ("message", Some(if n % 2 == 0 { "even" } else { "odd" }), n));
    world.put(tasks.collect::<Vec<_>>()).await;
    let mut policy = policy(Confirm::Ack);
    policy.retry.max_attempts = 100;
    let relay = world.relay(policy, Options::default());
    world.until(|stats| stats.claimed + stats.ready == 0).await;
    World::end(relay).await;
    for parity in 0..2 {
        let mut seen: Vec<u64> = world.ledger.seen().iter().filter_map(|n| n.as_u64()).collect();
        seen.retain(|n| n % 2 == parity);
        seen.dedup(); // attempts of one task follow each other
        let expect: Vec<u64> = (0..60).filter(|n| n % 2 == parity).collect();
        assert_eq!(seen, expect);
    }
}

#[tokio::test]
async fn what_the_server_refuses_for_good_is_dead() {
    let world = World::new("refused").await;
    world.put([("message", None, 1), ("message", None, 2)]).await;
    let judge = Judge::new(|_, args| match &*args[0].to_string() {
        "1" => Judgement::Permanent,
        _ => Judgement::Success,
    });
    let relay =
        world.relay(policy(Confirm::Ack), Options { judge: Some(judge), ..Options::default() });
    world.until(|stats| stats.claimed + stats.ready == 0 && stats.dead == 1).await;
    World::end(relay).await;
    let dead = world.queue.dead(0, 10).await.unwrap();
    let epitaph = dead[0].epitaph.as_ref().unwrap();
    assert_eq!(epitaph.reason, Reason::Refused);
    assert!(epitaph.error.contains("[1]"), "{epitaph:?}");
}

#[tokio::test]
async fn without_an_ack_it_is_tried_held_or_dead() {
    for (on_unknown, times) in [(OnUnknown::Retry, 3), (OnUnknown::Hold, 1), (OnUnknown::Dead, 1)] {
        let world = World::new(&format!("mute-{on_unknown:?}")).await;
        world.ledger.is_mute.store(true, Ordering::SeqCst);
        world.put([("message", None, 7)]).await;
        let relay = world.relay(Policy { on_unknown, ..policy(Confirm::Ack) }, Options::default());
        world.until(|stats| stats.dead + stats.held == 1).await;
        World::end(relay).await;
        assert_eq!(world.ledger.seen().len(), times, "{on_unknown:?}");
        let held = world.stats().await.held;
        assert_eq!(held, u64::from(on_unknown == OnUnknown::Hold));
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_dead_with_its_reason() {
    let world = World::new("unreadable").await;
    let body = |text: &str| sockeye_relay::queue::NewTask {
        body: text.to_owned().into(),
        ..Default::default()
    };
    world.queue.put(vec![body("{\"event\":"), body("[1]")]).await.unwrap();
    world.put([("message", None, 1)]).await;
    let relay = world.relay(policy(Confirm::Ack), Options::default());
    world.ledger.reach(1).await;
    world.until(|stats| stats.dead == 2).await;
    World::end(relay).await;
    for dead in world.queue.dead(0, 10).await.unwrap() {
        let epitaph = dead.epitaph.unwrap();
        assert_eq!(epitaph.reason, Reason::Invalid);
        assert!(!epitaph.error.is_empty());
    }
}

#[tokio::test]
async fn a_server_that_puts_us_out_is_joined_again() {
    let world = World::new("put-out").await;
    let relay = world.relay(policy(Confirm::Ack), Options::default());
    for n in 0..3 {
        world.put([("message", None, n)]).await;
        world.ledger.reach(n as usize + 1).await;
        world.server.of("/imchat").disconnect();
    }
    world.until(|stats| stats.claimed + stats.ready == 0).await;
    World::end(relay).await;
    assert_eq!(world.ledger.seen(), [json!(0), json!(1), json!(2)]);
}

#[tokio::test]
async fn the_second_word_to_stop_leaves_what_was_sent_claimable() {
    let world = World::new("twice").await;
    world.ledger.is_mute.store(true, Ordering::SeqCst);
    world.put((0..3).map(|n| ("message", None, n))).await;
    let mut policy = policy(Confirm::Ack);
    policy.confirm_timeout = std::time::Duration::from_secs(600);
    let relay = world.relay(policy, Options::default());
    world.ledger.reach(3).await;
    relay.0.cut();
    let ended = World::end(relay).await;
    assert_eq!(ended.unknown, 3);
    let stats = world.stats().await;
    assert_eq!((stats.ready, stats.claimed), (3, 0));
}
