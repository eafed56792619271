//! Instances share a queue: each has its claims for as long as it lives, and no longer.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use sockeye_relay::queue::{Settled, Verdict};

use super::steps::*;
use crate::bench::{Bench, Wanted};

/// A lease that runs out while a test waits.
const SHORT: Wanted =
    Wanted { lease: Duration::from_millis(600), max_tasks: None, max_done: None, max_dead: None };

pub(crate) async fn a_crash_gives_back_in_order<B: Bench>(bench: &B) {
    let (one, other) = (bench.open_as(SHORT).await, bench.open_as(SHORT).await);
    put(&one, &["a", "b", "c", "d"]).await;
    let claimed = claim(&one, 3).await;
    assert_eq!(settle(&one, &claimed[1], done()).await, Settled::Stored);
    bench.crash(one).await;
    let mut taken = Vec::new();
    while taken.len() < 3 {
        taken.extend(claim_within(&other, 10, LONG).await);
        other.renew().await.expect("it renews");
    }
    let mut order = bodies(&taken);
    // Where each instance claims for itself, what nobody had is there before the dead one's lease has run out.
    order.retain(|id| id != "d");
    assert_eq!(order, ["a", "c"]);
    for one in taken.iter().filter(|one| one.body != "d") {
        assert_eq!(one.deliveries, 2);
    }
}

pub(crate) async fn a_crash_forgets_no_attempt<B: Bench>(bench: &B) {
    let one = bench.open_as(SHORT).await;
    put(&one, &["a"]).await;
    let claimed = claim(&one, 1).await;
    settle(&one, &claimed[0], Verdict::Tried { attempts: 3 }).await;
    bench.crash(one).await;
    let other = bench.open_as(SHORT).await;
    let again = claim_within(&other, 1, LONG).await;
    assert_eq!((again[0].attempts, again[0].deliveries), (3, 2));
}

pub(crate) async fn a_lease_that_is_renewed_holds<B: Bench>(bench: &B) {
    let (one, other) = (bench.open_as(SHORT).await, bench.open_as(SHORT).await);
    put(&one, &["a"]).await;
    let claimed = claim(&one, 1).await;
    assert_eq!(one.lease(), SHORT.lease);
    let began = Instant::now();
    let mut beat = tokio::time::interval(SHORT.lease / 3);
    while began.elapsed() < SHORT.lease * 3 {
        beat.tick().await;
        assert!(one.renew().await.expect("it renews"));
        other.sweep().await.expect("it is swept");
        assert!(claim(&other, 10).await.is_empty(), "it is another's");
    }
    assert_eq!(settle(&one, &claimed[0], done()).await, Settled::Stored);
}

pub(crate) async fn a_lease_that_ran_out_is_fenced<B: Bench>(bench: &B) {
    let (one, other) = (bench.open_as(SHORT).await, bench.open_as(SHORT).await);
    put(&one, &["a", "b"]).await;
    let stale = claim(&one, 2).await;
    let taken = claim_within(&other, 2, LONG).await;
    assert_eq!(bodies(&taken), ["a", "b"]);
    let verdicts = [done(), Verdict::Release];
    let late = stale.iter().zip(verdicts).map(|(one, verdict)| settlement(one, verdict)).collect();
    assert_eq!(one.settle(late).await.expect("it answers"), [Settled::Fenced; 2]);
    assert_eq!(one.finished(vec!["a".into()]).await.expect("it is looked up"), [false]);
    let now = taken.iter().map(|one| settlement(one, done())).collect();
    assert_eq!(other.settle(now).await.expect("it answers"), [Settled::Stored; 2]);
}

pub(crate) async fn one_that_was_fenced_begins_anew<B: Bench>(bench: &B) {
    let (one, other) = (bench.open_as(SHORT).await, bench.open_as(SHORT).await);
    put(&one, &["a"]).await;
    let stale = claim(&one, 1).await;
    let taken = claim_within(&other, 1, LONG).await;
    assert!(!one.renew().await.expect("it answers"), "its lease ran out");
    assert!(one.renew().await.expect("it answers"), "it is another one now");
    assert_eq!(settle(&other, &taken[0], done()).await, Settled::Stored);
    other.close().await.expect("it closes");

    put(&one, &["b"]).await;
    let claimed = claim_within(&one, 1, LONG).await;
    assert_eq!(settle(&one, &stale[0], done()).await, Settled::Fenced, "old claims stay fenced");
    assert_eq!(settle(&one, &claimed[0], done()).await, Settled::Stored);
}

