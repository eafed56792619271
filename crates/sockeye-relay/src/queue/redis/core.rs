//! The steps of one instance: it claims, settles, renews its lease, and puts.

use std::{
    collections::HashSet,
    fmt,
    time::{Duration, Instant, SystemTime},
};

use parking_lot::Mutex;
use redis::{RedisError, Script, Value};
use tokio::sync::Mutex as AsyncMutex;

use super::{
    Endpoint, Options, Order, Source,
    instance::{Instance, Membership, Standing},
    link::{Link, is_group_gone, told},
    reply::{Fields, array},
    scripts::{LAYOUT, Scripts},
    watch::{Stand, Watch},
    words::{Word, millis, since_epoch, words_of},
};
use crate::queue::{Accepted, Claim, Claimed, NewTask, QueueError, Settled, Settlement, Verdict};

/// How many tasks one script claims or settles at most: others wait for it meanwhile. The relay settles as many at a time.
pub(super) const BATCH: usize = 512;

pub(super) struct Core {
    pub(super) endpoint: Endpoint,
    /// Whom errors and logs speak of: no user, no password.
    pub(super) store: String,
    pub(super) source: Source,
    pub(super) options: Options,
    pub(super) key: String,
    pub(super) prefix: String,
    pub(super) scripts: Scripts,
    pub(super) link: Link,
    /// Blocking commands have a connection of their own.
    pub(super) waits: Link,
    pub(super) watch: Watch,
    pub(super) instance: Mutex<Instance>,
    /// One claim at a time, so that what nobody here knows of is known to be lost.
    claiming: AsyncMutex<()>,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("store", &self.store)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Core {
    /// Opens a queue as a new instance.
    pub(super) async fn open(
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
        let core = Self {
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
        core.look().await?;
        Ok(core)
    }

    /// Runs a script as this instance.
    pub(super) async fn script<'a>(
        &self,
        script: &Script,
        words: impl IntoIterator<Item = Word<'a>>,
    ) -> Result<Value, RedisError> {
        let name = self.instance.lock().name.clone();
        let mut call = script.prepare_invoke();
        call.key(&self.key).key(&self.prefix).arg(&name);
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
            self.instance.lock().lose(&name);
        }
        answer
    }

    pub(super) fn told(&self, error: &RedisError) -> QueueError {
        told(&self.store, error)
    }

    /// Looks whether this can be used as it is named, and changes nothing.
    async fn look(&self) -> Result<(), QueueError> {
        let words = [Word::Number(LAYOUT.into())];
        let answer = self.script(&self.scripts.look, words).await;
        self.fits(answer.map_err(|error| self.told(&error))?)
    }

    /// Takes a place among the instances.
    async fn join(&self) -> Result<(), QueueError> {
        let words = [
            Word::Number(millis(self.options.lease)),
            Word::Number(LAYOUT.into()),
            Word::Text(if self.options.order == Order::Strict { "strict" } else { "none" }),
        ];
        let answer = self.script(&self.scripts.join, words).await;
        self.fits(answer.map_err(|error| self.told(&error))?)
    }

