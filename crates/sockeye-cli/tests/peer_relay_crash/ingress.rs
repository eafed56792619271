//! What the server sends, and a relay that dies with it: what was acknowledged is in the sink, and nothing twice.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use serde_json::Value;
use sockeye_relay::crash::Stage;

use crate::{
    configured::Configured,
    relay::{Relay, was_killed},
    sources::Source,
    world::{Place, World},
};

/// How many events are sent at a time, and how often.
const AT_ONCE: u64 = 4;
const TIMES: u64 = 10;
const PATIENCE: Duration = Duration::from_secs(30);

const STAGES: [Stage; 4] = [Stage::Received, Stage::Spooled, Stage::Sunk, Stage::Deleted];

/// Where events go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sink {
    Table,
    File,
    Stream,
    List,
    Webhook,
}

impl Sink {
    const ALL: [Self; 5] = [Self::Table, Self::File, Self::Stream, Self::List, Self::Webhook];

    /// Whether it may get a record again when it had it already.
    const fn may_double(self) -> bool {
        matches!(self, Self::Webhook)
    }
}

/// A sink that the test can look into.
struct Shelf {
    sink: Sink,
    url: String,
    posted: Arc<Mutex<Vec<String>>>,
}

impl Shelf {
    fn new(sink: Sink, world: &World, place: &Place) -> Self {
        let posted = Arc::<Mutex<Vec<_>>>::default();
        let url = match sink {
            Sink::Table => format!("sqlite:{}", place.folder.join("received.db").display()),
            Sink::File => format!("file:{}", place.folder.join("received.jsonl").display()),
            Sink::Stream => world.redis.url(&format!("stream=in-{}", place.name)),
            Sink::List => world.redis.url(&format!("list=in-{}", place.name)),
            Sink::Webhook => webhook(Arc::clone(&posted)),
        };
        Self { sink, url, posted }
    }

