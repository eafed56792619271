//! Lanes of the embedded queue are claimed one by one: what is another's holds up nothing else.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use sockeye_relay::queue::{NewTask, Queue, Verdict};

use super::Place;
use crate::{
    bench::{Bench, Wanted},
    conformance::{steps::*, tests_of},
};

tests_of!(Place:
    another_instance_has_the_lanes_that_are_free,
    lanes_and_tasks_without_a_key_come_by_age,
    a_lane_is_free_once_nothing_of_it_is_claimed,
    a_delayed_task_holds_up_nobody_and_keeps_its_place,
    a_dead_instance_gives_its_lanes_back,
    a_lane_that_was_cancelled_empty_begins_anew,
    one_that_was_taken_for_dead_claims_nothing_before_it_knows,
);

async fn put_keyed(queue: &Arc<dyn Queue>, tasks: &[(&str, &str)]) {
    let tasks =
        tasks.iter().map(|(id, key)| if key.is_empty() { task(id) } else { keyed(id, key) });
    queue.put(tasks.collect()).await.expect("tasks are taken");
}

async fn another_instance_has_the_lanes_that_are_free(bench: &Place) {
    let (one, other) = (bench.open().await, bench.open().await);
    put_keyed(&one, &[("a1", "a"), ("a2", "a"), ("b1", "b"), ("x", ""), ("b2", "b")]).await;
    assert_eq!(bodies(&claim(&one, 1).await), ["a1"]);
    assert_eq!(bodies(&claim(&other, 10).await), ["b1", "x", "b2"]);
    assert_eq!(bodies(&claim(&one, 10).await), ["a2"]);
}

async fn lanes_and_tasks_without_a_key_come_by_age(bench: &Place) {
    let queue = bench.open().await;
    let all = [
        ("1", "a"),
        ("2", "b"),
        ("3", ""),
        ("4", "a"),
        ("5", ""),
        ("6", "c"),
        ("7", "b"),
        ("8", "a"),
    ];
    put_keyed(&queue, &all).await;
    assert_eq!(bodies(&claim(&queue, 5).await), ["1", "2", "3", "4", "5"]);
    assert_eq!(bodies(&claim(&queue, 5).await), ["6", "7", "8"]);
}

async fn a_lane_is_free_once_nothing_of_it_is_claimed(bench: &Place) {
    let (one, other) = (bench.open().await, bench.open().await);
    put_keyed(&one, &[("a1", "a"), ("a2", "a"), ("a3", "a")]).await;
    let claimed = claim(&one, 2).await;
    settle(&one, &claimed[1], Verdict::Release).await;
    assert_eq!(bodies(&claim(&other, 10).await), [""; 0]);
    settle(&one, &claimed[0], Verdict::Release).await;
    assert_eq!(bodies(&claim(&other, 10).await), ["a1", "a2", "a3"]);
}

async fn a_delayed_task_holds_up_nobody_and_keeps_its_place(bench: &Place) {
    let queue = bench.open().await;
    let due = soon();
    let later = NewTask { not_before: Some(due), ..keyed("a1", "a") };
    queue.put(vec![later, keyed("a2", "a")]).await.expect("tasks are taken");
    assert_eq!(bodies(&claim(&queue, 1).await), ["a2"]);
    put_keyed(&queue, &[("a3", "a"), ("x", "")]).await;
    // The file counts in milliseconds.
    while SystemTime::now() < due + Duration::from_millis(1) {
        queue.changed().await;
    }
    assert_eq!(bodies(&claim(&queue, 10).await), ["a1", "a3", "x"]);
}

async fn a_dead_instance_gives_its_lanes_back(bench: &Place) {
    let (one, other) = (bench.open().await, bench.open().await);
    put_keyed(&one, &[("a1", "a"), ("b1", "b"), ("a2", "a"), ("c1", "c")]).await;
    assert_eq!(bodies(&claim(&one, 3).await), ["a1", "b1", "a2"]);
    assert_eq!(bodies(&claim(&other, 10).await), ["c1"]);
    // The lease is longer than this test may take: it is its lock that tells.
    bench.crash(one).await;
    let taken = claim_within(&other, 10, LONG).await;
    assert_eq!(bodies(&taken), ["a1", "b1", "a2"]);
    assert_eq!(taken[0].deliveries, 2);
}

async fn a_lane_that_was_cancelled_empty_begins_anew(bench: &Place) {
    let queue = bench.open().await;
    put_keyed(&queue, &[("a1", "a"), ("a2", "a"), ("a3", "a")]).await;
    assert!(queue.cancel("a1").await.expect("it answers"));
    assert_eq!(bodies(&claim(&queue, 1).await), ["a2"]);
    assert!(queue.cancel("a3").await.expect("it answers"));
    put_keyed(&queue, &[("a4", "a")]).await;
    assert_eq!(bodies(&claim(&queue, 10).await), ["a4"]);
}

/// What it claimed then would be dropped with all the rest once it learns.
async fn one_that_was_taken_for_dead_claims_nothing_before_it_knows(bench: &Place) {
    let short = Wanted { lease: Duration::from_millis(300), ..Wanted::default() };
    let (one, other) = (bench.open_as(short).await, bench.open_as(short).await);
    put(&one, &["a"]).await;
    assert_eq!(bodies(&claim(&one, 1).await), ["a"]);
    assert_eq!(bodies(&claim_within(&other, 1, LONG).await), ["a"]);
    put(&one, &["b"]).await;
    assert_eq!(bodies(&claim(&one, 1).await), [""; 0]);
    assert!(!one.renew().await.expect("it answers"));
    assert_eq!(bodies(&claim(&one, 1).await), ["b"]);
}
