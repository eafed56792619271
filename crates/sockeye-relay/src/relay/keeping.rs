//! Keeps an instance's place in the store: its lease, and a sweep every few seconds.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::{self, Instant, Interval, MissedTickBehavior};

use crate::queue::{Queue, QueueError, Stats};

/// The time between two sweeps.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// What keeping a place has come to.
#[derive(Debug)]
pub(super) enum Kept {
    /// The lease is renewed.
    Renewed,
    /// It had run out: all claims are lost.
    Lost,
    /// It was not renewed in time, and may have run out: nothing is to be sent until it is known.
    Doubtful,
    /// It was swept, and holds so much.
    Swept(Stats),
    /// The store said no.
    Failed(QueueError),
}

/// Renews the lease and sweeps, each in its time.
pub(super) struct Keeping {
    queue: Arc<dyn Queue>,
    due: Interval,
    sweep_due: Interval,
    /// When it was begun: the store may have counted from then on.
    renewing: Option<(Instant, BoxFuture<'static, Result<bool, QueueError>>)>,
    sweeping: Option<BoxFuture<'static, Result<Stats, QueueError>>>,
    /// Others may take over what is claimed from then on.
    safe_until: Instant,
    is_doubtful: bool,
}

impl Keeping {
    pub(super) fn new(queue: Arc<dyn Queue>) -> Self {
        let lease = queue.lease();
        let every = |period: Duration| {
            let mut interval = time::interval(period.max(Duration::from_millis(1)));
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        };
        Self {
            due: every(lease / 3),
            sweep_due: every(SWEEP_EVERY),
            renewing: None,
            sweeping: None,
            safe_until: Instant::now() + lease,
            is_doubtful: false,
            queue,
        }
    }

    /// Whether the lease has run out, as far as this clock tells; said once, until it is renewed. A process that was stopped asks
    /// this before it does anything.
    pub(super) fn has_run_out(&mut self) -> bool {
        let has = !self.is_doubtful && Instant::now() >= self.safe_until;
        self.is_doubtful |= has;
        has
    }

    /// Ready with what has happened.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Kept> {
        if self.due.poll_tick(cx).is_ready() {
            if self.renewing.is_none() {
                let queue = Arc::clone(&self.queue);
                let renewed = Box::pin(async move { queue.renew().await });
                self.renewing = Some((Instant::now(), renewed));
            }
            cx.waker().wake_by_ref(); // the interval has to be polled until it waits
        }
        if let Some((began, renewing)) = &mut self.renewing
            && let Poll::Ready(renewed) = renewing.as_mut().poll(cx)
        {
            let began = *began;
            self.renewing = None;
            return Poll::Ready(match renewed {
                Ok(is_ours) => {
                    self.safe_until = began + self.queue.lease();
                    self.is_doubtful = false;
                    if is_ours { Kept::Renewed } else { Kept::Lost }
                }
                Err(error) => Kept::Failed(error),
            });
        }
        if self.has_run_out() {
            return Poll::Ready(Kept::Doubtful);
        }
        if self.sweep_due.poll_tick(cx).is_ready() {
            if self.sweeping.is_none() {
                let queue = Arc::clone(&self.queue);
                self.sweeping = Some(Box::pin(async move {
                    queue.sweep().await?;
                    queue.stats().await
                }));
            }
            cx.waker().wake_by_ref();
        }
        if let Some(sweeping) = &mut self.sweeping
            && let Poll::Ready(swept) = sweeping.as_mut().poll(cx)
        {
            self.sweeping = None;
            return Poll::Ready(swept.map_or_else(Kept::Failed, Kept::Swept));
        }
        Poll::Pending
    }
}
