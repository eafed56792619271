//! `sockeye emit`: sends one event, and shows what comes of it; or prints a program that does.

mod program;

use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use clap::Args;
use sockeye::{
    client::Events,
    event::{NoAnswer, RawArgs},
};
use tokio::time;

use crate::{
    exit::Exit,
    failure::Failure,
    output::{Output, Printer},
    reach::{Ack, Connection, Eio, STDIN, Session, Talk, Trouble, ask, spoken_by},
    task,
    values::{Arg, Pattern, Unreadable, event_args},
};

/// Send one event, and wait for its ack or for another event
///
/// Prints what comes in: the ack, the event that was waited for. Without --ack and --wait-event it ends once the event
/// is sent.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    connection: Connection,
    /// Name of the event
    event: String,
    /// Arguments: each is JSON, else a text; @FILE is JSON from a file, @- from standard input, @bin:FILE an attachment
    #[arg(value_name = "ARG", allow_negative_numbers = true)]
    args: Vec<String>,
    /// Ask for an ack, and wait for it
    #[arg(long)]
    ack: bool,
    /// Take an ack for one even if it is an error of ours, [{"error":{"code":…}}], which is exit code 10 otherwise; asks for
    /// one as --ack does
    #[arg(long)]
    any_ack: bool,
    /// Wait for an event of this name
    #[arg(long, value_name = "NAME")]
    wait_event: Option<String>,
    /// Fail with exit code 10 unless the awaited event, else the ack, is this: its only argument, or the list of all;
    /// objects may have more keys. Asks for an ack unless there is --wait-event
    #[arg(long, value_name = "JSON")]
    expect: Option<Pattern>,
    /// Send no event, but print a program that would: in python, js or rust, for the version that the server turns out to
    /// speak. Secrets are not in it; it takes them from the environment, or from the file that they came from
    #[arg(long = "as", value_name = "LANGUAGE")]
    program: Option<program::Language>,
    #[command(flatten)]
    talk: Talk,
}

impl Options {
    const fn wants_ack(&self) -> bool {
        self.ack || self.any_ack || self.expect.is_some() && self.wait_event.is_none()
    }
}

/// Who sends, and how it shows what comes.
struct Emit<'e> {
    session: Session,
    event: &'e str,
    expect: Option<Pattern>,
    any_ack: bool,
    /// Whether an event has come.
    heard: Arc<AtomicBool>,
    printer: Printer<'e>,
}

/// Sends, waits, ends.
///
/// # Errors
///
/// [`Failure`].
pub(crate) fn run(options: Options, output: &Output) -> Result<Exit, Failure> {
    if options.connection.has_many_namespaces() {
        return Err(Failure::usage("an event goes to one namespace; give --nsp once"));
    }
    let given = options.args.iter().chain(&options.connection.auth);
    if given.filter(|given| [STDIN, "@bin:-"].contains(&given.as_str())).count() > 1 {
        return Err(Failure::usage("standard input can be read once; name a file for all but one"));
    }
    options.connection.warn(output);
    if let Some(language) = options.program {
        // Says whether secrets may be shown.
        let tracer = options.talk.tracing.start(output)?;
        let (mut options, mut exit) = (options, Exit::Done);
        if language.has_a_client_for_each_version() && options.connection.eio == Eio::Auto {
            let connection = options.connection.clone();
            exit = task::run(async {
                options.connection.eio = spoken_by(connection, tracer).await;
                Ok(Exit::Done)
            })?;
        }
        if exit == Exit::Done {
            output.data(&program::write(language, &options)?)?;
        }
        return Ok(exit);
    }
    let wants_ack = options.wants_ack();
    let Options { connection, event, args, any_ack, wait_event, expect, talk, .. } = options;
    let tracer = talk.tracing.start(output)?;
    let printer = talk.printer(output)?;
    let args = Arg::raw_args(&event_args(&args)?)
        .map_err(|error| Unreadable::Argument { text: event.clone(), reason: error.to_string() })?;
    let plan = connection.plan()?.traced(tracer);
    task::run(async {
        let heard = Arc::new(AtomicBool::new(false));
        let session = Session::join(plan, |builder| {
            let builder = builder.no_reconnect();
            let heard = Arc::clone(&heard);
            match &wait_event {
                Some(_) => builder.events(INBOX),
                // As a JavaScript client without listeners.
                None => builder.on_any(move || {
                    heard.store(true, Ordering::Relaxed);
                    ready(NoAnswer)
                }),
            }
        })
        .await?;
        let emit = Emit { session, event: &event, expect, any_ack, heard, printer };
        let done = emit.run(args, wants_ack, wait_event.as_deref()).await;
        let is_silent = emit.session.is_unasked && !emit.heard.load(Ordering::Relaxed);
        let done = match is_silent {
            true => done.map_err(|failure| failure.map(Trouble::in_silence)),
            false => done,
        };
        emit.session.close(false).await;
        done.map(|()| Exit::Done)
    })
}

