//! Claims are settled, each verdict with its effect, once.

use std::time::SystemTime;

use bytes::Bytes;
use sockeye_relay::queue::{NewTask, Settled, State, Verdict};

use super::steps::*;
use crate::bench::{Bench, Wanted};

pub(crate) async fn done_is_removed_and_its_result_found<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    put(&queue, &["a"]).await;
    let claimed = claim(&queue, 1).await;
    let result = Some(Bytes::from_static(br#"{"ok":true}"#));
    let verdict = Verdict::Done { result: result.clone(), reply_to: None };
    assert_eq!(settle(&queue, &claimed[0], verdict).await, Settled::Stored);
    assert!(claim(&queue, 10).await.is_empty());
    assert_eq!(queue.finished(vec!["a".into()]).await.expect("it is looked up"), [true]);
    let seen = queue.find("a").await.expect("it looks").expect("it is remembered");
    assert_eq!((seen.state, seen.result), (State::Done, result));
}

pub(crate) async fn each_settlement_has_its_answer<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    put(&queue, &["a", "b", "c"]).await;
    let claimed = claim(&queue, 10).await;
    assert_eq!(settle(&queue, &claimed[1], done()).await, Settled::Stored);
    let all = claimed.iter().map(|one| settlement(one, done())).collect();
    let answers = queue.settle(all).await.expect("they are settled");
    assert_eq!(answers, [Settled::Stored, Settled::Fenced, Settled::Stored]);
}

pub(crate) async fn a_settled_claim_is_spent<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    put(&queue, &["a"]).await;
    let first = claim(&queue, 1).await;
    assert_eq!(settle(&queue, &first[0], Verdict::Release).await, Settled::Stored);
    let second = claim(&queue, 1).await;
    assert_eq!(bodies(&second), ["a"]);
    assert_ne!(first[0].claim, second[0].claim);
    assert_eq!(settle(&queue, &first[0], done()).await, Settled::Fenced, "it was given back");
    assert_eq!(settle(&queue, &second[0], done()).await, Settled::Stored);
}

pub(crate) async fn a_duplicate_is_only_removed<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    put(&queue, &["a"]).await;
    let claimed = claim(&queue, 1).await;
    assert_eq!(settle(&queue, &claimed[0], Verdict::Duplicate).await, Settled::Stored);
    assert!(claim(&queue, 10).await.is_empty());
    assert_eq!(queue.finished(vec!["a".into()]).await.expect("it is looked up"), [false]);
    assert_eq!(queue.dead(0, 10).await.expect("it looks").len(), 0);
}

pub(crate) async fn what_was_tried_stays_claimed<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    put(&queue, &["a"]).await;
    let claimed = claim(&queue, 1).await;
    for attempts in 1..4 {
        assert_eq!(settle(&queue, &claimed[0], Verdict::Tried { attempts }).await, Settled::Stored);
        assert!(claim(&queue, 10).await.is_empty());
    }
    assert_eq!(settle(&queue, &claimed[0], Verdict::Release).await, Settled::Stored);
    assert_eq!(claim(&queue, 1).await[0].attempts, 3);
}

pub(crate) async fn what_is_released_is_at_the_head_in_its_order<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    put(&queue, &["a", "b", "c", "d", "e", "f"]).await;
    let claimed = claim(&queue, 4).await;
    let verdicts = [done(), Verdict::Release, Verdict::Release, done()];
    let all = claimed.iter().zip(verdicts).map(|(one, verdict)| settlement(one, verdict)).collect();
    assert_eq!(queue.settle(all).await.expect("they are settled"), [Settled::Stored; 4]);
    assert_eq!(bodies(&claim(&queue, 10).await), ["b", "c", "e", "f"]);
}

pub(crate) async fn what_comes_later_waits_for_its_time<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    put(&queue, &["a", "b"]).await;
    let claimed = claim(&queue, 1).await;
    let due = soon();
    let verdict = Verdict::Later { due, attempts: 4 };
    assert_eq!(settle(&queue, &claimed[0], verdict).await, Settled::Stored);
    assert_eq!(bodies(&claim(&queue, 10).await), ["b"], "others go first");
    let again = claim_within(&queue, 10, LONG).await;
    assert!(SystemTime::now() >= due, "it was claimed before its time");
    assert_eq!(bodies(&again), ["a"]);
    assert_eq!(again[0].attempts, 4);
}

/// Whether it was put so, or was claimed before: as many as there are digits for would be sorted by these.
pub(crate) async fn what_is_due_at_once_keeps_its_order<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    let ids: Vec<String> = (1..=120).map(|n| n.to_string()).collect();
    let due = soon();
    let not_before = |id: &String| NewTask { not_before: Some(due), ..task(id) };
    queue.put(ids.iter().map(not_before).collect()).await.expect("tasks are taken");
    let mut found = Vec::new();
    while found.len() < ids.len() {
        for one in claim_within(&queue, 7, LONG).await {
            found.extend(bodies(std::slice::from_ref(&one)));
            settle(&queue, &one, done()).await;
        }
    }
    assert_eq!(found, ids, "put with a time");
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let renamed: Vec<String> = ids.iter().map(|id| format!("again-{id}")).collect();
    put(&queue, &renamed.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let claimed = claim(&queue, 120).await;
    let due = soon();
    for one in &claimed {
        settle(&queue, one, Verdict::Later { due, attempts: 0 }).await;
    }
    let mut found = Vec::new();
    while found.len() < claimed.len() {
        found.extend(bodies(&claim_within(&queue, 7, LONG).await));
    }
    assert_eq!(found, renamed, "given back for a time");
}

/// A task that waits for its time again and again, or is put back while nobody is joined, is no poison.
pub(crate) async fn what_was_given_back_is_no_delivery<B: Bench>(bench: &B) {
    let queue = bench.open().await;
    put(&queue, &["a"]).await;
    for _ in 0..3 {
        let claimed = claim_within(&queue, 1, LONG).await;
        assert_eq!(claimed[0].deliveries, 1);
        settle(&queue, &claimed[0], Verdict::Release).await;
        let claimed = claim_within(&queue, 1, LONG).await;
        assert_eq!(claimed[0].deliveries, 1);
        let verdict = Verdict::Later { due: SystemTime::now(), attempts: 0 };
        settle(&queue, &claimed[0], verdict).await;
    }
}

pub(crate) async fn what_is_done_is_forgotten_past_its_bound<B: Bench>(bench: &B) {
    if !bench.promises().bounds_done {
        return;
    }
    let queue = bench.open_as(Wanted { max_done: Some(2), ..Wanted::default() }).await;
    put(&queue, &["a", "b", "c"]).await;
    for one in claim(&queue, 10).await {
        settle(&queue, &one, done()).await;
    }
    queue.sweep().await.expect("it is swept");
    let finished = queue.finished(vec!["a".into(), "b".into(), "c".into()]).await;
    assert_eq!(finished.expect("ids are looked up"), [false, true, true]);
}
