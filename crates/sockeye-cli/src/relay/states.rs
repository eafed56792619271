//! What has changed between two moments of a relay, a line each; and the thread that shows it, which nobody waits for.

use std::{
    io::{self, Write as _},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::{Duration, SystemTime},
};

use serde::Serialize;
use sockeye_relay::{ingress::SinkStats, relay::Status, target::Standing};

use crate::{date::rfc_3339, output::Output, secrets::Secrets, values::printable};

/// Something has changed. Its keys are written in this order, which scripts rely on.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct Change {
    pub(super) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sink: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

impl Change {
    pub(super) const fn new(state: &'static str) -> Self {
        Self { state, target: None, sink: None, address: None, reason: None }
    }

    pub(super) fn target(self, name: &str) -> Self {
        Self { target: Some(name.to_owned()), ..self }
    }

    fn sink(self, name: &str) -> Self {
        Self { sink: Some(name.to_owned()), ..self }
    }

    pub(super) fn address(self, address: impl ToString) -> Self {
        Self { address: Some(address.to_string()), ..self }
    }

    pub(super) fn reason(self, reason: impl ToString) -> Self {
        Self { reason: Some(reason.to_string()), ..self }
    }

    /// Whether somebody should look at it.
    fn is_trouble(&self) -> bool {
        match self.state {
            "parted" | "sink-lost" => true,
            // A server that can't be reached, or refuses: by its first connection nothing is wrong yet.
            "waiting" => self.reason.as_deref() != Some(CONNECTING),
            _ => false,
        }
    }

    fn json(&self, now: SystemTime) -> String {
        // It has texts for keys: it can always be written.
        let body = serde_json::to_string(self).unwrap_or_default();
        format!(r#"{{"t":"{}",{}"#, rfc_3339(now), body.strip_prefix('{').unwrap_or(&body))
    }

    fn text(&self) -> String {
        let Self { state, target, sink, address, reason } = self;
        let mut text = (*state).to_owned();
        for more in [target, sink, address].into_iter().flatten() {
            text += &format!(" {more}");
        }
        match reason {
            // A server may have said it.
            Some(reason) => format!("{text}: {}", printable(reason)),
            None => text,
        }
    }
}

/// What stands for a reason while a connection is made.
const CONNECTING: &str = "connecting";

/// What has changed from one moment to a later one.
pub(super) fn changes(before: &Status, after: &Status) -> Vec<Change> {
    let mut changes = Vec::new();
    for (was, is) in before.targets.iter().zip(&after.targets) {
        match (&was.standing, &is.standing) {
            (was, Standing::In { times, .. }) if !was.is_in() || was.times() != *times => {
                changes.push(Change::new("joined").target(&is.name));
            }
            (Standing::In { .. }, Standing::Out { because, .. }) => {
                let parted = Change::new("parted").target(&is.name);
                changes.push(if **because == *CONNECTING {
                    parted
                } else {
                    parted.reason(because)
                });
            }
            (Standing::Out { because: was, .. }, Standing::Out { because, .. })
                if was != because =>
            {
                changes.push(Change::new("waiting").target(&is.name).reason(because));
            }
            _ => {}
        }
    }
    match (&before.store_error, &after.store_error) {
        (None, Some(error)) => changes.push(Change::new("store-lost").reason(error)),
        (Some(_), None) => changes.push(Change::new("store-back")),
        _ => {}
    }
    match (before.stands_by, after.stands_by) {
        (false, true) => changes.push(
            Change::new("standing-by")
                .reason("another relay has this queue; it is taken over once that has ended, or its lease has run out"),
        ),
        (true, false) => changes.push(Change::new("claiming")),
        _ => {}
    }
    if after.is_stopping && !before.is_stopping {
        changes.push(Change::new("draining"));
    }
    changes
}

/// What has become of the sinks; there were none `before`, or the same.
pub(super) fn sink_changes(before: &[SinkStats], after: &[SinkStats]) -> Vec<Change> {
    let mut changes = Vec::new();
    for (at, is) in after.iter().enumerate() {
        match (before.get(at).and_then(|was| was.error.as_ref()), &is.error) {
            (None, Some(error)) => {
                changes.push(Change::new("sink-lost").sink(&is.name).reason(error));
            }
            (Some(_), None) => changes.push(Change::new("sink-back").sink(&is.name)),
            _ => {}
        }
    }
    changes
}

/// In what form changes are shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    /// On standard output, for programs.
    Json,
    /// As log lines.
    Log,
    /// Above the lines that stay at the bottom of a terminal.
    Live,
}

