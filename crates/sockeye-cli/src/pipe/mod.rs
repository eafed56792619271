//! `sockeye pipe`: lines of JSON both ways, events to send in, events that came out.

mod input;

use std::time::Duration;

use clap::Args;
use futures_util::FutureExt as _;
use sockeye::client::{Events, Socket};

use self::input::Order;
use crate::{
    exit::Exit,
    failure::Failure,
    output::{Heard, Output, States},
    reach::{Connection, Departing, Departures, Exchange, Keep, Session, Talk, Trouble},
    task,
    units::Time,
    values::{Saved, StdinLines, Unreadable},
};

/// Send the events that come in as lines of JSON, and print those of the server in the same form
///
/// A line is {"event":"chat","args":["hi"]}, with "nsp" if several namespaces are joined; with "ack_id" (any number) it
/// asks for an ack, which is printed as a line with "dir":"ack" and the same "ack_id". To answer an event that came with an "ack_id":
/// {"dir":"ack","ack_id":3,"args":[true]}. Bytes are {"$bin":"BASE64"} both ways; with --save-bin DIR they are
/// {"$bin_file":"DIR/NAME","len":3,"sha256":"HEX"}, which is read only from the file of this name that --save-bin has
/// saved in DIR, wherever it is said to lie, and only if it holds what it says.
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
    let saved = talk.saved();
    let printer = talk.printer(output)?.with_states(keep.states);
    connection.warn(output);
    let plan = connection.without_stdin()?.plan()?.traced(tracer);
    task::run(async {
        let session = Session::join(plan, |builder| keep.attach(builder)).await?;
        let exchange = Exchange::new(printer, false);
        let mut pipe = Pipe { session: &session, exchange, saved };
        let linger = linger.map_or(Duration::ZERO, Time::get);
        let done = pipe.run(Departures::new(&session, keep.reconnect), linger).await;
        session.close(pipe.exchange.end()).await;
        done.map(|()| Exit::Done)
    })
}

struct Pipe<'p> {
    session: &'p Session,
    exchange: Exchange<'p>,
    saved: Saved,
}

impl Pipe<'_> {
    async fn run(&mut self, departures: Departures, linger: Duration) -> Result<(), Failure> {
        let Ok(events) = self.session.client.events() else { return Ok(()) };
        let mut states = States::new(&self.session.client);
        let done = self.talk((&mut states, &events), departures, linger).await;
        if done.as_ref().is_err_and(|failure| failure.exit() == Exit::Lost) {
            // What failed of the end may be known before that is told, and what came before it.
            while let Some(heard) = states.next(&events).now_or_never()
                && !self.hear(heard)?
            {}
        }
        done
    }

    async fn talk(
        &mut self,
        (states, events): (&mut States, &Events),
        mut departures: Departures,
        linger: Duration,
    ) -> Result<(), Failure> {
        let mut lines = StdinLines::new();
        loop {
            let Self { session, exchange, saved } = self;
            let settled = exchange.settled();
            tokio::select! {
                biased;
                Some(outcome) = exchange.next() => exchange.settle(outcome)?,
                heard = states.next(events) => {
                    if self.hear(heard)? {
                        return Err(self.session.ended(true).await.into());
                    }
                }
                (namespace, because) = departures.next() => {
                    exchange.printer.left(&namespace, &because.to_string())?;
                    return Err(Trouble::left(&namespace, because).into());
                }
                order = input::next(&mut lines, saved), if exchange.has_room() => match order? {
                    Some(order) => follow(session, exchange, order, lines.number()).await?,
                    None => exchange.linger(linger),
                },
                () = settled => match events.recv().now_or_never().flatten() {
                    Some(incoming) => exchange.heard(incoming)?,
                    None => return exchange.verdict(),
                },
            }
        }
    }

    /// Shows what came of the connection; `true` if that is over.
    fn hear(&mut self, heard: Heard) -> Result<bool, Failure> {
        match heard {
            Heard::State(now) => self.exchange.printer.states(&now, &self.session.sockets)?,
            Heard::Event(incoming) => self.exchange.heard(incoming)?,
            Heard::End => return Ok(true),
        }
        Ok(false)
    }
}

/// Does what a line says.
async fn follow(
    session: &Session,
    exchange: &mut Exchange<'_>,
    order: Order,
    number: usize,
) -> Result<(), Failure> {
    let wrong = |reason| Unreadable::Line { number, reason };
    match order {
        Order::Answer { nsp, event, args, ack_id } => {
            if !exchange.answer((nsp.as_deref(), event.as_deref(), ack_id), args) {
                return Err(wrong("no such event waits for an ack".to_owned()).into());
            }
            Ok(())
        }
        Order::Emit { nsp, event, args, ack_id } => {
            let socket = socket(session, nsp.as_deref()).map_err(wrong)?;
            let ack = ack_id.map(|_| session.timeout);
            exchange.send(Departing { socket, event, args, ack, ack_id }).await
        }
    }
}

fn socket(session: &Session, nsp: Option<&str>) -> Result<Socket, String> {
    let sockets = &session.sockets;
    let socket = match nsp {
        None => sockets.first(),
        Some(name) => sockets.iter().find(|socket| socket.namespace() == name),
    };
    socket.cloned().ok_or_else(|| {
        let name = nsp.unwrap_or("/");
        format!("{name} is not joined; add --nsp {name}")
    })
}
