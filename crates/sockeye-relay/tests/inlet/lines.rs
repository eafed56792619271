//! Lines are put in batches, and told of in their order once they are in the store.

use std::{
    convert::Infallible,
    future::{pending, ready},
    sync::{Arc, Mutex},
    time::Duration,
};

use sockeye_relay::{
    inlet::{
        Reading,
        stdin::{Bounds, Fate, PumpError, Summary, Told, pump},
    },
    queue::sqlite::Options,
};
use tokio::{
    io::{AsyncWriteExt as _, BufReader, duplex},
    time::timeout,
};

use crate::place::{PATIENCE, Place};

/// Puts these lines, and returns what was told of them, by batch.
async fn put(place: &Place, text: &str, bounds: Bounds) -> (Vec<Vec<Told>>, Summary) {
    let mut batches = Vec::new();
    let queue = &*place.queue;
    let input = BufReader::with_capacity(1 << 20, text.as_bytes());
    let tell = async |told: Vec<Told>| {
        // What is told is in the store.
        for id in told.iter().filter_map(|told| told.fate.id()) {
            assert!(queue.find(id).await.unwrap().is_some(), "{id}");
        }
        batches.push(told);
        Ok::<_, Infallible>(())
    };
    let reading = Reading::envelope();
    let pumped = pump(input, (queue, &reading), bounds, tell, pending());
    let summary = timeout(PATIENCE, pumped).await.unwrap().unwrap();
    (batches, summary)
}

fn lines(told: &[Vec<Told>]) -> Vec<u64> {
    told.iter().flatten().map(|told| told.line).collect()
}

#[tokio::test]
async fn lines_become_tasks_in_their_order() {
    let place = Place::new();
    let text: String =
        (0..1_500).map(|n| format!("{{\"event\":\"e\",\"id\":\"{n}\"}}\n")).collect();
    let (told, summary) = put(&place, &text, Bounds::default()).await;
    assert_eq!(summary, Summary { queued: 1_500, ..Summary::default() });
    assert_eq!(told.iter().map(Vec::len).collect::<Vec<_>>(), [512, 512, 476]);
    assert_eq!(lines(&told), (1..=1_500).collect::<Vec<_>>());
    assert_eq!(place.waiting().await, text.lines().collect::<Vec<_>>());
    let (told, summary) = put(&place, &text, Bounds::default().max_batch_bytes(100)).await;
    assert!(told.iter().all(|batch| batch.len() <= 5), "a batch ends once it has 100 bytes");
    assert_eq!(summary.known, 1_500);
}

#[tokio::test]
async fn every_line_is_told_of() {
    let place = Place::new();
    let text = format!(
        "\u{feff}{{\"event\":\"a\",\"id\":\"1\"}}\r\n\n{{\"event\":\"a\",\"id\":\"1\"}}\nnonsense\n{}\n{{\"event\":\"b\",\"id\":\"2\"}}",
        "x".repeat(100)
    );
    let (told, summary) = put(&place, &text, Bounds::default().max_line_bytes(50)).await;
    assert_eq!(summary, Summary { queued: 2, known: 1, invalid: 2 });
    let told: Vec<Told> = told.into_iter().flatten().collect();
    let check = |index: usize, line, fate, is_id_inside| {
        assert_eq!(told[index], Told { line, fate, is_id_inside });
    };
    check(0, 1, Fate::Queued("1".into()), true);
    check(1, 3, Fate::Known("1".into()), true);
    check(3, 5, Fate::TooLong { bytes: 100, bound: 50 }, false);
    check(4, 6, Fate::Queued("2".into()), true);
    let Told { line: 4, fate: Fate::Invalid { id, reason }, is_id_inside: false } = &told[2] else {
        panic!("{told:?}")
    };
    assert!(reason.contains("expected an object"), "{reason}");
    // It is not dropped: whoever claims it can't read it either.
    let kept = place.queue.find(id).await.unwrap().unwrap();
    assert_eq!(&*kept.body, b"nonsense");
}

