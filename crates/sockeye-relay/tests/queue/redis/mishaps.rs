//! Redis is killed, emptied, full, or forgets: the queue comes back, and says what it can't do.

use std::{sync::Arc, time::Duration};

use sockeye_relay::queue::{Claimed, Options, Queue, QueueError, Settled, open};

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
        assert!(queue.renew(vec![second[0].claim]).await.unwrap());
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
        assert!(!queue.renew(Vec::new()).await.unwrap(), "its place is gone");
        assert!(queue.renew(Vec::new()).await.unwrap());
        put(&queue, &["c"]).await;
        assert_eq!(bodies(&claim_at_last(&queue).await), ["c"]);
    }
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
        let sleeps = {
            let redis = redis.clone();
            tokio::task::spawn_blocking(move || redis.call(&["DEBUG", "SLEEP", "1.5"]))
        };
        while queue.finished(vec!["a".into()]).await.is_ok() {}
        // It is carried out once the server wakes, and nobody is there for the answer.
        let error = queue.claim(1).await.unwrap_err();
        assert!(error.is_passing(), "{error}");
        sleeps.await.unwrap().unwrap();
        let mut heard = Vec::new();
        let all = async {
            while heard.len() < 2 {
                assert!(queue.renew(Vec::new()).await.unwrap());
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
