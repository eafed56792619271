//! A store that can't be reached for a while, and settings that change meanwhile: no task is lost or sent twice by it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sockeye_relay::{
    delivery::{Confirm, Limits, Policy},
    queue::{
        Accepted, Claimed, NewTask, Queue, QueueError, Seen, Settled, Settlement, Stats, Which,
    },
    relay::{Control, Ended, Relay, Routes, Settings},
    target::Options,
};
use tokio::{task::JoinHandle, time};

use crate::world::{PATIENCE, World, policy, reader, settings, target};

/// A queue that can't be reached when it is told so.
#[derive(Debug)]
struct Remote {
    queue: Arc<dyn Queue>,
    is_away: AtomicBool,
    /// It can't be told what became of tasks.
    is_deaf: AtomicBool,
    /// It can't say which tasks were done, and never will.
    is_forgetful: AtomicBool,
}

fn cut_off() -> QueueError {
    QueueError::Unavailable { store: "remote".into(), reason: "cut off".into() }
}

impl Remote {
    fn new(queue: &Arc<dyn Queue>) -> Arc<Self> {
        let [is_away, is_deaf, is_forgetful] = [const { AtomicBool::new(false) }; 3];
        Arc::new(Self { queue: Arc::clone(queue), is_away, is_deaf, is_forgetful })
    }

    fn ask<'q, T: 'q>(
        &'q self,
        answer: BoxFuture<'q, Result<T, QueueError>>,
    ) -> BoxFuture<'q, Result<T, QueueError>> {
        if !self.is_away.load(Ordering::SeqCst) {
            return answer;
        }
        Box::pin(async { Err(cut_off()) })
    }
}

impl Queue for Remote {
    fn claim(&self, room: usize) -> BoxFuture<'_, Result<Vec<Claimed>, QueueError>> {
        self.ask(self.queue.claim(room))
    }
    fn changed(&self) -> BoxFuture<'_, ()> {
        self.queue.changed()
    }
    fn settle(&self, batch: Vec<Settlement>) -> BoxFuture<'_, Result<Vec<Settled>, QueueError>> {
        if self.is_deaf.load(Ordering::SeqCst) {
            return Box::pin(async { Err(cut_off()) });
        }
        self.ask(self.queue.settle(batch))
    }
    fn renew(&self) -> BoxFuture<'_, Result<bool, QueueError>> {
        self.ask(self.queue.renew())
    }
    fn lease(&self) -> Duration {
        self.queue.lease()
    }
    fn finished(&self, ids: Vec<Arc<str>>) -> BoxFuture<'_, Result<Vec<bool>, QueueError>> {
        if self.is_forgetful.load(Ordering::SeqCst) {
            let error =
                QueueError::Unusable { store: "remote".into(), reason: "no permission".into() };
            return Box::pin(async { Err(error) });
        }
        self.ask(self.queue.finished(ids))
    }
    fn put(&self, tasks: Vec<NewTask>) -> BoxFuture<'_, Result<Vec<Accepted>, QueueError>> {
        self.ask(self.queue.put(tasks))
    }
    fn peek(&self, skip: usize, count: usize) -> BoxFuture<'_, Result<Vec<Seen>, QueueError>> {
        self.ask(self.queue.peek(skip, count))
    }
    fn find(&self, id: &str) -> BoxFuture<'_, Result<Option<Seen>, QueueError>> {
        self.ask(self.queue.find(id))
    }
    fn cancel(&self, id: &str) -> BoxFuture<'_, Result<bool, QueueError>> {
        self.ask(self.queue.cancel(id))
    }
    fn stats(&self) -> BoxFuture<'_, Result<Stats, QueueError>> {
        self.ask(self.queue.stats())
    }
    fn pause(&self, is_paused: bool) -> BoxFuture<'_, Result<(), QueueError>> {
        self.ask(self.queue.pause(is_paused))
    }
    fn dead(&self, skip: usize, count: usize) -> BoxFuture<'_, Result<Vec<Seen>, QueueError>> {
        self.ask(self.queue.dead(skip, count))
    }
    fn revive(&self, which: Which) -> BoxFuture<'_, Result<u64, QueueError>> {
        self.ask(self.queue.revive(which))
    }
    fn bury(&self, which: Which) -> BoxFuture<'_, Result<u64, QueueError>> {
        self.ask(self.queue.bury(which))
    }
    fn sweep(&self) -> BoxFuture<'_, Result<(), QueueError>> {
        self.ask(self.queue.sweep())
    }
    fn close(&self) -> BoxFuture<'_, Result<(), QueueError>> {
        self.ask(self.queue.close())
    }
}

/// A relay at work behind a queue that can be cut off; the world's own way to it is straight.
async fn behind(
    test: &str,
    settings: Settings,
) -> (World, Arc<Remote>, (Control, JoinHandle<Ended>)) {
    let world = World::new(test).await;
    let remote = Remote::new(&world.queue);
    let targets = vec![target("only", &world.url, Options::default())];
    let relay = Relay::new(Arc::clone(&remote) as Arc<dyn Queue>, targets, settings).unwrap();
    let relay = (relay.control(), tokio::spawn(relay.run()));
    (world, remote, relay)
}

