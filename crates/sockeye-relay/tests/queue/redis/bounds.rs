//! However much is asked at once, it happens as a whole and is answered; and what is kept keeps its bound.

use std::sync::Arc;

use sockeye_relay::queue::{Options, Queue, QueueError, Reason, Settled, Verdict, Which, open};

use super::server;
use crate::conformance::steps::*;

/// More than a script can answer one by one (8,000), and than one step of ours takes.
const MANY: usize = 9_000;

#[tokio::test]
async fn a_batch_of_thousands_is_put_claimed_and_settled_once() {
    for fields in ["list=tasks", "stream=tasks"] {
        let Some(redis) = server(&[]) else { return };
        let queue = open(&redis.url(fields), Options::default()).await.unwrap();
        let ids: Vec<String> = (0..MANY).map(|number| number.to_string()).collect();
        let accepted = queue.put(ids.iter().map(|id| task(id)).collect()).await.unwrap();
        assert_eq!(accepted.len(), MANY, "{fields}");
        let claimed = claim(&queue, MANY + 1).await;
        assert_eq!(bodies(&claimed), ids, "{fields}: each of them once, in order");
        let all = claimed.iter().map(|one| settlement(one, done())).collect();
        let settled = queue.settle(all).await.unwrap();
        assert!(settled.iter().all(|one| *one == Settled::Stored), "{fields}");
        assert_eq!(settled.len(), MANY, "{fields}");
        assert!(claim(&queue, 1).await.is_empty(), "{fields}");
    }
}

/// An entry may have more fields than a script can add: it comes back as the object that it is read as.
#[tokio::test]
async fn an_entry_of_thousands_of_fields_comes_back_from_the_dead() {
    let Some(redis) = server(&[]) else { return };
    let queue = open(&redis.url("stream=tasks"), Options::default()).await.unwrap();
    let names: Vec<String> = (0..4_500).map(|number| format!("f{number}")).collect();
    let words = names.iter().flat_map(|name| [name.as_str(), "x\"y"]);
    redis.call(&["XADD", "tasks", "*"].into_iter().chain(words).collect::<Vec<_>>()).unwrap();
    let claimed = claim(&queue, 1).await;
    let read = |body| serde_json::from_slice::<serde_json::Value>(body).unwrap();
    assert_eq!(read(&claimed[0].body).as_object().unwrap().len(), names.len());
    let mut dead = settlement(&claimed[0], Verdict::Dead(epitaph(Reason::Invalid)));
    dead.id = Some("large".into());
    assert_eq!(queue.settle(vec![dead]).await.unwrap(), [Settled::Stored]);
    assert_eq!(queue.revive(Which::All).await.unwrap(), 1);
    let again = claim(&queue, 1).await;
    assert_eq!(read(&again[0].body), read(&claimed[0].body));
}

/// Who brings all back means those that are there, not the same ones again once the relay has laid them back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_the_dead_are_those_that_there_were() {
    for fields in ["list=tasks", "stream=tasks"] {
        let Some(redis) = server(&[]) else { return };
        let queue = open(&redis.url(fields), Options::default()).await.unwrap();
        let ids: Vec<String> = (0..1_200).map(|number| number.to_string()).collect();
        queue.put(ids.iter().map(|id| task(id)).collect()).await.unwrap();
        let lay = async |queue: &Arc<dyn Queue>| {
            let claimed = claim(queue, 2_000).await;
            let dead = || Verdict::Dead(epitaph(Reason::Refused));
            let all = claimed.iter().map(|one| settlement(one, dead())).collect();
            queue.settle(all).await.unwrap();
        };
        lay(&queue).await;
        let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
        let works = tokio::spawn({
            let queue = queue.clone();
            async move {
                while stopping.is_empty() {
                    lay(&queue).await;
                }
            }
        });
        let looks = open(&redis.url(fields), Options::default()).await.unwrap();
        let revived = tokio::time::timeout(LONG, looks.revive(Which::All)).await;
        assert_eq!(revived.expect("it ends").unwrap(), 1_200, "{fields}");
        drop(stop);
        works.abort();
    }
}

#[tokio::test]
async fn the_dead_go_before_the_held() {
    for fields in ["list=tasks&dead_count=3", "stream=tasks&dead_count=3"] {
        let Some(redis) = server(&[]) else { return };
        let queue = open(&redis.url(fields), Options::default()).await.unwrap();
        put(&queue, &["a", "b", "c", "d", "e", "f", "g"]).await;
        let claimed = claim(&queue, 10).await;
        let held = || Verdict::Held(epitaph(Reason::Unknown));
        let dead = || Verdict::Dead(epitaph(Reason::Refused));
        let there = async || -> Vec<String> {
            queue.dead(0, 10).await.unwrap().iter().map(|one| one.id.to_string()).collect()
        };
        for (index, verdict) in [held(), dead(), held(), dead()].into_iter().enumerate() {
            settle(&queue, &claimed[index], verdict).await;
        }
        assert_eq!(there().await, ["a", "c", "d"], "{fields}: the oldest of the dead went");
        settle(&queue, &claimed[4], held()).await;
        assert_eq!(there().await, ["a", "c", "e"], "{fields}");
        settle(&queue, &claimed[5], held()).await;
        assert_eq!(there().await, ["c", "e", "f"], "{fields}: there are no dead left to drop");
        settle(&queue, &claimed[6], dead()).await;
        assert_eq!(there().await, ["c", "e", "f"], "{fields}");
        let stats = queue.stats().await.unwrap();
        assert_eq!((stats.held, stats.dead), (3, 0), "{fields}");
    }
}

