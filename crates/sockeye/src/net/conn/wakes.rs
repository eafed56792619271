//! All orders in which those who emit, ask and flush can meet the driver of a session: in none of them a wake is lost.
//!
//! The types are the real ones. What they do under one lock, or with one atomic word, is a step here; a search tries
//! every order of the steps of all who take part, and leaves out only what leads to where it has been already.

use std::{
    collections::{HashSet, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    task::{Poll, Wake, Waker},
    time::Duration,
};

use sockeye_proto::{session::websocket, wire::packet::Kind};
use tokio::sync::oneshot;

use super::*;
use crate::net::{Delivery, outbox::Flushed, polling::Polling, requests::Batch};

/// What somebody does next who is not the driver.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    /// Appends a packet.
    Push,
    /// As that, from a handler that the driver of another session runs.
    PushBeside,
    /// As that, and an ack is expected.
    AskBeside,
    /// As it must not be done: nobody is woken for the deadline.
    AskBesideInSilence,
    /// That driver flushes the sessions that its handlers pushed to.
    FlushBeside,
    /// Wakes the driver, if what was done before asks for it.
    WakeUp,
    /// The network takes so many more bytes.
    Room(usize),
    /// Gives up on the transport.
    Fail,
    /// A GET arrives.
    Ask,
    /// A GET says that it waits.
    SetPolled,
    /// A GET leaves what the driver answers to.
    Leave,
    /// The client has the answer to its GET.
    Hear,
    /// The HTTP connection has taken an answer.
    Taken,
}

/// What the driver does in each poll, as in [`Driver::poll`](crate::net::Driver).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Move {
    /// Whoever wakes it from now on makes it be polled again.
    Begin,
    Register,
    /// Runs a handler of the session itself, which emits to it.
    Handle,
    /// Looks whether the client is a slow consumer.
    Settle,
    /// Takes what requests have left.
    Take,
    Flush,
    /// Says when it wants to be woken.
    Arm,
    /// As a client's keeper does behind the poll: hands on what waited, which asks for an ack.
    HandOn,
}

use Move::{Arm, Begin, Flush, HandOn, Handle, Register, Settle, Take};
use Step::{
    Ask, AskBeside, AskBesideInSilence, Fail, FlushBeside, Hear, Leave, Push, PushBeside, Room,
    SetPolled, Taken, WakeUp,
};

const ON_WEBSOCKET: &[Move] = &[Begin, Register, Handle, Settle, Flush, Arm];
const OF_A_CLIENT: &[Move] = &[Begin, Register, Handle, Settle, Flush, Arm, HandOn];
const ON_POLLING: &[Move] = &[Begin, Register, Take, Flush, Arm];
const FAIL: [Step; 2] = [Fail, WakeUp];
const GET: [Step; 6] = [Ask, WakeUp, SetPolled, Leave, WakeUp, Hear];

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// Somebody who is not the driver.
#[derive(Default)]
struct Actor {
    steps: VecDeque<Step>,
    /// The driver has to be woken.
    wakes: bool,
    dirty: Vec<Arc<Conn>>,
}

struct World {
    now: Instant,
    conn: Arc<Conn>,
    actors: Vec<Actor>,
    moves: &'static [Move],
    /// What the driver does next, while it is polled.
    at: Option<usize>,
    woken: Arc<Flag>,
    /// What its own handlers will emit.
    handles: usize,
    /// What its keeper will hand on.
    hands_on: usize,
    /// When it wants to be woken.
    armed: Option<Instant>,
    /// It knows that the transport is lost, and ends.
    ended: bool,
    /// Bytes that the network takes.
    room: usize,
    /// The network wakes the driver when it takes more.
    awaits_room: bool,
    polling: Option<Polling>,
    /// The GET that is under way, and what it will leave.
    get: Option<oneshot::Receiver<Batch>>,
    leaves: Option<oneshot::Sender<Batch>>,
    /// Answers that the HTTP connection has not taken.
    deliveries: VecDeque<Delivery>,
    /// What has gone to the client.
    out: Vec<u8>,
    pushed: usize,
    /// Whether anybody has given up, or was refused for good.
    lost: bool,
}

impl World {
    fn new(moves: &'static [Move], bounds: Bounds, actors: &[&[Step]]) -> Self {
        let now = Instant::now();
        let on_polling = moves == ON_POLLING;
        let sid = Id::parse("AAAAAAAAAAAAAAAAAAAA").unwrap();
        let opening = (sid, Encoding::default(), on_polling);
        let conn = Conn::server(now, Arc::default(), opening, bounds);
        let actors = actors
            .iter()
            .map(|steps| Actor { steps: steps.iter().copied().collect(), ..Actor::default() });
        let woken = Arc::new(Flag(AtomicBool::new(true))); // a task is polled once it is spawned
        Self {
            now,
            conn,
            actors: actors.collect(),
            moves,
            at: None,
            woken,
            handles: 0,
            hands_on: 0,
            armed: None,
            ended: false,
            room: 0,
            awaits_room: false,
            polling: on_polling.then(|| Polling::new(websocket::Config::default())),
            get: None,
            leaves: None,
            deliveries: VecDeque::new(),
            out: Vec::new(),
            pushed: 0,
            lost: false,
        }
    }

