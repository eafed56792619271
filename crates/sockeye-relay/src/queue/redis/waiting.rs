//! Waits for something to claim, without taking it.

use std::{future::ready, time::Duration};

use futures_util::{FutureExt as _, future::BoxFuture};
use redis::{RedisError, Value, cmd};

use super::{core::Core, options::Source, reply::Fields, watch::Stand};

/// How long Redis is asked to wait, in milliseconds.
const BLOCK_MILLIS: u64 = 1000;
/// How often is looked while something else than a task is waited for: the order, the end of a pause, Redis itself.
const LOOK: Duration = Duration::from_millis(250);

impl Core {
    /// Waits at the list or stream, a second at most.
    pub(super) async fn wait_for_task(&self) {
        let waited = match &self.source {
            Source::List { .. } => self.wait_at_list().await,
            Source::Stream { group, .. } => self.wait_at_stream(group).await,
        };
        if let Err(error) = waited {
            tracing::debug!(target: "sockeye::relay", store = %self.store, %error, "can't wait for tasks");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Moves the oldest from its end to that end: it stays where it is, and whoever waits for one wakes.
    async fn wait_at_list(&self) -> Result<(), RedisError> {
        let mut wait = cmd("BLMOVE");
        wait.arg(&self.key).arg(&self.key).arg("RIGHT").arg("RIGHT").arg(1);
        self.waits.run(&self.endpoint, async |link| wait.query_async::<Value>(link).await).await?;
        Ok(())
    }

    async fn wait_at_stream(&self, group: &str) -> Result<(), RedisError> {
        let mut groups = cmd("XINFO");
        groups.arg("GROUPS").arg(&self.key);
        let found: Value =
            self.waits.run(&self.endpoint, async |link| groups.query_async(link).await).await?;
        let mut last = None;
        for one in super::reply::array(found) {
            let mut fields = Fields::of(one);
            let (mut name, mut id) = (String::new(), String::new());
            loop {
                match fields.text().as_str() {
                    "" => break,
                    "name" => name = fields.text(),
                    "last-delivered-id" => id = fields.text(),
                    _ => drop(fields.value()),
                }
            }
            if name == group {
                last = Some(id);
            }
        }
        let Some(last) = last else {
            tokio::time::sleep(LOOK).await;
            return Ok(());
        };
        let mut wait = cmd("XREAD");
        wait.arg("COUNT").arg(1).arg("BLOCK").arg(BLOCK_MILLIS);
        wait.arg("STREAMS").arg(&self.key).arg(last);
        self.waits.run(&self.endpoint, async |link| wait.query_async::<Value>(link).await).await?;
        Ok(())
    }

    /// Waits for whatever the last claim has to wait for.
    pub(super) fn wait_as_it_stands(&self, stand: Stand) -> BoxFuture<'_, ()> {
        match stand {
            Stand::Shut | Stand::Behind => {
                tokio::time::sleep(LOOK.min(self.options.lease / 3)).boxed()
            }
            Stand::Due(Duration::ZERO) => ready(()).boxed(),
            Stand::Open | Stand::Due(_) => self.wait_for_task().boxed(),
        }
    }
}