/// The held wait, however old; the dead behind any number of them are still found by their age.
#[tokio::test]
async fn the_dead_behind_many_held_are_dropped_by_their_age() {
    let Some(redis) = server(&[]) else { return };
    let url = redis.url("list=tasks&dead_age=100ms");
    let queue = open(&url, Options::default()).await.unwrap();
    let ids: Vec<String> = (0..1_300).map(|number| number.to_string()).collect();
    queue.put(ids.iter().map(|id| task(id)).collect()).await.unwrap();
    let claimed = claim(&queue, ids.len()).await;
    let verdict = |number| match number < 1_200 {
        true => Verdict::Held(epitaph(Reason::Unknown)),
        false => Verdict::Dead(epitaph(Reason::Refused)),
    };
    let all = claimed.iter().enumerate().map(|(n, one)| settlement(one, verdict(n))).collect();
    queue.settle(all).await.unwrap();
    let began = std::time::Instant::now();
    let mut stats = queue.stats().await.unwrap();
    while stats.dead > 0 {
        assert!(began.elapsed() < LONG, "{stats:?}");
        queue.sweep().await.unwrap();
        stats = queue.stats().await.unwrap();
    }
    assert_eq!(stats.held, 1_200);
}

/// Whoever looks at a queue page by page comes to an end, although the last that is looked at is not the last that is there.
#[tokio::test]
async fn looking_ends_at_the_horizon() {
    for fields in ["list=tasks", "stream=tasks"] {
        let Some(redis) = server(&[]) else { return };
        let queue = open(&redis.url(fields), Options::default()).await.unwrap();
        let ids: Vec<String> = (0..10_700).map(|number| number.to_string()).collect();
        queue.put(ids.iter().map(|id| task(id)).collect()).await.unwrap();
        let mut seen = Vec::new();
        loop {
            let page = bodies_of(&queue.peek(seen.len(), 600).await.unwrap());
            if page.is_empty() {
                break;
            }
            seen.extend(page);
            assert!(seen.len() <= ids.len(), "{fields}: each is seen once");
        }
        assert_eq!(queue.horizon(), 10_000);
        assert_eq!(seen, ids[..queue.horizon()], "{fields}");
        assert_eq!(queue.peek(0, 20_000).await.unwrap().len(), queue.horizon(), "{fields}");
        assert_eq!(queue.peek(usize::MAX, 1).await.unwrap().len(), 0, "{fields}");
        assert_eq!(queue.dead(usize::MAX, 1).await.unwrap().len(), 0, "{fields}");
    }
}

/// Where Redis does not know how much of a stream is unread, a put does not count it, and the bound still holds.
#[tokio::test]
async fn a_put_counts_no_stream_of_unknown_lag() {
    let Some(redis) = server(&[]) else { return };
    let fields = "stream=tasks&trim=none";
    let queue = open(&redis.url(fields), Options::default()).await.unwrap();
    assert!(claim(&queue, 1).await.is_empty(), "the group is there");
    let ids: Vec<String> = (0..3_000).map(|number| number.to_string()).collect();
    queue.put(ids.iter().map(|id| task(id)).collect()).await.unwrap();
    // With an entry missing somewhere among the unread nobody knows how many there are.
    let third = redis.call(&["XRANGE", "tasks", "-", "+", "COUNT", "3"]).unwrap();
    let third = third.lines().nth(6).unwrap();
    assert_eq!(redis.call(&["XDEL", "tasks", third]).unwrap(), "1");
    let groups = redis.call(&["XINFO", "GROUPS", "tasks"]).unwrap();
    assert!(groups.lines().skip_while(|line| *line != "lag").nth(1) != Some("2999"), "{groups}");
    let ranges = || {
        let said = redis.call(&["INFO", "commandstats"]).unwrap();
        let line = said.lines().find(|line| line.starts_with("cmdstat_xrange:"));
        line.map_or(0, |line| {
            line.split(['=', ',']).nth(1).and_then(|calls| calls.parse().ok()).unwrap_or(0)
        })
    };
    let before: u64 = ranges();
    for id in ["a", "b", "c"] {
        put(&queue, &[id]).await;
    }
    assert_eq!(ranges(), before, "far from its bound nothing is counted");
    assert_eq!(queue.stats().await.unwrap().ready, 3_002);
    let options = Options { max_tasks: 3_004, ..Options::default() };
    let bounded = open(&redis.url(fields), options).await.unwrap();
    put(&bounded, &["d", "e"]).await;
    let error = bounded.put(vec![task("f")]).await.unwrap_err();
    assert!(matches!(error, QueueError::Full { held: 3_004, bound: 3_004, .. }), "{error}");
}
