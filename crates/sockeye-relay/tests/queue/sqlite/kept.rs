//! What the embedded queue keeps is bounded by size and age, and belongs to one id.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use sockeye_relay::queue::{
    Accepted, NewTask, Queue, QueueError, Reason, Verdict, Which,
    sqlite::{Options, Retention, Sqlite},
};

use super::Place;
use crate::{
    bench::Bench,
    conformance::{steps::*, tests_of},
};

tests_of!(Place:
    bytes_are_bounded_like_tasks,
    results_are_bounded_in_bytes,
    the_dead_go_before_the_held,
    what_is_old_is_forgotten,
    the_dead_make_room_for_a_new_one_and_the_held_do_not,
    reviving_keeps_to_the_bound,
    a_task_is_known_by_the_id_of_its_body_too,
);

fn open(place: &Place, options: Options) -> Arc<dyn Queue> {
    Arc::new(Sqlite::open(place.file(), options).expect("it opens"))
}

async fn bytes_are_bounded_like_tasks(bench: &Place) {
    let options = Options { max_bytes: 1000, ..Options::default() };
    let queue = open(bench, options);
    let of = |bytes: usize| vec![NewTask { body: vec![b'x'; bytes].into(), ..NewTask::default() }];
    queue.put(of(600)).await.expect("it is taken");
    match queue.put(of(401)).await {
        Err(QueueError::Full { held: 600, bound: 1000, .. }) => {}
        other => panic!("it is full: {other:?}"),
    }
    queue.put(of(400)).await.expect("it is just within");
}

async fn results_are_bounded_in_bytes(bench: &Place) {
    let usual = Options::default();
    let options = Options { done: Retention { bytes: 25, ..usual.done }, ..usual };
    let queue = open(bench, options);
    put(&queue, &["a", "b", "c"]).await;
    for one in claim(&queue, 10).await {
        let result = Some(Bytes::from_static(b"0123456789"));
        settle(&queue, &one, Verdict::Done { result, reply_to: None }).await;
    }
    let ids = ["a", "b", "c"].map(Into::into).into();
    assert_eq!(queue.finished(ids).await.expect("it looks"), [false, true, true]);
    assert_eq!(queue.stats().await.expect("it counts").done, Some(2));
}

async fn the_dead_go_before_the_held(bench: &Place) {
    let usual = Options::default();
    let options = Options { dead: Retention { count: 2, ..usual.dead }, ..usual };
    let queue = open(bench, options);
    put(&queue, &["a", "b", "c", "d", "e"]).await;
    let claimed = claim(&queue, 10).await;
    let left = async || bodies_of(&queue.dead(0, 10).await.expect("it looks"));
    settle(&queue, &claimed[0], Verdict::Held(epitaph(Reason::Unknown))).await;
    settle(&queue, &claimed[1], Verdict::Dead(epitaph(Reason::Refused))).await;
    settle(&queue, &claimed[2], Verdict::Held(epitaph(Reason::Unknown))).await;
    assert_eq!(left().await, ["a", "c"]);
    settle(&queue, &claimed[3], Verdict::Held(epitaph(Reason::Unknown))).await;
    assert_eq!(left().await, ["c", "d"]);
    settle(&queue, &claimed[4], Verdict::Dead(epitaph(Reason::Refused))).await;
    assert_eq!(left().await, ["c", "d"]);
}

async fn what_is_old_is_forgotten(bench: &Place) {
    let usual = Options::default();
    let age = Duration::from_millis(200);
    let options = Options {
        done: Retention { age, ..usual.done },
        dead: Retention { age, ..usual.dead },
        ..usual
    };
    let queue = open(bench, options);
    put(&queue, &["a", "b", "c"]).await;
    let claimed = claim(&queue, 10).await;
    settle(&queue, &claimed[0], done()).await;
    settle(&queue, &claimed[1], Verdict::Held(epitaph(Reason::Unknown))).await;
    settle(&queue, &claimed[2], Verdict::Dead(epitaph(Reason::Refused))).await;
    while queue.finished(vec!["a".into()]).await.expect("it looks") == [true] {
        tokio::task::yield_now().await;
    }
    let again = queue.put(vec![task("a")]).await.expect("it is taken");
    assert_eq!(again, [Accepted::Queued("a".into())], "it was done long ago");
    while queue.dead(0, 10).await.expect("it looks").len() > 1 {
        queue.sweep().await.expect("it is swept");
    }
    let left = bodies_of(&queue.dead(0, 10).await.expect("it looks"));
    assert_eq!(left, ["b"], "who is held waits for somebody");
    assert_eq!(queue.stats().await.expect("it counts").done, Some(0));
}

async fn the_dead_make_room_for_a_new_one_and_the_held_do_not(bench: &Place) {
    let queue = bench.open().await;
    put(&queue, &["a", "b"]).await;
    let claimed = claim(&queue, 10).await;
    settle(&queue, &claimed[0], Verdict::Held(epitaph(Reason::Unknown))).await;
    settle(&queue, &claimed[1], Verdict::Dead(epitaph(Reason::Refused))).await;
    let again = queue.put(vec![task("a"), task("b")]).await.expect("copies are no error");
    assert_eq!(again, [Accepted::Known("a".into()), Accepted::Queued("b".into())]);
    assert_eq!(bodies_of(&queue.dead(0, 10).await.expect("it looks")), ["a"]);
    let stats = queue.stats().await.expect("it counts");
    assert_eq!((stats.held, stats.dead), (1, 0));
}

async fn reviving_keeps_to_the_bound(bench: &Place) {
    let options = Options { max_tasks: 2, ..Options::default() };
    let queue = open(bench, options);
    put(&queue, &["a", "b"]).await;
    for one in claim(&queue, 10).await {
        settle(&queue, &one, Verdict::Dead(epitaph(Reason::Refused))).await;
    }
    put(&queue, &["c"]).await;
    let full = queue.revive(Which::All).await.expect_err("it is full");
    assert!(matches!(full, QueueError::Full { .. }), "{full}");
    assert_eq!(queue.dead(0, 10).await.expect("it looks").len(), 2, "all of them, or none");
    assert_eq!(queue.revive(Which::Ids(vec!["b".into()])).await.expect("one fits"), 1);
}

async fn a_task_is_known_by_the_id_of_its_body_too(bench: &Place) {
    let queue = bench.open().await;
    let nameless = NewTask { body: Bytes::from_static(b"a"), ..NewTask::default() };
    let accepted = queue.put(vec![nameless.clone(), nameless]).await.expect("they are taken");
    let Accepted::Queued(made) = &accepted[0] else { panic!("{accepted:?}") };
    let claimed = claim(&queue, 10).await;
    settle(&queue, &claimed[0], done()).await;
    let finished = queue.finished(vec!["a".into(), made.clone()]).await.expect("it looks");
    assert_eq!(finished, [true, true]);
    // Its copy, that nobody could know when it was put.
    settle(&queue, &claimed[1], Verdict::Duplicate).await;
    assert_eq!(queue.put(vec![task("a")]).await.expect("no error"), [Accepted::Known("a".into())]);
}
