//! What people ask of a queue in Redis: how much there is, what waits, what is dead, and what becomes of it.

use std::{sync::Arc, time::SystemTime};

use redis::{Value, cmd};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{
    core::{BATCH, Core},
    reply::{self, Fields, array},
    words::{Word, millis},
};
use crate::queue::{QueueError, Seen, State, Stats, Which};

/// How far into a queue people may look: each look reads up to there.
pub(super) const MAX_LOOK: usize = 10_000;

impl Core {
    pub(super) async fn finished(&self, ids: &[Arc<str>]) -> Result<Vec<bool>, QueueError> {
        let mut all = Vec::with_capacity(ids.len());
        for some in ids.chunks(BATCH) {
            let words = some.iter().map(|id| Word::Text(id));
            let answer = self.ask(&self.scripts.finished, words).await?;
            all.extend(array(answer).into_iter().map(|one| one == Value::Int(1)));
        }
        Ok(all)
    }

    pub(super) async fn peek(&self, skip: usize, count: usize) -> Result<Vec<Seen>, QueueError> {
        let count = count.min(MAX_LOOK.saturating_sub(skip));
        if count == 0 {
            return Ok(Vec::new());
        }
        let words = [Word::Number(skip as u64), Word::Number(count as u64)];
        let answer = self.ask(&self.scripts.peek, words).await?;
        Ok(array(answer)
            .into_iter()
            .map(|one| {
                let mut one = Fields::of(one);
                let (name, body) = (one.text(), one.body());
                Seen {
                    id: id_in(&body).unwrap_or_else(|| name.into()),
                    state: State::Queued,
                    body,
                    attempts: one.small(),
                    result: None,
                    epitaph: None,
                    since: one.time(),
                }
            })
            .collect())
    }

    pub(super) async fn find(&self, id: Arc<str>) -> Result<Option<Seen>, QueueError> {
        let answer = self.ask(&self.scripts.find, [Word::Text(&id)]).await?;
        let mut answer = Fields::of(answer);
        Ok(match answer.text().as_str() {
            "grave" => Some(answer.grave(id)),
            "done" => {
                let since: Option<SystemTime> = answer.time();
                let result = Some(answer.bytes()).filter(|result| !result.is_empty());
                let (state, body) = (State::Done, bytes::Bytes::new());
                Some(Seen { id, state, body, attempts: 0, result, epitaph: None, since })
            }
            _ => None,
        })
    }

    pub(super) async fn is_begun(&self) -> Result<bool, QueueError> {
        let mut exists = cmd("EXISTS");
        exists.arg(&self.key);
        // What an instance leaves for ever, and what is put with a time of its own.
        for name in ["version", "waiting"] {
            exists.arg(format!("{}:{name}", self.prefix));
        }
        let found =
            self.link.run(&self.endpoint, async |link| exists.query_async::<u64>(link).await);
        found.await.map(|found| found > 0).map_err(|error| self.told(&error))
    }

    pub(super) async fn stats(&self) -> Result<Stats, QueueError> {
        self.ask(&self.scripts.stats, []).await.map(reply::stats)
    }

    pub(super) async fn pause(&self, is_paused: bool) -> Result<(), QueueError> {
        let key = format!("{}:paused", self.prefix);
        let mut command = cmd(if is_paused { "SET" } else { "DEL" });
        command.arg(key);
        if is_paused {
            command.arg("1");
        }
        let done =
            self.link.run(&self.endpoint, async |link| command.query_async::<Value>(link).await);
        done.await.map(drop).map_err(|error| self.told(&error))
    }

    pub(super) async fn dead(&self, skip: usize, count: usize) -> Result<Vec<Seen>, QueueError> {
        let count = count.min(MAX_LOOK);
        if count == 0 {
            return Ok(Vec::new());
        }
        // More than there can be, and a number that a script still counts with.
        let skip = skip.min(u32::MAX as usize);
        let words = [Word::Number(skip as u64), Word::Number(count as u64)];
        let answer = self.ask(&self.scripts.graves, words).await?;
        Ok(array(answer)
            .into_iter()
            .map(|one| {
                let mut one = Fields::of(one);
                let id = one.text().into();
                one.grave(id)
            })
            .collect())
    }

    pub(super) async fn exhume(&self, verb: &str, which: Which) -> Result<u64, QueueError> {
        let mut all = 0;
        match which {
            Which::Ids(ids) => {
                for some in ids.chunks(BATCH) {
                    let begin = [Word::Text(verb), Word::Text("")];
                    let words = begin.into_iter().chain(some.iter().map(|id| Word::Text(id)));
                    let mut answer = Fields::of(self.ask(&self.scripts.exhume, words).await?);
                    answer.count();
                    all += answer.count();
                }
            }
            // What is laid there meanwhile, perhaps one of these again, is not meant.
            Which::All => {
                let mut last = "all".to_owned();
                loop {
                    let words = [Word::Text(verb), Word::Text(&last)];
                    let mut answer = Fields::of(self.ask(&self.scripts.exhume, words).await?);
                    let (looked_at, count) = (answer.count(), answer.count());
                    all += count;
                    if looked_at == 0 {
                        break;
                    }
                    last = answer.text();
                }
            }
        }
        Ok(all)
    }

    pub(super) async fn sweep(&self) -> Result<(), QueueError> {
        let words = [Word::Number(millis(self.options.lease))];
        self.ask(&self.scripts.sweep, words).await.map(drop)
    }

    async fn ask<'a>(
        &self,
        script: &redis::Script,
        words: impl IntoIterator<Item = Word<'a>>,
    ) -> Result<Value, QueueError> {
        self.script(script, words).await.map_err(|error| self.told(&error))
    }
}

/// The id that an envelope says of itself. One of another form is known by its mapping, which is not for a store to read.
fn id_in(body: &[u8]) -> Option<Arc<str>> {
    #[derive(Deserialize)]
    struct Envelope<'b> {
        #[serde(borrow)]
        id: &'b RawValue,
        #[serde(rename = "event")]
        _event: IgnoredAny,
    }

    let id = serde_json::from_slice::<Envelope<'_>>(body).ok()?.id.get();
    match id.as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(id).ok().map(Arc::from),
        b'0'..=b'9' | b'-' => Some(id.into()),
        _ => None,
    }
}