    /// Who can do something: the driver is the last.
    fn able(&self) -> Vec<usize> {
        let driver = self.actors.len();
        let driver_can = !self.ended && (self.at.is_some() || self.woken.0.load(SeqCst));
        let others = (0..driver).filter(|&index| match self.actors[index].steps.front() {
            Some(Hear) => self.get.as_ref().is_some_and(|get| !get.is_empty()),
            Some(Taken) => !self.deliveries.is_empty(),
            step => step.is_some(),
        });
        others.chain(driver_can.then_some(driver)).collect()
    }

    /// Lets one of them do what is next; says what that was.
    fn go(&mut self, index: usize) -> Result<Step, Move> {
        if index == self.actors.len() {
            let at = self.at.unwrap_or(0);
            self.at = Some(at + 1).filter(|&next| next < self.moves.len());
            self.drive(self.moves[at]);
            return Err(self.moves[at]);
        }
        let mut actor = std::mem::take(&mut self.actors[index]);
        let step = actor.steps.pop_front().unwrap();
        self.act(step, &mut actor);
        // Who has nobody to wake goes on at once.
        while actor.steps.front() == Some(&WakeUp) && !actor.wakes {
            actor.steps.pop_front();
        }
        self.actors[index] = actor;
        Ok(step)
    }

    fn act(&mut self, step: Step, actor: &mut Actor) {
        match step {
            Push => actor.wakes = self.push(),
            PushBeside => {
                let collecting = dirty::begin(std::mem::take(&mut actor.dirty));
                actor.wakes = self.push();
                actor.dirty = collecting.end();
            }
            AskBeside | AskBesideInSilence => {
                let collecting = dirty::begin(std::mem::take(&mut actor.dirty));
                let wakes = self.ask();
                actor.wakes |= wakes && step == AskBeside;
                actor.dirty = collecting.end();
            }
            FlushBeside => {
                for conn in std::mem::take(&mut actor.dirty) {
                    let flushed = match self.polling {
                        Some(_) => conn.outbox(|outbox| outbox.flush_direct(self.now)),
                        None => self.flush(),
                    };
                    actor.wakes |= flushed != Flushed::All;
                }
            }
            WakeUp => {
                self.conn.wake();
                actor.wakes = false;
            }
            Room(bytes) => {
                self.room = self.room.saturating_add(bytes);
                if std::mem::take(&mut self.awaits_room) {
                    self.woken.0.store(true, SeqCst);
                }
            }
            Fail => {
                self.conn.outbox(Outbox::fail);
                (self.lost, actor.wakes) = (true, true);
            }
            Ask => {
                self.conn.machine(|machine| machine.get(self.now)).unwrap();
                let (sender, receiver) = oneshot::channel();
                (self.get, self.leaves, actor.wakes) = (Some(receiver), Some(sender), true);
            }
            SetPolled => self.conn.outbox(|outbox| outbox.set_polled(true)),
            Leave => {
                self.conn.requests.lock().as_deref_mut().unwrap().get = self.leaves.take();
                actor.wakes = true;
            }
            Hear => {
                let Batch { body, delivery } = self.get.take().unwrap().try_recv().unwrap();
                self.out.extend(body.bytes);
                self.deliveries.push_back(delivery);
            }
            Taken => self.deliveries.pop_front().unwrap().done(),
        }
    }

    fn drive(&mut self, step: Move) {
        match step {
            Begin => self.woken.0.store(false, SeqCst),
            Register => {
                let waker = Waker::from(Arc::clone(&self.woken));
                Driven::begin(&self.conn, &Context::from_waker(&waker));
            }
            Handle if self.handles > 0 => {
                self.handles -= 1;
                let collecting = dirty::begin(Vec::new());
                assert!(!self.push() || self.lost, "it flushes itself");
                drop(collecting.end()); // the flush sees to it
            }
            Handle => {}
            Settle => self.ended |= self.conn.outbox(|outbox| outbox.is_overflowed()),
            Take => self.polling.as_mut().unwrap().take(Driven(&self.conn)),
            Flush => {
                let flushed = match &mut self.polling {
                    Some(polling) => polling.flush(self.now, Driven(&self.conn)),
                    None => self.flush(),
                };
                self.awaits_room = flushed == Flushed::Blocked && self.polling.is_none();
                self.ended |= flushed == Flushed::Failed;
            }
            Arm => self.armed = self.conn.look(|machine| machine.next_deadline()),
            HandOn if self.hands_on > 0 => {
                self.hands_on -= 1;
                if self.ask() {
                    self.conn.wake();
                }
            }
            HandOn => {}
        }
    }