async fn until(control: &Control, is_so: impl Fn(&sockeye_relay::relay::Status) -> bool) {
    let mut status = control.status();
    let told = time::timeout(PATIENCE, status.wait_for(|status| is_so(status))).await;
    told.expect("it stands so in time").expect("it runs");
}

/// All numbers, each once.
fn assert_each_once(world: &World, count: u64) {
    let mut seen: Vec<_> = world.ledger.seen().iter().filter_map(Value::as_u64).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..count).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_outage_of_the_store_neither_loses_nor_doubles() {
    let (world, remote, relay) = behind("outage", settings(policy(Confirm::Ack))).await;
    for part in 0..3 {
        world.put((part * 200..(part + 1) * 200).map(|n| ("message", None, n))).await;
        world.ledger.reach(part as usize * 200 + 1).await;
        remote.is_away.store(true, Ordering::SeqCst);
        until(&relay.0, |status| status.store_error.is_some() && !status.is_ready()).await;
        remote.is_away.store(false, Ordering::SeqCst);
        until(&relay.0, |status| status.store_error.is_none() && status.is_ready()).await;
    }
    world.until(|stats| stats.claimed + stats.ready == 0).await;
    let ended = World::end(relay).await;
    assert_eq!((ended.counts.confirmed, ended.unknown), (600, 0));
    assert_each_once(&world, 600);
}

#[tokio::test]
async fn a_relay_ends_although_its_store_is_away() {
    let policy = Policy { confirm_timeout: PATIENCE * 10, ..policy(Confirm::Ack) };
    let (world, remote, relay) = behind("ends", settings(policy)).await;
    world.ledger.is_mute.store(true, Ordering::SeqCst);
    // The second waits behind the first: it can't be given back.
    world.put((1..=2).map(|n| ("message", Some("k"), n))).await;
    world.ledger.reach(1).await;
    until(&relay.0, |status| status.waiting == 1).await;
    remote.is_away.store(true, Ordering::SeqCst);
    until(&relay.0, |status| status.store_error.is_some()).await;
    relay.0.stop();
    relay.0.cut();
    let ended = World::end(relay).await;
    assert_eq!((ended.unknown, ended.untold), (1, 0));
}

#[tokio::test]
async fn what_could_not_be_told_before_the_end_is_counted() {
    let settings = Settings { grace: Duration::from_millis(100), ..settings(policy(Confirm::Ack)) };
    let (world, remote, relay) = behind("untold", settings).await;
    remote.is_deaf.store(true, Ordering::SeqCst);
    world.put([("message", None, 1)]).await;
    until(&relay.0, |status| status.counts.confirmed == 1 && status.store_error.is_some()).await;
    let ended = World::end(relay).await;
    assert_eq!((ended.unknown, ended.untold), (0, 1));
}

#[tokio::test]
async fn tasks_that_cannot_be_looked_up_are_given_back() {
    let (world, remote, relay) = behind("unsure", settings(policy(Confirm::Ack))).await;
    remote.is_forgetful.store(true, Ordering::SeqCst);
    let tasks = (0..20).map(|n| NewTask {
        body: json!({"id": n.to_string(), "event": "message", "args": [n]}).to_string().into(),
        id: Some(n.to_string().into()),
        ..NewTask::default()
    });
    world.queue.put(tasks.collect()).await.unwrap();
    until(&relay.0, |status| status.store_error.is_some()).await;
    world.until(|stats| (stats.claimed, stats.ready) == (0, 20)).await;
    remote.is_forgetful.store(false, Ordering::SeqCst);
    world.until(|stats| stats.claimed + stats.ready == 0).await;
    World::end(relay).await;
    assert_each_once(&world, 20);
}

#[tokio::test]
async fn settings_change_at_work() {
    const TASKS: u64 = 1_000;
    let world = World::new("reload").await;
    world.put((0..TASKS).map(|n| ("message", Some(["a", "b", "c"][n as usize % 3]), n))).await;
    let relay = world.relay(policy(Confirm::Ack), Options::default());
    let settings = |in_flight| Settings {
        limits: Limits::new(in_flight),
        routes: Routes::single(),
        reader: reader(policy(Confirm::Ack)),
        dedupes: true,
        grace: Duration::from_secs(5),
    };
    for turn in 1..=20 {
        world.ledger.reach(turn * 45).await;
        relay.0.reload(settings(1 + turn % 4)).unwrap();
    }
    let astray = Settings { routes: Routes::default().key("*", 1), ..settings(1) };
    assert!(relay.0.reload(astray).is_err(), "there is one connection");
    world.until(|stats| stats.claimed + stats.ready == 0).await;
    let ended = World::end(relay).await;
    assert_eq!(ended.counts.confirmed, TASKS);
    assert_each_once(&world, TASKS);
    for lane in 0..3 {
        let of_lane = world.ledger.seen().into_iter().filter(|n| n.as_u64().unwrap() % 3 == lane);
        let expect = (0..TASKS).filter(|n| n % 3 == lane).map(|n| json!(n));
        assert!(of_lane.eq(expect), "lane {lane} keeps its order");
    }
}
