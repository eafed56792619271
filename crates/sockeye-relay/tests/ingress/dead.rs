//! Records that a sink refused: found, tried again and dropped from beside, while they are served.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_util::{FutureExt as _, future::BoxFuture};
use sockeye_relay::ingress::{
    DeadRecords, Receiver as _, Record, SinkPlan, SpoolError, SpoolOptions,
    sink::{Sink, SinkError},
};
use tokio::sync::mpsc;

use crate::place::{Place, event, number, until};

/// Refuses whatever is even, until it is told not to.
#[derive(Debug)]
struct Choosy {
    takes_all: Arc<AtomicBool>,
    taken: mpsc::UnboundedSender<Record>,
}

impl Sink for Choosy {
    fn deliver<'a>(&'a mut self, batch: &'a [Record]) -> BoxFuture<'a, Result<usize, SinkError>> {
        async move {
            let is_taken = self.takes_all.load(Ordering::SeqCst) || number(&batch[0].line) % 2 == 1;
            if !is_taken {
                return Err(SinkError::Refused { reason: "it is even".to_owned() });
            }
            self.taken.send(batch[0].clone()).unwrap();
            Ok(1)
        }
        .boxed()
    }
}

fn plan(name: &str, takes_all: &Arc<AtomicBool>) -> (SinkPlan, mpsc::UnboundedReceiver<Record>) {
    let (taken, records) = mpsc::unbounded_channel();
    let takes_all = Arc::clone(takes_all);
    (SinkPlan::new(name, Choosy { takes_all, taken }), records)
}

#[tokio::test]
async fn the_dead_are_tried_again_by_their_sink_alone() {
    let place = Place::new("dead");
    let (takes_all, always) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(true)));
    let ((first, mut refused), (second, mut taken)) =
        (plan("choosy", &takes_all), plan("other", &always));
    let ingress = place.ingress(SpoolOptions::default(), vec![first, second]).await;
    for number in 1..=4 {
        ingress.receive(event("e", number)).await.unwrap();
    }
    until("laid", || ingress.stats().sinks[0].dead == 2).await;
    assert_eq!(ingress.stats().sinks[1].dead, 0);

    let mut dead = place.dead();
    let lying = dead.list(0, 10).unwrap();
    let told: Vec<_> =
        lying.iter().map(|it| (&*it.sink, number(it.line.as_bytes()), &*it.reason)).collect();
    assert_eq!(told, [("choosy", 2, "it is even"), ("choosy", 4, "it is even")]);
    let none = dead.retry(Some(&[lying[0].number, 99])).unwrap_err();
    assert!(matches!(none, SpoolError::NoSuchDead { number: 99, .. }), "{none}");
    assert!(!dead.list(0, 1).unwrap()[0].is_retried, "all of them, or none");

    // Refused again it lies there again, as another.
    assert_eq!(dead.retry(Some(&[lying[0].number])).unwrap(), 1);
    until("refused again", || {
        let now = dead.list(0, 10).unwrap();
        now.len() == 2 && now[1].number > lying[1].number && number(now[1].line.as_bytes()) == 2
    })
    .await;
    takes_all.store(true, Ordering::SeqCst);
    assert_eq!(dead.drop(Some(&[lying[1].number])).unwrap(), 1);
    assert_eq!(dead.retry(None).unwrap(), 1);
    until("taken", || ingress.stats().sinks[0].delivered == 3).await;
    until("none is left", || ingress.stats().sinks[0].dead == 0).await;
    until("swept", || ingress.stats().spool_records == 0).await;
    assert!(dead.list(0, 10).unwrap().is_empty());

    let numbers = |records: &mut mpsc::UnboundedReceiver<Record>| {
        std::iter::from_fn(|| records.try_recv().ok())
            .map(|record| number(&record.line))
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers(&mut refused), [1, 3, 2]);
    assert_eq!(numbers(&mut taken), [1, 2, 3, 4], "what it had it does not get again");
}

#[test]
fn what_is_no_spool_is_left_alone() {
    let place = Place::new("dead-none");
    let path = place.0.join("spool.db");
    let error = DeadRecords::open(&path).unwrap_err().to_string();
    assert!(error.contains("no such file") && !path.exists(), "{error}");
    std::fs::write(&path, "").unwrap();
    let error = DeadRecords::open(&path).unwrap_err().to_string();
    assert!(error.contains("start the relay once"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"");
}
