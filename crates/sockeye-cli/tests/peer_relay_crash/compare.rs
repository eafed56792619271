//! The same ten restarts, of the program or of its connection, under the program that the relay replaces and under the relay:
//! tasks lost and doubled by each.

use std::{
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use sockeye_testkit::{
    RedisServer,
    ledger::{Ack, Behaviour, Room},
};

use crate::{
    relay::Relay,
    sources::Seen,
    story::{MAPPING, produce, their_program, until_taken},
    world::World,
};

/// How many tasks, how many a second, and how often there is trouble meanwhile.
const TASKS: u64 = 10_000;
const PER_SECOND: u64 = 1_000;
const RESTARTS: u64 = 10;
/// How long the server works on a task before it acknowledges it.
const WORK_MS: u64 = 5;
const PATIENCE: Duration = Duration::from_secs(60);

/// What is done ten times.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Trouble {
    /// The program is killed, and started again.
    Kill,
    /// The server cuts its connections, as when it is started again.
    Cut,
}

/// What came of one program.
struct Outcome {
    lost: u64,
    doubled: u64,
}

/// Prints the table of the README.
#[test]
#[ignore = "a comparison, not a test; `cargo xtask crash --compare` runs it"]
fn ten_restarts() {
    let Some(world) = World::launch_with("relay-compare", 2, &[]) else { return };
    println!("Of {TASKS} tasks, {PER_SECOND} a second:\n");
    println!("| {RESTARTS} times | program | lost | sent twice |\n|---|---|--:|--:|");
    for (what, trouble) in [
        ("the program is killed and started again", Trouble::Kill),
        ("the server cuts the connection", Trouble::Cut),
    ] {
        let Some(theirs) = theirs(&world, trouble) else { return };
        let ours = ours(&world, trouble);
        for (name, outcome) in
            [("`redis` and `python-socketio`", theirs), ("`sockeye relay`", ours)]
        {
            println!("| {what} | {name} | {} | {} |", outcome.lost, outcome.doubled);
        }
    }
}

fn theirs(world: &World, trouble: Trouble) -> Option<Outcome> {
    let room = room(world, &format!("/theirs-{trouble:?}"));
    let list = format!("theirs-{trouble:?}");
    let mut program = Some(their_program(&world.redis, &list, &room)?);
    restarts(&world.redis, &list, &room, || match trouble {
        Trouble::Cut => room.cut(),
        Trouble::Kill => {
            drop(program.take()); // which kills it
            program = their_program(&world.redis, &list, &room);
        }
    });
    until_taken(&world.redis, &list);
    until(&room, |room| room.book().open > 0);
    // What it has taken off the list is on its way: one task behind all others shows when it is there.
    produce(&world.redis, &list, TASKS..TASKS + 1);
    until(&room, |room| room.book().counts.contains_key(&format!("t{TASKS}")));
    Some(outcome(&room))
}

fn ours(world: &World, trouble: Trouble) -> Outcome {
    let room = room(world, &format!("/ours-{trouble:?}"));
    let place = world.place();
    std::fs::write(place.folder.join("relay.toml"), MAPPING).unwrap();
    let list = format!("ours-{trouble:?}");
    let from = world.redis.url(&format!("list={list}&lease=1s"));
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
        command.args(["relay", "--config", "relay.toml", "--from", &from, "--to", &room.url()]);
        command.env_clear();
        Relay::launch(&place.folder, command)
    };
    let mut relay = start();
    restarts(&world.redis, &list, &room, || match trouble {
        Trouble::Cut => room.cut(),
        Trouble::Kill => {
            relay.kill();
            relay = start();
        }
    });
    produce(&world.redis, &list, TASKS..TASKS + 1);
    let queue = Seen::open(&from);
    until(&room, |_| queue.is_empty());
    relay.drain();
    outcome(&room)
}

fn room(world: &World, namespace: &str) -> Room {
    let room = world.ledger.room(namespace);
    room.behave(&Behaviour { ack: Some(Ack::Late(WORK_MS)), ..Behaviour::default() });
    room
}

/// Puts all tasks at their pace, and calls `again` ten times meanwhile, each time when one eleventh more has been put.
fn restarts(redis: &RedisServer, list: &str, room: &Room, mut again: impl FnMut()) {
    until(room, |room| room.book().open > 0);
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let began = Instant::now();
            let step = PER_SECOND / 50;
            for n in (0..TASKS).step_by(usize::try_from(step).unwrap()) {
                produce(redis, list, n..(n + step).min(TASKS));
                let due = Duration::from_millis(n * 1000 / PER_SECOND);
                thread::sleep(due.saturating_sub(began.elapsed()));
            }
            is_done.store(true, Ordering::SeqCst);
        });
        let every = TASKS / (RESTARTS + 1);
        let began = Instant::now();
        for n in 1..=RESTARTS {
            let due = Duration::from_millis(n * every * 1000 / PER_SECOND);
            thread::sleep(due.saturating_sub(began.elapsed()));
            assert!(
                !is_done.load(Ordering::SeqCst),
                "the tasks came to their end before restart {n}"
            );
            again();
        }
    });
}

#[track_caller]
fn until(room: &Room, is_so: impl Fn(&Room) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so(room) {
        assert!(Instant::now() < deadline, "it takes too long: {} came", room.book().records);
        thread::sleep(Duration::from_millis(20));
    }
}

/// The last task, which told that all others are there, does not count.
fn outcome(room: &Room) -> Outcome {
    let last = format!("t{TASKS}");
    let book = room.book();
    let others = book.counts.iter().filter(|(id, _)| **id != last);
    let (came, twice) =
        others.fold((0, 0), |(came, twice), (_, &count)| (came + 1, twice + u64::from(count > 1)));
    Outcome { lost: TASKS - came, doubled: twice }
}
