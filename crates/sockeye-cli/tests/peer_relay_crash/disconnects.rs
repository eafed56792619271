//! Connections that are cut while tasks are on them, at each moment, in each mode: the row of the table that is about that.

use std::thread;

use sockeye_relay::{
    delivery::{Confirm, OnUnknown},
    promise::Mishap,
    queue::State,
};
use sockeye_testkit::ledger::{Ack, At, Behaviour, Cut};

use crate::{
    cells::{CONFIRMS, confirm_word},
    chaos::Scene,
    judge::{Allowed, judge},
    sources::Source,
    world::World,
};

const TASKS: u64 = 60;
/// The connection is cut at every event whose number can be divided by this.
const EVERY: u64 = 20;

#[test]
fn connections_that_are_cut_at_every_moment() {
    let Some(world) = World::launch("relay-disconnects") else { return };
    thread::scope(|scope| {
        for at in [At::BeforeRecord, At::AfterRecord, At::BeforeAck, At::AfterAck] {
            for confirm in CONFIRMS {
                let world = &world;
                scope.spawn(move || {
                    for on_unknown in [OnUnknown::Retry, OnUnknown::Hold, OnUnknown::Dead] {
                        cut(world, at, confirm, on_unknown);
                    }
                });
            }
        }
    });
}

#[track_caller]
fn cut(world: &World, at: At, confirm: Confirm, on_unknown: OnUnknown) {
    let what = format!("{at:?}, {}, {on_unknown:?}", confirm_word(confirm));
    let mut scene = Scene::new(world, Source::Sqlite, "lease=10s", TASKS);
    scene.configured.confirm = confirm;
    scene.configured.on_unknown = on_unknown;
    // An event that answers is waited for until its time is over, whatever becomes of the connection.
    scene.configured.confirm_timeout_ms = 700;
    let is_event = confirm == Confirm::Event;
    scene.behave(Behaviour {
        ack: Some(if is_event { Ack::Never } else { Ack::Yes }),
        reply: Some(is_event.then(|| "reply".to_owned())),
        cut: Some(Some(Cut { at, every: EVERY })),
        ..Behaviour::default()
    });
    let mut relay = scene.configured.start(None);
    scene.place.room.until("cuts", 1);
    scene.until_empty(&mut relay);
    relay.drain();

    let promise = Mishap::Disconnect.promise(confirm, on_unknown);
    let mut book = scene.place.room.book();
    let aside: Vec<_> = scene
        .made
        .iter()
        .filter(|made| {
            let state = scene.queue.find(&made.id).map(|seen| seen.state);
            matches!(state, Some(State::Held | State::Dead))
        })
        .collect();
    assert!(aside.is_empty() || promise.may_be_set_aside, "{what}: {aside:?} are set aside");
    let is_aside = |id: &str| aside.iter().any(|made| made.id == id);
    let rest: Vec<_> = scene.made.iter().filter(|made| !is_aside(&made.id)).cloned().collect();
    let allowed =
        Allowed { lost: promise.may_be_lost, doubled: promise.may_be_doubled, disorder: false };
    for made in &aside {
        // The server may have it or not; that is why somebody has to decide. But it has it no more than once.
        let count = book.counts.remove(&made.id).unwrap_or(0);
        assert!(count <= 1, "{what}: {} came {count} times and is set aside", made.id);
    }
    let verdict = judge(&rest, &book, allowed, u64::MAX);
    assert!(verdict.faults.is_empty(), "{what}: {:#?}", verdict.faults);
}
