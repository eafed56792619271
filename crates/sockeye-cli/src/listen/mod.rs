//! `sockeye listen`: shows events as they come, until there were enough.

mod options;

use std::time::Duration;

use sockeye::{client::Incoming, event::NotAnArg};
use tokio::time;

pub(crate) use self::options::Options;
use self::options::Until;
use crate::{
    exit::Exit,
    failure::Failure,
    output::{Heard, Output, Printer, States},
    reach::{Departures, NAME_A_NAMESPACE, Session, Trouble},
    task,
    values::{Arg, Unreadable},
};

/// Listens until there were enough events, the time is over, or the connection is.
///
/// # Errors
///
/// [`Failure`].
pub(crate) fn run(options: Options, output: &Output) -> Result<Exit, Failure> {
    let Options { connection, until, ack_with, keep, talk } = options;
    let tracer = talk.tracing.start(output)?;
    let printer = talk.printer(output)?.with_states(keep.states);
    let json = |error: NotAnArg| Unreadable::Flag { flag: "--ack-with", reason: error.to_string() };
    let answer = ack_with.as_deref().map(Arg::from_json).transpose().map_err(json)?;
    connection.warn(output);
    let plan = connection.plan()?.traced(tracer);
    task::run(async {
        let session = Session::join(plan, |builder| keep.attach(builder)).await?;
        let departures = Departures::new(&session, keep.reconnect);
        let mut listen = Listen { until, answer, printer, found: 0, is_met: false };
        let done = listen.run(&session, departures).await;
        session.close(listen.answer.is_some()).await;
        done.map(|()| Exit::Done)
    })
}

/// As good as never.
const FAR: Duration = Duration::from_secs(1 << 30);

struct Listen<'l> {
    until: Until,
    answer: Option<Arg>,
    printer: Printer<'l>,
    found: usize,
    /// Whether what `--until` waits for has come.
    is_met: bool,
}

impl Listen<'_> {
    async fn run(&mut self, session: &Session, mut departures: Departures) -> Result<(), Failure> {
        let Ok(events) = session.client.events() else { return Ok(()) };
        let mut states = States::new(&session.client);
        let limit = self.until.limit.map_or(FAR, |limit| limit.get());
        let mut time = std::pin::pin!(time::sleep(limit));
        // Who looks on is told where to look; programs know what they wait for.
        let mut is_waiting = session.is_unasked && self.printer.is_for_people();
        let mut patience = std::pin::pin!(time::sleep(session.timeout));
        loop {
            tokio::select! {
                biased;
                heard = states.next(&events) => match heard {
                    Heard::State(now) => self.printer.states(&now, &session.sockets)?,
                    Heard::Event(incoming) => {
                        is_waiting = false;
                        self.show(incoming)?;
                        if self.is_enough() {
                            return self.verdict();
                        }
                    }
                    Heard::End => return Err(session.ended(true).await.into()),
                },
                (namespace, because) = departures.next() => {
                    self.printer.left(&namespace, &because.to_string())?;
                    return Err(Trouble::left(&namespace, because).into());
                }
                () = &mut time => return self.verdict(),
                () = &mut patience, if is_waiting => {
                    is_waiting = false;
                    self.printer.talk(&format!("nothing came on / so far; {NAME_A_NAMESPACE}"));
                }
            }
        }
    }

    fn show(&mut self, incoming: Incoming) -> Result<(), Failure> {
        if !self.until.wants(&incoming.event) {
            incoming.withhold();
            return Ok(());
        }
        let shown = self.printer.incoming(&incoming)?;
        self.found += 1;
        self.is_met |= self.until.is_met(&incoming.event, &shown);
        match &self.answer {
            Some(answer) => incoming.answer((answer,)),
            None => incoming.withhold(),
        }
        Ok(())
    }

    fn is_enough(&self) -> bool {
        self.is_met || self.until.count.is_some_and(|count| self.found >= count.get())
    }

    /// Whether what was waited for has come.
    fn verdict(&self) -> Result<(), Failure> {
        if !self.is_met && self.until.pattern.is_some() {
            let found = format!("it was in none of {} events", self.found);
            return Err(Trouble::Unexpected { flag: "--until", found }.into());
        }
        match (self.until.count, self.until.limit) {
            (Some(wanted), Some(after)) if !self.is_met && self.found < wanted.get() => {
                let (found, wanted, after) = (self.found, wanted.get(), after.get());
                Err(Trouble::TooFew { found, wanted, after }.into())
            }
            _ => Ok(()),
        }
    }
}
