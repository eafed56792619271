//! `sockeye pipe`: lines of JSON both ways, events to send in, events that came out.

mod input;
mod questions;

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use clap::Args;
use futures_util::FutureExt as _;
use sockeye::{
    client::{CallError, Incoming, Socket},
    event::RawArgs,
};
use tokio::{task::JoinSet, time};

use self::{
    input::{Order, Orders},
    questions::Questions,
};
use crate::{
    exit::Exit,
    failure::Failure,
    output::Output,
    printer::Printer,
    reach::{Connection, Departures, Keep, Session, Talk, Trouble, ask},
    task,
    units::Time,
    values::Unreadable,
};

/// Send the events that come in as lines of JSON, and print those of the server in the same form
///
/// A line is {"event":"chat","args":["hi"]}, with "nsp" if several namespaces are joined; with "ack_id" (any number) it
/// asks for an ack, which is printed as a line with "dir":"ack". To answer an event that came with an "ack_id":
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
    let plan = connection.plan()?.traced(tracer);
    task::run(async {
        let session = Session::join(plan, |builder| keep.attach(builder)).await?;
        let mut pipe = Pipe {
            session: &session,
            printer,
            questions: Questions::default(),
            under_way: JoinSet::new(),
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

/// Events of ours that may be under way; past that no line is read.
const MAX_UNDER_WAY: usize = 1_024;

struct Pipe<'p> {
    session: &'p Session,
    printer: Printer<'p>,
    questions: Questions,
    under_way: JoinSet<Outcome>,
    /// What went wrong first, although the work went on.
    failed: Option<Failure>,
    /// Whether an ack of ours may not be written yet; events are waited for.
    has_answered: bool,
}

/// What became of an event of ours.
type Outcome = Result<Option<Answer>, Trouble>;

/// An ack.
struct Answer {
    nsp: String,
    event: String,
    args: RawArgs,
    rtt: Duration,
}

impl Pipe<'_> {
    async fn run(&mut self, mut departures: Departures, linger: Duration) -> Result<(), Failure> {
        let session = self.session;
        let Ok(events) = session.client.events() else { return Ok(()) };
        let mut state = session.client.state();
        // The first one is to be shown, too.
        state.mark_changed();
        let mut orders = Orders::new();
        let mut has_input = true;
        let mut time = pin!(time::sleep(Duration::ZERO));
        loop {
            let is_idle = self.under_way.is_empty();
            tokio::select! {
                biased;
                Ok(()) = state.changed() => {
                    let now = state.borrow_and_update().clone();
                    self.printer.states(&now, &session.sockets)?;
                }
                Some(ended) = self.under_way.join_next() => {
                    if let Ok(outcome) = ended {
                        self.settle(outcome)?;
                    }
                }
                incoming = events.recv() => {
                    let Some(incoming) = incoming else {
                        let trouble = session.ended(true).await;
                        self.printer.states(&session.client.state().borrow().clone(), &session.sockets)?;
                        return Err(trouble.into());
                    };
                    self.show(incoming)?;
                }
                trouble = departures.next() => return Err(trouble.into()),
                order = orders.next(), if has_input && self.under_way.len() < MAX_UNDER_WAY => {
                    match order? {
                        Some(order) => self.follow(order, orders.number).await?,
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
                let timeout = ack_id.map(|_| self.session.timeout);
                let mut sent = Box::pin(emit(socket, event, args, timeout));
                // Once at least, so that events go out in the order of their lines.
                match poll_fn(|cx| Poll::Ready(sent.as_mut().poll(cx))).await {
                    Poll::Ready(outcome) => self.settle(outcome)?,
                    Poll::Pending => _ = self.under_way.spawn(sent),
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
            Ok(Some(Answer { nsp, event, args, rtt })) => {
                self.printer.ack((&nsp, &event), &args, rtt)?;
            }
            Err(trouble @ Trouble::Call { error: CallError::Timeout { .. }, .. }) => {
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

/// Sends an event, and waits until it is written, or for its ack if it has a time for that.
async fn emit(socket: Socket, event: String, args: RawArgs, ack: Option<Duration>) -> Outcome {
    let Some(timeout) = ack else {
        let sent = socket.emit(&event, args);
        let sent = sent.map_err(|error| Trouble::NotEmitted { event: event.clone(), error })?;
        let written = sent.written().await;
        return written.map(|()| None).map_err(|error| Trouble::NotSent { event, error });
    };
    match ask(&socket, &event, args, timeout).await {
        Ok((args, rtt)) => {
            let nsp = socket.namespace().to_owned();
            Ok(Some(Answer { nsp, event, args, rtt }))
        }
        Err(error) => Err(Trouble::Call { event, error }),
    }
}
