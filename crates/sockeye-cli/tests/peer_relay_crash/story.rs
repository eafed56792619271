//! The first user's whole story: their program loses tasks, the doctor says why, and the relay in its place loses none.

use std::{process::Command, time::Duration};

use serde_json::{Value, json};
use sockeye_testkit::{
    Peer, RedisServer,
    ledger::{Behaviour, Ledger, Room},
    pinned,
};

use crate::{relay::Relay, sources::Seen, world::World};

/// How many tasks their producer puts, and how many at a time.
const TASKS: u64 = 10_000;
const AT_ONCE: u64 = 100;
/// Their server cuts every connection each minute; here each second.
const CUT_EVERY_MS: u64 = 1_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// What they have beside `--from` and `--to`: their producer writes no envelope.
pub(crate) const MAPPING: &str = r#"
[task]
event = "$.type"
args = ["$.data"]
id = "$.data.id"
key = "$.data.key"
"#;

/// Puts tasks as their producer does, which knows nothing of a relay.
pub(crate) fn produce(redis: &RedisServer, list: &str, ids: std::ops::Range<u64>) {
    let tasks: Vec<_> = ids
        .map(|n| {
            let kind = ["message", "action", "chat"][usize::try_from(n % 3).unwrap()];
            let data = json!({"id": format!("t{n}"), "key": format!("user-{}", n % 50), "n": n});
            json!({"type": kind, "data": data}).to_string()
        })
        .collect();
    for some in tasks.chunks(usize::try_from(AT_ONCE).unwrap()) {
        let words: Vec<_> =
            ["LPUSH", list].into_iter().chain(some.iter().map(|it| &**it)).collect();
        redis.call(&words).unwrap();
    }
}

/// Their program; it is at work once this returns.
pub(crate) fn their_program(redis: &RedisServer, list: &str, room: &Room) -> Option<Peer> {
    let python = pinned::python_v3()?;
    let mut command = Command::new(python.get_program());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../interop/py/first_user.py");
    let url = format!("redis://127.0.0.1:{}/0", redis.port().unwrap());
    command.args(["-u", script, &url, list, room.server(), room.namespace()]);
    Some(Peer::launch_for(PATIENCE, command, "at work").unwrap())
}

/// Waits until a list is empty.
pub(crate) fn until_taken(redis: &RedisServer, list: &str) {
    redis.wait_for(&["LLEN", list], |length| length == "0").unwrap();
}

#[test]
fn the_first_users_story() {
    let Some(world) = World::launch_with("first-user", 2, &["--ping-interval", "1000"]) else {
        return;
    };
    let (ledger, redis) = (&world.ledger, &world.redis);
    let theirs = theirs(ledger, redis);
    let Some(lost) = theirs else { return };
    assert!(lost > 0, "their program loses nothing, so there is no story");
    names_the_cause(ledger);

    let place = world.place();
    let room = ledger.room("/imchat");
    room.forget();
    room.behave(&Behaviour { cut_every: Some(CUT_EVERY_MS), ..Behaviour::default() });
    std::fs::write(place.folder.join("relay.toml"), MAPPING).unwrap();
    let from = redis.url("list=tasks");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
    command.args(["relay", "--config", "relay.toml", "--from", &from, "--to", &room.url()]);
    command.env_clear();
    let mut relay = Relay::launch(&place.folder, command);
    produce(redis, "tasks", 0..TASKS);
    let queue = Seen::open(&from);
    queue.until_empty(&mut relay, PATIENCE);
    relay.drain();
    let book = room.until("distinct", TASKS);
    assert_eq!(book.counts.len() as u64, TASKS, "none is lost, and none came that nobody sent");
    // Who asks for each id once, as their server can, has none twice. Those that came again were under way at a cut.
    let again = book.records - TASKS;
    assert!(again <= 64 * book.cuts, "{again} came again with {} cuts", book.cuts);
    for (key, order) in &book.orders {
        assert!(order.is_sorted(), "{key} is out of order: {order:?}");
    }
    println!(
        "of {TASKS} tasks and a server that cuts every {CUT_EVERY_MS} ms, their program lost {lost}, the relay 0; {again} were \
         sent again"
    );
}

/// How many tasks their program loses.
fn theirs(ledger: &Ledger, redis: &RedisServer) -> Option<u64> {
    let room = ledger.room("/imchat");
    room.behave(&Behaviour { cut_every: Some(CUT_EVERY_MS), ..Behaviour::default() });
    let program = their_program(redis, "theirs", &room)?;
    let mut put = 0;
    // Until the server has cut it twice in the midst of its work: about as long as that many minutes.
    while room.book().cuts < 3 {
        produce(redis, "theirs", put..put + AT_ONCE);
        put += AT_ONCE;
        until_taken(redis, "theirs");
    }
    // What it still had on its way is there once one that comes behind it is.
    room.behave(&Behaviour { cut_every: Some(0), ..Behaviour::default() });
    room.until("open", 1);
    loop {
        produce(redis, "theirs", put..put + 1);
        put += 1;
        until_taken(redis, "theirs");
        if room.book().counts.contains_key(&format!("t{}", put - 1)) {
            break;
        }
    }
    drop(program);
    Some(put - room.book().counts.len() as u64)
}

/// The doctor says that the server speaks Engine.IO 3, which few clients of today do.
fn names_the_cause(ledger: &Ledger) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
    let url = format!("{}/imchat", ledger.url());
    let output =
        command.args(["doctor", "--json", "--eio", "4", &url]).env_clear().output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(last["verdict"], "eio3-server", "{last:#}");
}