pub(crate) async fn keys_keep_their_order_between_instances<B: Bench>(bench: &B) {
    if !bench.promises().keeps_order {
        return;
    }
    let (one, other) = (bench.open().await, bench.open().await);
    let tasks = ["k1", "k2", "k3"].map(|id| keyed(id, "k")).into();
    one.put(tasks).await.expect("tasks are taken");
    let first = claim(&one, 1).await;
    assert_eq!(bodies(&first), ["k1"]);
    assert!(claim(&other, 10).await.is_empty(), "the lane is another's");
    settle(&one, &first[0], Verdict::Tried { attempts: 1 }).await;
    assert!(claim(&other, 10).await.is_empty(), "the lane waits out its head's delay");
    let second = claim(&one, 1).await;
    assert_eq!(bodies(&second), ["k2"], "its owner may have more of it");
    settle(&one, &first[0], done()).await;
    assert!(claim(&other, 10).await.is_empty(), "it still has one of it");
    settle(&one, &second[0], done()).await;
    one.close().await.expect("it closes");
    assert_eq!(bodies(&claim_within(&other, 10, LONG).await), ["k3"]);
}

pub(crate) async fn closing_gives_back_at_once<B: Bench>(bench: &B) {
    let (one, other) = (bench.open().await, bench.open().await);
    put(&one, &["a", "b", "c"]).await;
    let claimed = claim(&one, 2).await;
    assert_eq!(bodies(&claimed), ["a", "b"]);
    one.close().await.expect("it closes");
    // The default lease is longer than the limit of this test.
    let taken = claim_within(&other, 10, LONG).await;
    assert_eq!(bodies(&taken), ["a", "b", "c"]);
    assert_eq!(taken[0].deliveries, 1, "it was given back in peace");
    assert_eq!(settle(&one, &claimed[0], done()).await, Settled::Fenced);
}

pub(crate) async fn another_instance_wakes_who_waits<B: Bench>(bench: &B) {
    let (one, other) = (bench.open().await, bench.open().await);
    assert!(claim(&one, 10).await.is_empty());
    let waits = {
        let one = one.clone();
        tokio::spawn(async move { claim_within(&one, 10, LONG).await })
    };
    tokio::task::yield_now().await;
    let began = Instant::now();
    put(&other, &["a"]).await;
    assert_eq!(bodies(&waits.await.expect("it claims")), ["a"]);
    assert!(began.elapsed() < PROMPT, "{:?}", began.elapsed());
}

pub(crate) async fn what_is_stored_outlives_everybody<B: Bench>(bench: &B) {
    let one = bench.open().await;
    put(&one, &["a", "b", "c"]).await;
    let claimed = claim(&one, 1).await;
    settle(&one, &claimed[0], done()).await;
    one.close().await.expect("it closes");
    drop(one);
    let other = bench.open().await;
    assert_eq!(other.finished(vec!["a".into()]).await.expect("it is looked up"), [true]);
    assert_eq!(bodies(&claim_within(&other, 10, LONG).await), ["b", "c"]);
}

pub(crate) async fn instances_at_work_at_once_double_and_overtake_nothing<B: Bench>(bench: &B) {
    const TASKS: usize = 240;
    let queues = [bench.open().await, bench.open().await, bench.open().await];
    // Three of four have one of seven keys.
    let key_of = |number: usize| (!number.is_multiple_of(4)).then(|| format!("key-{}", number % 7));
    for numbers in (0..TASKS).collect::<Vec<_>>().chunks(30) {
        let tasks = numbers.iter().map(|&number| match key_of(number) {
            Some(key) => keyed(&number.to_string(), &key),
            None => task(&number.to_string()),
        });
        queues[0].put(tasks.collect()).await.expect("tasks are taken");
    }
    let order = Arc::new(Mutex::new(Vec::new()));
    let workers = queues.map(|queue| {
        let order = order.clone();
        tokio::spawn(async move {
            while order.lock().expect("no panic").len() < TASKS {
                let claimed = claim(&queue, 5).await;
                if claimed.is_empty() {
                    // Another may have the last ones.
                    let _ = tokio::time::timeout(Duration::from_millis(50), queue.changed()).await;
                    continue;
                }
                order.lock().expect("no panic").extend(bodies(&claimed));
                let all = claimed.iter().map(|one| settlement(one, done())).collect();
                for settled in queue.settle(all).await.expect("they are settled") {
                    assert_eq!(settled, Settled::Stored);
                }
            }
            // Whoever owns the whole queue lets the others have it.
            queue.close().await.expect("it closes");
        })
    });
    for worker in workers {
        worker.await.expect("it works");
    }
    let order = order.lock().expect("no panic");
    let numbers: Vec<usize> = order.iter().map(|id| id.parse().expect("a number")).collect();
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..TASKS).collect::<Vec<_>>(), "each of them once");
    if !bench.promises().keeps_order {
        return; // nothing is overtaken where there is no order
    }
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    for number in numbers {
        if let Some(key) = key_of(number) {
            let before = last.insert(key, number);
            assert!(before.is_none_or(|before| before < number), "{number} came after {before:?}");
        }
    }
}
