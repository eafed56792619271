//! Prints the lines of a recording, and tells what could not be read.

use serde_json::Value;

use super::found;
use crate::{
    failure::Failure,
    output::{Output, Reader},
    secrets::Secrets,
    trace::{Remark, Told},
};

/// Where in the recording something stands.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// In this line, from 1.
    Line(usize),
    /// At this byte, from 0.
    Byte(usize),
    /// When it was recorded, in RFC 3339; in this entry of a HAR file, from 1.
    Entry { number: usize, time: Option<String> },
}

impl Place {
    /// For people who look for it.
    fn name(&self) -> String {
        match self {
            Self::Line(number) => format!("line {number}"),
            Self::Byte(offset) => format!("byte {offset}"),
            Self::Entry { number, .. } => format!("entry {number}"),
        }
    }

    /// What an object begins with.
    fn fields(&self) -> Vec<(&'static str, Value)> {
        match self {
            Self::Line(number) => vec![("line", (*number).into())],
            Self::Byte(offset) => vec![("byte", (*offset).into())],
            Self::Entry { number, time } => {
                let time = time.as_ref().map(|time| ("t", time.as_str().into()));
                time.into_iter().chain([("entry", (*number).into())]).collect()
            }
        }
    }

    /// What a line begins with.
    fn label(&self) -> Option<String> {
        let Self::Entry { number, time } = self else { return None };
        let time = time.as_ref().and_then(|time| time.get(11..23)).unwrap_or("-");
        Some(format!("{time} #{number}"))
    }
}

/// Where it is printed, and whether all could be read.
#[derive(Debug)]
pub(super) struct Show<'o> {
    output: &'o Output,
    reader: Reader,
    is_troubled: bool,
}

impl<'o> Show<'o> {
    pub(super) const fn new(output: &'o Output, reader: Reader) -> Self {
        Self { output, reader, is_troubled: false }
    }

    /// Whether something could not be read.
    pub(super) const fn is_troubled(&self) -> bool {
        self.is_troubled
    }

    /// Something that can't be read; the work goes on.
    pub(super) fn trouble(&mut self, place: &Place, reason: impl Into<String>) {
        self.is_troubled = true;
        self.output.failure(&found(place.name(), reason.into()));
    }

    /// Something that need not be read.
    pub(super) fn note(&self, place: &Place, what: &str) {
        self.output.talk(&format!("note: {} is passed over: {what}", place.name()));
    }

    /// A line of one layer.
    ///
    /// # Errors
    ///
    /// [`Failure`], here and below: standard output can't be written, or nobody reads it any more.
    pub(super) fn line(&mut self, place: &Place, line: &Remark) -> Result<(), Failure> {
        if line.is_trouble {
            self.trouble(place, line.trouble_text());
            return Ok(());
        }
        let secrets = Secrets::of_process();
        match self.reader {
            Reader::Program => {
                self.output.json(&secrets.redact(&line.for_programs(place.fields())))
            }
            Reader::Person => {
                let line = line.for_people(place.label().as_deref(), self.output.colored_data());
                self.output.line(&secrets.redact(&line))
            }
        }
    }

    /// The lines of a packet, or why there are none.
    pub(super) fn told(
        &mut self,
        place: &Place,
        told: Result<Told, Remark>,
    ) -> Result<(), Failure> {
        match told {
            Ok(Told { engine, socket }) => {
                self.line(place, &engine)?;
                socket.map_or(Ok(()), |line| self.line(place, &line))
            }
            Err(line) => self.line(place, &line),
        }
    }
}
