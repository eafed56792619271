//! One cell of the table: a relay that dies at one stage, with one mode of confirmation, before one store.

use std::{
    fmt, thread,
    time::{Duration, Instant},
};

use sockeye_relay::{crash::Stage, delivery::Confirm, queue::State};
use sockeye_testkit::{
    Rng,
    ledger::{Ack, Behaviour},
};

use crate::{
    configured::Configured,
    judge::{Made, Verdict, judge, lane, tasks},
    promised::allowed,
    relay::{Relay, was_killed},
    sources::{Producer, Seen, Source},
    world::{Place, World},
};

/// How many tasks a relay has when it dies.
const TASKS: u64 = 24;
/// How many it has at most, sent or not.
const MAX_CLAIMED: u64 = 4 * 8;
/// How long the next relay may take until nothing waits.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is asked whether it has ended, and a queue what it holds.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// When it dies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Moment {
    /// Where it ends itself.
    At(Stage),
    /// Killed from outside: the server has a task, and keeps its confirmation to itself.
    Unconfirmed,
    /// Killed from outside: the server has just confirmed a task.
    Confirmed,
}

impl Moment {
    pub(crate) const ALL: [Self; 8] = [
        Self::At(Stage::Claimed),
        Self::At(Stage::Sending),
        Self::At(Stage::Sent),
        Self::Unconfirmed,
        Self::Confirmed,
        Self::At(Stage::Confirmed),
        Self::At(Stage::Settling),
        Self::At(Stage::Settled),
    ];

    /// Whether tasks of this mode come there: what is not confirmed can't be killed by its confirmation.
    const fn is_in(self, confirm: Confirm) -> bool {
        let waits = matches!(confirm, Confirm::Ack | Confirm::Event);
        waits || !matches!(self, Self::Unconfirmed | Self::Confirmed)
    }

    /// The words of the table.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::At(stage) => stage.as_str(),
            Self::Unconfirmed => "kill -9, unconfirmed",
            Self::Confirmed => "kill -9, confirmed",
        }
    }
}

/// A cell of the table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Cell {
    pub(crate) source: Source,
    pub(crate) confirm: Confirm,
    pub(crate) moment: Moment,
    /// Whether all tasks have one key. If so, one is at work, and at that stage; if not, several, at every stage up to that.
    pub(crate) is_lane: bool,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, confirm, moment, is_lane } = self;
        let (source, confirm, moment) = (source.as_str(), confirm_word(*confirm), moment.as_str());
        let width = if *is_lane { "a lane" } else { "several" };
        write!(f, "{source}, {confirm}, {moment}, {width}")
    }
}

pub(crate) const CONFIRMS: [Confirm; 4] =
    [Confirm::None, Confirm::Written, Confirm::Ack, Confirm::Event];

pub(crate) const fn confirm_word(confirm: Confirm) -> &'static str {
    match confirm {
        Confirm::None => "none",
        Confirm::Written => "written",
        Confirm::Ack => "ack",
        Confirm::Event => "event",
    }
}

impl Cell {
    /// All cells, of lanes or of several tasks at a time.
    pub(crate) fn all(is_lane: bool) -> Vec<Self> {
        let mut all = Vec::new();
        for source in Source::ALL {
            for confirm in CONFIRMS {
                let cell = |moment| Self { source, confirm, moment, is_lane };
                all.extend(Moment::ALL.into_iter().filter(|it| it.is_in(confirm)).map(cell));
            }
        }
        all
    }
}

/// What came of one cell.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    /// Whether it died where it should: a stage may not be reached so often.
    pub(crate) has_died: bool,
}

/// Lets a relay die in this cell, the next one finish, and compares.
pub(crate) fn run(world: &World, cell: &Cell, seed: u64) -> Outcome {
    let mut rng = Rng::new(seed);
    let place = world.place();
    let made = if cell.is_lane { lane(TASKS) } else { tasks(TASKS) };
    let source = cell.source;
    let is_event = cell.confirm == Confirm::Event;
    let usual = Behaviour {
        ack: Some(if is_event { Ack::Never } else { Ack::Yes }),
        reply: Some(is_event.then(|| "reply".to_owned())),
        ..Behaviour::default()
    };
    place.room.behave(&usual);
    let crash = match cell.moment {
        Moment::At(stage) => Some(format!("{}:{}", stage.as_str(), 1 + rng.below(4))),
        Moment::Unconfirmed => {
            place.room.behave(&Behaviour { ack: Some(Ack::Hold), ..Behaviour::default() });
            None
        }
        Moment::Confirmed => None,
    };
    let configured = Configured {
        confirm: cell.confirm,
        ..Configured::new(source, source.url(world, &place), &place)
    };
    let producer = Producer::new(source, world, &place, &made);
    let queue = source.queue(world, &place);
    let mut relay = configured.start(crash.as_deref());
    producer.feed(&mut relay);
    let has_died =
        dies(cell, &mut relay, &mut rng, || producer.is_done() && queue.is_empty(), &place);
    drop(relay);
    let opened = place.room.book().opened;
    place.room.behave(&usual);

    let mut relay = configured.start(None);
    producer.feed(&mut relay);
    let deadline = Instant::now() + PATIENCE;
    while !(producer.is_done() && queue.is_empty()) {
        let stats = queue.stats();
        assert!(Instant::now() < deadline, "{cell}, seed {seed}: {stats:?}\n{}", relay.log_end());
        assert!(!relay.has_ended(), "{cell}, seed {seed}: it ended\n{}", relay.log_end());
        thread::sleep(LOOK_EVERY);
    }
    // Before that it may not know yet what a signal means.
    place.room.until("opened", opened + 1);
    relay.drain();
    // What was written a moment ago is with the server once that has read it.
    let book = match allowed(cell).lost {
        true => place.room.book(),
        false => place.room.reaches("distinct", TASKS, PATIENCE).unwrap_or_else(|book| *book),
    };
    let mut verdict =
        judge(&made, &book, allowed(cell), if cell.is_lane { 1 } else { MAX_CLAIMED });
    verdict.faults.extend(made.iter().filter_map(|made| recorded(&queue, made)));
    Outcome { verdict, has_died }
}

/// Waits until it is dead; `false` if it has done all there was to do instead.
fn dies(
    cell: &Cell,
    relay: &mut Relay,
    rng: &mut Rng,
    is_over: impl Fn() -> bool,
    place: &Place,
) -> bool {
    let (what, least) = match cell.moment {
        Moment::At(_) => loop {
            if let Some(status) = relay.ends_within(LOOK_EVERY) {
                assert!(was_killed(status), "{cell}: {status}\n{}", relay.log_end());
                return true;
            }
            if is_over() {
                relay.kill();
                return false;
            }
        },
        Moment::Unconfirmed => ("records", 1),
        Moment::Confirmed if cell.confirm == Confirm::Event => {
            ("records", 1 + rng.below(TASKS / 2))
        }
        Moment::Confirmed => ("acked", 1 + rng.below(TASKS / 2)),
    };
    place.room.until(what, least);
    relay.kill();
    true
}

/// What is wrong with the record of a task that is over, if anything is.
fn recorded(queue: &Seen, made: &Made) -> Option<String> {
    let found = queue.find(&made.id);
    let state = found.as_ref().map(|seen| seen.state);
    (state != Some(State::Done)).then(|| format!("{} is recorded as {found:?}", made.id))
}
