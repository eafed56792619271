//! What else goes wrong: servers that cut, acks that are late, instances that stall, disks that are full, clocks that jump.

use std::{fs, process::Command, time::Duration};

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use sockeye_relay::queue::State;
use sockeye_testkit::{
    ledger::{Ack, Behaviour, Book},
    pinned,
};

use crate::{
    configured::Configured,
    judge::{Allowed, Made, judge, tasks},
    relay::Relay,
    sources::{Seen, Source},
    world::{Place, World},
};

/// How long a relay may take with all that a test gives it.
const PATIENCE: Duration = Duration::from_secs(50);

pub(crate) const NOTHING: Allowed = Allowed { lost: false, doubled: false, disorder: false };
pub(crate) const DOUBLED: Allowed = Allowed { lost: false, doubled: true, disorder: false };

/// A place, a queue in a file with tasks, and a relay that is to start.
pub(crate) struct Scene {
    pub(crate) place: Place,
    pub(crate) queue: Seen,
    pub(crate) made: Vec<Made>,
    pub(crate) configured: Configured,
}

impl Scene {
    /// As many tasks as that in this store, whose URL has these fields.
    pub(crate) fn new(world: &World, source: Source, fields: &str, count: u64) -> Self {
        let place = world.place();
        let url = source.url_with(world, &place, fields);
        Self::at(place, source, &url, count)
    }

    /// As many tasks as that in the queue of this URL.
    pub(crate) fn at(place: Place, source: Source, url: &str, count: u64) -> Self {
        let queue = Seen::open(url);
        let made = tasks(count);
        queue.put(&made);
        let configured = Configured::new(source, url, &place);
        Self { place, queue, made, configured }
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        self.place.room.behave(&behaviour);
    }

    /// Waits until nothing waits.
    #[track_caller]
    pub(crate) fn until_empty(&self, relay: &mut Relay) {
        self.queue.until_empty(relay, PATIENCE);
    }

    /// Lets the relay finish and end, and compares.
    #[track_caller]
    pub(crate) fn finish(&self, mut relay: Relay, allowed: Allowed) -> Book {
        self.until_empty(&mut relay);
        relay.drain();
        self.compare(allowed)
    }

    #[track_caller]
    fn compare(&self, allowed: Allowed) -> Book {
        let book = self.place.room.until("distinct", self.made.len() as u64);
        let verdict = judge(&self.made, &book, allowed, u64::MAX);
        assert!(verdict.faults.is_empty(), "{:#?}", verdict.faults);
        for made in &self.made {
            let found = self.queue.find(&made.id);
            assert_eq!(found.as_ref().map(|it| it.state), Some(State::Done), "{found:?}");
        }
        book
    }
}

pub(crate) fn late(ms: u64) -> Behaviour {
    Behaviour { ack: Some(Ack::Late(ms)), ..Behaviour::default() }
}

/// Engine.IO 3, heartbeats of a fraction of a second, and every connection cut twice a second.
#[test]
fn a_server_of_engine_io_3_that_cuts_again_and_again() {
    let flags = ["--ping-interval", "200", "--ping-timeout", "200"];
    let Some(world) = World::launch_with("chaos-eio3", 2, &flags) else { return };
    let scene = Scene::new(&world, Source::Sqlite, "", 1_000);
    scene.behave(Behaviour { cut_every: Some(500), ..late(5) });
    let relay = scene.configured.start(None);
    let book = scene.finish(relay, DOUBLED);
    assert!(book.cuts >= 2, "{} cuts", book.cuts);
}

#[test]
fn acks_that_come_long_after_the_lease_would_have_run_out() {
    let Some(world) = World::launch("chaos-slow-acks") else { return };
    let mut scene = Scene::new(&world, Source::Sqlite, "lease=500ms", 8);
    scene.configured.confirm_timeout_ms = 20_000;
    scene.behave(late(1_800));
    let relay = scene.configured.start(None);
    // One more that would take over what the first one does not renew.
    let mut other = scene.configured.start(None);
    scene.until_empty(&mut other);
    other.drain();
    scene.finish(relay, NOTHING);
}

#[test]
fn tasks_that_are_enqueued_twice() {
    let Some(world) = World::launch("chaos-twice") else { return };
    let scene = Scene::new(&world, Source::Sqlite, "", 200);
    scene.queue.put(&scene.made);
    let relay = scene.configured.start(None);
    for _ in 0..5 {
        scene.queue.put(&scene.made);
    }
    scene.place.room.until("distinct", 200);
    scene.queue.put(&scene.made);
    scene.finish(relay, NOTHING);
}

/// The one that was stopped goes on as if nothing had been: what it still has to say is refused.
#[test]
fn an_instance_that_stalls_past_its_lease_and_goes_on() {
    let Some(world) = World::launch("chaos-stall") else { return };
    stall(Scene::new(&world, Source::Sqlite, "lease=500ms", 400));
    stall(Scene::new(&world, Source::List, "lease=500ms", 400));
    stall(Scene::new(&world, Source::Stream, "lease=500ms", 400));
}

