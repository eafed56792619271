//! `sockeye repl`: a prompt at which events are typed, while those of the server are shown above it.

mod command;
mod completion;
mod contact;
mod history;
mod input;
mod known;
mod mistake;
mod options;
mod wanted;
mod words;

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use sockeye::client::Left;
use thiserror::Error;

pub(crate) use self::options::Options;
use self::{
    command::Command,
    contact::{Contact, Heard},
    input::{Input, Piped, Terminal, Typed},
    known::Known,
    wanted::Wanted,
};
use crate::{
    exit::Exit,
    failure::{Ends, Failure},
    output::{NobodyReads, Output},
    reach::{Departing, Exchange, Keep, Trouble},
    task,
    trace::Verbosity,
    units::Time,
    values::{Arg, Unreadable, event_args},
};

/// Follows lines until their end.
///
/// # Errors
///
/// [`Failure`].
pub(crate) fn run(options: Options, output: &Output) -> Result<Exit, Failure> {
    let Options { connection, linger, states, talk } = options;
    let connection = connection.without_stdin()?;
    let is_person = io::stdin().is_terminal() && io::stdout().is_terminal();
    let keep = Keep { states: states || is_person, reconnect: true };
    let (tracer, verbosity) = talk.tracing.start_anyway(output)?;
    let printer = talk.printer(output)?.with_states(keep.states);
    connection.warn(output);
    task::run(async {
        let known = Known::default();
        let mut contact = Contact::enter(connection, keep, known.clone(), tracer).await?;
        // Before there is a prompt.
        if let Some(begun) = contact.begun() {
            printer.states(&begun, contact.sockets())?;
        }
        let input = match is_person {
            true => Input::Person(Terminal::new(known.clone(), output)?),
            false => Input::Program(Piped::new()),
        };
        let mut repl = Repl {
            contact,
            known,
            exchange: Exchange::new(printer, is_person),
            verbosity,
            input,
            was_interrupted: false,
        };
        let done = repl.run(linger.map_or(Duration::ZERO, Time::get)).await;
        repl.input.end(output);
        repl.contact.close(repl.exchange.end()).await;
        done
    })
}

struct Repl<'r> {
    contact: Contact,
    known: Known,
    exchange: Exchange<'r>,
    verbosity: Verbosity,
    input: Input,
    was_interrupted: bool,
}

