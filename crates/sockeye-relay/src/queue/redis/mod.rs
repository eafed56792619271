//! Queues in Redis (or Valkey), from 6.2: a list that producers `LPUSH` to, or a stream that they `XADD` to.
//!
//! Producers need to know nothing of what lies beside the list or stream `q`. All of it is in the slot of `q`, under the
//! prefix `{q}` (a stream's: `{q}:group`), and every step is one script, so it has happened as a whole or not at all:
//!
//! | key | what |
//! |---|---|
//! | `:version`, `:order` | layout; who may claim at the same time |
//! | `:instances`, `:beat:<instance>` | who is at work; a key that lives for a lease |
//! | `:owner` | who has the order (strict) |
//! | `:proc:<instance>` | list: ticket → body of what is claimed, so settling is O(1) |
//! | `:back`, `:due`, `:waiting` | list: what was given back, by ticket; what waits for its time; their bodies |
//! | `:tries`, `:times` | attempts that counted; instances that died of it. Only where there are any |
//! | `:done`, `:results` | ids by time; what was answered |
//! | `:dead`, `:graves`, `:held` | the dead and held in their order; what is known of them; which are held |
//! | `:paused`, `:ticket`, `:deleted` | a pause; the last number; entries that others deleted while they were claimed |
//!
//! In a stream what is claimed is pending with the consumer of its instance; what was given back is pending with the consumer
//! `~back`, what waits for its time with `~late`. Nothing is copied, and the stream's own order is the order.
//!
//! **Leases.** An instance lives as long as its beat, by the clock of Redis. Whoever finds one without takes its claims back
//! and its place away in one script. What the stale one settles after that is not its own any more: fenced. In strict order
//! the owner's lease is its beat, and who takes the order over gives back all that the dead had before it claims anything.
//!
//! **Lost answers.** A script whose answer was lost has run or not. Settled twice is fenced the second time, and the task is
//! gone as it should be. Claims that the answer would have told are found by their count and given back, as no delivery.
//!
//! **Waiting** takes nothing: a list's oldest is moved from its end to that same end (`BLMOVE q q RIGHT RIGHT`), a stream
//! is read past the last id that its group has seen.
//!
//! **Ids.** Bodies are opaque here. An id is known once its task is done: a copy is refused by `put` after that, and found by
//! [`Queue::finished`] once it is claimed. What waits is not found by its id.
//!
//! **Results** that a task wants in `reply_to` are put there in the script that settles it: `XADD` with the fields `id` and
//! `result` if that key is a stream, else `RPUSH` of `{"id":…,"result":…}` to a list that is kept for as long as
//! results are. In a cluster the key has to be in the slot of the queue; what can't be delivered is logged, and the result is
//! still found by [`Queue::find`].
//!
//! **Durability** is that of Redis: with `appendfsync everysec` or after a failover the last second may be lost, or come back.

mod link;
mod looking;
mod options;
mod reply;
mod scripts;
mod waiting;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use futures_util::{FutureExt as _, future::BoxFuture};
use parking_lot::Mutex;
use redis::{RedisError, Script, Value};
use tokio::sync::Mutex as AsyncMutex;

pub(crate) use link::Endpoint;
pub use options::{Options, Order, Source, Trim};

use self::{
    link::{Link, is_group_gone, told},
    reply::Fields,
    scripts::{LAYOUT, Scripts},
    waiting::{Stand, Watch},
};
use crate::queue::{
    Accepted, Claim, Claimed, NewTask, Queue, QueueError, Seen, Settled, Settlement, Stats,
    Verdict, Which,
};

/// How many tasks one script claims or settles at most: others wait for it meanwhile.
const BATCH: usize = 256;

/// A queue in Redis. See the module for what lies where.
#[derive(Debug)]
pub struct Redis(Arc<Core>);

struct Core {
    endpoint: Endpoint,
    /// Whom errors and logs speak of: no user, no password.
    store: String,
    source: Source,
    options: Options,
    key: String,
    prefix: String,
    scripts: Scripts,
    link: Link,
    /// Blocking commands have a connection of their own.
    waits: Link,
    watch: Watch,
    instance: Mutex<Instance>,
    /// One claim at a time, so that what nobody here knows of is known to be lost.
    claiming: AsyncMutex<()>,
}

/// Who this is at present, and what it has.
#[derive(Debug)]
struct Instance {
    name: String,
    /// Its place was taken away: everything it had is another's.
    is_gone: bool,
    is_closed: bool,
    claims: HashMap<Claim, String>,
    last_claim: u128,
    /// More may be claimed in Redis than is known here.
    is_unsure: bool,
    stand: Stand,
    looked_at: Option<Instant>,
}