    /// Whether the driver has to be woken.
    fn push(&mut self) -> bool {
        let text = format!("[\"{}\"]", self.pushed);
        let packet = Prepared::packet(Kind::Event, "/", None, &text, Vec::new());
        let bounds = self.conn.bounds;
        let (result, wakes) = self.conn.enqueue(|outbox| outbox.push(packet, bounds, false));
        match result {
            Ok(_) => self.pushed += 1,
            Err(_) => self.lost = true,
        }
        wakes
    }

    /// Lets the client into `/`, so that it can be asked.
    fn joined(self) -> Self {
        let asked = self.conn.machine(|machine| machine.receive_text(self.now, "40").is_ok());
        assert!(asked && self.conn.machine(|machine| machine.accept("/", "{}")));
        self
    }

    /// Appends a packet that asks for an ack, each sooner than the one before. Whether the driver has to be woken.
    fn ask(&mut self) -> bool {
        let text = format!("[\"{}\"]", self.pushed);
        let packet = Prepared::packet(Kind::Event, "/", None, &text, Vec::new());
        let id = self.pushed as u64;
        let deadline = self.now + Duration::from_millis(1_000 - id);
        let mut wakes = Wakes::default();
        let ack = (deadline, Box::new(|_: AckOutcome<'_>| {}) as OnAck);
        match self.conn.ask_under_lock(packet, ("/", id), ack, &mut wakes) {
            Ok(_) => self.pushed += 1,
            Err(_) => self.lost = true,
        }
        !wakes.0.is_empty()
    }

    /// Writes what the network takes.
    fn flush(&mut self) -> Flushed {
        let Self { conn, now, room, out, .. } = self;
        conn.outbox(|outbox| {
            outbox.flush(*now, |slices| {
                let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
                let count = bytes.len().min(*room);
                *room -= if *room == usize::MAX { 0 } else { count };
                out.extend(&bytes[..count]);
                if count == 0 { Poll::Pending } else { Poll::Ready(Ok(count)) }
            })
        })
    }

    /// Nobody can do anything any more.
    fn check(&self) -> Result<(), String> {
        if self.lost {
            return self.ended.then_some(()).ok_or_else(|| "the driver does not know".to_owned());
        }
        let out = String::from_utf8_lossy(&self.out);
        let came: Vec<_> = out.split("42[\"").skip(1).map(|rest| rest.split('"').next()).collect();
        let numbers: Vec<_> = (0..self.pushed).map(|number| number.to_string()).collect();
        let expect: Vec<_> = numbers.iter().map(|number| Some(&**number)).collect();
        // Something may wait for the network, which will wake the driver, or for a GET that has not come.
        let may_wait = if self.polling.is_some() {
            self.get.is_none()
        } else {
            self.awaits_room && self.room == 0
        };
        if !may_wait && came != expect || !expect.starts_with(&came) {
            return Err(format!("{came:?} came of {}", self.pushed));
        }
        let due = self.conn.look(|machine| machine.next_deadline());
        if self.armed != due {
            return Err(format!("armed for {:?} instead of {due:?}", self.armed));
        }
        Ok(())
    }

    /// All that decides what can follow, hashed.
    fn state(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for actor in &self.actors {
            (actor.steps.len(), actor.wakes, actor.dirty.len()).hash(&mut hasher);
        }
        // Its waker is registered if somebody holds it beside us.
        let is_registered = Arc::strong_count(&self.woken) > 1;
        let woken = self.woken.0.load(SeqCst);
        (self.at, woken, is_registered, self.handles, self.ended).hash(&mut hasher);
        let armed = self.armed.map(|armed| armed - self.now);
        (self.hands_on, armed).hash(&mut hasher);
        (self.room, self.awaits_room, self.out.len(), self.pushed, self.lost).hash(&mut hasher);
        let get = self.get.as_ref().map(oneshot::Receiver::is_empty);
        let is_left = self.conn.requests.lock().as_deref().map(|requests| requests.get.is_some());
        (get, is_left, self.deliveries.len()).hash(&mut hasher);
        self.conn.outbox(|outbox| outbox.state()).hash(&mut hasher);
        hasher.finish()
    }
}

/// Tries all orders; gives the number of states, or the steps that lose something.
fn search(world: impl Fn() -> World) -> Result<usize, String> {
    let mut seen = HashSet::new();
    let mut paths = vec![Vec::new()];
    while let Some(path) = paths.pop() {
        let mut here = world();
        for &index in &path {
            let _ = here.go(index);
        }
        if !seen.insert(here.state()) {
            continue;
        }
        let able = here.able();
        if able.is_empty() {
            here.check().map_err(|problem| {
                let mut again = world();
                let steps: Vec<_> = path.iter().map(|&index| (index, again.go(index))).collect();
                format!("{problem}, after {steps:?}")
            })?;
        }
        paths.extend(able.into_iter().map(|index| [&path[..], &[index]].concat()));
    }
    Ok(seen.len())
}

const WIDE: Bounds = Bounds { max_packets: 100, max_bytes: 10_000 };
const ALL: usize = usize::MAX;

#[track_caller]
fn check(world: impl Fn() -> World) {
    match search(world) {
        Ok(states) => assert!(states > 100, "{states} states are no search"),
        Err(lost) => panic!("{lost}"),
    }
}

#[test]
fn emitters_and_neighbours_on_websocket() {
    let emitter = &[Push, WakeUp, Push, WakeUp][..];
    let neighbour = &[PushBeside, PushBeside, FlushBeside, WakeUp][..];
    // The network takes all, or stops in the middle of a frame.
    for network in [&[Room(ALL)][..], &[Room(130), Room(8), Room(ALL)]] {
        for others in
            [[emitter, &emitter[2..]], [neighbour, &emitter[2..]], [neighbour, &neighbour[1..]]]
        {
            for handles in [0, 1] {
                let world = || World::new(ON_WEBSOCKET, WIDE, &[others[0], others[1], network]);
                check(|| World { handles, ..world() });
            }
        }
    }
}

#[test]
fn deadlines_of_acks_are_armed_whoever_asks() {
    let emitter = &[Push, WakeUp][..];
    let beside = &[AskBeside, AskBeside, FlushBeside, WakeUp][..];
    for others in [[beside, emitter], [beside, &beside[1..]]] {
        let actors = [others[0], others[1], &[Room(ALL)]];
        check(|| World::new(ON_WEBSOCKET, WIDE, &actors).joined());
        check(|| World { hands_on: 1, ..World::new(OF_A_CLIENT, WIDE, &actors).joined() });
    }
    let silent = &[AskBesideInSilence, FlushBeside, WakeUp][..];
    let found = search(|| World::new(ON_WEBSOCKET, WIDE, &[silent, &[Room(ALL)]]).joined());
    assert!(found.unwrap_err().contains("armed for"), "the search would find it");
}

#[test]
fn slow_consumers_and_lost_transports_are_seen() {
    let emitter = &[Push, WakeUp, Push, WakeUp][..];
    let neighbour = &[PushBeside, FlushBeside, WakeUp][..];
    let narrow = Bounds { max_packets: 2, ..WIDE };
    for network in [&[Room(130)][..], &[Room(ALL)]] {
        check(|| World::new(ON_WEBSOCKET, narrow, &[emitter, neighbour, network]));
        check(|| World::new(ON_WEBSOCKET, WIDE, &[&emitter[2..], neighbour, &FAIL, network]));
    }
}

#[test]
fn gets_on_polling() {
    let emitter = &[Push, WakeUp, Push, WakeUp][..];
    let neighbour = &[PushBeside, FlushBeside, WakeUp][..];
    check(|| World::new(ON_POLLING, WIDE, &[emitter, &GET.repeat(3), &[Taken; 3]]));
    check(|| World::new(ON_POLLING, WIDE, &[emitter, &emitter[2..], &GET.repeat(2), &[Taken; 2]]));
    check(|| World::new(ON_POLLING, WIDE, &[neighbour, &GET.repeat(2), &[Taken; 2]]));
}

/// More packets than one answer may have: what is left goes with the next, whenever that is asked for.
#[test]
fn gets_for_more_than_one_answer() {
    check(|| {
        let actors = [&[Push, WakeUp][..], &GET.repeat(3), &[Taken; 3]];
        let mut world = World::new(ON_POLLING, WIDE, &actors);
        for _ in 0..20 {
            let _ = world.push(); // the driver is awake
        }
        world
    });
}

/// That the search would find something, if it were there.
#[test]
fn a_driver_that_registers_too_late_is_found_out() {
    let emitter = &[Push, WakeUp][..];
    for wrong in [&[Begin, Settle, Flush, Register, Arm][..], &[Register, Flush, Begin, Arm]] {
        let world = || World::new(wrong, WIDE, &[emitter, emitter, &[Room(ALL)]]);
        let found = search(world).unwrap_err();
        assert!(found.contains("came of"), "{found}");
    }
}
