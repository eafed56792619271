//! Prints what a command has to show: events and acks, and the states of the connection if they are wanted.

use std::{path::PathBuf, time::Duration};

use sockeye::{
    client::{ConnectionState, Incoming, Socket},
    event::RawArgs,
};

use super::{
    Output,
    lines::{Direction, Line, Reader, State, for_people, milliseconds, raw},
    states::{states, states_now},
};
use crate::{
    failure::Failure,
    secrets::Secrets,
    values::{Binary, Unsaved},
};

/// Where it prints to, and in what form.
#[derive(Debug)]
pub(crate) struct Printer<'o> {
    output: &'o Output,
    reader: Reader,
    binary: Binary,
    is_verbose: bool,
    has_states: bool,
}

impl<'o> Printer<'o> {
    /// # Errors
    ///
    /// The folder for attachments can't be made.
    pub(crate) fn new(
        output: &'o Output,
        reader: Reader,
        save_bin: Option<PathBuf>,
        is_verbose: bool,
    ) -> Result<Self, Unsaved> {
        let binary = Binary::new(save_bin)?;
        Ok(Self { output, reader, binary, is_verbose, has_states: false })
    }

    /// Prints states, too.
    pub(crate) fn with_states(self, has_states: bool) -> Self {
        Self { has_states, ..self }
    }

    /// Prints an event that came in; returns its arguments as they are shown.
    ///
    /// # Errors
    ///
    /// [`Failure`], here and below: standard output or a file can't be written, or nobody reads it any more.
    pub(crate) fn incoming(&self, incoming: &Incoming) -> Result<String, Failure> {
        let args = self.binary.show(&incoming.args)?;
        let place = (&*incoming.namespace, incoming.event.as_str());
        self.event(Direction::In, place, args, incoming.ack_id(), None)
    }

    /// Prints an ack that came in, with what its author calls the event by; returns its arguments as they are shown.
    pub(crate) fn ack(
        &self,
        place: (&str, &str),
        args: &RawArgs,
        ack_id: Option<u64>,
        rtt: Duration,
    ) -> Result<String, Failure> {
        let args = self.binary.show(args)?;
        self.event(Direction::Ack, place, args, ack_id, Some(milliseconds(rtt)))
    }

    /// Prints what is sent, if that is wanted.
    pub(crate) fn sent(
        &self,
        place: (&str, &str),
        args: &RawArgs,
        ack_id: Option<u64>,
    ) -> Result<(), Failure> {
        if self.is_verbose {
            // What is ours need not be saved, and is said rather than passed on.
            let args = Secrets::of_process().redact(&Binary::Base64.show(args)?);
            self.event(Direction::Out, place, args, ack_id, None)?;
        }
        Ok(())
    }

    fn event(
        &self,
        dir: Direction,
        (nsp, event): (&str, &str),
        shown: String,
        ack_id: Option<u64>,
        rtt_ms: Option<f64>,
    ) -> Result<String, Failure> {
        let args = &raw(shown.clone());
        self.reader.print(self.output, &Line::Event { dir, nsp, event, args, ack_id, rtt_ms })?;
        Ok(shown)
    }

    /// Prints where the connection stands, if that is wanted.
    pub(crate) fn states(
        &self,
        state: &ConnectionState,
        sockets: &[Socket],
    ) -> Result<(), Failure> {
        states(state, sockets, |line| self.state(line))
    }

    fn state(&self, line: &Line<'_>) -> Result<(), Failure> {
        if self.is_verbose {
            self.output.talk(&for_people(line));
        }
        if self.has_states { self.reader.print(self.output, line) } else { Ok(()) }
    }

    /// Prints where the connection stands, because somebody asks.
    pub(crate) fn states_now(
        &self,
        state: &ConnectionState,
        sockets: &[Socket],
    ) -> Result<(), Failure> {
        states_now(state, sockets, |line| self.reader.print(self.output, line))
    }

    /// Prints that a namespace was left, if states are wanted.
    pub(crate) fn left(&self, nsp: &str, reason: &str) -> Result<(), Failure> {
        let (state, reason) = (State::Closed, Some(reason));
        let line = Line::State { state, nsp, sid: None, transport: None, eio: None, reason };
        self.state(&line)
    }

    /// Whether a person looks on.
    pub(crate) fn is_for_people(&self) -> bool {
        self.reader == Reader::Person
    }

    /// Says something to people that is no data.
    pub(crate) fn talk(&self, text: &str) {
        self.output.talk(text);
    }

    /// Says what went wrong, although the work goes on.
    pub(crate) fn warning(&self, failure: &Failure) {
        self.output.failure(failure);
    }
}