impl Instance {
    fn new(last_claim: u128) -> Self {
        Self {
            name: uuid::Uuid::now_v7().simple().to_string(),
            is_gone: false,
            is_closed: false,
            claims: HashMap::new(),
            last_claim,
            is_unsure: false,
            stand: Stand::default(),
            looked_at: None,
        }
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("store", &self.store)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Redis {
    /// Opens a queue as a new instance.
    pub(crate) async fn open(
        endpoint: Endpoint,
        store: String,
        source: Source,
        options: Options,
    ) -> Result<Self, QueueError> {
        let key = source.key().to_owned();
        let tag = tag(&key).ok_or_else(|| QueueError::Unusable {
            store: store.clone(),
            reason: format!("the name {key:?} has braces that are no hash tag; use another, or one tag like {{tasks}}"),
        })?;
        let prefix = match &source {
            Source::List { .. } => tag,
            Source::Stream { group, .. } => format!("{tag}:{group}"),
        };
        let scripts = match &source {
            Source::List { .. } => Scripts::list(),
            Source::Stream { .. } => Scripts::stream(),
        };
        let core = Core {
            endpoint,
            store,
            key,
            prefix,
            scripts,
            link: Link::new(options.timeout),
            // A wait of a second has to fit in.
            waits: Link::new(options.timeout + Duration::from_secs(2)),
            watch: Watch::default(),
            instance: Mutex::new(Instance::new(0)),
            claiming: AsyncMutex::default(),
            source,
            options,
        };
        core.join().await?;
        Ok(Self(Arc::new(core)))
    }
}

/// What keys beside `key` begin with, so that all are in its slot.
fn tag(key: &str) -> Option<String> {
    let Some((_, rest)) = key.split_once('{') else {
        return (!key.is_empty() && !key.contains('}')).then(|| format!("{{{key}}}"));
    };
    rest.split_once('}').is_some_and(|(tag, _)| !tag.is_empty()).then(|| key.to_owned())
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX >> 12).min(u64::MAX >> 12)
}

fn since_epoch(time: SystemTime) -> u64 {
    // Rounded up: a task must not come before its time.
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| millis(since + Duration::from_micros(999)))
}

