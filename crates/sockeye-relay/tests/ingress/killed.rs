//! A process that is killed at any time has what it said it had.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use sockeye_relay::ingress::{
    Ingress, Receiver as _, SinkPlan, Spool, SpoolOptions,
    sink::{FileSink, Fsync, TableSink},
};

use crate::place::{LIMIT, Place, event, number};

const FOLDER: &str = "SOCKEYE_TEST_INGRESS";
const FIRST: &str = "SOCKEYE_TEST_FIRST";
const KILLS: usize = 50;

/// The process that is killed. Says `sent N` before and `stored N` after; with nothing to send it drains and ends.
#[tokio::test]
#[ignore = "started and killed by the test below"]
async fn child() {
    let folder = std::env::var(FOLDER).unwrap();
    let folder = Path::new(&folder);
    let spool = Spool::open(folder.join("spool.db"), SpoolOptions::default()).unwrap();
    let file = FileSink::new(folder.join("in.ndjson"), None, 0, Fsync::Batch);
    let mut plans = vec![
        SinkPlan::new("file", file),
        SinkPlan::new("table", TableSink::new(folder.join("in.db"), None)),
    ];
    plans[0].max_batch = 7;
    let ingress = Ingress::start(spool, plans).await.unwrap();
    let say = |word: &str, number: u64| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n{word} {number}").unwrap();
        out.flush().unwrap();
    };
    let Ok(first) = std::env::var(FIRST) else {
        assert!(ingress.close(LIMIT).await);
        return say("drained", 0);
    };
    let mut number = first.parse::<u64>().unwrap();
    let mut waiting = FuturesUnordered::new();
    loop {
        while waiting.len() < 16 {
            say("sent", number);
            let receipt = ingress.receive(event("e", number));
            waiting.push(async move { (number, receipt.await) });
            number += 1;
        }
        let (number, receipt) = waiting.next().await.unwrap();
        assert!(receipt.unwrap().may_ack());
        say("stored", number);
    }
}

fn start(folder: &Path, first: Option<u64>) -> std::process::Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["killed::child", "--exact", "--ignored", "--nocapture"]);
    command.env(FOLDER, folder).stdout(Stdio::piped()).stderr(Stdio::null());
    if let Some(first) = first {
        command.env(FIRST, first.to_string());
    }
    command.spawn().unwrap()
}

#[test]
fn what_was_acknowledged_is_in_every_sink_though_the_process_is_killed() {
    let place = Place::new("killed");
    let (mut next, mut stored) = (0, BTreeSet::new());
    let mut random = 0x9e37_79b9_7f4a_7c15_u64 ^ u64::from(std::process::id());
    println!("seed {random}");
    let begin = Instant::now();
    for _ in 0..KILLS {
        assert!(begin.elapsed() < Duration::from_secs(300), "it takes too long");
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let lines = 1 + random % 400;
        let mut child = start(&place.0, Some(next));
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut hear = |line: &str| match line.split_once(' ') {
            Some(("sent", number)) => next = next.max(number.parse::<u64>().unwrap() + 1),
            Some(("stored", number)) => drop(stored.insert(number.parse::<u64>().unwrap())),
            _ => {}
        };
        for _ in 0..lines {
            hear(&output.next().expect("it ended by itself").unwrap());
        }
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        // What it had still said.
        for line in output {
            hear(&line.unwrap());
        }
    }
    let output = start(&place.0, None).wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("drained 0"), "{output:?}");
    assert!(stored.len() > KILLS, "{}", stored.len());

    let text = fs::read_to_string(place.0.join("in.ndjson")).unwrap();
    let mut in_file = BTreeMap::<u64, u32>::new();
    for line in text.lines() {
        *in_file.entry(number(line.as_bytes())).or_default() += 1;
    }
    let table = rusqlite::Connection::open(place.0.join("in.db")).unwrap();
    let mut rows = table.prepare("SELECT record FROM received ORDER BY seq").unwrap();
    let mut in_table = BTreeMap::<u64, u32>::new();
    for line in rows.query_map([], |row| row.get::<_, String>(0)).unwrap() {
        *in_table.entry(number(line.unwrap().as_bytes())).or_default() += 1;
    }
    for (sink, found) in [("file", &in_file), ("table", &in_table)] {
        let missing: Vec<_> = stored.iter().filter(|number| !found.contains_key(number)).collect();
        assert!(missing.is_empty(), "{sink} lacks {missing:?}");
        // Both know what they have, so that nothing comes twice.
        let twice: Vec<_> = found.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "{sink} has twice {twice:?}");
    }
    assert_eq!(in_file, in_table);
}
