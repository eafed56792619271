//! Lines in files and on streams.

use std::fs;

use sockeye_relay::ingress::{
    Receiver as _, SinkPlan, SpoolOptions,
    sink::{FileSink, Fsync, OutputSink},
};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::place::{LIMIT, Place, event, number, quick, until};

#[tokio::test]
async fn a_file_is_rotated_and_its_torn_line_repaired() {
    for fsync in [Fsync::Always, Fsync::Batch, Fsync::Never] {
        let place = Place::new(&format!("rotated-{fsync:?}"));
        let path = place.0.join("in.ndjson");
        fs::write(&path, "{\"id\":\"other-9\"}\n{\"t\":\"torn").unwrap();
        let sink = FileSink::new(&path, Some(1000), 2, fsync);
        let ingress =
            place.ingress(SpoolOptions::default(), vec![SinkPlan::new("file", sink)]).await;
        for number in 0..30 {
            ingress.receive(event("e", number)).await.unwrap();
        }
        assert!(ingress.close(LIMIT).await);
        let names = ["in.ndjson.2", "in.ndjson.1", "in.ndjson"];
        let all: String = names
            .iter()
            .map(|name| {
                let text = fs::read_to_string(place.0.join(name)).unwrap();
                assert!(text.len() <= 1000 && text.ends_with('\n'), "{name}");
                text
            })
            .collect();
        assert!(!place.0.join("in.ndjson.3").exists());
        let numbers: Vec<_> = all.lines().map(|line| number(line.as_bytes())).collect();
        assert!(numbers.len() > 5);
        assert_eq!(numbers, (30 - numbers.len() as u64..30).collect::<Vec<_>>());
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_waited_for_and_told() {
    let place = Place::new("full");
    let mut plan = SinkPlan::new("file", FileSink::new("/dev/full", Some(10), 2, Fsync::Always));
    plan.backoff = quick();
    let ingress = place.ingress(SpoolOptions::default(), vec![plan]).await;
    ingress.receive(event("e", 1)).await.unwrap();
    until("tried more than once", || ingress.stats().sinks[0].failed > 20).await;
    let stats = ingress.stats();
    assert_eq!((stats.spool_records, stats.sinks[0].dead, stats.sinks[0].delivered), (1, 0, 0));
    let error = stats.sinks[0].error.clone().unwrap();
    assert!(error.contains("space"), "{error}");
}

#[tokio::test]
async fn a_stream_gets_lines_until_nobody_reads() {
    let place = Place::new("stream");
    let (ours, theirs) = tokio::io::duplex(64);
    let ingress = place
        .ingress(SpoolOptions::default(), vec![SinkPlan::new("out", OutputSink::new(ours))])
        .await;
    let mut lines = BufReader::new(theirs).lines();
    for sent in 0..3 {
        ingress.receive(event("e", sent)).await.unwrap();
        let line = tokio::time::timeout(LIMIT, lines.next_line()).await.unwrap().unwrap().unwrap();
        assert_eq!(number(line.as_bytes()), sent);
    }
    drop(lines);
    ingress.receive(event("e", 3)).await.unwrap();
    assert_eq!(&*tokio::time::timeout(LIMIT, ingress.ended()).await.unwrap(), "out");
    assert!(ingress.stats().sinks[0].has_ended);
}
