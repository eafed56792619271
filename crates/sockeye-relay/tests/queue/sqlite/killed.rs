//! Processes that use one file are killed and stopped; what they said was committed is there, and comes once.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use rusqlite::Connection;
use sockeye_relay::queue::{
    NewTask, Queue, Settled, State, Verdict,
    sqlite::{Options, Sqlite},
};
use sockeye_testkit::Rng;

use super::Place;
use crate::conformance::steps::*;

/// Tells a child where its queue is, and what its tasks begin with.
const FILE: &str = "SOCKEYE_TEST_QUEUE";
const NAME: &str = "SOCKEYE_TEST_NAME";
/// The lease of children that are stopped.
const LEASE: Duration = Duration::from_millis(600);

/// A process at work, ended with this.
struct Worker {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Worker {
    fn start(test: &str, file: &Path, name: &str) -> Self {
        let program = std::env::current_exe().expect("a test knows itself");
        let mut child = Command::new(program)
            .args(["--exact", test, "--ignored", "--nocapture", "--quiet"])
            .env(FILE, file)
            .env(NAME, name)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("a child can be started");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self { child, lines }
    }

    /// What it says next, without what the test runner says.
    fn says(&mut self) -> Option<String> {
        self.lines.find_map(|line| line.ok()?.strip_prefix("said ").map(str::to_owned))
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([name, &self.child.id().to_string()])
            .status()
            .expect("kill can be run");
        assert!(status.success());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(line: &str) {
    let line = format!("said {line}\n");
    std::io::stdout().write_all(line.as_bytes()).expect("somebody listens");
}

/// Where a child works; `None` if it was not started by its test.
fn place_of_child() -> Option<(PathBuf, String)> {
    Some((std::env::var_os(FILE)?.into(), std::env::var(NAME).ok()?))
}

#[tokio::test]
#[ignore = "a child of the test that kills it"]
async fn works_until_it_is_killed() {
    let Some((file, name)) = place_of_child() else { return };
    let queue: Arc<dyn Queue> = Arc::new(Sqlite::open(file, Options::default()).expect("it opens"));
    for round in 0.. {
        let ids: Vec<String> = (0..3).map(|number| format!("{name}-{round}-{number}")).collect();
        let tasks = ids.iter().map(|id| NewTask { key: Some("k".into()), ..task(id) });
        queue.put(tasks.collect()).await.expect("tasks are taken");
        ids.iter().for_each(|id| say(&format!("put {id}")));
        // Fewer than were put, so that others are left over.
        let claimed = claim(&queue, 2).await;
        let verdicts = claimed.iter().enumerate().map(|(place, one)| match place {
            _ if round % 7 == 0 => settlement(one, Verdict::Release),
            _ if round % 5 == 0 => settlement(one, Verdict::Tried { attempts: 1 }),
            _ => settlement(one, done()),
        });
        let verdicts: Vec<_> = verdicts.collect();
        let is_done = !round_is_special(round);
        queue.settle(verdicts).await.expect("they are settled");
        if is_done {
            bodies(&claimed).iter().for_each(|id| say(&format!("done {id}")));
        }
    }
}

const fn round_is_special(round: u32) -> bool {
    round.is_multiple_of(7) || round.is_multiple_of(5)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_outlives_fifty_kills() {
    let place = Place::make();
    let mut rng = Rng::new(0x5eed);
    let (mut put, mut finished) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..50 {
        let mut worker = Worker::start(
            "sqlite::killed::works_until_it_is_killed",
            &place.file(),
            &format!("{round}"),
        );
        for _ in 0..1 + rng.below(40) {
            let line = worker.says().expect("it works until it is killed");
            let (what, id) = line.split_once(' ').expect("two words");
            match what {
                "put" => assert!(put.insert(id.to_owned()), "{id} was put twice"),
                _ => assert!(finished.insert(id.to_owned()), "{id} was done twice"),
            }
        }
        worker.child.kill().expect("it can be killed");
        // What it said before it was killed, and nobody has read yet.
        while let Some(line) = worker.says() {
            match line.split_once(' ') {
                Some(("put", id)) => assert!(put.insert(id.to_owned()), "{id} was put twice"),
                Some((_, id)) => assert!(finished.insert(id.to_owned()), "{id} was done twice"),
                None => panic!("{line:?}"),
            }
        }
    }
    assert!(!finished.is_empty());

    let queue: Arc<dyn Queue> =
        Arc::new(Sqlite::open(place.file(), Options::default()).expect("it opens"));
    for id in &put {
        let seen =
            queue.find(id).await.expect("it looks").unwrap_or_else(|| panic!("{id} is lost"));
        if finished.contains(id) {
            assert_eq!(seen.state, State::Done, "{id}");
        }
    }
    tallies_are_right(&place.file());
    // All that is left comes once, in the order in which it was put.
    let mut last: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    loop {
        let claimed = claim(&queue, 100).await;
        if claimed.is_empty() {
            break;
        }
        for one in &claimed {
            let id = String::from_utf8(one.body.to_vec()).expect("text");
            assert!(!finished.contains(&id), "{id} was done, and came again");
            let mut parts = id.splitn(2, '-');
            let worker = parts.next().expect("a worker").to_owned();
            let (round, number) = parts.next().and_then(|rest| rest.split_once('-')).expect("more");
            let place = (round.parse().expect("a number"), number.parse().expect("a number"));
            let before = last.insert(worker, place);
            assert!(before.is_none_or(|before| before < place), "{id} came after {before:?}");
            assert_eq!(settle(&queue, one, done()).await, Settled::Stored);
            put.remove(&id);
        }
    }
    for id in &put {
        let seen = queue.find(id).await.expect("it looks").expect("nothing is lost");
        assert_eq!(seen.state, State::Done, "{id}");
    }
    tallies_are_right(&place.file());
}

/// Counts everything out.
pub(super) fn tallies_are_right(file: &Path) {
    let connection = Connection::open(file).expect("it opens");
    let row = |sql: &str| -> Vec<i64> {
        let read = |row: &rusqlite::Row<'_>| (0..9).map(|column| row.get(column)).collect();
        connection.query_row(sql, [], read).expect("it can be read")
    };
    let told = row(
        "SELECT ready, delayed, claimed, bytes, held, dead, dead_bytes, done, done_bytes FROM tally",
    );
    let counted = row(
        "SELECT (SELECT count(*) FROM task WHERE state = 0), (SELECT count(*) FROM task WHERE state = 1), (SELECT count(*) FROM task WHERE state = 2), (SELECT coalesce(sum(length(body)), 0) FROM task), (SELECT count(*) FROM dead WHERE is_held), (SELECT count(*) FROM dead WHERE NOT is_held), (SELECT coalesce(sum(length(body)), 0) FROM dead), (SELECT count(*) FROM done), (SELECT coalesce(sum(length(result)), 0) FROM done)",
    );
    assert_eq!(told, counted);
    let wrong: i64 = connection
        .query_row(
            "SELECT count(*) FROM lane WHERE tasks <> (SELECT count(*) FROM task WHERE lane = lane.id) OR claimed <> (SELECT count(*) FROM task WHERE lane = lane.id AND state = 2) OR head IS NOT (SELECT min(seq) FROM task WHERE lane = lane.id AND state = 0) OR (claimed = 0) <> (owner = 0) OR tasks = 0",
            [],
            |row| row.get(0),
        )
        .expect("it can be read");
    assert_eq!(wrong, 0, "lanes that are not what their tasks are");
    let sound: String =
        connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it checks");
    assert_eq!(sound, "ok");
}

#[tokio::test]
#[ignore = "a child of the test that stops it"]
async fn claims_and_is_stopped() {
    let Some((file, _)) = place_of_child() else { return };
    let options = Options { lease: LEASE, ..Options::default() };
    let queue: Arc<dyn Queue> = Arc::new(Sqlite::open(file, options).expect("it opens"));
    let claimed = claim(&queue, 10).await;
    say(&format!("claimed {}", claimed.len()));
    // It is stopped here, and goes on once another has what it had.
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("somebody speaks");
    let settled = settle(&queue, &claimed[0], done()).await;
    let lives = queue.renew().await.expect("it answers");
    say(&format!("{settled:?} {lives}"));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_stopped_past_its_lease_is_fenced() {
    let place = Place::make();
    let options = Options { lease: LEASE, ..Options::default() };
    let queue: Arc<dyn Queue> = Arc::new(Sqlite::open(place.file(), options).expect("it opens"));
    put(&queue, &["a", "b"]).await;
    let program = std::env::current_exe().expect("a test knows itself");
    let mut child = Command::new(program)
        .args(["--exact", "sqlite::killed::claims_and_is_stopped", "--ignored", "--nocapture"])
        .env(FILE, place.file())
        .env(NAME, "stopped")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child can be started");
    let mut stdin = child.stdin.take().expect("it is piped");
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut worker = Worker { child, lines };
    assert_eq!(worker.says().as_deref(), Some("claimed 2"));
    worker.signal("-STOP");
    let taken = claim_within(&queue, 10, LONG).await;
    assert_eq!(bodies(&taken), ["a", "b"]);
    worker.signal("-CONT");
    stdin.write_all(b"go on\n").expect("it listens");
    assert_eq!(worker.says().as_deref(), Some("Fenced false"));
    for one in &taken {
        assert_eq!(settle(&queue, one, done()).await, Settled::Stored);
    }
}
