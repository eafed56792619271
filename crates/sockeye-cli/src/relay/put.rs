//! `sockeye relay put`: one task from the command line, or one for each line of standard input.

use std::{future::pending, sync::Arc};

use serde::Serialize;
use serde_json::value::RawValue;
use sockeye::event::Arg;
use sockeye_relay::{
    inlet::{Reading, stdin::Bounds},
    queue::{Accepted, NewTask},
};

use super::{
    failure::Wrong,
    inlets::lines,
    options::Put,
    place::{Opened, open_place},
};
use crate::{
    date::rfc_3339,
    exit::Exit,
    failure::Failure,
    output::{Output, Reader, raw},
    values::{Binary, Unreadable, event_args},
};

/// A task, as it is put.
#[derive(Serialize)]
struct Envelope<'p> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nsp: Option<&'p str>,
    event: &'p str,
    args: &'p RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<String>,
}

/// Puts what is given.
///
/// # Errors
///
/// [`Failure`].
pub(super) async fn run(options: Put, output: &Output) -> Result<Exit, Failure> {
    let (opened, config) = open_place(&options.place).await?;
    let reader = Reader::new(options.place.json);
    match &options.event {
        // The relay of this file would not read what is written here.
        Some(_) if config.mapping()?.is_some() => Err(Failure::usage(
            "[task] in the configuration reads tasks in the form of their producer, and EVENT would be written in another; leave EVENT out, and feed a line of that form on standard input",
        )),
        Some(event) => one(&opened, event, &options, (reader, output)).await,
        None => {
            let bounds = Bounds::default().max_line_bytes(options.max_line.get());
            let reading = Reading::mapped(config.mapping()?);
            let put = lines(&opened, &reading, bounds, (reader, output), pending()).await?;
            match put.invalid {
                0 => Ok(Exit::Done),
                count => Err(Wrong::Lines { count }.into()),
            }
        }
    }
}

async fn one(
    opened: &Opened,
    event: &str,
    options: &Put,
    (reader, output): (Reader, &Output),
) -> Result<Exit, Failure> {
    let unreadable = |reason: String| Unreadable::Argument { text: event.to_owned(), reason };
    let args = Arg::raw_args(&event_args(&options.args)?)
        .map_err(|error| unreadable(error.to_string()))?;
    let args = raw(Binary::Base64.show(&args)?);
    let envelope = Envelope {
        id: options.id.as_deref(),
        key: options.key.as_deref(),
        nsp: options.nsp.as_deref(),
        event,
        args: &args,
        not_before: options.not_before.map(rfc_3339),
        deadline: options.deadline.map(rfc_3339),
    };
    let body = serde_json::to_vec(&envelope).map_err(|error| unreadable(error.to_string()))?;
    let task =
        NewTask { not_before: options.not_before, ..named(&body.into()).map_err(unreadable)? };
    let accepted = opened.queue.put(vec![task]).await.map_err(|error| opened.failed(error))?;
    for accepted in accepted {
        let (id, state): (Arc<str>, _) = match accepted {
            Accepted::Queued(id) => (id, "queued"),
            Accepted::Known(id) => (id, "known"),
        };
        match reader {
            Reader::Program => {
                let id = serde_json::Value::from(&*id);
                output.json(&format!(r#"{{"id":{id},"state":"{state}"}}"#))?;
            }
            Reader::Person => output.line(&id)?,
        }
    }
    Ok(Exit::Done)
}

fn named(body: &bytes::Bytes) -> Result<NewTask, String> {
    Reading::envelope().read_named(body)
}
