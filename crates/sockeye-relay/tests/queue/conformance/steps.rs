//! The steps that tests of stores are made of.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use sockeye_relay::queue::{
    Claimed, Epitaph, NewTask, Queue, Reason, Seen, Settled, Settlement, Verdict,
};

/// A task whose body is its id.
pub(crate) fn task(id: &str) -> NewTask {
    NewTask {
        id: Some(id.into()),
        body: Bytes::copy_from_slice(id.as_bytes()),
        ..NewTask::default()
    }
}

/// A task of a lane.
pub(crate) fn keyed(id: &str, key: &str) -> NewTask {
    NewTask { key: Some(key.into()), ..task(id) }
}

/// Puts tasks, each named by its id.
pub(crate) async fn put(queue: &Arc<dyn Queue>, ids: &[&str]) {
    queue.put(ids.iter().map(|id| task(id)).collect()).await.expect("tasks are taken");
}

/// Claims what there is.
pub(crate) async fn claim(queue: &Arc<dyn Queue>, room: usize) -> Vec<Claimed> {
    queue.claim(room).await.expect("tasks can be claimed")
}

/// Claims, waiting for changes, until there is something; fails past `limit`.
pub(crate) async fn claim_within(
    queue: &Arc<dyn Queue>,
    room: usize,
    limit: Duration,
) -> Vec<Claimed> {
    let began = Instant::now();
    loop {
        let claimed = claim(queue, room).await;
        if !claimed.is_empty() {
            assert!(began.elapsed() < limit, "claimed after {:?}", began.elapsed());
            return claimed;
        }
        tokio::time::timeout(limit.saturating_sub(began.elapsed()), queue.changed())
            .await
            .expect("there is something to claim in time");
    }
}

/// The bodies of claimed tasks: with [`task`], their ids.
pub(crate) fn bodies(claimed: &[Claimed]) -> Vec<String> {
    claimed
        .iter()
        .map(|one| String::from_utf8(one.body.to_vec()).expect("a body of text"))
        .collect()
}

/// The bodies of tasks that were looked at.
pub(crate) fn bodies_of(seen: &[Seen]) -> Vec<String> {
    seen.iter().map(|one| String::from_utf8(one.body.to_vec()).expect("a body of text")).collect()
}

/// A settlement of a task whose body is its id.
pub(crate) fn settlement(claimed: &Claimed, verdict: Verdict) -> Settlement {
    let id = std::str::from_utf8(&claimed.body).expect("a body of text");
    Settlement { claim: claimed.claim, id: Some(id.into()), verdict }
}

/// Settles one task.
pub(crate) async fn settle(queue: &Arc<dyn Queue>, claimed: &Claimed, verdict: Verdict) -> Settled {
    let answers = queue.settle(vec![settlement(claimed, verdict)]).await.expect("it is settled");
    let [answer] = answers[..] else { panic!("one answer, not {answers:?}") };
    answer
}

/// Done, with no result.
pub(crate) fn done() -> Verdict {
    Verdict::Done { result: None, reply_to: None }
}

/// Why a task is dead in these tests.
pub(crate) fn epitaph(reason: Reason) -> Epitaph {
    Epitaph { reason, error: format!("said {reason}"), attempts: 2 }
}

/// A moment that comes soon.
pub(crate) fn soon() -> SystemTime {
    SystemTime::now() + Duration::from_millis(300)
}

/// Longer than anything takes that is not broken.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// A wait ends every two seconds of itself; one that ends sooner has ended because of what happened.
pub(crate) const PROMPT: Duration = Duration::from_millis(1500);
