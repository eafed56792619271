//! Lines of standard input on their way into a queue, and what is printed of each once it is there.

use std::{
    io::{self, IsTerminal as _},
    panic::resume_unwind,
};

use serde::Serialize;
use sockeye_relay::inlet::{
    Reading,
    stdin::{Bounds, Fate, PumpError, Summary, Told, pump},
};
use tokio::io::{BufReader, stdin};

use super::{failure::Wrong, place::Opened};
use crate::{
    failure::Failure,
    output::{Output, Reader},
};

/// So much is read of standard input at once: what is there shares a commit.
const CHUNK: usize = 1 << 20;

/// Puts lines until they end, or until `stop`.
///
/// # Errors
///
/// [`Failure`].
pub(super) async fn lines(
    opened: &Opened,
    reading: &Reading,
    bounds: Bounds,
    (reader, output): (Reader, &Output),
    stop: impl Future<Output = ()>,
) -> Result<Summary, Failure> {
    if io::stdin().is_terminal() {
        return Err(Wrong::Terminal.into());
    }
    let input = BufReader::with_capacity(CHUNK, stdin());
    let keeps_ids = opened.keeps_ids();
    let tell = async |told: Vec<Told>| {
        // Whoever reads what is printed may be slow, and nothing else is to wait for that.
        let output = output.clone();
        let printing =
            tokio::task::spawn_blocking(move || print(&told, keeps_ids, reader, &output));
        printing.await.unwrap_or_else(|panicked| resume_unwind(panicked.into_panic()))
    };
    let queue = &*opened.queue;
    pump(input, (queue, reading), bounds, tell, stop).await.map_err(|error| match error {
        PumpError::Input(error) => Wrong::Input(error).into(),
        PumpError::Told(failure) => failure,
        PumpError::Queue(error) => opened.failed(error),
    })
}

/// What became of a line. Its keys are written in this order, which scripts rely on.
#[derive(Serialize)]
struct Shown<'t> {
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'t str>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'t str>,
}

fn print(told: &[Told], keeps_ids: bool, reader: Reader, output: &Output) -> Result<(), Failure> {
    for Told { line, fate, is_id_inside } in told {
        let (state, reason) = match fate {
            Fate::Queued(_) => ("queued", None),
            Fate::Known(_) => ("known", None),
            Fate::Invalid { reason, .. } => ("invalid", Some(reason.clone())),
            Fate::TooLong { bytes, bound } => {
                ("too-long", Some(format!("{bytes} bytes; a line may have at most {bound}")))
            }
        };
        let is_put = fate.id().is_some();
        // What was made for a text without one is found nowhere, unless the store keeps it beside the text.
        let id = fate.id().map(|id| &**id).filter(|_| keeps_ids || *is_id_inside);
        if let Some(reason) = &reason {
            let name = id.map_or_else(String::new, |id| format!(" as {id}"));
            let kept = match is_put {
                true => format!(" (it waits, and will lie among the dead{name})"),
                false => String::new(),
            };
            output.talk(&format!("line {line} of standard input: {reason}{kept}"));
        }
        match (reader, id) {
            (Reader::Program, id) => {
                let shown = Shown { line: *line, id, state, reason: reason.as_deref() };
                output.json(&serde_json::to_string(&shown).unwrap_or_default())?;
            }
            (Reader::Person, Some(id)) if reason.is_none() => output.line(id)?,
            (Reader::Person, _) => {}
        }
    }
    Ok(())
}
