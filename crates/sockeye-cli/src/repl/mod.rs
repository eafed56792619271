//! `sockeye repl`: a prompt at which events are typed, while those of the server are shown above it.

mod command;
mod completion;
mod history;
mod input;
mod known;
mod line;
mod mistake;
mod options;
mod room;
mod words;

use std::{
    io::{self, IsTerminal as _},
    pin::pin,
    time::Duration,
};

use sockeye::client::Left;
use thiserror::Error;
use tokio::time;

pub(crate) use self::options::Options;
use self::{
    command::Command,
    input::{Input, Piped, Terminal, Typed},
    known::Known,
    line::Line,
    room::{Heard, Room},
};
use crate::{
    exit::Exit,
    failure::{Ends, Failure},
    output::{NobodyReads, Output, Printer},
    reach::{Departing, Keep, Outcome, Questions, Trouble, UnderWay},
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
        let room = Room::enter(connection, keep, known.clone(), tracer).await?;
        // Before there is a prompt.
        printer.states(&room.state(), room.sockets())?;
        let input = match is_person {
            true => Input::Person(Terminal::new(known.clone(), output)?),
            false => Input::Program(Piped::new()),
        };
        let mut repl = Repl {
            room,
            known,
            printer,
            verbosity,
            input,
            questions: Questions::default(),
            under_way: UnderWay::default(),
            failed: None,
            has_answered: false,
            was_interrupted: false,
        };
        let done = repl.run(linger.map_or(Duration::ZERO, Time::get)).await;
        repl.input.end(output);
        repl.questions.withhold();
        repl.room.close(repl.has_answered).await;
        done
    })
}

struct Repl<'r> {
    room: Room,
    known: Known,
    printer: Printer<'r>,
    verbosity: Verbosity,
    input: Input,
    questions: Questions,
    under_way: UnderWay,
    /// What went wrong first while nobody was there to see it.
    failed: Option<Failure>,
    /// Whether an ack of ours may not be written yet; events are waited for.
    has_answered: bool,
    was_interrupted: bool,
}

impl Repl<'_> {
    async fn run(&mut self, linger: Duration) -> Result<Exit, Failure> {
        let mut has_input = true;
        let mut time = pin!(time::sleep(Duration::ZERO));
        self.input.prompt(&self.room.prompt());
        loop {
            let is_idle = self.under_way.is_empty() && !self.room.is_busy();
            tokio::select! {
                biased;
                Some(outcome) = self.under_way.next() => self.settle(outcome)?,
                heard = self.room.hear() => self.show(heard)?,
                typed = self.input.next(), if has_input && self.under_way.has_room() => {
                    match self.follow(typed?).await? {
                        Next::Line => self.input.prompt(&self.room.prompt()),
                        Next::Leave(exit) => return Ok(exit),
                        Next::Linger => {
                            has_input = false;
                            time.as_mut().reset(time::Instant::now() + linger);
                        }
                    }
                }
                () = &mut time, if !has_input && is_idle => {
                    // What came before the last ack may still be on its way to us.
                    tokio::task::yield_now().await;
                    match self.room.heard() {
                        Some(heard) => self.show(heard)?,
                        None => return self.failed.take().map_or(Ok(Exit::Done), Err),
                    }
                }
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
                match self.printer.incoming(&incoming) {
                    Ok(_) => self.questions.add(incoming),
                    Err(failure) => self.fail(failure)?,
                }
            }
            Heard::State => self.printer.states(&self.room.state(), self.room.sockets())?,
            Heard::Joined(socket) => self.printer.states(&self.room.state(), &[socket])?,
            Heard::Left(namespace, Left::ClientDisconnect) => {
                self.printer.left(&namespace, &Left::ClientDisconnect.to_string())?;
            }
            Heard::Left(namespace, because) => {
                self.fail(Trouble::left(&namespace, because).into())?
            }
            Heard::Closed(trouble) => {
                trouble.map_or(Ok(()), |trouble| self.fail(trouble.into()))?;
                if self.is_person() {
                    self.printer.talk(
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
            true => self.printer.warning(&failure),
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
                self.printer.talk("Ctrl-C once more leaves, and so does Ctrl-D");
                return Ok(Next::Line);
            }
        };
        self.was_interrupted = false;
        let done = match Line::read(&text) {
            Ok(Line::Nothing) => Ok(()),
            Ok(Line::Emit { event, args, wants_ack }) => self.emit(event, &args, wants_ack).await,
            Ok(Line::Command(Command::Quit)) => return Ok(Next::Leave(Exit::Done)),
            Ok(Line::Command(command)) => self.command(command).await,
            Err(mistake) => Err(self.wrong(mistake.to_string())),
        };
        done.or_else(|failure| self.fail(failure))?;
        Ok(Next::Line)
    }

    async fn emit(&mut self, event: String, args: &[Arg], wants_ack: bool) -> Result<(), Failure> {
        let args = Arg::raw_args(args).map_err(|reason| self.wrong(reason))?;
        let socket = self.room.socket().map_err(|reason| self.wrong(reason))?;
        self.known.see(&event);
        self.printer.sent((socket.namespace(), &event), &args, None)?;
        let ack = wants_ack.then_some(self.room.timeout());
        let departing = Departing { socket, event, args, ack, ack_id: None };
        if let Some(outcome) = self.under_way.send(departing).await {
            self.settle(outcome)?;
        }
        Ok(())
    }

    async fn command(&mut self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Join(name) => self.room.join(name).await?,
            Command::Leave(name) => {
                self.room.leave(name.as_deref()).map_err(|reason| self.wrong(reason))?;
            }
            Command::Speak(name) => {
                self.room.speak(&name).map_err(|reason| self.wrong(reason))?;
            }
            Command::Auth(given) => self.room.set_auth(&given)?,
            Command::Answer(id, args) => {
                let args = event_args(&args)?;
                let args = Arg::raw_args(&args).map_err(|reason| self.wrong(reason))?;
                let question = self.questions.take(None, None, Some(id));
                let none = || self.wrong(format!("no event waits for an ack {id}"));
                question.ok_or_else(none)?.answer(args);
                self.has_answered = true;
            }
            Command::Trace(verbose) => self.verbosity.set(verbose),
            Command::Reconnect => self.room.reconnect().await?,
            Command::State => {
                self.printer.states_now(&self.room.state(), self.room.sockets())?;
            }
            Command::Help => self.printer.talk(&command::help()),
            Command::Quit => {}
        }
        Ok(())
    }

    fn wrong(&self, reason: String) -> Failure {
        match self.input.number() {
            Some(number) => Unreadable::Line { number, reason }.into(),
            None => Mistyped(reason).into(),
        }
    }

    /// Shows an ack. That one does not come is no reason to drop the others.
    fn settle(&mut self, outcome: Outcome) -> Result<(), Failure> {
        match outcome {
            Ok(None) => Ok(()),
            Ok(Some(answer)) => answer.show(&self.printer).or_else(|failure| self.fail(failure)),
            Err(trouble @ Trouble::Call(_)) if !self.is_person() => {
                // It is told in the end.
                match &self.failed {
                    None => self.failed = Some(trouble.into()),
                    Some(_) => self.printer.warning(&trouble.into()),
                }
                Ok(())
            }
            Err(trouble) => self.fail(trouble.into()),
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
