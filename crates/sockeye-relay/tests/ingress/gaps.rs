//! Since when a target is lost, over the end of a process.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use sockeye_relay::ingress::{
    Gap, Ingress, Receiver as _, SinkPlan, Spool, SpoolError, SpoolOptions, sink::TableSink,
};

use crate::place::{LIMIT, Place, event, until};

fn plans(place: &Place) -> Vec<SinkPlan> {
    vec![SinkPlan::new("table", TableSink::new(place.0.join("in.db"), None))]
}

/// Ends a process, as it were, and begins the next.
async fn again(place: &Place, ingress: Ingress) -> Ingress {
    assert!(ingress.close(LIMIT).await);
    drop(ingress);
    let mut spool = None;
    until("the file is let go of", || {
        spool = match Spool::open(place.0.join("spool.db"), SpoolOptions::default()) {
            Ok(spool) => Some(spool),
            Err(SpoolError::InUse { .. }) => None,
            Err(error) => panic!("{error}"),
        };
        spool.is_some()
    })
    .await;
    Ingress::start(spool.unwrap(), plans(place)).await.unwrap()
}

/// So long ago, to the millisecond.
fn ago(seconds: u64) -> SystemTime {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let now = Duration::from_millis(u64::try_from(now).unwrap());
    SystemTime::UNIX_EPOCH + now - Duration::from_secs(seconds)
}

#[tokio::test]
async fn a_gap_outlives_the_process_that_it_began_in() {
    let place = Place::new("gap-outlives");
    let (lost, there): (Arc<str>, Arc<str>) = ("lost".into(), "there".into());
    let ingress = place.ingress(SpoolOptions::default(), plans(&place)).await;
    assert_eq!(ingress.lost_at("lost"), None, "nobody was here before");
    ingress.joined(&lost);
    ingress.joined(&there);
    let at = ago(3_600);
    ingress.parted(&lost, at);
    ingress.parted(&lost, ago(60)); // it was lost before
    // The other goes on, and so does the file.
    ingress.receive(event("e", 1)).await.unwrap();

    let ingress = again(&place, ingress).await;
    assert_eq!(ingress.lost_at("lost"), Some(at));
    let ended = ingress.lost_at("there").unwrap();
    assert!(
        ended > ago(600),
        "it was joined until the end, and not lost with the first: {ended:?}"
    );
    // A process in which neither is joined changes nothing, though it writes.
    ingress.receive(event("e", 2)).await.unwrap();
    let ingress = again(&place, ingress).await;
    assert_eq!((ingress.lost_at("lost"), ingress.lost_at("there")), (Some(at), Some(ended)));

    let to = SystemTime::now();
    let gap = Gap { target: lost.clone(), from: at, to, is_recovered: false };
    assert!(ingress.gap(gap).await.unwrap().may_ack());
    let ingress = again(&place, ingress).await;
    assert!(ingress.lost_at("lost").unwrap() >= to - Duration::from_millis(1_000), "it is told");
}

#[tokio::test]
async fn what_a_gap_has_told_is_not_noted_behind_it() {
    let place = Place::new("gap-order");
    let lost: Arc<str> = "lost".into();
    let ingress = place.ingress(SpoolOptions::default(), plans(&place)).await;
    let (at, to) = (ago(3_600), ago(1_800));
    // Both wait for one commit, which may do either first.
    ingress.parted(&lost, at);
    let gap = Gap { target: lost.clone(), from: at, to, is_recovered: false };
    assert!(ingress.gap(gap).await.unwrap().may_ack());
    let ingress = again(&place, ingress).await;
    assert!(ingress.lost_at("lost").unwrap() > to);
}
