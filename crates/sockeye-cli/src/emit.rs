//! `sockeye emit`: sends one event, and shows what comes of it.

use std::time::Instant;

use clap::Args;
use sockeye::{
    client::{CallError, Events},
    event::{NoAnswer, RawArgs},
};
use tokio::time;

use crate::{
    exit::Exit,
    failure::Failure,
    lines::{Direction, Line, Reader, for_people, milliseconds, raw},
    output::Output,
    reach::{Connection, Session, Talk, Trouble, states},
    task,
    values::{Arg, Binary, Pattern, Unreadable, event_args},
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
    /// Wait for an event of this name
    #[arg(long, value_name = "NAME")]
    wait_event: Option<String>,
    /// Fail with exit code 10 unless the awaited event, else the ack, is this: its only argument, or the list of all;
    /// objects may have more keys. Asks for an ack unless there is --wait-event
    #[arg(long, value_name = "JSON")]
    expect: Option<Pattern>,
    #[command(flatten)]
    talk: Talk,
}

/// Who sends, and how it shows what comes.
struct Emit<'e> {
    session: Session,
    event: &'e str,
    expect: Option<Pattern>,
    reader: Reader,
    binary: Binary,
    output: &'e Output,
}

/// Sends, waits, ends.
///
/// # Errors
///
/// [`Failure`].
pub(crate) fn run(options: Options, output: &Output) -> Result<Exit, Failure> {
    if options.connection.has_many_namespaces() {
        return Err(Failure::Usage("an event goes to one namespace; give --nsp once"));
    }
    let (reader, binary) = options.talk.start()?;
    let Options { connection, event, args, ack, wait_event, expect, talk } = options;
    let args = Arg::raw_args(&event_args(&args)?)
        .map_err(|reason| Unreadable::Argument { text: event.clone(), reason })?;
    let plan = connection.plan()?;
    let wants_ack = ack || expect.is_some() && wait_event.is_none();
    task::run(async {
        let session = Session::join(plan, |builder| {
            let builder = builder.no_reconnect();
            match &wait_event {
                Some(_) => builder.events(INBOX),
                // As a JavaScript client without listeners.
                None => builder.on_any(async || NoAnswer),
            }
        })
        .await?;
        if talk.verbose {
            let state = session.client.state().borrow().clone();
            states(&state, &session.sockets, |line| {
                output.talk(&for_people(line));
                Ok(())
            })?;
        }
        let emit = Emit { session, event: &event, expect, reader, binary, output };
        if talk.verbose {
            emit.show(Direction::Out, emit.namespace(), &event, &args, None)?;
        }
        let done = emit.run(args, wants_ack, wait_event.as_deref()).await;
        emit.session.close().await;
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
        // From now on, so that nothing is missed while the event is on its way.
        let events = self.session.client.events().ok();
        let answer =
            async { if wants_ack { self.call(args).await } else { self.send(args).await } };
        let event = async {
            match (awaited, events) {
                (Some(name), Some(events)) => self.wait(name, &events).await,
                _ => Ok(()),
            }
        };
        tokio::try_join!(answer, event).map(|_| ())
    }

    async fn send(&self, args: RawArgs) -> Result<(), Failure> {
        let event = || self.event.to_owned();
        let sent = self.session.client.emit(self.event, args);
        let sent = sent.map_err(|error| Trouble::NotEmitted { event: event(), error })?;
        let written = sent.written().await;
        Ok(written.map_err(|error| Trouble::NotSent { event: event(), error })?)
    }

    async fn call(&self, args: RawArgs) -> Result<(), Failure> {
        let began = Instant::now();
        let call = self.session.client.call(self.event, args);
        let answer = match call.timeout::<RawArgs>(self.session.timeout).await {
            Ok(answer) => answer,
            Err(CallError::Refused(error)) => refusal(&error)?,
            Err(error) => {
                return Err(Trouble::Call { event: self.event.to_owned(), error }.into());
            }
        };
        let rtt = Some(milliseconds(began.elapsed()));
        let shown = self.show(Direction::Ack, self.namespace(), self.event, &answer, rtt)?;
        // With an awaited event, that is what is expected.
        if self.session.client.events().is_err() { self.check(shown) } else { Ok(()) }
    }

    async fn wait(&self, name: &str, events: &Events) -> Result<(), Failure> {
        let found = time::timeout(self.session.timeout, async {
            while let Some(incoming) = events.recv().await {
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
        let shown = self.binary.show(&incoming.args)?;
        let line = Line::Event {
            dir: Direction::In,
            nsp: &incoming.namespace,
            event: &incoming.event,
            args: &raw(shown.clone()),
            ack_id: incoming.ack_id(),
            rtt_ms: None,
        };
        self.reader.print(self.output, &line)?;
        incoming.withhold();
        self.check(shown)
    }

    fn show(
        &self,
        dir: Direction,
        nsp: &str,
        event: &str,
        args: &RawArgs,
        rtt_ms: Option<f64>,
    ) -> Result<String, Failure> {
        let shown = self.binary.show(args)?;
        let args = &raw(shown.clone());
        self.reader
            .print(self.output, &Line::Event { dir, nsp, event, args, ack_id: None, rtt_ms })?;
        Ok(shown)
    }

    fn check(&self, found: String) -> Result<(), Failure> {
        match &self.expect {
            Some(expect) if !expect.is(&found) => {
                Err(Trouble::Unexpected { flag: "--expect", found }.into())
            }
            _ => Ok(()),
        }
    }

    fn namespace(&self) -> &str {
        self.session.client.namespace()
    }
}

/// An ack that says no, as it came.
fn refusal(error: &sockeye::client::RemoteError) -> Result<RawArgs, Unreadable> {
    let mut inner = serde_json::Map::new();
    inner.insert("code".to_owned(), error.code.clone().into());
    inner.insert("message".to_owned(), error.message.clone().into());
    if let Some(data) = &error.data {
        inner.insert("data".to_owned(), serde_json::to_value(data).unwrap_or_default());
    }
    let value = serde_json::json!({ "error": inner });
    RawArgs::from_list(&[value])
        .map_err(|error| Unreadable::Argument { text: "ack".to_owned(), reason: error.to_string() })
}