fn stall(mut scene: Scene) {
    scene.configured.confirm_timeout_ms = 20_000;
    scene.behave(Behaviour { ack: Some(Ack::Hold), ..Behaviour::default() });
    let mut stalled = scene.configured.start(None);
    let at_work = scene.place.room.until("records", 8).records;
    stalled.signal(Signal::STOP);
    while !scene.queue.takes_writes() {
        // It was stopped in the midst of a commit: until it goes on nobody can write to that file.
        stalled.signal(Signal::CONT);
        stalled.signal(Signal::STOP);
    }
    let mut other = scene.configured.start(None);
    // The same tasks once more, by the other one; now the acks of both come.
    scene.place.room.until("records", 2 * at_work);
    scene.behave(late(20));
    scene.place.room.until("acked", 100);
    stalled.signal(Signal::CONT);
    scene.until_empty(&mut other);
    assert!(!stalled.has_ended(), "{}", stalled.log_end());
    stalled.drain();
    scene.finish(other, DOUBLED);
}

#[test]
fn a_drain_in_the_midst_of_the_load() {
    let Some(world) = World::launch("chaos-term") else { return };
    let scene = Scene::new(&world, Source::Sqlite, "", 2_000);
    scene.behave(late(10));
    for n in 1..=3 {
        let relay = scene.configured.start(None);
        let before = scene.place.room.book().acked;
        scene.place.room.until("acked", before + 100);
        relay.drain();
        let stats = scene.queue.stats().unwrap();
        assert_eq!(stats.claimed, 0, "drain {n}: {stats:?}");
        assert!(stats.ready > 0, "it was to be under load: {stats:?}");
    }
    let relay = scene.configured.start(None);
    scene.finish(relay, NOTHING);
}

/// New settings while tasks go through: some of them half as many at a time, some a file that is not valid.
#[test]
fn settings_that_are_read_anew_in_the_midst_of_the_load() {
    let Some(world) = World::launch("chaos-hup") else { return };
    let mut scene = Scene::new(&world, Source::Sqlite, "", 2_000);
    scene.behave(late(10));
    let relay = scene.configured.start(None);
    let file = scene.place.folder.join("relay.toml");
    for n in 1..=8 {
        scene.place.room.until("acked", n * 150);
        scene.configured.in_flight = if n % 2 == 0 { 8 } else { 4 };
        let toml =
            if n % 3 == 0 { "[delivery]\nconfirm = 7".to_owned() } else { scene.configured.toml() };
        fs::write(&file, toml).unwrap();
        relay.signal(Signal::HUP);
    }
    scene.finish(relay, NOTHING);
}

/// Tokens that run out: refused, put out and let in again, each time with what the server wants by then.
#[test]
fn a_server_that_refuses_and_disconnects() {
    let Some(world) = World::launch("chaos-auth") else { return };
    let scene = Scene::new(&world, Source::Sqlite, "", 200);
    scene.behave(Behaviour { disconnect_every: Some(60), refuse: Some(2), ..late(5) });
    let relay = scene.configured.start(None);
    let book = scene.finish(relay, DOUBLED);
    assert_eq!(book.refused, 2);
    assert!(book.opened >= 4, "{} sockets", book.opened);
}

/// The file may not grow: every commit fails as on a full disk, until there is room again.
#[test]
fn a_disk_that_is_full_for_a_while() {
    let Some(world) = World::launch("chaos-disk") else { return };
    let scene = Scene::new(&world, Source::Sqlite, "", 600);
    scene.behave(late(5));
    let mut relay = scene.configured.start_in_shell("trap '' XFSZ");
    scene.place.room.until("acked", 50);
    let process = Pid::from_raw(i32::try_from(relay.id()).unwrap());
    let limit = |bytes| {
        prlimit(process, Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
    };
    limit(Some(4096));
    let before = scene.place.room.book().acked;
    // What is in flight is still acknowledged; then nothing can be stored, and nothing more is sent.
    let stuck = scene.place.room.reaches("acked", before + 200, Duration::from_secs(2));
    let book = stuck.expect_err("tasks go on although nothing can be stored");
    assert!(!relay.has_ended(), "{}", relay.log_end());
    limit(None);
    scene.until_empty(&mut relay);
    assert!(book.acked < 600);
    scene.finish(relay, NOTHING);
}

/// An hour ahead, a day back: leases go by clocks that do not jump.
#[test]
fn clocks_that_jump() {
    let Some(world) = World::launch("chaos-clock") else { return };
    let Some(library) = faketime() else { return };
    let scene = Scene::new(&world, Source::Sqlite, "lease=2s&done_age=30d", 600);
    scene.behave(late(10));
    let clock = scene.place.folder.join("clock");
    let set = |offset: &str| {
        let new = scene.place.folder.join("clock.new");
        fs::write(&new, offset).unwrap();
        fs::rename(&new, &clock).unwrap();
    };
    set("+0");
    let start = || {
        let mut command = scene.configured.command(None);
        command.env("LD_PRELOAD", &library).env("FAKETIME_TIMESTAMP_FILE", &clock);
        command
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1");
        Relay::launch(&scene.place.folder, command)
    };
    let (relay, other) = (start(), start());
    for (n, offset) in (1..).zip(["+3600", "-86400", "+0", "+7200"]) {
        scene.place.room.until("acked", n * 100);
        set(offset);
    }
    let mut relay = relay;
    scene.until_empty(&mut relay);
    other.drain();
    // A clock that leaps ahead is that of a machine that has slept: connections are given up then, and what was sent on
    // them is sent again.
    scene.finish(relay, DOUBLED);
}

/// Debian's library that tells programs another time; `None`, with the reason printed, if it is missing.
fn faketime() -> Option<String> {
    let program: Command = pinned::program("faketime")?;
    drop(program);
    let folder = "/usr/lib";
    let machines = fs::read_dir(folder).ok()?.flatten();
    let mut libraries = machines.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"));
    libraries.find(|path| path.is_file()).map(|path| path.display().to_string())
}
