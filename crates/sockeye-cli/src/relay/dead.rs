//! `sockeye relay dead`: what nobody sends any more, and what becomes of it.

use std::sync::Arc;

use sockeye_relay::queue::{Seen, State, Which};

use super::{
    age::age,
    failure::Wrong,
    options::{Bury, List, Retry, Show},
    place::{Opened, open_place},
    seen::Shown,
    table::{lines, width_of_stdout},
};
use crate::{
    date::rfc_3339,
    exit::Exit,
    failure::Failure,
    output::{Output, Reader},
    values::printable,
};

/// Lists them.
///
/// # Errors
///
/// [`Failure`], here and below.
pub(super) async fn list(options: List, output: &Output) -> Result<Exit, Failure> {
    let List { place, count, skip } = options;
    let (opened, _) = open_place(&place).await?;
    let dead = opened.queue.dead(skip, count.get()).await.map_err(|error| opened.failed(error))?;
    if dead.is_empty() {
        opened.tell_unused(output).await;
    }
    match Reader::new(place.json) {
        Reader::Program => {
            for task in &dead {
                output.json(&Shown::new(task).json())?;
            }
        }
        Reader::Person if dead.is_empty() => output.line("nothing is dead or held")?,
        Reader::Person => {
            let row = |task: &Seen| {
                let (reason, error) = match &task.epitaph {
                    Some(epitaph) => (epitaph.reason.as_str(), epitaph.error.clone()),
                    None => ("?", String::new()),
                };
                let why = if task.state == State::Held { "held" } else { reason };
                [task.id.to_string(), why.to_owned(), age(task.since), error]
            };
            let rows: Vec<_> = dead.iter().map(row).collect();
            let head = ["ID", "WHY", "AGE", "ERROR"];
            for line in lines(head, &rows, width_of_stdout()) {
                output.line(&line)?;
            }
        }
    }
    Ok(Exit::Done)
}

/// Shows some of them as a whole.
pub(super) async fn show(options: Show, output: &Output) -> Result<Exit, Failure> {
    let (opened, _) = open_place(&options.place).await?;
    let reader = Reader::new(options.place.json);
    for (index, id) in options.ids.iter().enumerate() {
        let task = find(&opened, id).await?;
        if reader == Reader::Program {
            output.json(&Shown::new(&task).json())?;
            continue;
        }
        if index > 0 {
            output.line("")?;
        }
        let mut rows = vec![
            ["id".to_owned(), task.id.to_string()],
            ["state".to_owned(), task.state.as_str().to_owned()],
            ["attempts".to_owned(), task.attempts.to_string()],
        ];
        if let Some(epitaph) = &task.epitaph {
            rows.push(["reason".to_owned(), epitaph.reason.to_string()]);
            rows.push(["error".to_owned(), epitaph.error.clone()]);
        }
        if let Some(since) = task.since {
            rows.push(["since".to_owned(), rfc_3339(since)]);
        }
        for [name, value] in rows {
            output.line(&format!("{name:<10}{}", printable(&value)))?;
        }
        output.line(&format!(
            "{:<10}{}",
            "task",
            printable(&String::from_utf8_lossy(&task.body))
        ))?;
    }
    Ok(Exit::Done)
}

async fn find(opened: &Opened, id: &str) -> Result<Seen, Failure> {
    let found = opened.queue.find(id).await.map_err(|error| opened.failed(error))?;
    found
        .filter(|task| matches!(task.state, State::Dead | State::Held))
        .ok_or_else(|| Wrong::NoSuchDead(id.to_owned()).into())
}

/// Puts some back.
pub(super) async fn retry(options: Retry, output: &Output) -> Result<Exit, Failure> {
    let Retry { place, ids, all } = options;
    let (opened, _) = open_place(&place).await?;
    let which = which(&opened, ids, all).await?;
    let count = opened.queue.revive(which).await.map_err(|error| opened.failed(error))?;
    told(Reader::new(place.json), "retried", count, output)
}

/// Drops some.
pub(super) async fn drop(options: Bury, output: &Output) -> Result<Exit, Failure> {
    let Bury { place, ids, all, yes: _ } = options;
    let (opened, _) = open_place(&place).await?;
    let which = which(&opened, ids, all).await?;
    let count = opened.queue.bury(which).await.map_err(|error| opened.failed(error))?;
    told(Reader::new(place.json), "dropped", count, output)
}

/// Those that are meant; each that is named has to be there.
async fn which(opened: &Opened, ids: Vec<String>, all: bool) -> Result<Which, Failure> {
    if all {
        return Ok(Which::All);
    }
    if ids.is_empty() {
        return Err(Failure::usage(
            "no task is named; name some by ID, or mean all of them with --all",
        ));
    }
    for id in &ids {
        find(opened, id).await?;
    }
    Ok(Which::Ids(ids.into_iter().map(Arc::from).collect()))
}

/// Says what became of how many.
pub(super) fn told(
    reader: Reader,
    what: &str,
    count: u64,
    output: &Output,
) -> Result<Exit, Failure> {
    match reader {
        Reader::Program => output.json(&format!(r#"{{"{what}":{count}}}"#))?,
        Reader::Person => output.line(&format!("{what}: {count}"))?,
    }
    Ok(Exit::Done)
}
