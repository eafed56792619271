//! A full spool, slow sinks, copies, gaps, and events that nobody wants.

use std::time::{Duration, SystemTime};

use sockeye_relay::ingress::{
    Filter, Full, Gap, Receipt, ReceiveError, Receiver as _, SpoolError, SpoolOptions,
};

use crate::place::{LIMIT, Place, event, gate, next, number, until};

fn three(when_full: Full) -> SpoolOptions {
    SpoolOptions { max_records: 3, when_full, ..SpoolOptions::default() }
}

#[tokio::test]
async fn each_policy_does_what_it_says() {
    #[track_caller]
    fn check(when_full: Full, found: (Receipt, Vec<u64>), expect: (Receipt, Vec<u64>)) {
        assert_eq!(found, expect, "{when_full:?}");
    }
    for when_full in [Full::DropOldest, Full::DropNewest, Full::Disconnect] {
        let place = Place::new(when_full.as_str());
        let (plan, mut records, permits) = gate("slow", 0);
        let ingress = place.ingress(three(when_full), vec![plan]).await;
        let mut last = Receipt::Known;
        for number in 1..=4 {
            last = ingress.receive(event("e", number)).await.unwrap();
        }
        let stats = ingress.stats();
        assert_eq!((stats.received, stats.spool_records), (4, 3));
        permits.add_permits(10);
        // The first may be with the sink already, whatever becomes of its row.
        let mut seen = Vec::new();
        until("delivered", || {
            while let Ok(record) = records.try_recv() {
                seen.push(number(&record.line));
            }
            ingress.stats().sinks[0].lag_records == 0
        })
        .await;
        while let Ok(record) = records.try_recv() {
            seen.push(number(&record.line));
        }
        match when_full {
            Full::DropOldest => {
                seen.retain(|number| *number != 1);
                check(when_full, (last, seen), (Receipt::Stored { seq: 4 }, vec![2, 3, 4]));
                assert_eq!((stats.dropped_oldest, stats.sinks[0].lost), (1, 1));
            }
            Full::DropNewest => {
                check(when_full, (last, seen), (Receipt::Dropped, vec![1, 2, 3]));
                assert_eq!(stats.dropped_newest, 1);
            }
            Full::Disconnect => {
                check(when_full, (last, seen), (Receipt::Disconnect, vec![1, 2, 3]));
                assert_eq!(stats.disconnects, 1);
            }
        }
        assert_eq!(last.may_ack(), when_full == Full::DropOldest);
        assert!(ingress.close(LIMIT).await);
        assert_eq!(ingress.receive(event("e", 5)).await, Err(ReceiveError::Closed));
    }
}

#[tokio::test]
async fn a_slow_sink_does_not_hold_back_a_fast_one() {
    let place = Place::new("slow");
    let (slow, mut slow_records, permits) = gate("slow", 0);
    let (fast, mut fast_records, _) = gate("fast", 1000);
    let options = SpoolOptions { max_records: 10, ..SpoolOptions::default() };
    let ingress = place.ingress(options, vec![slow, fast]).await;
    for sent in 0..50 {
        ingress.receive(event("e", sent)).await.unwrap();
        assert_eq!(number(&next(&mut fast_records).await.line), sent);
    }
    let stats = ingress.stats();
    assert_eq!(stats.spool_records, 10);
    assert_eq!((stats.sinks[0].lost, stats.sinks[1].lost), (40, 0));
    permits.add_permits(1000);
    until("caught up", || ingress.stats().spool_records == 0).await;
    let mut last = None;
    while let Ok(record) = slow_records.try_recv() {
        last = Some(number(&record.line));
    }
    assert_eq!(last, Some(49));
}

