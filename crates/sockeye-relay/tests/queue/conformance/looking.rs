//! People look at a queue, and take out what waits.

use sockeye_relay::queue::{NewTask, Reason, State, Verdict};

use super::steps::*;
use crate::bench::Bench;

pub(crate) async fn tasks_that_wait_are_looked_at_in_order<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    put(&queue, &["a", "b", "c", "d", "e"]).await;
    claim(&queue, 1).await;
    let look = async |skip, count| {
        let seen = queue.peek(skip, count).await.expect("it looks");
        assert!(seen.iter().all(|one| one.state == State::Queued), "{seen:?}");
        bodies_of(&seen)
    };
    assert_eq!(look(0, 10).await, ["b", "c", "d", "e"]);
    assert_eq!(look(1, 2).await, ["c", "d"]);
    assert_eq!(look(4, 10).await, [""; 0]);
    assert_eq!(look(0, 0).await, [""; 0]);
    assert_eq!(bodies(&claim(&queue, 10).await), ["b", "c", "d", "e"], "looking takes nothing");
}

pub(crate) async fn a_task_is_found_in_every_state<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    let state = async |id| queue.find(id).await.expect("it looks").map(|seen| seen.state);
    let later = NewTask { not_before: Some(soon() + LONG * 10), ..task("later") };
    queue.put(vec![task("a"), task("b"), task("c"), task("d"), later]).await.expect("taken");
    let claimed = claim(&queue, 3).await;
    settle(&queue, &claimed[0], done()).await;
    settle(&queue, &claimed[1], Verdict::Held(epitaph(Reason::Unknown))).await;
    settle(&queue, &claimed[2], Verdict::Dead(epitaph(Reason::Refused))).await;
    assert_eq!(state("a").await, Some(State::Done));
    assert_eq!(state("b").await, Some(State::Held));
    assert_eq!(state("c").await, Some(State::Dead));
    assert_eq!(state("nobody").await, None);
    if bench.promises().finds_queued {
        assert_eq!(state("d").await, Some(State::Queued));
        assert_eq!(state("later").await, Some(State::Delayed));
        claim(&queue, 1).await;
        assert_eq!(state("d").await, Some(State::Claimed));
    }
}

pub(crate) async fn what_waits_can_be_cancelled<B: Bench>(bench: &B) {
    if !bench.promises().finds_queued {
        return;
    }
    let queue = bench.open().await;
    let later = NewTask { not_before: Some(soon() + LONG * 10), ..task("later") };
    queue.put(vec![task("a"), task("b"), task("c"), later]).await.expect("tasks are taken");
    claim(&queue, 1).await;
    let cancel = async |id| queue.cancel(id).await.expect("it answers");
    assert!(cancel("b").await);
    assert!(!cancel("b").await, "it is gone");
    assert!(!cancel("a").await, "it is claimed");
    assert!(!cancel("nobody").await);
    assert!(cancel("later").await);
    assert_eq!(bodies(&claim(&queue, 10).await), ["c"]);
    put(&queue, &["b"]).await;
    assert_eq!(bodies(&claim(&queue, 10).await), ["b"], "what was cancelled may be put again");
}

pub(crate) async fn everything_is_counted<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    let other = bench.open().await;
    let empty = queue.stats().await.expect("it counts");
    assert_eq!(
        (empty.ready, empty.delayed, empty.claimed, empty.held, empty.dead),
        (0, 0, 0, 0, 0)
    );
    assert_eq!(empty.oldest, None);
    assert!(!empty.is_paused);

    let later = NewTask { not_before: Some(soon() + LONG * 10), ..task("later") };
    put(&queue, &["a", "b", "c", "d", "e", "f"]).await;
    queue.put(vec![later]).await.expect("a task is taken");
    let claimed = claim(&queue, 4).await;
    settle(&queue, &claimed[0], done()).await;
    settle(&queue, &claimed[1], Verdict::Held(epitaph(Reason::Unknown))).await;
    settle(&queue, &claimed[2], Verdict::Dead(epitaph(Reason::Refused))).await;
    for looks in [&queue, &other] {
        let stats = looks.stats().await.expect("it counts");
        let counts = (stats.ready, stats.delayed, stats.claimed, stats.held, stats.dead);
        assert_eq!(counts, (2, 1, 1, 1, 1));
        if bench.promises().counts_done {
            assert_eq!(stats.done, Some(1));
        }
        if bench.promises().knows_queued_at {
            assert!(stats.oldest.expect("one waits") < LONG);
        }
        assert!(!stats.instances.is_empty());
    }
}