    /// The records, in the order in which they came.
    fn records(&self, world: &World, place: &Place) -> Vec<Value> {
        let key = format!("in-{}", place.name);
        let lines: Vec<String> = match self.sink {
            Sink::Table => {
                let table = Connection::open(place.folder.join("received.db")).unwrap();
                let mut rows = table.prepare("SELECT record FROM received ORDER BY seq").unwrap();
                rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
            }
            Sink::File => {
                let file = fs::read_to_string(place.folder.join("received.jsonl")).unwrap();
                file.lines().map(str::to_owned).collect()
            }
            Sink::Stream => {
                let entries = world.redis.call(&["XRANGE", &key, "-", "+"]).unwrap();
                entries.lines().filter(|line| line.starts_with('{')).map(str::to_owned).collect()
            }
            Sink::List => {
                let entries = world.redis.call(&["LRANGE", &key, "0", "-1"]).unwrap();
                let mut lines: Vec<_> = entries.lines().map(str::to_owned).collect();
                let newest_first = lines.first() > lines.last();
                if newest_first {
                    lines.reverse();
                }
                lines
            }
            Sink::Webhook => self.posted.lock().unwrap().clone(),
        };
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A server that takes records; its URL.
fn webhook(posted: Arc<Mutex<Vec<String>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/records", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let posted = Arc::clone(&posted);
            thread::spawn(move || {
                let mut stream = BufReader::new(stream);
                while let Some(body) = request(&mut stream) {
                    posted.lock().unwrap().push(body);
                    let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
                    if stream.get_mut().write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

/// The body of the next request, if there is one.
fn request(stream: &mut BufReader<std::net::TcpStream>) -> Option<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}

/// The server repeats what it got no ack for.
#[test]
fn what_the_server_was_told_is_stored_is_stored() {
    let Some(world) = World::launch("relay-ingress") else { return };
    thread::scope(|scope| {
        for sink in Sink::ALL {
            let world = &world;
            scope.spawn(move || {
                for stage in STAGES {
                    for count in [1, 4] {
                        acked(world, sink, stage, count);
                    }
                }
            });
        }
    });
}

#[track_caller]
fn acked(world: &World, sink: Sink, stage: Stage, count: u64) {
    let what = format!("{sink:?}, {}:{count}", stage.as_str());
    let place = world.place();
    let shelf = Shelf::new(sink, world, &place);
    let configured = Configured {
        sink: Some(shelf.url.clone()),
        ..Configured::new(Source::Sqlite, Source::Sqlite.url(world, &place), &place)
    };
    let mut relay = configured.start(Some(&format!("{}:{count}", stage.as_str())));
    place.room.until("opened", 1);
    for n in 1..=TIMES {
        place.room.send(AT_ONCE, true);
        told_or_dead(&place, n * AT_ONCE, &mut relay);
    }
    let status = relay.ended();
    assert!(was_killed(status), "{what}: {status}\n{}", relay.log_end());
    drop(relay);

    let before = place.room.book().opened;
    let relay = configured.start(None);
    // Before that it may not know yet what a signal means.
    place.room.until("opened", before + 1);
    place.room.until("told", AT_ONCE * TIMES);
    relay.drain();
    let records = shelf.records(world, &place);
    let counts = counts(&records);
    for n in 0..AT_ONCE * TIMES {
        let count = counts.get(&n).copied().unwrap_or(0);
        let is_well = count == 1 || count > 1 && sink.may_double();
        assert!(is_well, "{what}: event {n} is there {count} times\n{records:#?}");
    }
}

/// Without an ack the server repeats nothing: what a dead relay had in its hands is lost, and a record says when.
#[test]
fn what_a_dead_relay_missed_is_told_as_a_gap() {
    let Some(world) = World::launch("relay-ingress-gaps") else { return };
    thread::scope(|scope| {
        for sink in Sink::ALL {
            let world = &world;
            scope.spawn(move || STAGES.map(|stage| unacked(world, sink, stage)));
        }
    });
}

#[track_caller]
fn unacked(world: &World, sink: Sink, stage: Stage) {
    let what = format!("{sink:?}, {}", stage.as_str());
    let place = world.place();
    let shelf = Shelf::new(sink, world, &place);
    let configured = Configured {
        sink: Some(shelf.url.clone()),
        ..Configured::new(Source::Sqlite, Source::Sqlite.url(world, &place), &place)
    };
    let mut relay = configured.start(Some(&format!("{}:3", stage.as_str())));
    place.room.until("opened", 1);
    let deadline = Instant::now() + PATIENCE;
    while relay.ends_within(Duration::from_millis(5)).is_none() {
        assert!(Instant::now() < deadline, "{what}: it lives on\n{}", relay.log_end());
        place.room.send(1, false);
    }
    drop(relay);
    let before = place.room.book().opened;
    let relay = configured.start(None);
    place.room.until("opened", before + 1);
    place.room.send(AT_ONCE, false);
    // One with an ack comes behind them.
    place.room.send(1, true);
    let sent = place.room.until("told", 1).sent;
    relay.drain();
    let records = shelf.records(world, &place);
    missing_at_gaps(&records, &what);
    let counts = counts(&records);
    let is_well = |count: u64| count == 1 || sink.may_double();
    assert!(counts.values().all(|&count| is_well(count)), "{what}: {records:#?}");
    assert_eq!(counts.keys().last(), Some(&(sent - 1)), "{what}: {records:#?}");
}

/// Between numbers that do not follow each other there has to be a gap.
#[track_caller]
fn missing_at_gaps(records: &[Value], what: &str) {
    let (mut next, mut is_gap) = (0, false);
    for record in records {
        is_gap |= record.get("gap").is_some();
        let Some(n) = record["args"][0]["n"].as_u64() else { continue };
        assert!(
            n <= next || is_gap,
            "{what}: {n} where {next} is due, without a gap\n{records:#?}"
        );
        if n >= next {
            (next, is_gap) = (n + 1, false);
        }
    }
}

/// Waits until so many are acknowledged, or nobody is there to do it.
fn told_or_dead(place: &Place, told: u64, relay: &mut Relay) {
    let deadline = Instant::now() + PATIENCE;
    while relay.ends_within(Duration::from_millis(2)).is_none() {
        if place.room.reaches("told", told, Duration::from_millis(20)).is_ok() {
            return;
        }
        assert!(Instant::now() < deadline, "neither told nor dead\n{}", relay.log_end());
    }
}

/// By the number that the server gave it: how often an event is there.
fn counts(records: &[Value]) -> BTreeMap<u64, u64> {
    let mut counts = BTreeMap::new();
    for n in records.iter().filter_map(|record| record["args"][0]["n"].as_u64()) {
        *counts.entry(n).or_default() += 1;
    }
    counts
}

/// What a server sends while nobody is there, it does not send again: a record says for how long that was.
#[test]
fn what_was_missed_is_told_as_a_gap() {
    let Some(world) = World::launch("relay-gaps") else { return };
    let place = world.place();
    let shelf = Shelf::new(Sink::File, &world, &place);
    let configured = Configured {
        sink: Some(shelf.url.clone()),
        ..Configured::new(Source::Sqlite, Source::Sqlite.url(&world, &place), &place)
    };
    let relay = configured.start(None);
    let mut sent = 0;
    for n in 1..=5 {
        place.room.until("opened", n);
        place.room.send(20, false);
        sent += 20;
        place.room.cut();
    }
    place.room.until("opened", 6);
    relay.drain();
    let records = shelf.records(&world, &place);
    let counts = counts(&records);
    assert!(counts.values().all(|&count| count == 1), "{counts:?}");
    let gaps = records.iter().filter(|record| record.get("gap").is_some()).count();
    assert_eq!(gaps, 5, "{records:#?}");
    missing_at_gaps(&records, "cut");
    assert!(counts.len() as u64 <= sent);
}