enum Shown {
    Line(String),
    Json(String),
    Block(Vec<String>),
}

/// So much may wait to be shown; past it, it is not.
const MAX_WAITING: usize = 1_000;
/// How long the last of it may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shows changes. Nobody who tells it something waits for a terminal or a reader.
#[derive(Debug)]
pub(super) struct Teller {
    pub(super) form: Form,
    shown: SyncSender<Shown>,
    done: Receiver<()>,
}

impl Teller {
    /// # Errors
    ///
    /// There can't be a thread.
    pub(super) fn start(form: Form, output: Output) -> io::Result<Self> {
        let (shown, waiting) = sync_channel(MAX_WAITING);
        let (end, done) = sync_channel::<()>(0);
        thread::Builder::new().name("teller".to_owned()).spawn(move || {
            show(&waiting, &output);
            drop(end);
        })?;
        Ok(Self { form, shown, done })
    }

    pub(super) fn tell(&self, change: &Change) {
        match self.form {
            Form::Json => self.show(Shown::Json(change.json(SystemTime::now()))),
            Form::Live => {
                let time = rfc_3339(SystemTime::now());
                self.show(Shown::Line(format!("{} {}", &time[11..19], change.text())));
            }
            // The relay itself says this.
            Form::Log if matches!(change.state, "store-lost" | "store-back") => {}
            Form::Log if change.is_trouble() => {
                tracing::warn!(target: "sockeye::relay", "{}", change.text());
            }
            Form::Log => tracing::info!(target: "sockeye::relay", "{}", change.text()),
        }
    }

    /// Draws these lines at the bottom, in place of those before.
    pub(super) fn draw(&self, block: Vec<String>) {
        self.show(Shown::Block(block));
    }

    fn show(&self, shown: Shown) {
        // What is not shown in time is not shown: the state is drawn anew, and a change is one of many.
        let _ = self.shown.try_send(shown);
    }

    /// Waits a moment for what is still to be shown.
    pub(super) fn finish(self) {
        drop(self.shown);
        let _ = self.done.recv_timeout(PATIENCE);
    }
}

fn show(waiting: &Receiver<Shown>, output: &Output) {
    let mut block: Vec<String> = Vec::new();
    for shown in waiting {
        let mut screen = String::new();
        match shown {
            Shown::Json(line) => {
                // That nobody reads states does not end the work.
                let _ = output.json(&Secrets::of_process().redact(&line));
                continue;
            }
            Shown::Line(line) => {
                screen += &erase(&block);
                screen += &format!("{line}\n");
            }
            Shown::Block(new) => {
                screen += &erase(&block);
                block = new;
            }
        }
        for line in &block {
            screen += &format!("{line}\n");
        }
        let screen = Secrets::of_process().redact(&screen);
        let _ = io::stderr().write_all(screen.as_bytes());
    }
}

/// Takes the lines at the bottom away.
fn erase(block: &[String]) -> String {
    if block.is_empty() { String::new() } else { format!("\x1b[{}F\x1b[J", block.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_lines() {
        let change = Change::new("parted").target("server").reason("transport close");
        assert_eq!(
            change.json(SystemTime::UNIX_EPOCH),
            r#"{"t":"1970-01-01T00:00:00.000Z","state":"parted","target":"server","reason":"transport close"}"#
        );
        assert_eq!(change.text(), "parted server: transport close");
        let change = Change::new("listening").address("127.0.0.1:8090");
        assert_eq!(change.text(), "listening 127.0.0.1:8090");
    }

    #[test]
    fn a_sink_is_lost_once_and_back_once() {
        let sink = |error: Option<&str>| SinkStats {
            name: "file:events.jsonl".into(),
            error: error.map(str::to_owned),
            ..SinkStats::default()
        };
        let change = |before: &[SinkStats], after: Option<&str>| {
            let changes = sink_changes(before, &[sink(after)]);
            changes.iter().map(Change::text).collect::<Vec<_>>()
        };
        let lost = ["sink-lost file:events.jsonl: no space"];
        assert_eq!(change(&[], Some("no space")), lost);
        assert_eq!(change(&[sink(None)], Some("no space")), lost);
        assert_eq!(change(&[sink(Some("no space"))], None), ["sink-back file:events.jsonl"]);
        for error in [None, Some("no space")] {
            assert!(change(&[sink(error)], error).is_empty());
        }
        assert!(change(&[], None).is_empty());
    }
}
