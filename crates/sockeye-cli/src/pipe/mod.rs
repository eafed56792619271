//! `sockeye pipe`: lines of JSON both ways, events to send in, events that came out.

mod input;

use std::{pin::pin, time::Duration};

use clap::Args;
use futures_util::FutureExt as _;
use sockeye::client::{Incoming, Socket};
use tokio::time;

use self::input::Order;
use crate::{
    exit::Exit,
    failure::Failure,
    output::{Output, Printer, States},
    reach::{
        Connection, Departing, Departures, Keep, Outcome, Questions, Session, Talk, Trouble,
        UnderWay,
    },
    task,
    units::Time,
    values::{StdinLines, Unreadable},
};

/// Send the events that come in as lines of JSON, and print those of the server in the same form
///
/// A line is {"event":"chat","args":["hi"]}, with "nsp" if several namespaces are joined; with "ack_id" (any number) it
/// asks for an ack, which is printed as a line with "dir":"ack" and the same "ack_id". To answer an event that came with an "ack_id":
/// {"dir":"ack","ack_id":3,"args":[true]}. Bytes are {"$bin":"BASE64"} both ways.
///
/// It ends when standard input does, once all acks have come.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    connection: Connection,
    /// How long to go on listening once standard input has ended
    #[arg(long, value_name = "TIME")]
    linger: Option<Time>,
    #[command(flatten)]
    keep: Keep,
    #[command(flatten)]
    talk: Talk,
}

/// Pipes until standard input ends, or the connection does.
///
/// # Errors
///
/// [`Failure`].
pub(crate) fn run(options: Options, output: &Output) -> Result<Exit, Failure> {
    let Options { connection, linger, keep, talk } = options;
    let tracer = talk.tracing.start(output)?;
    let printer = talk.printer(output)?.with_states(keep.states);
    connection.warn(output);
    let plan = connection.without_stdin()?.plan()?.traced(tracer);
    task::run(async {
        let session = Session::join(plan, |builder| keep.attach(builder)).await?;
        let mut pipe = Pipe {
            session: &session,
            printer,
            questions: Questions::default(),
            under_way: UnderWay::default(),
            failed: None,
            has_answered: false,
        };
        let linger = linger.map_or(Duration::ZERO, Time::get);
        let done = pipe.run(Departures::new(&session, keep.reconnect), linger).await;
        pipe.questions.withhold();
        session.close(pipe.has_answered).await;
        done.map(|()| Exit::Done)
    })
}

struct Pipe<'p> {
    session: &'p Session,
    printer: Printer<'p>,
    questions: Questions,
    under_way: UnderWay,
    /// What went wrong first, although the work went on.
    failed: Option<Failure>,
    /// Whether an ack of ours may not be written yet; events are waited for.
    has_answered: bool,
}

impl Pipe<'_> {
    async fn run(&mut self, mut departures: Departures, linger: Duration) -> Result<(), Failure> {
        let session = self.session;
        let Ok(events) = session.client.events() else { return Ok(()) };
        let mut states = States::new(&session.client).with_first();
        let mut lines = StdinLines::new();
        let mut has_input = true;
        let mut time = pin!(time::sleep(Duration::ZERO));
        loop {
            let is_idle = self.under_way.is_empty();
            tokio::select! {
                biased;
                Some(now) = states.next() => self.printer.states(&now, &session.sockets)?,
                Some(outcome) = self.under_way.next() => self.settle(outcome)?,
                incoming = events.recv() => {
                    let Some(incoming) = incoming else {
                        let trouble = session.ended(true).await;
                        if let Some(last) = states.last() {
                            self.printer.states(&last, &session.sockets)?;
                        }
                        return Err(trouble.into());
                    };
                    self.show(incoming)?;
                }
                (namespace, because) = departures.next() => {
                    self.printer.left(&namespace, &because.to_string())?;
                    return Err(Trouble::left(&namespace, because).into());
                }
                order = input::next(&mut lines), if has_input && self.under_way.has_room() => {
                    match order? {
                        Some(order) => self.follow(order, lines.number()).await?,
                        None => {
                            has_input = false;
                            time.as_mut().reset(time::Instant::now() + linger);
                        }
                    }
                }
                () = &mut time, if !has_input && is_idle => {
                    // What came before the last ack may still be on its way to us.
                    tokio::task::yield_now().await;
                    match events.recv().now_or_never().flatten() {
                        Some(incoming) => self.show(incoming)?,
                        None => return self.failed.take().map_or(Ok(()), Err),
                    }
                }
            }
        }
    }

    fn show(&mut self, incoming: Incoming) -> Result<(), Failure> {
        self.printer.incoming(&incoming)?;
        self.questions.add(incoming);
        Ok(())
    }

    /// Does what a line says.
    async fn follow(&mut self, order: Order, number: usize) -> Result<(), Failure> {
        let wrong = |reason| Unreadable::Line { number, reason };
        match order {
            Order::Answer { nsp, event, args, ack_id } => {
                let question = self.questions.take(nsp.as_deref(), event.as_deref(), ack_id);
                let question =
                    question.ok_or_else(|| wrong("no such event waits for an ack".to_owned()))?;
                question.answer(args);
                self.has_answered = true;
            }
            Order::Emit { nsp, event, args, ack_id } => {
                let socket = self.socket(nsp.as_deref()).map_err(wrong)?;
                self.printer.sent((socket.namespace(), &event), &args, ack_id)?;
                let ack = ack_id.map(|_| self.session.timeout);
                let departing = Departing { socket, event, args, ack, ack_id };
                if let Some(outcome) = self.under_way.send(departing).await {
                    self.settle(outcome)?;
                }
            }
        }
        Ok(())
    }

    fn socket(&self, nsp: Option<&str>) -> Result<Socket, String> {
        let sockets = &self.session.sockets;
        let socket = match nsp {
            None => sockets.first(),
            Some(name) => sockets.iter().find(|socket| socket.namespace() == name),
        };
        socket.cloned().ok_or_else(|| {
            let name = nsp.unwrap_or("/");
            format!("{name} is not joined; add --nsp {name}")
        })
    }

    /// Shows an ack. That one does not come is no reason to drop the others.
    fn settle(&mut self, outcome: Outcome) -> Result<(), Failure> {
        match outcome {
            Ok(None) => {}
            Ok(Some(answer)) => answer.show(&self.printer)?,
            Err(trouble) if trouble.is_late() => {
                let failure = Failure::from(trouble);
                match &self.failed {
                    // It is told in the end.
                    None => self.failed = Some(failure),
                    Some(_) => self.printer.warning(&failure),
                }
            }
            Err(trouble) => return Err(trouble.into()),
        }
        Ok(())
    }
}
