//! Tasks are put, and claimed in their order, each when it is due.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use sockeye_relay::queue::{Accepted, NewTask, QueueError};

use super::steps::*;
use crate::bench::{Bench, Wanted};

pub(crate) async fn a_task_is_claimed_as_it_was_put<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    let before = SystemTime::now() - Duration::from_millis(5);
    let nameless = NewTask { body: Bytes::from_static(b"nameless"), ..NewTask::default() };
    let answers = queue.put(vec![task("a"), nameless]).await.expect("tasks are taken");
    assert_eq!(answers[0], Accepted::Queued("a".into()));
    let Accepted::Queued(made) = &answers[1] else { panic!("{answers:?}") };
    assert!(!made.is_empty(), "a task without an id is given one");

    let claimed = claim(&queue, 10).await;
    assert_eq!(bodies(&claimed), ["a", "nameless"]);
    for one in &claimed {
        assert_eq!((one.attempts, one.deliveries), (0, 1));
    }
    if bench.promises().knows_queued_at {
        let queued_at = claimed[0].queued_at.expect("a store that knows");
        assert!(queued_at >= before && queued_at <= SystemTime::now(), "{queued_at:?}");
    }
    assert_eq!(bodies(&claim(&queue, 10).await), [""; 0], "a claimed task is not claimed again");
}

pub(crate) async fn tasks_without_a_key_come_in_the_order_of_their_arrival<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    let ids: Vec<String> = (0..50).map(|n| format!("task-{n}")).collect();
    for batch in ids.chunks(9) {
        put(&queue, &batch.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    let mut claimed = Vec::new();
    while claimed.len() < 50 {
        let some = claim(&queue, 7).await;
        assert!(!some.is_empty(), "{} of 50", claimed.len());
        claimed.extend(bodies(&some));
    }
    assert_eq!(claimed, ids);
}

pub(crate) async fn a_claim_takes_no_more_than_there_is_room_for<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    put(&queue, &["a", "b", "c"]).await;
    assert_eq!(bodies(&claim(&queue, 0).await), [""; 0]);
    assert_eq!(bodies(&claim(&queue, 2).await), ["a", "b"]);
    let began = Instant::now();
    queue.changed().await;
    assert!(began.elapsed() < PROMPT, "there was more: {:?}", began.elapsed());
    assert_eq!(bodies(&claim(&queue, 2).await), ["c"]);
}

pub(crate) async fn nothing_asked_is_nothing_done<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    assert_eq!(queue.put(Vec::new()).await.expect("nothing is put"), []);
    assert_eq!(queue.settle(Vec::new()).await.expect("nothing is settled"), []);
    assert_eq!(queue.finished(Vec::new()).await.expect("nothing is looked up"), [false; 0]);
    assert!(queue.renew().await.expect("an instance without claims lives"));
    queue.sweep().await.expect("an empty queue is swept");
    assert_eq!(bodies(&claim(&queue, 10).await), [""; 0]);
}

pub(crate) async fn bodies_may_be_any_bytes<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    let all: Vec<Bytes> = vec![
        Bytes::new(),
        Bytes::from_static(b"\0\xff\xfe'\"\r\n"),
        Bytes::from((0..1_000_000).map(|n| (n % 251) as u8).collect::<Vec<u8>>()),
    ];
    let tasks = all.iter().map(|body| NewTask { body: body.clone(), ..NewTask::default() });
    queue.put(tasks.collect()).await.expect("tasks are taken");
    let claimed: Vec<Bytes> = claim(&queue, 10).await.into_iter().map(|one| one.body).collect();
    assert!(claimed == all, "{:?}", claimed.iter().map(Bytes::len).collect::<Vec<_>>());
}

