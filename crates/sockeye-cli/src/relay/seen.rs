//! `sockeye relay peek` and `stats`: what lies in a queue, and how much.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;
use sockeye_relay::{
    queue::Seen,
    task::{Mapping, Task},
};

use super::{
    age::{age, brief},
    options::{Peek, Stats},
    place::open_place,
    table::{lines, width_of_stdout},
};
use crate::{
    date::rfc_3339,
    exit::Exit,
    failure::Failure,
    output::{Output, Reader},
};

/// A task as programs read it. Its keys are written in this order, which scripts rely on.
#[derive(Serialize)]
pub(super) struct Shown<'s> {
    /// `null` if it has none, and its store none for it.
    id: Option<&'s str>,
    state: &'static str,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'s str>,
    /// As it was put, if it is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<&'s RawValue>,
    /// What was put instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'s RawValue>,
}

impl<'s> Shown<'s> {
    pub(super) fn new(task: &'s Seen) -> Self {
        let epitaph = task.epitaph.as_ref();
        let json = raw(&task.body);
        Self {
            id: Some(&*task.id).filter(|id| !id.is_empty()),
            state: task.state.as_str(),
            attempts: task.attempts,
            since: task.since.map(rfc_3339),
            reason: epitaph.map(|epitaph| epitaph.reason.as_str()),
            error: epitaph.map(|epitaph| epitaph.error.as_str()),
            task: json,
            text: json.is_none().then(|| String::from_utf8_lossy(&task.body).into_owned()),
            result: task.result.as_deref().and_then(raw),
        }
    }

    pub(super) fn json(&self) -> String {
        // It has texts for keys: it can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// JSON that stands on one line.
fn raw(bytes: &[u8]) -> Option<&RawValue> {
    let json: &RawValue = serde_json::from_slice(bytes).ok()?;
    (!json.get().contains(['\n', '\r'])).then_some(json)
}

/// The first of a task, for people.
pub(super) fn body(task: &Seen) -> String {
    String::from_utf8_lossy(&task.body[..task.body.len().min(400)]).into_owned()
}

/// The id that the relay will read in a task.
fn id_in(mapping: Option<&Mapping>, body: &[u8]) -> Option<Arc<str>> {
    Task::read(mapping, body).ok()?.id
}

/// Shows the tasks that wait.
///
/// # Errors
///
/// [`Failure`].
pub(super) async fn peek(options: Peek, output: &Output) -> Result<Exit, Failure> {
    let Peek { place, count, skip } = options;
    let (opened, config) = open_place(&place).await?;
    let mapping = config.mapping()?;
    let seen = opened.queue.peek(skip, count.get()).await;
    let mut seen = seen.map_err(|error| opened.failed(error))?;
    if !opened.keeps_ids() && mapping.is_some() {
        for task in &mut seen {
            task.id = id_in(mapping.as_ref(), &task.body).unwrap_or_else(|| Arc::clone(&task.id));
        }
    }
    if seen.is_empty() {
        opened.tell_unused(output).await;
    }
    opened.tell_horizon(skip.saturating_add(seen.len()), output);
    match Reader::new(place.json) {
        Reader::Program => {
            for task in &seen {
                output.json(&Shown::new(task).json())?;
            }
        }
        Reader::Person if seen.is_empty() => output.line("nothing waits")?,
        Reader::Person => {
            let row = |task: &Seen| {
                let id = if task.id.is_empty() { "-" } else { &*task.id };
                [id.to_owned(), task.state.as_str().to_owned(), age(task.since), body(task)]
            };
            let rows: Vec<_> = seen.iter().map(row).collect();
            for line in lines(["ID", "STATE", "AGE", "TASK"], &rows, width_of_stdout()) {
                output.line(&line)?;
            }
        }
    }
    Ok(Exit::Done)
}

/// How much there is, as programs read it.
#[derive(Serialize)]
struct Amounts<'s> {
    ready: u64,
    delayed: u64,
    claimed: u64,
    held: u64,
    dead: u64,
    done: Option<u64>,
    oldest_seconds: Option<f64>,
    paused: bool,
    instances: &'s [String],
}

/// Shows how much there is.
///
/// # Errors
///
/// [`Failure`].
pub(super) async fn stats(options: Stats, output: &Output) -> Result<Exit, Failure> {
    let (opened, _) = open_place(&options.place).await?;
    let stats = opened.queue.stats().await.map_err(|error| opened.failed(error))?;
    opened.tell_unused(output).await;
    if Reader::new(options.place.json) == Reader::Program {
        let oldest_seconds =
            stats.oldest.map(|age| (age.as_secs_f64() * 1_000.0).round() / 1_000.0);
        let sockeye_relay::queue::Stats { ready, delayed, claimed, held, dead, done, .. } = stats;
        let (paused, instances) = (stats.is_paused, &*stats.instances);
        let amounts = Amounts {
            ready,
            delayed,
            claimed,
            held,
            dead,
            done,
            oldest_seconds,
            paused,
            instances,
        };
        output.json(&serde_json::to_string(&amounts).unwrap_or_default())?;
        return Ok(Exit::Done);
    }
    let oldest =
        stats.oldest.map_or_else(String::new, |age| format!("the oldest for {}", brief(age)));
    let row = |name: &str, count: Option<u64>, more: String| {
        [name.to_owned(), count.map_or_else(|| "?".to_owned(), |count| count.to_string()), more]
    };
    let rows = [
        row("ready", Some(stats.ready), oldest),
        row("delayed", Some(stats.delayed), String::new()),
        row("claimed", Some(stats.claimed), stats.instances.join(", ")),
        row("held", Some(stats.held), String::new()),
        row("dead", Some(stats.dead), String::new()),
        row("done", stats.done, "still remembered".to_owned()),
    ];
    for line in lines(["STATE", "TASKS", ""], &rows, width_of_stdout()) {
        output.line(&line)?;
    }
    if stats.is_paused {
        output.line("paused; `sockeye relay resume` lets it go on")?;
    }
    Ok(Exit::Done)
}
