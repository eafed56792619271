//! Queues in Redis (or Valkey), from 6.2: a list that producers `LPUSH` to, or a stream that they `XADD` to.
//!
//! Producers need to know nothing of what lies beside the list or stream `q`. All of it is in the slot of `q`, under the
//! prefix `{q}` (a stream's: `{q}:group`), and every step is one script, so it has happened as a whole or not at all:
//!
//! | key | what |
//! |---|---|
//! | `:version`, `:order` | layout; who may claim at the same time |
//! | `:instances`, `:beat:<instance>` | who is at work; a key that lives for a lease |
//! | `:fallen` | whose beat has stopped, until all that they had is back |
//! | `:owner` | who has the order (strict) |
//! | `:proc:<instance>` | list: ticket → body of what is claimed, so settling is O(1) |
//! | `:back`, `:due`, `:waiting` | list: what was given back, by ticket; what waits for its time; their bodies |
//! | `:tries`, `:times` | attempts that counted; instances that died of it. Only where there are any |
//! | `:done`, `:results`, `:replies` | ids by time; what was answered; lists made for results, by their end |
//! | `:dead`, `:graves`, `:expires` | the dead and held in their order; what is known of them; the dead alone, in their order |
//! | `:paused`, `:ticket`, `:deleted` | a pause; the last number; entries that others deleted while they were claimed |
//! | `:unread` | stream: how much is not read, for a second, where Redis does not know (`lag`) |
//!
//! In a stream what is claimed is pending with the consumer of its instance; what was given back is pending with the consumer
//! `~back`, what waits for its time with `~late`. Nothing is copied, and the stream's own order is the order.
//!
//! **Leases.** An instance lives as long as its beat, by the clock of Redis. Whoever finds one without takes its claims back
//! and its place away in one script. What the stale one settles after that is not its own any more: fenced. In strict order
//! the owner's lease is its beat, and who takes the order over gives back all that the dead had before it claims anything.
//!
//! **Lost answers.** A script whose answer was lost has run or not. A settlement is asked again: if the task is gone and the
//! instance has its place still, the first time has done it, and it counts as stored. Without its place it is fenced, done or
//! not. Claims that the answer would have told are found by their count and given back, as no delivery.
//!
//! **Waiting** takes nothing: a list's oldest is moved from its end to that same end (`BLMOVE q q RIGHT RIGHT`), a stream
//! is read past the last id that its group has seen.
//!
//! **Ids.** Bodies are opaque here. An id is known once its task is done: a copy is refused by `put` after that, and found by
//! [`Queue::finished`] once it is claimed. What waits is not found by its id.
//!
//! **Results** that a task wants in `reply_to` are put there in the script that settles it: `XADD` with the fields `id` and
//! `result` if that key is a stream, else `RPUSH` of `{"id":…,"result":…}` to a list. One that this makes is kept for as
//! long as results are, from the last one on; a list of others keeps what time it has. In a cluster the key has to be in the slot of the queue; what can't be delivered is logged, and the result is
//! still found by [`Queue::find`].
//!
//! **Durability** is that of Redis: with `appendfsync everysec` or after a failover the last second may be lost, or come back.

mod core;
mod endpoint;
mod instance;
mod link;
mod looking;
mod options;
mod reply;
mod scripts;
mod waiting;
mod watch;
mod words;

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt as _, future::BoxFuture};

use self::{core::Core, looking::MAX_LOOK, watch::Stand};
pub(super) use endpoint::{endpoint, source};
pub(super) use link::Endpoint;
pub use options::{Options, Order, Source, Trim};

use crate::queue::{
    Accepted, Claimed, NewTask, Queue, QueueError, Seen, Settled, Settlement, Stats, Which,
};

/// A queue in Redis. See the module for what lies where.
#[derive(Debug)]
pub struct Redis(Arc<Core>);

impl Redis {
    /// Opens a queue as a new instance.
    pub(crate) async fn open(
        endpoint: Endpoint,
        store: String,
        source: Source,
        options: Options,
    ) -> Result<Self, QueueError> {
        Ok(Self(Arc::new(Core::open(endpoint, store, source, options).await?)))
    }
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
                Stand::Open | Stand::Shut | Stand::Behind => wait.await,
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

    fn renew(&self) -> BoxFuture<'_, Result<bool, QueueError>> {
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

    fn horizon(&self) -> usize {
        MAX_LOOK
    }

    fn is_begun(&self) -> BoxFuture<'_, Result<bool, QueueError>> {
        self.0.is_begun().boxed()
    }

    fn find(&self, id: &str) -> BoxFuture<'_, Result<Option<Seen>, QueueError>> {
        let id: Arc<str> = id.into();
        async move { self.0.find(id).await }.boxed()
    }

    fn stands_by(&self) -> bool {
        self.0.instance.lock().stand == Stand::Behind
    }

    fn finds_waiting(&self) -> bool {
        false
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