pub(crate) async fn a_task_is_not_claimed_before_its_time<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    let due = soon();
    let later = NewTask { not_before: Some(due), ..task("later") };
    let past = NewTask { not_before: Some(SystemTime::UNIX_EPOCH), ..task("past") };
    queue.put(vec![later, past, task("now")]).await.expect("tasks are taken");
    let mut now = bodies(&claim(&queue, 10).await);
    now.sort();
    assert_eq!(now, ["now", "past"]);
    assert_eq!(bodies(&claim_within(&queue, 10, LONG).await), ["later"]);
    let late = SystemTime::now().duration_since(due).expect("it was not claimed before its time");
    assert!(late < PROMPT, "{late:?}");
}

pub(crate) async fn a_wait_ends_when_a_task_is_put<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    assert!(claim(&queue, 10).await.is_empty());
    let waits = {
        let queue = queue.clone();
        tokio::spawn(async move { claim_within(&queue, 10, LONG).await })
    };
    tokio::task::yield_now().await;
    let began = Instant::now();
    put(&queue, &["a"]).await;
    assert_eq!(bodies(&waits.await.expect("it claims")), ["a"]);
    assert!(began.elapsed() < PROMPT, "{:?}", began.elapsed());
}

pub(crate) async fn a_wait_that_begins_late_still_ends<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    assert!(claim(&queue, 10).await.is_empty());
    put(&queue, &["a"]).await;
    let began = Instant::now();
    queue.changed().await;
    assert!(began.elapsed() < PROMPT, "{:?}", began.elapsed());
    assert_eq!(bodies(&claim(&queue, 10).await), ["a"]);
}

pub(crate) async fn a_queue_that_is_full_takes_none_of_a_batch<B: Bench>(bench: &B) {
    let queue = bench.open_as(Wanted { max_tasks: Some(3), ..Wanted::default() }).await;
    put(&queue, &["a", "b"]).await;
    match queue.put(vec![task("c"), task("d")]).await {
        Err(error @ QueueError::Full { bound: 3, .. }) => assert!(error.is_passing()),
        other => panic!("it should be full: {other:?}"),
    }
    let claimed = claim(&queue, 10).await;
    assert_eq!(bodies(&claimed), ["a", "b"], "all of a batch, or none");
    assert!(queue.put(vec![task("c"), task("d")]).await.is_err(), "what is claimed counts, too");
    settle(&queue, &claimed[0], done()).await;
    put(&queue, &["c", "d"]).await;
    assert_eq!(bodies(&claim(&queue, 10).await), ["c", "d"]);
}

pub(crate) async fn copies_are_known<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    put(&queue, &["a"]).await;
    let again =
        queue.put(vec![task("a"), task("b"), task("b")]).await.expect("copies are no error");
    if bench.promises().refuses_copies {
        let known = |id: &str| Accepted::Known(id.into());
        assert_eq!(again, [known("a"), Accepted::Queued("b".into()), known("b")]);
    }
    let claimed = claim(&queue, 10).await;
    settle(&queue, &claimed[0], done()).await;
    let finished = queue.finished(vec!["a".into(), "b".into()]).await.expect("ids are looked up");
    assert_eq!(finished, [true, false]);
    if bench.promises().refuses_copies {
        assert_eq!(bodies(&claimed), ["a", "b"]);
        let again = queue.put(vec![task("a")]).await.expect("a copy is no error");
        assert_eq!(again, [Accepted::Known("a".into())], "it was done not long ago");
        assert!(claim(&queue, 10).await.is_empty());
    }
}

pub(crate) async fn nobody_claims_while_it_is_paused<B: Bench>(bench: &B) {
    let (one, other) = (bench.open().await, bench.open().await);
    put(&one, &["a", "b"]).await;
    let claimed = claim(&one, 1).await;
    other.pause(true).await.expect("it pauses");
    assert!(claim(&one, 10).await.is_empty());
    assert!(claim(&other, 10).await.is_empty());
    assert!(one.stats().await.expect("it counts").is_paused);
    settle(&one, &claimed[0], done()).await;
    put(&one, &["c"]).await;
    drop(other);

    let third = bench.open().await;
    assert!(third.stats().await.expect("it counts").is_paused, "it outlives who said it");
    third.pause(false).await.expect("it goes on");
    assert_eq!(bodies(&claim_within(&one, 10, LONG).await), ["b", "c"]);
}