#[tokio::test]
async fn only_lines_too_long_are_told_of_too() {
    let place = Place::new();
    let (told, summary) = put(&place, "abcdef\n", Bounds::default().max_line_bytes(5)).await;
    assert_eq!((lines(&told), summary.invalid), (vec![1], 1));
    assert_eq!(place.waiting().await.len(), 0);
}

#[tokio::test]
async fn what_comes_slowly_is_not_waited_for() {
    let place = Place::new();
    let (mut giver, taker) = duplex(64);
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let reading = Reading::envelope();
    let tell = async |batch: Vec<Told>| {
        told.send(batch.len()).unwrap();
        Ok::<_, Infallible>(())
    };
    let giving = async {
        for _ in 0..3 {
            giver.write_all(b"{\"event\":\"a\"}\n").await.unwrap();
            // The next is written only once this one was told of.
            assert_eq!(timeout(PATIENCE, heard.recv()).await.unwrap(), Some(1));
        }
        drop(giver);
    };
    let pumped =
        pump(BufReader::new(taker), (&*place.queue, &reading), Bounds::default(), tell, pending());
    let (summary, ()) = tokio::join!(pumped, giving);
    assert_eq!(summary.unwrap().queued, 3);
}

#[tokio::test]
async fn a_full_queue_is_waited_for() {
    let place = Place::with(Options { max_tasks: 3, ..Options::default() });
    let text: String = (0..10).map(|n| format!("{{\"event\":\"e\",\"id\":\"{n}\"}}\n")).collect();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = async |batch: Vec<Told>| {
        told.lock().unwrap().extend(batch.iter().map(|told| told.line));
        Ok::<_, Infallible>(())
    };
    let reading = Reading::envelope();
    let pumped =
        pump(text.as_bytes(), (&*place.queue, &reading), Bounds::default(), tell, pending());
    let draining = async {
        for n in 0..10 {
            let id = n.to_string();
            while !place.queue.cancel(&id).await.unwrap() {
                tokio::task::yield_now().await;
            }
            assert!(place.queue.stats().await.unwrap().ready <= 3);
        }
    };
    let (summary, ()) = timeout(PATIENCE, async { tokio::join!(pumped, draining) }).await.unwrap();
    assert_eq!(summary.unwrap().queued, 10);
    assert_eq!(*told.lock().unwrap(), (1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn it_can_be_stopped_while_the_queue_is_full() {
    let place = Place::with(Options { max_tasks: 1, ..Options::default() });
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let mut stop = Some(stop);
    let tell = async |_: Vec<Told>| {
        drop(stop.take());
        Ok::<_, Infallible>(())
    };
    let reading = Reading::envelope();
    let text = "{\"event\":\"a\"}\n{\"event\":\"b\"}\n";
    let pumped = pump(text.as_bytes(), (&*place.queue, &reading), Bounds::default(), tell, async {
        drop(stopped.await);
    });
    let summary = timeout(PATIENCE, pumped).await.unwrap().unwrap();
    assert_eq!((summary.queued, place.waiting().await.len()), (1, 1));
}

#[tokio::test]
async fn nobody_to_tell_ends_it() {
    let place = Place::new();
    let reading = Reading::envelope();
    let text = "{\"event\":\"a\"}\n{\"event\":\"b\"}\n";
    let bounds = Bounds::default().max_batch_lines(1);
    let tell = async |_: Vec<Told>| Err("gone");
    let pumped = pump(text.as_bytes(), (&*place.queue, &reading), bounds, tell, pending());
    let ended = timeout(Duration::from_secs(5), pumped).await.unwrap();
    assert!(matches!(ended, Err(PumpError::Told("gone"))), "{ended:?}");
    assert_eq!(place.waiting().await.len(), 1);
    // And to be told to stop before the first line puts none.
    let tell = async |_: Vec<Told>| Ok::<_, Infallible>(());
    let pumped = pump(text.as_bytes(), (&*place.queue, &reading), bounds, tell, ready(()));
    assert_eq!(pumped.await.unwrap(), Summary::default());
}