/// Events that may wait to be looked at.
const INBOX: usize = 1_024;

impl Emit<'_> {
    async fn run(
        &self,
        args: RawArgs,
        wants_ack: bool,
        awaited: Option<&str>,
    ) -> Result<(), Failure> {
        let Session { client, sockets, .. } = &self.session;
        if let Some(connected) = client.last_connected() {
            self.printer.states(&connected, sockets)?;
        }
        self.printer.sent(self.place(), &args, None)?;
        let answer = async {
            let done =
                if wants_ack { self.call(args, awaited).await } else { self.send(args).await };
            match done {
                // What came before the end may be what is waited for.
                Err(failure) if awaited.is_some() && failure.exit() == Exit::Lost => {
                    Ok(Some(failure))
                }
                done => done.map(|()| None),
            }
        };
        let event = async {
            match (awaited, client.events()) {
                (Some(name), Ok(events)) => self.wait(name, &events).await,
                _ => Ok(()),
            }
        };
        let (lost, ()) = tokio::try_join!(answer, event)?;
        match lost {
            Some(failure) if wants_ack => Err(failure),
            // It came: whether ours was still taken, nobody waits to be told.
            Some(failure) => {
                self.printer.talk(&failure.to_string());
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn send(&self, args: RawArgs) -> Result<(), Failure> {
        let event = || self.event.to_owned();
        let sent = self.session.client.emit(self.event, args);
        let sent = sent.map_err(|error| Trouble::NotEmitted { event: event(), error })?;
        match sent.written().await {
            Ok(()) => Ok(()),
            Err(error) => {
                Err(self.session.explained(Trouble::NotSent { event: event(), error }).await.into())
            }
        }
    }

    async fn call(&self, args: RawArgs, awaited: Option<&str>) -> Result<(), Failure> {
        let Session { client, timeout, .. } = &self.session;
        let answer = ask(client.socket(), self.event, args, *timeout).await;
        let Ack { args, refusal, rtt } = match answer {
            Ok(ack) => ack,
            Err(error) => {
                return Err(self.session.explained(Trouble::Call(error)).await.into());
            }
        };
        let shown = self.printer.ack(self.place(), &args, None, rtt)?;
        match refusal {
            // If an event is awaited, it is that which has to be as expected.
            _ if awaited.is_none() && self.expect.is_some() => self.check(shown),
            Some(error) if !self.any_ack => {
                Err(Trouble::Refused { event: self.event.to_owned(), error }.into())
            }
            _ => Ok(()),
        }
    }

    async fn wait(&self, name: &str, events: &Events) -> Result<(), Failure> {
        let found = time::timeout(self.session.timeout, async {
            while let Some(incoming) = events.recv().await {
                self.heard.store(true, Ordering::Relaxed);
                if incoming.event == name {
                    return Some(incoming);
                }
                incoming.withhold();
            }
            None
        });
        let after = self.session.timeout;
        let found = found.await.map_err(|_| Trouble::NoEvent { event: name.to_owned(), after })?;
        let Some(incoming) = found else { return Err(self.session.ended(true).await.into()) };
        let shown = self.printer.incoming(&incoming)?;
        incoming.withhold();
        self.check(shown)
    }

    fn check(&self, found: String) -> Result<(), Failure> {
        match &self.expect {
            Some(expect) if !expect.is(&found) => {
                Err(Trouble::Unexpected { flag: "--expect", found }.into())
            }
            _ => Ok(()),
        }
    }

    fn place(&self) -> (&str, &str) {
        (self.session.client.namespace(), self.event)
    }
}