    fn fits(&self, answer: Value) -> Result<(), QueueError> {
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

    /// Takes a place for this instance if it has none: producers and whoever looks need none. `false` if the one that it had
    /// was taken away, and it has begun anew; what it had is fenced from now on.
    async fn enter(&self) -> Result<bool, QueueError> {
        let before = {
            let mut instance = self.instance.lock();
            let before = instance.membership;
            if before == Membership::Gone {
                *instance =
                    Instance { membership: Membership::Gone, ..Instance::new(instance.last_claim) };
            }
            before
        };
        if matches!(before, Membership::Entered | Membership::Closed) {
            return Ok(true);
        }
        self.join().await?;
        self.instance.lock().membership = Membership::Entered;
        Ok(before == Membership::Outside)
    }

    pub(super) async fn claim(&self, room: usize) -> Result<Vec<Claimed>, QueueError> {
        let _one = self.claiming.lock().await;
        let (membership, has_claims, is_unsure) = {
            let instance = self.instance.lock();
            (instance.membership, instance.count() > 0, instance.is_unsure)
        };
        // Whoever has claims must be told first that they are fenced, which is for `renew` to say.
        if room == 0
            || membership == Membership::Closed
            || membership == Membership::Gone && has_claims
        {
            return Ok(Vec::new());
        }
        self.enter().await?;
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
        let (looks, name) = {
            let mut instance = self.instance.lock();
            let every = (self.options.lease / 6).min(Duration::from_secs(1));
            let looks = instance.looked_at.is_none_or(|at| at.elapsed() >= every);
            if looks {
                instance.looked_at = Some(Instant::now());
            }
            // Until the answer is here.
            instance.is_unsure = true;
            (looks, instance.name.clone())
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
            ("standby", _) => Stand::Behind,
            _ => Stand::Shut,
        };
        if stand == "gone" {
            instance.lose(&name);
        }
        let mut claimed = Vec::new();
        for task in array(answer.value()) {
            let mut task = Fields::of(task);
            instance.last_claim += 1;
            let claim = Claim(instance.last_claim);
            let ticket = task.text();
            let (body, fields) = task.body_and_fields();
            let one = Claimed {
                claim,
                body,
                attempts: task.small(),
                deliveries: task.small(),
                queued_at: task.time(),
            };
            instance.enter(claim, ticket, fields);
            claimed.push(one);
        }
        Ok(claimed)
    }

    /// Gives back claims that nobody here knows of, since an answer was lost. No claim may be under way.
    async fn give_lost_back(&self) -> Result<(), QueueError> {
        let mine = self.script(&self.scripts.mine, []).await.map_err(|error| self.told(&error))?;
        let lost: Vec<String> = {
            let instance = self.instance.lock();
            let known: HashSet<&str> = instance.tickets().collect();
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

    pub(super) async fn settle(
        &self,
        settlements: Vec<Settlement>,
    ) -> Result<Vec<Settled>, QueueError> {
        let mut all = Vec::with_capacity(settlements.len());
        for some in settlements.chunks(BATCH) {
            match self.settle_some(some).await {
                Ok(settled) => all.extend(settled),
                Err(error) => {
                    // Whoever asked is told of none of them, and asks again for all.
                    let mut instance = self.instance.lock();
                    for (settlement, settled) in settlements.iter().zip(all) {
                        instance.keep_untold(settlement.claim, settled);
                    }
                    return Err(error);
                }
            }
        }
        Ok(all)
    }

    async fn settle_some(&self, settlements: &[Settlement]) -> Result<Vec<Settled>, QueueError> {
        let standings: Vec<Standing> = {
            let instance = self.instance.lock();
            settlements.iter().map(|one| instance.standing(one.claim)).collect()
        };
        let mut words = Vec::with_capacity(settlements.len() * 6);
        for (settlement, standing) in settlements.iter().zip(&standings) {
            if let Standing::Held(ticket, fields) = standing {
                let misread = fields.as_deref().map(|fields| self.misread(fields));
                words_of(settlement, ticket, misread.as_deref(), &mut words);
            }
        }
        let mut answers = Fields::of(Value::Nil);
        if !words.is_empty() {
            match self.script(&self.scripts.settle, words).await {
                Ok(answer) => {
                    let mut answer = Fields::of(answer);
                    self.tell_undelivered(answer.count());
                    self.tell_dropped(answer.count());
                    answers = Fields::of(answer.value());
                }
                // With the group all claims are gone: nothing is answered.
                Err(error) if is_group_gone(&error) => {}
                Err(error) => {
                    let mut instance = self.instance.lock();
                    for settlement in settlements {
                        instance.doubt(settlement.claim);
                    }
                    return Err(self.told(&error));
                }
            }
        }
        let mut instance = self.instance.lock();
        Ok(settlements
            .iter()
            .zip(standings)
            .map(|(settlement, standing)| {
                let claim = settlement.claim;
                let settled = match standing {
                    Standing::Known(settled) => settled,
                    Standing::Held(..) => match answers.count() {
                        1 => Settled::Stored,
                        2 if instance.is_doubtful(claim) => Settled::Stored,
                        _ => Settled::Fenced,
                    },
                };
                let stays = matches!(settlement.verdict, Verdict::Tried { .. });
                if settled == Settled::Fenced || !stays {
                    instance.forget(claim);
                }
                settled
            })
            .collect())
    }

    /// What is said of an entry that was read as a whole and is no task.
    fn misread(&self, fields: &str) -> String {
        let Source::Stream { field, .. } = &self.source else { return String::new() };
        format!(
            "; its entry has the fields {fields} and no {field:?}, so that all of them were read as the task (`field=` in the queue's URL names the one to read)"
        )
    }

    fn tell_dropped(&self, dropped: u64) {
        if dropped > 0 {
            tracing::warn!(
                target: "sockeye::relay", store = %self.store, dropped,
                "more dead tasks than may be kept: the oldest were dropped"
            );
        }
    }

    fn tell_undelivered(&self, undelivered: u64) {
        if undelivered > 0 {
            tracing::warn!(
                target: "sockeye::relay", store = %self.store, undelivered,
                "results could not be put where `reply_to` says: it is no list or stream, or in another slot"
            );
        }
    }

    pub(super) async fn renew(&self) -> Result<bool, QueueError> {
        let (membership, name) = {
            let instance = self.instance.lock();
            (instance.membership, instance.name.clone())
        };
        if membership == Membership::Entered {
            let words = [Word::Number(millis(self.options.lease))];
            match self.script(&self.scripts.renew, words).await {
                Ok(Value::Int(mine)) if mine >= 0 => {
                    let mut instance = self.instance.lock();
                    if u64::try_from(mine).unwrap_or(0) > instance.count() as u64 {
                        instance.is_unsure = true;
                    }
                    return Ok(true);
                }
                Ok(_) => self.instance.lock().lose(&name),
                Err(error) if is_group_gone(&error) => {}
                Err(error) => return Err(self.told(&error)),
            }
        }
        let _one = self.claiming.lock().await;
        self.enter().await
    }

    pub(super) async fn put(&self, tasks: Vec<NewTask>) -> Result<Vec<Accepted>, QueueError> {
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
        let mut answers = Fields::of(answer.value());
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
                let is_taken = answers.count() == 1;
                let id = task.id.unwrap_or_else(|| uuid::Uuid::now_v7().to_string().into());
                if is_taken { Accepted::Queued(id) } else { Accepted::Known(id) }
            })
            .collect())
    }

    pub(super) async fn close(&self) -> Result<(), QueueError> {
        let _one = self.claiming.lock().await;
        if matches!(self.instance.lock().membership, Membership::Entered | Membership::Gone) {
            self.script(&self.scripts.close, []).await.map_err(|error| self.told(&error))?;
        }
        self.instance.lock().close();
        Ok(())
    }
}

/// What keys beside `key` begin with, so that all are in its slot.
fn tag(key: &str) -> Option<String> {
    let Some((_, rest)) = key.split_once('{') else {
        return (!key.is_empty() && !key.contains('}')).then(|| format!("{{{key}}}"));
    };
    rest.split_once('}').is_some_and(|(tag, _)| !tag.is_empty()).then(|| key.to_owned())
}
