//! What of the embedded queue can't be seen from outside: shared commits, panics, full disks, the work of a claim.

use std::{
    future::poll_fn,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    task::Poll,
    time::Duration,
};

use futures_util::future::BoxFuture;
use rusqlite::{Connection, StatementStatus};

use super::{Options, Sqlite, claiming};
use crate::queue::{NewTask, Queue as _, QueueError, Settlement, Verdict};

/// A directory for a file, gone with this.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sockeye-sqlite-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("queue.db")
    }

    fn open(&self) -> Arc<Sqlite> {
        let options = Options { busy: Duration::from_millis(50), ..Options::default() };
        Arc::new(Sqlite::open(self.file(), options).unwrap())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn tasks(count: usize, bytes: usize) -> Vec<NewTask> {
    let task = NewTask { body: vec![b'x'; bytes].into(), ..NewTask::default() };
    vec![task; count]
}

/// Keeps the thread from its work until it is told to go on.
async fn hold(queue: &Arc<Sqlite>) -> (mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
    let (go_on, waits) = mpsc::channel();
    let (began, begins) = tokio::sync::oneshot::channel();
    let held = queue.clone();
    let held = tokio::spawn(async move {
        held.write(move |_, _| {
            began.send(()).unwrap();
            waits.recv_timeout(Duration::from_secs(20)).unwrap();
            Ok(())
        })
        .await
        .unwrap();
    });
    begins.await.unwrap();
    (go_on, held)
}

/// Lets all that was spawned come to the thread's channel, then lets that go on.
async fn all_at_once<T: Send + 'static>(
    queue: &Arc<Sqlite>,
    calls: Vec<impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let (go_on, held) = hold(queue).await;
    let mut calls: Vec<_> = calls.into_iter().map(Box::pin).collect();
    for call in &mut calls {
        // Polled once, it has sent what it wants.
        let is_pending = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending())).await;
        assert!(is_pending);
    }
    go_on.send(()).unwrap();
    held.await.unwrap();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(tokio::time::timeout(Duration::from_secs(20), call).await.unwrap());
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_at_once_shares_a_commit() {
    let place = Place::new();
    let queue = place.open();
    let before = *queue.writer.changes.borrow();
    let calls = (0..100).map(|_| {
        let queue = queue.clone();
        async move { queue.put(tasks(1, 10)).await.unwrap() }
    });
    all_at_once(&queue, calls.collect()).await;
    // One count per commit that has put something.
    assert_eq!(*queue.writer.changes.borrow() - before, 1);
    assert_eq!(queue.stats().await.unwrap().ready, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_while_nothing_is_found_ends_the_next_wait() {
    let place = Place::new();
    let queue = place.open();
    let (claims, puts) = (queue.clone(), queue.clone());
    let claim: BoxFuture<'static, usize> =
        Box::pin(async move { claims.claim(10).await.unwrap().len() });
    let put: BoxFuture<'static, usize> =
        Box::pin(async move { puts.put(tasks(1, 10)).await.unwrap().len() });
    assert_eq!(all_at_once(&queue, vec![claim, put]).await, [0, 1]);
    // It was there before the claim was answered: nothing else will say so.
    let wait = queue.wait_for_changes();
    let mut wait = std::pin::pin!(wait);
    let is_ready = poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx).is_ready())).await;
    assert!(is_ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_the_failure_of_one() {
    let place = Place::new();
    let queue = place.open();
    let calls = (0..5).map(|number| {
        let queue = queue.clone();
        async move {
            queue
                .write(move |ledger, _| {
                    super::putting::put(ledger, tasks(1, 10))?;
                    assert_ne!(number, 2, "a mistake, half-way");
                    Ok(())
                })
                .await
        }
    });
    let answers = all_at_once(&queue, calls.collect()).await;
    for (number, answer) in answers.iter().enumerate() {
        match answer {
            Ok(()) => assert_ne!(number, 2),
            Err(error) => {
                assert_eq!(number, 2, "{error}");
                assert!(!error.is_passing());
            }
        }
    }
    assert_eq!(queue.stats().await.unwrap().ready, 4, "what it had half done is not there");
    assert_eq!(queue.claim(10).await.unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_changes_nothing_and_passes() {
    let place = Place::new();
    let queue = place.open();
    queue.put(tasks(20, 2000)).await.unwrap();
    let claimed = queue.claim(5).await.unwrap();
    let set_bound = async |bound: &'static str| {
        queue
            .write(move |ledger, _| {
                let pages: i64 =
                    ledger.connection().pragma_query_value(None, bound, |row| row.get(0))?;
                ledger.connection().pragma_update_and_check(
                    None,
                    "max_page_count",
                    pages,
                    |_| Ok(()),
                )?;
                Ok(())
            })
            .await
            .unwrap();
    };
    set_bound("page_count").await;
    let before = queue.stats().await.unwrap();
    match queue.put(tasks(50, 2000)).await {
        Err(error @ QueueError::Unavailable { .. }) => {
            assert!(error.to_string().contains("no space"), "{error}");
        }
        other => panic!("there is no space: {other:?}"),
    }
    let after = queue.stats().await.unwrap();
    assert_eq!(
        (after.ready, after.claimed),
        (before.ready, before.claimed),
        "none of them is there"
    );
    // What makes room can still be done.
    let settlements = claimed.iter().map(|one| Settlement {
        claim: one.claim,
        id: None,
        verdict: Verdict::Duplicate,
    });
    queue.settle(settlements.collect()).await.unwrap();

    // Of the first at once that asks for too much, all may fail; whoever then tries again is alone.
    let claimed = queue.claim(1).await.unwrap();
    let mut is_settled = false;
    for _ in 0..2 {
        let too_much = queue.clone();
        let put: BoxFuture<'static, bool> =
            Box::pin(async move { too_much.put(tasks(50, 2000)).await.is_ok() });
        let (makes_room, claim) = (queue.clone(), claimed[0].claim);
        let settlement = Settlement { claim, id: None, verdict: Verdict::Duplicate };
        let settle: BoxFuture<'static, bool> =
            Box::pin(async move { makes_room.settle(vec![settlement]).await.is_ok() });
        let answers = all_at_once(&queue, vec![settle, put]).await;
        is_settled |= answers[0];
        assert!(!answers[1]);
    }
    assert!(is_settled, "what needs room must not take down what makes some");
    queue.put(tasks(1, 2000)).await.unwrap();

    let calls = (0..10).map(|_| {
        let queue = queue.clone();
        async move { queue.put(tasks(10, 2000)).await.map_err(|error| error.is_passing()) }
    });
    let answers = all_at_once(&queue, calls.collect()).await;
    let taken = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(answers.iter().all(|answer| *answer != Err(false)), "{answers:?}");
    assert_eq!(queue.stats().await.unwrap().ready, 15 + 10 * taken as u64);

    queue
        .write(|ledger, _| {
            ledger
                .connection()
                .pragma_update_and_check(None, "max_page_count", 1 << 30, |_| Ok(()))?;
            Ok(())
        })
        .await
        .unwrap();
    queue.put(tasks(50, 2000)).await.unwrap();
    assert_eq!(queue.claim(1000).await.unwrap().len(), 65 + 10 * taken);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_locked_is_unavailable_until_it_is_let_go() {
    let place = Place::new();
    let queue = place.open();
    queue.put(tasks(1, 10)).await.unwrap();
    let other = Connection::open(place.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for error in [queue.put(tasks(1, 10)).await.unwrap_err(), queue.claim(1).await.unwrap_err()] {
        assert!(matches!(error, QueueError::Unavailable { .. }), "{error}");
        assert!(error.to_string().contains("locked"), "{error}");
    }
    assert_eq!(queue.peek(0, 10).await.unwrap().len(), 1, "looking waits for nobody");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(queue.claim(10).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_may_not_be_written_is_unusable() {
    let place = Place::new();
    let queue = place.open();
    queue
        .write(|ledger, _| Ok(ledger.connection().pragma_update(None, "query_only", true)?))
        .await
        .unwrap();
    let error = queue.put(tasks(1, 10)).await.unwrap_err();
    assert!(matches!(error, QueueError::Unusable { .. }), "{error}");
    assert!(error.to_string().contains("can't be written"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_removed_takes_nothing_more() {
    let place = Place::new();
    let queue = place.open();
    queue.put(tasks(1, 10)).await.unwrap();
    std::fs::rename(place.file(), place.0.join("elsewhere.db")).unwrap();
    let error = queue.put(tasks(1, 10)).await.unwrap_err();
    assert!(matches!(error, QueueError::Unusable { .. }), "{error}");
    std::fs::write(place.file(), b"").unwrap();
    let error = queue.put(tasks(1, 10)).await.unwrap_err();
    assert!(matches!(error, QueueError::Unusable { .. }), "{error}");
    std::fs::rename(place.0.join("elsewhere.db"), place.file()).unwrap();
    queue.put(tasks(1, 10)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_lane_of_another_costs_a_claim_nothing() {
    const LONG: usize = 20_000;
    let place = Place::new();
    let (one, other) = (place.open(), place.open());
    let blocked = NewTask { key: Some("blocked".into()), ..NewTask::default() };
    one.put(vec![blocked; LONG]).await.unwrap();
    assert_eq!(one.claim(1).await.unwrap().len(), 1);
    one.put(tasks(100, 10)).await.unwrap();
    one.put(vec![NewTask { key: Some("free".into()), ..NewTask::default() }; 10]).await.unwrap();

    let mut steps = 0;
    let connection = Connection::open(place.file()).unwrap();
    for (sql, first) in
        [(claiming::KEYLESS, None), (claiming::HEADS, Some(0)), (claiming::HEADS, Some(2))]
    {
        let mut statement = connection.prepare(sql).unwrap();
        let params: Vec<i64> = first.into_iter().chain([50]).collect();
        let mut rows = statement.query(rusqlite::params_from_iter(params)).unwrap();
        while rows.next().unwrap().is_some() {}
        drop(rows);
        steps += statement.get_status(StatementStatus::VmStep);
        assert_eq!(statement.get_status(StatementStatus::Sort), 0, "{sql}");
    }
    assert!(steps < 1000, "{steps} steps for 50 of 110 tasks beside {LONG}");
    assert_eq!(other.claim(1000).await.unwrap().len(), 110, "all but the lane of the other");
    assert_eq!(one.claim(LONG).await.unwrap().len(), LONG - 1);
}
