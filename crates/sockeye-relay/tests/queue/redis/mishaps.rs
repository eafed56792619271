//! Redis is killed, emptied, full, or forgets: the queue comes back, and says what it can't do.

use std::{io, sync::Arc, time::Duration};

use sockeye_relay::queue::{Claimed, Options, Queue, QueueError, Reason, Settled, Verdict, open};

use sockeye_testkit::RedisServer;
use tokio::task::JoinHandle;

use super::server;
use crate::conformance::steps::*;

const LIMIT: Duration = Duration::from_secs(30);

/// Claims as the relay does: errors that pass are waited out.
async fn claim_at_last(queue: &Arc<dyn Queue>) -> Vec<Claimed> {
    tokio::time::timeout(LIMIT, async {
        loop {
            match queue.claim(10).await {
                Ok(claimed) if !claimed.is_empty() => return claimed,
                Ok(_) => queue.changed().await,
                Err(error) => {
                    assert!(error.is_passing(), "{error}");
                    tokio::task::yield_now().await;
                }
            }
        }
    })
    .await
    .expect("it comes back in time")
}

#[tokio::test]
async fn a_server_that_was_killed_comes_back_with_all_of_it() {
    for fields in ["list=tasks", "stream=tasks"] {
        let Some(mut redis) = server(&["--appendonly", "yes", "--appendfsync", "always"]) else {
            return;
        };
        let queue = open(&redis.url(fields), Options::default()).await.unwrap();
        put(&queue, &["a", "b", "c"]).await;
        let claimed = claim(&queue, 1).await;
        redis.kill();
        let error = queue.settle(vec![settlement(&claimed[0], done())]).await.unwrap_err();
        assert!(matches!(error, QueueError::Unavailable { .. }), "{error}");
        redis.restart().unwrap();
        assert_eq!(bodies(&claim_at_last(&queue).await), ["b", "c"]);
        assert_eq!(settle(&queue, &claimed[0], done()).await, Settled::Stored);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_was_cut_is_made_anew() {
    for fields in ["list=tasks", "stream=tasks"] {
        let Some(redis) = server(&[]) else { return };
        let queue = open(&redis.url(fields), Options::default()).await.unwrap();
        assert!(claim(&queue, 10).await.is_empty());
        let waits = {
            let queue = queue.clone();
            tokio::spawn(async move { claim_at_last(&queue).await })
        };
        redis
            .wait_for(&["CLIENT", "LIST"], |said| {
                said.contains("cmd=blmove") || said.contains("cmd=xread")
            })
            .unwrap();
        redis.call(&["CLIENT", "KILL", "TYPE", "normal"]).unwrap();
        redis
            .call(&if fields.starts_with("list") {
                vec!["LPUSH", "tasks", "a"]
            } else {
                vec!["XADD", "tasks", "*", "task", "a"]
            })
            .unwrap();
        assert_eq!(bodies(&waits.await.unwrap()), ["a"]);
    }
}

#[tokio::test]
async fn scripts_that_were_forgotten_are_told_again() {
    let Some(redis) = server(&[]) else { return };
    let queue = open(&redis.url("list=tasks"), Options::default()).await.unwrap();
    put(&queue, &["a"]).await;
    redis.call(&["SCRIPT", "FLUSH"]).unwrap();
    assert_eq!(bodies(&claim(&queue, 10).await), ["a"]);
}

#[tokio::test]
async fn without_memory_nothing_is_put_and_what_is_done_still_leaves() {
    for fields in ["list=tasks", "stream=tasks"] {
        let Some(redis) = server(&[]) else { return };
        let queue = open(&redis.url(fields), Options::default()).await.unwrap();
        put(&queue, &["a", "b"]).await;
        let first = claim(&queue, 1).await;
        redis.call(&["CONFIG", "SET", "maxmemory", "1"]).unwrap();
        let error = queue.put(vec![task("c")]).await.unwrap_err();
        assert!(error.is_passing() && error.to_string().contains("maxmemory"), "{error}");
        assert_eq!(settle(&queue, &first[0], done()).await, Settled::Stored);
        let second = claim(&queue, 10).await;
        assert_eq!(bodies(&second), ["b"]);
        assert!(queue.renew().await.unwrap());
        assert_eq!(settle(&queue, &second[0], done()).await, Settled::Stored);
    }
}

#[tokio::test]
async fn a_server_that_was_emptied_is_begun_anew() {
    for fields in ["list=tasks", "stream=tasks"] {
        let Some(redis) = server(&[]) else { return };
        let queue = open(&redis.url(fields), Options::default()).await.unwrap();
        put(&queue, &["a", "b"]).await;
        let stale = claim(&queue, 1).await;
        redis.call(&["FLUSHALL"]).unwrap();
        assert_eq!(settle(&queue, &stale[0], done()).await, Settled::Fenced);
        assert!(!queue.renew().await.unwrap(), "its place is gone");
        assert!(queue.renew().await.unwrap());
        put(&queue, &["c"]).await;
        assert_eq!(bodies(&claim_at_last(&queue).await), ["c"]);
    }
}

/// Lets the server sleep longer than a connection waits for its answer. What is sent meanwhile is carried out once it wakes.
async fn fall_asleep(redis: &Arc<RedisServer>, fields: &str) -> JoinHandle<io::Result<String>> {
    // The connection that finds it asleep is given up: it must not be the one that sends.
    let other = open(&redis.url(fields), Options::default()).await.unwrap();
    let sleeps = {
        let redis = redis.clone();
        tokio::task::spawn_blocking(move || redis.call(&["DEBUG", "SLEEP", "1.5"]))
    };
    while other.finished(vec!["a".into()]).await.is_ok() {}
    sleeps
}

/// A claim that was carried out and whose answer nobody heard must not keep its task from everybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_whose_answer_was_lost_come_back() {
    for fields in ["list=tasks&timeout=300ms", "stream=tasks&timeout=300ms"] {
        let Some(redis) = server(&["--enable-debug-command", "yes"]) else { return };
        let redis = Arc::new(redis);
        let queue = open(&redis.url(fields), Options::default()).await.unwrap();
        put(&queue, &["a", "b", "c"]).await;
        assert_eq!(bodies(&claim(&queue, 1).await), ["a"]);
        let sleeps = fall_asleep(&redis, fields).await;
        // It is carried out once the server wakes, and nobody is there for the answer.
        let error = queue.claim(1).await.unwrap_err();
        assert!(error.is_passing(), "{error}");
        sleeps.await.unwrap().unwrap();
        let mut heard = Vec::new();
        let all = async {
            while heard.len() < 2 {
                assert!(queue.renew().await.unwrap());
                let some = queue.claim(10).await.unwrap();
                assert!(some.iter().all(|one| one.deliveries == 1), "{fields}: {some:?}");
                heard.extend(bodies(&some));
            }
        };
        tokio::time::timeout(LIMIT, all).await.expect("both are heard of in the end");
        heard.sort();
        assert_eq!(heard, ["b", "c"], "{fields}");
        assert_eq!(queue.stats().await.unwrap().claimed, 3, "{fields}");
    }
}

/// What was carried out and nobody heard of is stored when it is asked again: `none` is sent after that, and only then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settlements_whose_answer_was_lost_are_stored() {
    for (fields, prefix) in
        [("list=tasks&timeout=300ms", "{tasks}"), ("stream=tasks&timeout=300ms", "{tasks}:relay")]
    {
        let Some(redis) = server(&["--enable-debug-command", "yes"]) else { return };
        let redis = Arc::new(redis);
        let queue = open(&redis.url(fields), Options::default()).await.unwrap();
        put(&queue, &["first", "a", "b", "c", "d"]).await;
        // A script that was never run is not there yet: it would be told again, and not be carried out unheard.
        let first = claim(&queue, 1).await;
        assert_eq!(settle(&queue, &first[0], done()).await, Settled::Stored);
        let claimed = claim(&queue, 3).await;
        let verdicts = [done(), Verdict::Dead(epitaph(Reason::Refused)), Verdict::Release];
        let all = || -> Vec<_> {
            let pairs = claimed.iter().zip(&verdicts);
            pairs.map(|(one, verdict)| settlement(one, verdict.clone())).collect()
        };
        let sleeps = fall_asleep(&redis, fields).await;
        // It is carried out once the server wakes, and nobody is there for the answer.
        let error = queue.settle(all()).await.unwrap_err();
        assert!(error.is_passing(), "{error}");
        sleeps.await.unwrap().unwrap();
        let graves = format!("{prefix}:graves");
        redis.wait_for(&["HLEN", &graves], |said| said == "1").expect("it is carried out");
        // What was released is claimed anew before it is asked again, and stays claimed by the new claim.
        let again = claim_at_last(&queue).await;
        assert_eq!(bodies(&again), ["c", "d"], "{fields}");
        assert_eq!(queue.settle(all()).await.unwrap(), [Settled::Stored; 3], "{fields}");
        assert_eq!(queue.settle(all()).await.unwrap(), [Settled::Fenced; 3], "each is spent");
        for one in &again {
            assert_eq!(settle(&queue, one, done()).await, Settled::Stored, "{fields}");
        }
        assert_eq!(queue.dead(0, 10).await.unwrap().len(), 1, "{fields}: once");
    }
}