impl Repl<'_> {
    async fn run(&mut self, linger: Duration) -> Result<Exit, Failure> {
        self.input.prompt(&self.contact.prompt());
        loop {
            let (settled, is_busy) = (self.exchange.settled(), self.contact.is_busy());
            tokio::select! {
                biased;
                Some(outcome) = self.exchange.next() => {
                    self.exchange.settle(outcome).or_else(|failure| self.fail(failure))?;
                }
                heard = self.contact.hear() => self.show(heard)?,
                typed = self.input.next(), if self.exchange.has_room() => {
                    match self.follow(typed?).await? {
                        Next::Line => self.input.prompt(&self.contact.prompt()),
                        Next::Leave(exit) => return Ok(exit),
                        Next::Linger => self.exchange.linger(linger),
                    }
                }
                () = settled, if !is_busy => match self.contact.heard() {
                    Some(heard) => self.show(heard)?,
                    None => return self.exchange.verdict().map(|()| Exit::Done),
                },
            }
        }
    }

    fn is_person(&self) -> bool {
        matches!(self.input, Input::Person(_))
    }

    fn show(&mut self, heard: Heard) -> Result<(), Failure> {
        match heard {
            Heard::Event(incoming) => {
                self.known.see(&incoming.event);
                self.exchange.heard(incoming).or_else(|failure| self.fail(failure))?;
            }
            Heard::State(state) => self.exchange.printer.states(&state, self.contact.sockets())?,
            Heard::Joined(socket) => {
                self.exchange.printer.states(&self.contact.state(), &[socket])?
            }
            Heard::Left(namespace, Left::ClientDisconnect) => {
                self.exchange.printer.left(&namespace, &Left::ClientDisconnect.to_string())?;
            }
            Heard::Left(namespace, because) => {
                self.fail(Trouble::left(&namespace, because).into())?
            }
            Heard::Closed(trouble) => {
                trouble.map_or(Ok(()), |trouble| self.fail(trouble.into()))?;
                if self.is_person() {
                    self.exchange.printer.talk(
                        "/reconnect connects again, /auth changes what you come with, /quit leaves",
                    );
                }
            }
        }
        Ok(())
    }

    /// A person is told, and goes on; a program ends with the first trouble.
    fn fail(&self, failure: Failure) -> Result<(), Failure> {
        match self.is_person() && !failure.is::<NobodyReads>() {
            true => self.exchange.printer.warning(&failure),
            false => return Err(failure),
        }
        Ok(())
    }

    async fn follow(&mut self, typed: Typed) -> Result<Next, Failure> {
        let text = match typed {
            Typed::Lines(text) => text,
            Typed::End if self.is_person() => return Ok(Next::Leave(Exit::Done)),
            Typed::End => return Ok(Next::Linger),
            Typed::Interrupted if self.was_interrupted => {
                return Ok(Next::Leave(Exit::Interrupted));
            }
            Typed::Interrupted => {
                self.was_interrupted = true;
                self.exchange.printer.talk("Ctrl-C once more leaves, and so does Ctrl-D");
                return Ok(Next::Line);
            }
        };
        self.was_interrupted = false;
        let done = match Wanted::read(&text) {
            Ok(Wanted::Nothing) => Ok(()),
            Ok(Wanted::Emit { event, args, wants_ack }) => self.emit(event, &args, wants_ack).await,
            Ok(Wanted::Command(Command::Quit)) => return Ok(Next::Leave(Exit::Done)),
            Ok(Wanted::Command(command)) => self.command(command).await,
            Err(mistake) => Err(self.wrong(mistake.to_string())),
        };
        done.or_else(|failure| self.fail(failure))?;
        Ok(Next::Line)
    }

    async fn emit(&mut self, event: String, args: &[Arg], wants_ack: bool) -> Result<(), Failure> {
        let args = Arg::raw_args(args).map_err(|reason| self.wrong(reason))?;
        let socket = self.contact.socket().map_err(|reason| self.wrong(reason))?;
        self.known.see(&event);
        let ack = wants_ack.then_some(self.contact.timeout());
        self.exchange.send(Departing { socket, event, args, ack, ack_id: None }).await
    }

    async fn command(&mut self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Join(name) => self.contact.join(name).await?,
            Command::Leave(name) => {
                self.contact.leave(name.as_deref()).map_err(|reason| self.wrong(reason))?;
            }
            Command::Speak(name) => {
                self.contact.speak(&name).map_err(|reason| self.wrong(reason))?;
            }
            Command::Auth(given) => self.contact.set_auth(&given)?,
            Command::Answer(id, args) => {
                let args = event_args(&args)?;
                let args = Arg::raw_args(&args).map_err(|reason| self.wrong(reason))?;
                if !self.exchange.answer((None, None, Some(id)), args) {
                    return Err(self.wrong(format!("no event waits for an ack {id}")));
                }
            }
            Command::Trace(verbose) => self.verbosity.set(verbose),
            Command::Reconnect => self.contact.reconnect().await?,
            Command::State => {
                self.exchange.printer.states_now(&self.contact.state(), self.contact.sockets())?;
            }
            Command::Help => self.exchange.printer.talk(&command::help()),
            Command::Quit => {}
        }
        Ok(())
    }

    fn wrong(&self, reason: impl ToString) -> Failure {
        let reason = reason.to_string();
        match self.input.number() {
            Some(number) => Unreadable::Line { number, reason }.into(),
            None => Mistyped(reason).into(),
        }
    }
}

/// What follows a line.
enum Next {
    Line,
    /// The end of standard input.
    Linger,
    Leave(Exit),
}

/// A line at the prompt that can't be followed.
#[derive(Debug, Error)]
#[error("{0}")]
struct Mistyped(String);

impl Ends for Mistyped {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}
