//! `sockeye relay spool dead`: what sinks refused, and what becomes of it.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::value::RawValue;
use sockeye_relay::ingress::{self, DeadRecords};

use super::{
    age::age,
    dead::told,
    options::{SpoolDead, SpoolDrop, SpoolList, SpoolPlace, SpoolRetry},
    plan,
    table::{lines, width_of_stdout},
};
use crate::{
    date::rfc_3339,
    exit::Exit,
    failure::Failure,
    output::{Output, Reader},
    values::printable,
};

/// A record as programs read it. Its keys are written in this order, which scripts rely on.
#[derive(Serialize)]
struct Shown<'d> {
    number: u64,
    sink: &'d str,
    since: String,
    reason: &'d str,
    retried: bool,
    record: Option<Box<RawValue>>,
}

/// Does one thing with them.
///
/// # Errors
///
/// [`Failure`].
pub(super) fn run(dead: SpoolDead, output: &Output) -> Result<Exit, Failure> {
    match dead {
        SpoolDead::Ls(options) => list(&options, output),
        SpoolDead::Retry(SpoolRetry { place, numbers, all }) => {
            let mut dead = open(&place)?;
            let count = dead.retry(which(&numbers, all)?)?;
            told(Reader::new(place.json), "retried", count, output)
        }
        SpoolDead::Drop(SpoolDrop { place, numbers, all, yes: _ }) => {
            let mut dead = open(&place)?;
            let count = dead.drop(which(&numbers, all)?)?;
            told(Reader::new(place.json), "dropped", count, output)
        }
    }
}

fn open(place: &SpoolPlace) -> Result<DeadRecords, Failure> {
    let path = match &place.spool {
        Some(path) => path.clone(),
        None => plan::file(place.config.as_deref())?.spool.path,
    };
    Ok(DeadRecords::open(path)?)
}

fn list(options: &SpoolList, output: &Output) -> Result<Exit, Failure> {
    let SpoolList { place, count, skip } = options;
    let dead = open(place)?.list(*skip, count.get())?;
    match Reader::new(place.json) {
        Reader::Program => {
            for record in &dead {
                let shown = Shown {
                    number: record.number,
                    sink: &record.sink,
                    since: rfc_3339(since(record)),
                    reason: &record.reason,
                    retried: record.is_retried,
                    record: RawValue::from_string(record.line.clone()).ok(),
                };
                // It has texts for keys: it can always be written.
                output.json(&serde_json::to_string(&shown).unwrap_or_default())?;
            }
        }
        Reader::Person if dead.is_empty() => output.line("no record is dead")?,
        Reader::Person => {
            let row = |record: &ingress::Dead| {
                let reason = match record.is_retried {
                    true => "to be tried again".to_owned(),
                    false => record.reason.clone(),
                };
                [
                    record.number.to_string(),
                    record.sink.clone(),
                    age(Some(since(record))),
                    printable(&reason),
                    printable(&record.line),
                ]
            };
            let rows: Vec<_> = dead.iter().map(row).collect();
            let head = ["NUMBER", "SINK", "AGE", "WHY", "RECORD"];
            for line in lines(head, &rows, width_of_stdout()) {
                output.line(&line)?;
            }
        }
    }
    Ok(Exit::Done)
}

fn since(record: &ingress::Dead) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(record.at_ms)
}

/// Those that are meant; `None` for all.
fn which(numbers: &[u64], all: bool) -> Result<Option<&[u64]>, Failure> {
    match (numbers, all) {
        (_, true) => Ok(None),
        ([], false) => Err(Failure::usage(
            "no record is named; name some by NUMBER, or mean all of them with --all",
        )),
        (numbers, false) => Ok(Some(numbers)),
    }
}