/// An instance that lost its lease in between is fenced, whatever became of its settlement.
#[tokio::test]
async fn a_doubtful_settlement_of_a_lost_lease_is_fenced() {
    for (fields, prefix) in [("list=tasks", "{tasks}"), ("stream=tasks", "{tasks}:relay")] {
        let Some(redis) = server(&[]) else { return };
        let options = Options { lease: Duration::from_millis(300), ..Options::default() };
        let one = open(&redis.url(fields), options.clone()).await.unwrap();
        put(&one, &["a"]).await;
        let stale = claim(&one, 1).await;
        let graves = format!("{prefix}:graves");
        redis.call(&["SET", &graves, "no hash"]).unwrap();
        let dead = || vec![settlement(&stale[0], Verdict::Dead(epitaph(Reason::Refused)))];
        one.settle(dead()).await.unwrap_err();
        redis.call(&["DEL", &graves]).unwrap();
        let other = open(&redis.url(fields), options).await.unwrap();
        let taken = claim_within(&other, 1, LIMIT).await;
        assert_eq!(one.settle(dead()).await.unwrap(), [Settled::Fenced], "{fields}");
        assert_eq!(settle(&other, &taken[0], done()).await, Settled::Stored, "{fields}");
    }
}

/// A part of a batch that was stored is so when the whole is asked again after an error.
#[tokio::test]
async fn a_batch_that_failed_half_way_is_stored_as_a_whole() {
    for (fields, prefix) in [("list=tasks", "{tasks}"), ("stream=tasks", "{tasks}:relay")] {
        let Some(redis) = server(&[]) else { return };
        let queue = open(&redis.url(fields), Options::default()).await.unwrap();
        let ids: Vec<String> = (0..1_200).map(|number| number.to_string()).collect();
        queue.put(ids.iter().map(|id| task(id)).collect()).await.unwrap();
        let claimed = claim(&queue, ids.len()).await;
        let all = || -> Vec<_> {
            let verdict = |number| match number == ids.len() - 1 {
                true => Verdict::Dead(epitaph(Reason::Refused)),
                false => done(),
            };
            claimed.iter().enumerate().map(|(n, one)| settlement(one, verdict(n))).collect()
        };
        let graves = format!("{prefix}:graves");
        redis.call(&["SET", &graves, "no hash"]).unwrap();
        queue.settle(all()).await.unwrap_err();
        redis.call(&["DEL", &graves]).unwrap();
        let settled = queue.settle(all()).await.unwrap();
        assert_eq!(settled.len(), ids.len());
        assert!(settled.iter().all(|one| *one == Settled::Stored), "{fields}");
        assert_eq!(queue.stats().await.unwrap().claimed, 0, "{fields}");
    }
}

/// A dead instance may have more than one script gives back. From the first on all of it is others'.
#[tokio::test]
async fn an_instance_that_fell_is_fallen_before_all_it_had_is_back() {
    let Some(redis) = server(&[]) else { return };
    let lease = Duration::from_millis(500);
    let short = Options { lease, ..Options::default() };
    let one = open(&redis.url("list=tasks"), short).await.unwrap();
    let ids: Vec<String> = (0..6_000).map(|number| number.to_string()).collect();
    one.put(ids.iter().map(|id| task(id)).collect()).await.unwrap();
    assert_eq!(claim(&one, ids.len()).await.len(), ids.len());
    redis.wait_for(&["KEYS", "{tasks}:beat:*"], str::is_empty).expect("its beat stops");
    let other = open(&redis.url("list=tasks"), Options::default()).await.unwrap();
    assert!(claim(&other, 10).await.is_empty(), "nothing, until all of it is back");
    assert_eq!(other.stats().await.unwrap().claimed, 6_000 - 4_096, "the rest counts as claimed");
    assert!(!one.renew().await.unwrap(), "its place is gone");
    assert_eq!(bodies(&claim_at_last(&other).await)[0], "0");
}
