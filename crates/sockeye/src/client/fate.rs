//! What becomes of one packet that the application gave to the client, and who waits to hear of it.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::SendError;
use crate::{
    dispatch::SendState,
    event::RawArgs,
    net::{Conn, Progress},
};

/// Shared by the queue that holds the packet and by those who follow it.
#[derive(Debug)]
pub(super) struct Fate {
    at: Mutex<At>,
    changed: Notify,
}

/// ```text
/// Waiting ◀──▶ Handed ──▶ Acked
///    └───────────┴──────▶ Failed
/// ```
#[derive(Clone, Debug)]
pub(super) enum At {
    /// In the queue: no session has it, or the one that had it has ended.
    Waiting,
    /// In the outbox of a session, by this number.
    Handed {
        conn: Arc<Conn>,
        number: u64,
        /// Whether it goes back to the queue if that session ends too early.
        comes_back: bool,
    },
    /// The server has answered.
    Acked(RawArgs),
    Failed(SendError),
}

impl Fate {
    pub(super) fn new(at: At) -> Arc<Self> {
        Arc::new(Self { at: Mutex::new(at), changed: Notify::new() })
    }

    pub(super) fn set(&self, at: At) {
        *self.at.lock() = at;
        self.changed.notify_waiters();
    }

    /// The queue gives it up: what its session makes of it is the end.
    pub(super) fn comes_not_back(&self) {
        if let At::Handed { comes_back, .. } = &mut *self.at.lock() {
            *comes_back = false;
        }
        self.changed.notify_waiters();
    }

    pub(super) fn state(&self) -> SendState {
        match &*self.at.lock() {
            At::Waiting => SendState::Queued,
            At::Handed { conn, number, comes_back } => match conn.progress(*number) {
                Progress::Written => SendState::Written,
                Progress::Waiting => SendState::Queued,
                Progress::Unsent | Progress::Unknown if *comes_back => SendState::Queued,
                Progress::Unsent | Progress::Unknown => SendState::Failed,
            },
            At::Acked(_) => SendState::Acked,
            At::Failed(_) => SendState::Failed,
        }
    }

    /// Whether the server may have got it although its session has ended.
    pub(super) fn may_have_arrived(&self) -> bool {
        match &*self.at.lock() {
            At::Waiting => false,
            At::Handed { conn, number, .. } => {
                matches!(conn.progress(*number), Progress::Written | Progress::Unknown)
            }
            At::Acked(_) => true,
            At::Failed(error) => error.may_have_arrived(),
        }
    }

    pub(super) fn failure(&self) -> Option<SendError> {
        match &*self.at.lock() {
            At::Failed(error) => Some(error.clone()),
            At::Handed { conn, number, comes_back: false } => given_up(conn.progress(*number)),
            _ => None,
        }
    }

    /// Waits until a session has it; at once if it is past that.
    pub(super) async fn handed(&self) -> Result<(), SendError> {
        self.until(|at| match at {
            At::Waiting => None,
            At::Failed(error) => Some(Err(error.clone())),
            At::Handed { .. } | At::Acked(_) => Some(Ok(())),
        })
        .await
    }

    /// Waits until the operating system has it.
    pub(super) async fn written(&self) -> Result<(), SendError> {
        loop {
            self.handed().await?;
            let at = self.at.lock().clone();
            let At::Handed { conn, number, comes_back } = at else { continue };
            if conn.written(number).await {
                return Ok(());
            }
            if !comes_back {
                return given_up(conn.progress(number)).map_or(Ok(()), Err);
            }
            // Its session has ended: the queue decides.
            let ended = self.until(|at| match at {
                At::Handed { conn: other, comes_back, .. } => {
                    (!*comes_back || !Arc::ptr_eq(other, &conn)).then_some(())
                }
                _ => Some(()),
            });
            ended.await;
            if matches!(&*self.at.lock(), At::Acked(_)) {
                return Ok(());
            }
        }
    }

    /// Waits until the server has answered.
    pub(super) async fn acked(&self) -> Result<RawArgs, SendError> {
        self.until(|at| match at {
            At::Acked(answer) => Some(Ok(answer.clone())),
            At::Failed(error) => Some(Err(error.clone())),
            At::Waiting | At::Handed { .. } => None,
        })
        .await
    }

    async fn until<T>(&self, mut look: impl FnMut(&At) -> Option<T>) -> T {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable(); // before the look, or a change in between is missed
            if let Some(found) = look(&self.at.lock()) {
                return found;
            }
            changed.await;
        }
    }
}

/// Why a packet that does not come back was not sent, if it was not.
fn given_up(progress: Progress) -> Option<SendError> {
    match progress {
        Progress::Written | Progress::Waiting => None,
        Progress::Unsent => Some(SendError::Lost { may_have_arrived: false }),
        Progress::Unknown => Some(SendError::Lost { may_have_arrived: true }),
    }
}
