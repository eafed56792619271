//! What producers of others write is claimed, and what a stream needs no more is trimmed.

use std::time::Duration;

use sockeye_relay::queue::{NewTask, Options, QueueError, Reason, Settled, Verdict, Which, open};

use super::server;
use crate::conformance::steps::*;

const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_push_is_claimed() {
    let Some(redis) = server(&[]) else { return };
    redis.call(&["LPUSH", "tasks", r#"{"event":"a"}"#]).unwrap();
    let queue = open(&redis.url("list=tasks"), Options::default()).await.unwrap();
    assert_eq!(bodies(&claim(&queue, 10).await), [r#"{"event":"a"}"#]);
    let waits = {
        let queue = queue.clone();
        tokio::spawn(async move { claim_within(&queue, 10, LIMIT).await })
    };
    redis.call(&["LPUSH", "tasks", "b"]).unwrap();
    assert_eq!(bodies(&waits.await.unwrap()), ["b"]);
}

#[tokio::test]
async fn waiting_takes_nothing_and_turns_nothing_round() {
    let Some(redis) = server(&[]) else { return };
    let queue = open(&redis.url("list=tasks"), Options::default()).await.unwrap();
    redis.call(&["LPUSH", "tasks", "a", "b", "c"]).unwrap();
    for _ in 0..5 {
        tokio::time::timeout(LIMIT, queue.changed()).await.unwrap();
    }
    assert_eq!(redis.call(&["LRANGE", "tasks", "0", "-1"]).unwrap(), "c\nb\na");
}

#[tokio::test]
async fn what_others_add_is_claimed_by_its_field_or_as_a_whole() {
    let Some(redis) = server(&[]) else { return };
    redis.call(&["XADD", "tasks", "*", "task", "a", "more", "x"]).unwrap();
    redis.call(&["XADD", "tasks", "*", "user", "ann", "text", "hi"]).unwrap();
    let queue = open(&redis.url("stream=tasks"), Options::default()).await.unwrap();
    let claimed = claim(&queue, 10).await;
    assert_eq!(bodies(&claimed)[0], "a", "the group begins at the beginning");
    let whole: serde_json::Value = serde_json::from_slice(&claimed[1].body).unwrap();
    assert_eq!(whole, serde_json::json!({"user": "ann", "text": "hi"}));
}

#[tokio::test]
async fn another_type_and_another_order_and_a_newer_layout_are_told() {
    let Some(redis) = server(&[]) else { return };
    let open = async |fields: &str| open(&redis.url(fields), Options::default()).await;
    redis.call(&["SET", "tasks", "1"]).unwrap();
    let error = open("list=tasks").await.unwrap_err().to_string();
    assert!(error.contains("is a string"), "{error}");
    let first = open("list=q").await.unwrap();
    assert!(claim(&first, 1).await.is_empty());
    let other = open("list=q&order=none").await.unwrap();
    put(&other, &["a"]).await;
    let error = other.claim(1).await.unwrap_err().to_string();
    assert!(error.contains("order=strict"), "{error}");
    first.close().await.unwrap();
    assert_eq!(bodies(&claim(&other, 1).await), ["a"], "nobody is at work with the other order");
    redis.call(&["SET", "{n}:version", "99"]).unwrap();
    let error = open("list=n").await.unwrap_err();
    assert!(matches!(error, QueueError::Newer { found: 99, known: 1, .. }), "{error}");
}

#[tokio::test]
async fn a_stream_is_trimmed_up_to_what_some_group_needs() {
    let Some(redis) = server(&[]) else { return };
    redis.call(&["XGROUP", "CREATE", "tasks", "others", "0", "MKSTREAM"]).unwrap();
    let queue = open(&redis.url("stream=tasks"), Options::default()).await.unwrap();
    put(&queue, &["a", "b", "c", "d"]).await;
    let claimed = claim(&queue, 10).await;
    for one in [&claimed[0], &claimed[1], &claimed[3]] {
        settle(&queue, one, done()).await;
    }
    queue.sweep().await.unwrap();
    assert_eq!(redis.call(&["XLEN", "tasks"]).unwrap(), "4", "the others have read nothing");
    redis.call(&["XREADGROUP", "GROUP", "others", "x", "NOACK", "STREAMS", "tasks", ">"]).unwrap();
    queue.sweep().await.unwrap();
    assert_eq!(redis.call(&["XLEN", "tasks"]).unwrap(), "2", "c is claimed");
    redis.call(&["XGROUP", "DESTROY", "tasks", "others"]).unwrap();
    assert_eq!(settle(&queue, &claimed[2], done()).await, Settled::Stored);
    assert_eq!(redis.call(&["XPENDING", "tasks", "relay"]).unwrap().lines().next(), Some("0"));
}

#[tokio::test]
async fn results_go_where_the_task_wants_them() {
    let Some(redis) = server(&[]) else { return };
    let queue = open(&redis.url("list=tasks"), Options::default()).await.unwrap();
    redis.call(&["XADD", "stream", "*", "x", "y"]).unwrap();
    redis.call(&["SET", "wrong", "1"]).unwrap();
    put(&queue, &["a", "b", "c", "d"]).await;
    for (one, to) in claim(&queue, 4).await.iter().zip(["list", "stream", "wrong", "tasks"]) {
        let verdict = Verdict::Done { result: Some("[1]".into()), reply_to: Some(to.into()) };
        assert_eq!(settle(&queue, one, verdict).await, Settled::Stored, "{to}");
    }
    assert_eq!(redis.call(&["LRANGE", "list", "0", "-1"]).unwrap(), r#"{"id":"a","result":[1]}"#);
    assert!(redis.call(&["XRANGE", "stream", "-", "+"]).unwrap().contains("id\nb\nresult\n[1]"));
    assert_eq!(redis.call(&["LLEN", "tasks"]).unwrap(), "0", "never into the queue itself");
}

#[tokio::test]
async fn what_a_consumer_of_others_left_is_taken_over() {
    let Some(redis) = server(&[]) else { return };
    let queue = open(&redis.url("stream=tasks&lease=200ms"), Options::default()).await.unwrap();
    assert!(claim(&queue, 1).await.is_empty(), "the group is there now");
    put(&queue, &["a", "b"]).await;
    redis
        .call(&["XREADGROUP", "GROUP", "relay", "old", "COUNT", "1", "STREAMS", "tasks", ">"])
        .unwrap();
    assert_eq!(bodies(&claim(&queue, 10).await), ["b"]);
    redis
        .wait_for(&["XINFO", "CONSUMERS", "tasks", "relay"], |said| {
            let fields: Vec<&str> = said.lines().collect();
            let at = fields.iter().position(|field| *field == "old");
            at.is_some_and(|at| fields[at + 4].parse::<u64>().is_ok_and(|idle| idle > 300))
        })
        .unwrap();
    queue.renew().await.unwrap();
    queue.sweep().await.unwrap();
    let taken = claim_within(&queue, 10, LIMIT).await;
    assert_eq!(bodies(&taken), ["a"]);
    assert_eq!(taken[0].deliveries, 2);
}

#[tokio::test]
async fn who_puts_and_looks_is_no_instance() {
    for (fields, prefix) in [("list=tasks", "{tasks}"), ("stream=tasks", "{tasks}:relay")] {
        let Some(redis) = server(&[]) else { return };
        let instances = format!("{prefix}:instances");
        let others = || redis.call(&["SCARD", &instances]).unwrap();
        let queue = open(&redis.url(fields), Options::default()).await.unwrap();
        assert_eq!(redis.call(&["KEYS", "*"]).unwrap(), "", "{fields}: to open changes nothing");
        let empty = queue.stats().await.unwrap();
        assert_eq!((empty.ready, empty.claimed, empty.instances), (0, 0, Vec::new()), "{fields}");
        let later = NewTask { not_before: Some(soon() + LIMIT), ..task("later") };
        queue.put(vec![task("a"), task("b"), later]).await.unwrap();
        assert_eq!(bodies_of(&queue.peek(0, 10).await.unwrap()), ["a", "b"], "{fields}");
        assert_eq!(bodies_of(&queue.peek(1, 10).await.unwrap()), ["b"], "{fields}");
        queue.sweep().await.unwrap();
        assert_eq!(queue.revive(Which::All).await.unwrap(), 0, "{fields}");
        assert!(queue.dead(0, 10).await.unwrap().is_empty(), "{fields}");
        let full = queue.stats().await.unwrap();
        assert_eq!((full.ready, full.delayed, full.claimed), (2, 1, 0), "{fields}");
        queue.close().await.unwrap();
        assert_eq!(others(), "0", "{fields}");

        let worker = open(&redis.url(fields), Options::default()).await.unwrap();
        assert!(worker.renew().await.unwrap(), "its place is new");
        assert_eq!(others(), "1", "{fields}");
        assert_eq!(bodies(&claim(&worker, 10).await), ["a", "b"], "{fields}");
        assert_eq!(worker.stats().await.unwrap().instances.len(), 1, "{fields}");
        worker.close().await.unwrap();
        assert_eq!(others(), "0", "{fields}: it left");
    }
}

#[tokio::test]
async fn a_list_of_others_keeps_its_time() {
    let Some(redis) = server(&[]) else { return };
    let queue = open(&redis.url("list=tasks&done_age=10m"), Options::default()).await.unwrap();
    let ttl = |list: &str| redis.call(&["PTTL", list]).unwrap().parse::<i64>().unwrap();
    let reply = async |id: &str, to: &str| {
        put(&queue, &[id]).await;
        let one = claim(&queue, 1).await;
        let verdict = Verdict::Done { result: Some("[1]".into()), reply_to: Some(to.into()) };
        assert_eq!(settle(&queue, &one[0], verdict).await, Settled::Stored);
    };
    redis.call(&["RPUSH", "kept", "x"]).unwrap();
    redis.call(&["RPUSH", "short", "x"]).unwrap();
    redis.call(&["EXPIRE", "short", "60"]).unwrap();
    for list in ["kept", "short", "ours", "theirs"] {
        reply(list, list).await;
    }
    assert_eq!(ttl("kept"), -1, "it is kept for ever");
    assert!(ttl("short") <= 60_000);
    assert!(ttl("ours") > 500_000);
    // One that was made for a result is kept from its last one on, unless somebody has decided otherwise.
    redis.call(&["EXPIRE", "theirs", "60"]).unwrap();
    let before = ttl("ours");
    redis.wait_for(&["PTTL", "ours"], |left| left.parse::<i64>().unwrap() < before - 20).unwrap();
    reply("a", "ours").await;
    reply("b", "theirs").await;
    assert!(ttl("ours") > before - 20, "{} and {before}", ttl("ours"));
    assert!(ttl("theirs") <= 60_000);
}

#[tokio::test]
async fn a_name_that_nobody_has_used_is_known_as_such() {
    let later = || NewTask { not_before: Some(soon() + LIMIT), ..task("later") };
    for (kind, number) in [("list", 0), ("list", 1), ("stream", 0), ("stream", 1)] {
        let Some(redis) = server(&[]) else { return };
        let queue = open(&redis.url(&format!("{kind}=tasks")), Options::default()).await.unwrap();
        queue.stats().await.unwrap();
        assert!(!queue.is_begun().await.unwrap(), "{kind}: to look begins nothing");
        if number == 0 {
            queue.put(vec![later()]).await.unwrap();
        } else {
            put(&queue, &["a"]).await;
            let claimed = claim(&queue, 1).await;
            settle(&queue, &claimed[0], done()).await;
            queue.close().await.unwrap();
        }
        assert!(queue.is_begun().await.unwrap(), "{kind} {number}");
    }
}

#[tokio::test]
async fn an_entry_without_the_field_dies_with_what_it_has_instead() {
    let Some(redis) = server(&[]) else { return };
    redis.call(&["XADD", "tasks", "*", "user", "ann", "text", "hi"]).unwrap();
    redis.call(&["XADD", "tasks", "*", "payload", "no task"]).unwrap();
    let queue = open(&redis.url("stream=tasks&field=payload"), Options::default()).await.unwrap();
    for one in claim(&queue, 10).await {
        let mut dead = settlement(&one, Verdict::Dead(epitaph(Reason::Invalid)));
        dead.id = None;
        assert_eq!(queue.settle(vec![dead]).await.unwrap(), [Settled::Stored]);
    }
    let dead = queue.dead(0, 10).await.unwrap();
    let told: Vec<&str> = dead.iter().map(|one| &*one.epitaph.as_ref().unwrap().error).collect();
    assert!(told[0].starts_with("said invalid; its entry has"), "{told:?}");
    assert!(told[0].contains(r#"fields "user", "text" and no "payload""#), "{told:?}");
    assert!(told[0].contains("`field=`"), "{told:?}");
    assert_eq!(told[1], "said invalid", "the field was there");
}

#[tokio::test]
async fn what_waits_is_shown_by_the_id_in_its_text() {
    for fields in ["list=tasks", "stream=tasks"] {
        let Some(redis) = server(&[]) else { return };
        let queue = open(&redis.url(fields), Options::default()).await.unwrap();
        let body = |text: &'static str| NewTask { body: text.into(), ..NewTask::default() };
        let named = body(r#"{"event":"a","id":"order-7"}"#);
        queue.put(vec![named, body(r#"{"event":"b"}"#)]).await.unwrap();
        let ids = async || -> Vec<String> {
            queue.peek(0, 10).await.unwrap().iter().map(|one| one.id.to_string()).collect()
        };
        assert_eq!(ids().await[0], "order-7", "{fields}");
        let claimed = claim(&queue, 1).await;
        assert_eq!(settle(&queue, &claimed[0], Verdict::Release).await, Settled::Stored);
        assert_eq!(ids().await[0], "order-7", "{fields}: given back, too");
    }
}
