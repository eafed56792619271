//! What is not sent any more is kept with its reason, comes back, or is dropped.

use std::sync::Arc;

use sockeye_relay::queue::{Queue, Reason, Settled, State, Verdict, Which};

use super::steps::*;
use crate::bench::{Bench, Wanted};

/// Three tasks: dead, held, dead.
async fn three(queue: &Arc<dyn Queue>) {
    put(queue, &["a", "b", "c"]).await;
    let claimed = claim(queue, 10).await;
    let verdicts = [
        Verdict::Dead(epitaph(Reason::Refused)),
        Verdict::Held(epitaph(Reason::Unknown)),
        Verdict::Dead(epitaph(Reason::Invalid)),
    ];
    for (one, verdict) in claimed.iter().zip(verdicts) {
        assert_eq!(settle(queue, one, verdict).await, Settled::Stored);
    }
}

async fn ids_of_dead(queue: &Arc<dyn Queue>, skip: usize, count: usize) -> Vec<String> {
    bodies_of(&queue.dead(skip, count).await.expect("it looks"))
}

pub(crate) async fn the_dead_are_kept_with_their_reason<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    three(&queue).await;
    assert!(claim(&queue, 10).await.is_empty());
    let dead = queue.dead(0, 10).await.expect("it looks");
    let states: Vec<State> = dead.iter().map(|one| one.state).collect();
    assert_eq!(states, [State::Dead, State::Held, State::Dead]);
    for (one, reason) in dead.iter().zip([Reason::Refused, Reason::Unknown, Reason::Invalid]) {
        assert_eq!(one.epitaph, Some(epitaph(reason)));
        assert_eq!(one.attempts, 2);
    }
    assert_eq!(ids_of_dead(&queue, 1, 1).await, ["b"]);
    assert_eq!(ids_of_dead(&queue, 3, 10).await, [""; 0]);
    let finished = queue.finished(vec!["a".into(), "b".into()]).await.expect("ids are looked up");
    assert_eq!(finished, [false, false], "dead is not done");
}

pub(crate) async fn the_dead_come_back_at_the_end<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    three(&queue).await;
    put(&queue, &["d"]).await;
    let some = Which::Ids(vec!["b".into(), "nobody".into()]);
    assert_eq!(queue.revive(some).await.expect("it revives"), 1);
    assert_eq!(ids_of_dead(&queue, 0, 10).await, ["a", "c"]);
    assert_eq!(queue.revive(Which::All).await.expect("it revives"), 2);
    assert_eq!(ids_of_dead(&queue, 0, 10).await, [""; 0]);
    let claimed = claim(&queue, 10).await;
    assert_eq!(bodies(&claimed), ["d", "b", "a", "c"]);
    for one in &claimed {
        assert_eq!((one.attempts, one.deliveries), (0, 1), "it begins anew");
    }
}

pub(crate) async fn the_dead_are_buried<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    three(&queue).await;
    let some = Which::Ids(vec!["a".into(), "nobody".into()]);
    assert_eq!(queue.bury(some).await.expect("it buries"), 1);
    assert_eq!(ids_of_dead(&queue, 0, 10).await, ["b", "c"]);
    assert_eq!(queue.bury(Which::All).await.expect("it buries"), 2);
    assert_eq!(queue.bury(Which::All).await.expect("it buries"), 0);
    assert_eq!(queue.revive(Which::All).await.expect("it revives"), 0);
    assert!(claim(&queue, 10).await.is_empty());
}

pub(crate) async fn the_dead_are_bounded<B: Bench>(bench: &B) {
    let queue = bench.open_as(Wanted { max_dead: Some(2), ..Wanted::default() }).await;
    put(&queue, &["a", "b", "c"]).await;
    for one in claim(&queue, 10).await {
        settle(&queue, &one, Verdict::Dead(epitaph(Reason::Attempts))).await;
    }
    queue.sweep().await.expect("it is swept");
    assert_eq!(ids_of_dead(&queue, 0, 10).await, ["b", "c"], "the oldest goes first");
}