#[tokio::test]
async fn copies_gaps_and_what_nobody_wants() {
    let place = Place::new("copies");
    let (mut plan, mut records, _) = gate("all", 1000);
    plan.filter = Filter::new(["chat*"]);
    let options = SpoolOptions {
        event_id: Some(serde_json_path::JsonPath::parse("$[0]").unwrap()),
        max_known: 2,
        ..SpoolOptions::default()
    };
    let ingress = place.ingress(options, vec![plan]).await;
    assert_eq!(ingress.receive(event("chat", 1)).await, Ok(Receipt::Stored { seq: 1 }));
    assert_eq!(ingress.receive(event("chats", 1)).await, Ok(Receipt::Known));
    assert_eq!(ingress.receive(event("typing", 2)).await, Ok(Receipt::Unwanted));
    let to = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
    let gap = Gap { target: "main".into(), from: SystemTime::UNIX_EPOCH, to, is_recovered: true };
    assert_eq!(ingress.gap(gap).await, Ok(Receipt::Stored { seq: 2 }));
    for number in [2, 3] {
        assert!(matches!(ingress.receive(event("chat", number)).await, Ok(Receipt::Stored { .. })));
    }
    // Only two ids are remembered.
    assert!(matches!(ingress.receive(event("chat", 1)).await, Ok(Receipt::Stored { .. })));
    assert_eq!(number(&next(&mut records).await.line), 1);
    let gap: serde_json::Value = serde_json::from_slice(&next(&mut records).await.line).unwrap();
    let expect = serde_json::json!({"from": "1970-01-01T00:00:00.000Z", "to": "1970-01-01T00:00:05.000Z", "recovered": true});
    assert_eq!(gap["gap"], expect);
    let stats = ingress.stats();
    assert_eq!(
        (stats.received, stats.stored, stats.known, stats.unwanted, stats.gaps),
        (6, 4, 1, 1, 1)
    );
}

#[tokio::test]
async fn what_is_too_old_is_dropped_and_told() {
    let place = Place::new("old");
    let (plan, _records, _) = gate("slow", 0);
    let options =
        SpoolOptions { max_age: Some(Duration::from_millis(20)), ..SpoolOptions::default() };
    let ingress = place.ingress(options, vec![plan]).await;
    ingress.receive(event("e", 1)).await.unwrap();
    until("dropped", || ingress.stats().spool_records == 0).await;
    let stats = ingress.stats();
    assert_eq!((stats.dropped_aged, stats.sinks[0].lost, stats.spool_bytes), (1, 1, 0));
}

#[tokio::test]
async fn a_file_that_can_not_grow_drops_or_refuses() {
    for when_full in [Full::DropOldest, Full::DropNewest] {
        let place = Place::new(&format!("pages-{}", when_full.as_str()));
        let (plan, mut records, permits) = gate("slow", 0);
        let options = SpoolOptions { max_pages: Some(40), when_full, ..SpoolOptions::default() };
        let ingress = place.ingress(options, vec![plan]).await;
        let long = "x".repeat(3000);
        let mut stored = 0;
        for number in 0..100 {
            stored += u64::from(ingress.receive(event(&long, number)).await.is_ok());
        }
        let stats = ingress.stats();
        if when_full == Full::DropOldest {
            assert_eq!(stored, 100);
            assert!(stats.dropped_oldest > 0 && stats.failed == 0, "{stats:?}");
        } else {
            assert!(stored > 0 && stats.failed == 100 - stored && stats.failed > 0, "{stats:?}");
        }
        // What makes room goes on, and then there is some.
        permits.add_permits(1000);
        until("drained", || ingress.stats().spool_records == 0).await;
        assert!(ingress.receive(event(&long, 100)).await.is_ok());
        while number(&next(&mut records).await.line) != 100 {}
    }
}

#[tokio::test]
async fn what_was_stored_outlives_the_ingress_and_a_spool_has_one_owner() {
    let place = Place::new("owner");
    let (plan, _records, _) = gate("sink", 0);
    let ingress = place.ingress(SpoolOptions::default(), vec![plan]).await;
    ingress.receive(event("e", 7)).await.unwrap();
    let again =
        sockeye_relay::ingress::Spool::open(place.0.join("spool.db"), SpoolOptions::default());
    assert!(matches!(again, Err(SpoolError::InUse { .. })), "{again:?}");
    assert!(!ingress.close(Duration::from_millis(50)).await);
    drop(ingress);
    let spool = async {
        loop {
            match sockeye_relay::ingress::Spool::open(
                place.0.join("spool.db"),
                SpoolOptions::default(),
            ) {
                Ok(spool) => return spool,
                // Its thread is ending.
                Err(SpoolError::InUse { .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    let spool = tokio::time::timeout(LIMIT, spool).await.unwrap();
    let (plan, mut records, _) = gate("sink", 10);
    let ingress = sockeye_relay::ingress::Ingress::start(spool, vec![plan]).await.unwrap();
    assert_eq!(number(&next(&mut records).await.line), 7);
    assert!(ingress.close(LIMIT).await);
}