impl Core {
    /// Runs a script as this instance.
    async fn script<'a>(
        &self,
        script: &Script,
        words: impl IntoIterator<Item = Word<'a>>,
    ) -> Result<Value, RedisError> {
        let name = self.instance.lock().name.clone();
        let mut call = script.prepare_invoke();
        call.key(&self.key).key(&self.prefix).arg(name);
        call.arg(u8::from(self.options.order == Order::Strict));
        match &self.source {
            Source::List { .. } => call.arg("").arg("").arg(""),
            Source::Stream { group, field, trim, .. } => {
                call.arg(group).arg(trim.as_str()).arg(field)
            }
        };
        call.arg(self.options.done.count).arg(self.options.dead.count);
        call.arg(millis(self.options.done.age)).arg(millis(self.options.dead.age));
        for word in words {
            match word {
                Word::Bytes(bytes) => call.arg(bytes),
                Word::Text(text) => call.arg(text),
                Word::Owned(text) => call.arg(text),
                Word::Number(number) => call.arg(number),
            };
        }
        let answer =
            self.link.run(&self.endpoint, async |link| call.invoke_async(link).await).await;
        if answer.as_ref().is_err_and(is_group_gone) {
            // With its group all that it had claimed is gone, too.
            self.instance.lock().is_gone = true;
        }
        answer
    }

    fn told(&self, error: &RedisError) -> QueueError {
        told(&self.store, error)
    }

    /// Takes a place among the instances.
    async fn join(&self) -> Result<(), QueueError> {
        let words = [
            Word::Number(millis(self.options.lease)),
            Word::Number(LAYOUT.into()),
            Word::Text(if self.options.order == Order::Strict { "strict" } else { "none" }),
        ];
        let answer =
            self.script(&self.scripts.join, words).await.map_err(|error| self.told(&error))?;
        let mut answer = Fields::of(answer);
        let unusable = |reason| Err(QueueError::Unusable { store: self.store.clone(), reason });
        match answer.text().as_str() {
            "ok" => Ok(()),
            "newer" => Err(QueueError::Newer {
                store: self.store.clone(),
                found: answer.small(),
                known: LAYOUT,
            }),
            "type" => unusable(format!(
                "{:?} is a {}; name a key that is free, or use `list=` for lists and `stream=` for streams",
                self.key,
                answer.text()
            )),
            "order" => unusable(format!(
                "instances at work here have order={}; give this one the same, or stop them first",
                answer.text()
            )),
            other => unusable(format!(
                "the script that joins answered {other:?}; is this Redis 6.2 or later?"
            )),
        }
    }

    /// Begins anew as another instance, if the place of this one was taken away. What it had is fenced from now on.
    async fn begin_anew(&self) -> Result<(), QueueError> {
        {
            let mut instance = self.instance.lock();
            *instance = Instance { is_gone: true, ..Instance::new(instance.last_claim) };
        }
        self.join().await?;
        self.instance.lock().is_gone = false;
        Ok(())
    }

    async fn claim(&self, room: usize) -> Result<Vec<Claimed>, QueueError> {
        let _one = self.claiming.lock().await;
        let (is_gone, has_claims, is_unsure, is_closed) = {
            let instance = self.instance.lock();
            (instance.is_gone, !instance.claims.is_empty(), instance.is_unsure, instance.is_closed)
        };
        if room == 0 || is_closed {
            return Ok(Vec::new());
        }
        if is_gone {
            // Whoever has claims must be told first that they are fenced, which is for `renew` to say.
            if has_claims {
                return Ok(Vec::new());
            }
            self.begin_anew().await?;
        }
        if is_unsure {
            self.give_lost_back().await?;
        }
        let mut all = Vec::new();
        while all.len() < room {
            let some = (room - all.len()).min(BATCH);
            match self.claim_some(some).await {
                Ok(claimed) => {
                    let is_last = claimed.len() < some;
                    all.extend(claimed);
                    if is_last {
                        break;
                    }
                }
                // What was claimed before is handed on: it is claimed.
                Err(_) if !all.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    async fn claim_some(&self, room: usize) -> Result<Vec<Claimed>, QueueError> {
        let looks = {
            let mut instance = self.instance.lock();
            let every = (self.options.lease / 6).min(Duration::from_secs(1));
            let looks = instance.looked_at.is_none_or(|at| at.elapsed() >= every);
            if looks {
                instance.looked_at = Some(Instant::now());
            }
            // Until the answer is here.
            instance.is_unsure = true;
            looks
        };
        let words = [Word::Number(room as u64), Word::Number(looks.into())];
        let answer =
            self.script(&self.scripts.claim, words).await.map_err(|error| self.told(&error))?;
        let mut answer = Fields::of(answer);
        let stand = answer.text();
        let due = answer.number().map(Duration::from_millis);
        let mut instance = self.instance.lock();
        instance.is_unsure = false;
        instance.stand = match (stand.as_str(), due) {
            ("ok", Some(due)) => Stand::Due(due),
            ("ok", None) => Stand::Open,
            _ => Stand::Shut,
        };
        if stand == "gone" {
            instance.is_gone = true;
        }
        let mut claimed = Vec::new();
        for task in answer.rest() {
            let mut task = Fields::of(task);
            instance.last_claim += 1;
            let claim = Claim(instance.last_claim);
            let ticket = task.text();
            let one = Claimed {
                claim,
                body: task.body(),
                attempts: task.small(),
                deliveries: task.small(),
                queued_at: task.time(),
            };
            instance.claims.insert(claim, ticket);
            claimed.push(one);
        }
        Ok(claimed)
    }

    /// Gives back claims that nobody here knows of, since an answer was lost. No claim may be under way.
    async fn give_lost_back(&self) -> Result<(), QueueError> {
        let mine = self.script(&self.scripts.mine, []).await.map_err(|error| self.told(&error))?;
        let lost: Vec<String> = {
            let instance = self.instance.lock();
            let known: HashSet<&str> = instance.claims.values().map(String::as_str).collect();
            let mut mine = Fields::of(mine);
            let mut lost = Vec::new();
            loop {
                let ticket = mine.text();
                if ticket.is_empty() {
                    break lost;
                }
                if !known.contains(ticket.as_str()) {
                    lost.push(ticket);
                }
            }
        };
        for some in lost.chunks(BATCH) {
            let words = some.iter().map(|ticket| Word::Text(ticket));
            self.script(&self.scripts.give, words).await.map_err(|error| self.told(&error))?;
        }
        self.instance.lock().is_unsure = false;
        Ok(())
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>, QueueError> {
        let mut all = Vec::with_capacity(settlements.len());
        for some in settlements.chunks(BATCH) {
            match self.settle_some(some).await {
                Ok(settled) => all.extend(settled),
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    async fn settle_some(&self, settlements: &[Settlement]) -> Result<Vec<Settled>, QueueError> {
        let tickets: Vec<Option<String>> = {
            let instance = self.instance.lock();
            settlements.iter().map(|one| instance.claims.get(&one.claim).cloned()).collect()
        };
        let mut words = Vec::with_capacity(settlements.len() * 6);
        for (settlement, ticket) in settlements.iter().zip(&tickets) {
            if let Some(ticket) = ticket {
                words_of(settlement, ticket, &mut words);
            }
        }
        if words.is_empty() {
            return Ok(vec![Settled::Fenced; settlements.len()]);
        }
        let answer = match self.script(&self.scripts.settle, words).await {
            Ok(answer) => answer,
            // With the group all claims are gone.
            Err(error) if is_group_gone(&error) => {
                return Ok(vec![Settled::Fenced; settlements.len()]);
            }
            Err(error) => return Err(self.told(&error)),
        };
        let mut answer = Fields::of(answer);
        let undelivered = answer.count();
        if undelivered > 0 {
            tracing::warn!(
                target: "sockeye::relay", store = %self.store, undelivered,
                "results could not be put where `reply_to` says: it is no list or stream, or in another slot"
            );
        }
        let mut instance = self.instance.lock();
        Ok(settlements
            .iter()
            .zip(tickets)
            .map(|(settlement, ticket)| {
                let is_stored = ticket.is_some() && answer.count() == 1;
                if !is_stored || !matches!(settlement.verdict, Verdict::Tried { .. }) {
                    instance.claims.remove(&settlement.claim);
                }
                if is_stored { Settled::Stored } else { Settled::Fenced }
            })
            .collect())
    }

    async fn renew(&self) -> Result<bool, QueueError> {
        if self.instance.lock().is_closed {
            return Ok(true);
        }
        if !self.instance.lock().is_gone {
            let words = [Word::Number(millis(self.options.lease))];
            match self.script(&self.scripts.renew, words).await {
                Ok(Value::Int(mine)) if mine >= 0 => {
                    let mut instance = self.instance.lock();
                    if u64::try_from(mine).unwrap_or(0) > instance.claims.len() as u64 {
                        instance.is_unsure = true;
                    }
                    return Ok(true);
                }
                Ok(_) => {}
                Err(error) if is_group_gone(&error) => {}
                Err(error) => return Err(self.told(&error)),
            }
        }
        let _one = self.claiming.lock().await;
        self.begin_anew().await?;
        Ok(false)
    }

    async fn put(&self, tasks: Vec<NewTask>) -> Result<Vec<Accepted>, QueueError> {
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        let now = SystemTime::now();
        let mut words = vec![Word::Number(self.options.max_tasks)];
        for task in &tasks {
            words.push(Word::Text(task.id.as_deref().unwrap_or_default()));
            words.push(match task.not_before.filter(|at| *at > now) {
                Some(at) => Word::Number(since_epoch(at)),
                None => Word::Text(""),
            });
            words.push(Word::Bytes(&task.body));
        }
        let answer =
            self.script(&self.scripts.put, words).await.map_err(|error| self.told(&error))?;
        let mut answer = Fields::of(answer);
        let is_full = answer.text() == "full";
        let held = answer.count();
        if is_full {
            return Err(QueueError::Full {
                store: self.store.clone(),
                held,
                bound: self.options.max_tasks,
            });
        }
        Ok(tasks
            .into_iter()
            .map(|task| {
                let is_taken = answer.count() == 1;
                let id = task.id.unwrap_or_else(|| uuid::Uuid::now_v7().to_string().into());
                if is_taken { Accepted::Queued(id) } else { Accepted::Known(id) }
            })
            .collect())
    }

    async fn close(&self) -> Result<(), QueueError> {
        let _one = self.claiming.lock().await;
        self.script(&self.scripts.close, []).await.map_err(|error| self.told(&error))?;
        let mut instance = self.instance.lock();
        instance.is_closed = true;
        instance.claims.clear();
        Ok(())
    }
}

/// An argument of a script.
enum Word<'a> {
    Bytes(&'a [u8]),
    Text(&'a str),
    Owned(String),
    Number(u64),
}

/// The six words of a settlement.
fn words_of<'a>(settlement: &'a Settlement, ticket: &'a str, words: &mut Vec<Word<'a>>) {
    let id = settlement.id.as_deref().unwrap_or_default();
    let none = Word::Text("");
    let (verb, x, y, z) = match &settlement.verdict {
        Verdict::Done { result, reply_to } => {
            let message = match reply_to {
                Some(_) => Word::Owned(message(id, result.as_ref())),
                None => Word::Text(""),
            };
            let result = result.as_deref().unwrap_or_default();
            (
                "done",
                Word::Bytes(result),
                Word::Text(reply_to.as_deref().unwrap_or_default()),
                message,
            )
        }
        Verdict::Duplicate => ("duplicate", none, Word::Text(""), Word::Text("")),
        Verdict::Tried { attempts } => {
            ("tried", Word::Number((*attempts).into()), Word::Text(""), none)
        }
        Verdict::Later { due, attempts } => {
            ("later", Word::Number(since_epoch(*due)), Word::Number((*attempts).into()), none)
        }
        Verdict::Release => ("release", none, Word::Text(""), Word::Text("")),
        Verdict::Held(why) | Verdict::Dead(why) => {
            let verb = if matches!(settlement.verdict, Verdict::Held(_)) { "held" } else { "dead" };
            let reason = Word::Text(why.reason.as_str());
            (verb, reason, Word::Text(&why.error), Word::Number(why.attempts.into()))
        }
    };
    words.extend([Word::Text(ticket), Word::Text(verb), Word::Text(id), x, y, z]);
}

/// What is put in a list for a task that wants its result there.
fn message(id: &str, result: Option<&Bytes>) -> String {
    let id = serde_json::Value::from(id);
    let result = result.and_then(|result| std::str::from_utf8(result).ok()).unwrap_or("null");
    format!(r#"{{"id":{id},"result":{result}}}"#)
}

impl Queue for Redis {
    fn claim(&self, room: usize) -> BoxFuture<'_, Result<Vec<Claimed>, QueueError>> {
        self.0.claim(room).boxed()
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        async move {
            let stand = self.0.instance.lock().stand;
            let core = Arc::clone(&self.0);
            let wait =
                self.0.watch.wait(|| async move { core.wait_as_it_stands(stand).await }.boxed());
            match stand {
                Stand::Due(due) => drop(tokio::time::timeout(due, wait).await),
                Stand::Open | Stand::Shut => wait.await,
            }
        }
        .boxed()
    }

    fn settle(
        &self,
        settlements: Vec<Settlement>,
    ) -> BoxFuture<'_, Result<Vec<Settled>, QueueError>> {
        self.0.settle(settlements).boxed()
    }

    fn renew(&self, _claims: Vec<Claim>) -> BoxFuture<'_, Result<bool, QueueError>> {
        self.0.renew().boxed()
    }

    fn lease(&self) -> Duration {
        self.0.options.lease
    }

    fn finished(&self, ids: Vec<Arc<str>>) -> BoxFuture<'_, Result<Vec<bool>, QueueError>> {
        async move { self.0.finished(&ids).await }.boxed()
    }

    fn put(&self, tasks: Vec<NewTask>) -> BoxFuture<'_, Result<Vec<Accepted>, QueueError>> {
        self.0.put(tasks).boxed()
    }

    fn peek(&self, skip: usize, count: usize) -> BoxFuture<'_, Result<Vec<Seen>, QueueError>> {
        self.0.peek(skip, count).boxed()
    }

    fn find(&self, id: &str) -> BoxFuture<'_, Result<Option<Seen>, QueueError>> {
        let id: Arc<str> = id.into();
        async move { self.0.find(id).await }.boxed()
    }

    /// What waits is not found by its id in Redis: never.
    fn cancel(&self, _id: &str) -> BoxFuture<'_, Result<bool, QueueError>> {
        std::future::ready(Ok(false)).boxed()
    }

    fn stats(&self) -> BoxFuture<'_, Result<Stats, QueueError>> {
        self.0.stats().boxed()
    }

    fn pause(&self, is_paused: bool) -> BoxFuture<'_, Result<(), QueueError>> {
        self.0.pause(is_paused).boxed()
    }

    fn dead(&self, skip: usize, count: usize) -> BoxFuture<'_, Result<Vec<Seen>, QueueError>> {
        self.0.dead(skip, count).boxed()
    }

    fn revive(&self, which: Which) -> BoxFuture<'_, Result<u64, QueueError>> {
        self.0.exhume("revive", which).boxed()
    }

    fn bury(&self, which: Which) -> BoxFuture<'_, Result<u64, QueueError>> {
        self.0.exhume("bury", which).boxed()
    }

    fn sweep(&self) -> BoxFuture<'_, Result<(), QueueError>> {
        self.0.sweep().boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), QueueError>> {
        self.0.close().boxed()
    }
}
