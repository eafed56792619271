//! `sockeye listen`: shows events as they come, until there were enough.

mod glob;
mod options;

use sockeye::client::{Builder, Incoming, Left};
use tokio::time;

pub(crate) use self::options::Options;
use self::options::Until;
use crate::{
    exit::Exit,
    failure::Failure,
    lines::{Direction, Line, Reader, for_people, raw},
    output::Output,
    reach::{Departures, Session, Trouble, states},
    task,
    values::{Arg, Binary, Unreadable},
};

/// Listens until there were enough events, the time is over, or the connection is.
///
/// # Errors
///
/// [`Failure`].
pub(crate) fn run(options: Options, output: &Output) -> Result<Exit, Failure> {
    let (reader, binary) = options.talk.start()?;
    let Options { connection, until, ack_with, states, reconnect, talk } = options;
    let json = |reason| Unreadable::Flag { flag: "--ack-with", reason };
    let answer = ack_with.as_deref().map(Arg::from_json).transpose().map_err(json)?;
    let plan = connection.plan()?;
    task::run(async {
        let session = Session::join(plan, |builder| keeping(builder, reconnect)).await?;
        let has_states = (states, talk.verbose);
        let mut listen =
            Listen { until, answer, has_states, reader, binary, output, found: 0, seen: false };
        let done = listen.run(&session, reconnect).await;
        session.close().await;
        done.map(|()| Exit::Done)
    })
}

/// Keeps events, and the connection if asked to.
pub(crate) fn keeping(builder: Builder, reconnect: bool) -> Builder {
    let builder = builder.events(INBOX);
    if reconnect {
        builder.rejoin_if(|left| matches!(left, Left::ServerDisconnect))
    } else {
        builder.no_reconnect()
    }
}

/// Events that may wait to be shown; a server that sends faster for longer is too fast.
const INBOX: usize = 1_024;

struct Listen<'l> {
    until: Until,
    answer: Option<Arg>,
    /// On standard output, on standard error.
    has_states: (bool, bool),
    reader: Reader,
    binary: Binary,
    output: &'l Output,
    found: usize,
    /// Whether what `--until` waits for has come.
    seen: bool,
}

impl Listen<'_> {
    async fn run(&mut self, session: &Session, reconnect: bool) -> Result<(), Failure> {
        let Ok(events) = session.client.events() else { return Ok(()) };
        let mut state = session.client.state();
        let mut departures = Departures::new(session, reconnect);
        let limit = self.until.limit.map(|limit| limit.get());
        // Far enough away is never.
        let time = time::sleep(limit.unwrap_or(time::Duration::from_secs(1 << 30)));
        tokio::pin!(time);
        self.show_state(session)?;
        loop {
            tokio::select! {
                biased;
                changed = state.changed() => {
                    // The sender is the client's.
                    if changed.is_ok() {
                        self.show_state(session)?;
                    }
                }
                incoming = events.recv() => {
                    let Some(incoming) = incoming else {
                        self.show_state(session)?;
                        return Err(session.ended(true).await.into());
                    };
                    self.show(incoming)?;
                    if self.is_enough() {
                        return self.verdict();
                    }
                }
                left = departures.next() => return Err(left.into()),
                () = &mut time => return self.verdict(),
            }
        }
    }

    fn show(&mut self, incoming: Incoming) -> Result<(), Failure> {
        if !self.until.wants(&incoming.event) {
            incoming.withhold();
            return Ok(());
        }
        let shown = self.binary.show(&incoming.args)?;
        self.found += 1;
        self.seen |= self.until.is_met(&incoming.event, &shown);
        let line = Line::Event {
            dir: Direction::In,
            nsp: &incoming.namespace,
            event: &incoming.event,
            args: &raw(shown),
            ack_id: incoming.ack_id(),
            rtt_ms: None,
        };
        self.reader.print(self.output, &line)?;
        match &self.answer {
            Some(answer) => incoming.answer((answer,)),
            None => incoming.withhold(),
        }
        Ok(())
    }

    fn show_state(&self, session: &Session) -> Result<(), Failure> {
        let state = session.client.state().borrow().clone();
        let (on_stdout, on_stderr) = self.has_states;
        states(&state, &session.sockets, |line| {
            if on_stderr {
                self.output.talk(&for_people(line));
            }
            if on_stdout { self.reader.print(self.output, line) } else { Ok(()) }
        })
    }

    fn is_enough(&self) -> bool {
        self.seen || self.until.count.is_some_and(|count| self.found >= count.get())
    }

    /// Whether what was waited for has come.
    fn verdict(&self) -> Result<(), Failure> {
        if !self.seen && self.until.pattern.is_some() {
            let found = format!("it was in none of {} events", self.found);
            return Err(Trouble::Unexpected { flag: "--until", found }.into());
        }
        match (self.until.count, self.until.limit) {
            (Some(wanted), Some(after)) if !self.seen && self.found < wanted.get() => {
                let (found, wanted, after) = (self.found, wanted.get(), after.get());
                Err(Trouble::TooFew { found, wanted, after }.into())
            }
            _ => Ok(()),
        }
    }
}
