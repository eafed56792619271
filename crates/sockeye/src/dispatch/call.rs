//! Waiting for the ack that a call asked for, and reading it.

use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{
    event::{ArgsError, FromAck, RawArgs, RemoteError},
    net::{AckFailure, Conn, LONGEST, OnAck},
};

/// The caller's end of the wait for an ack.
#[derive(Debug)]
pub(crate) struct Awaited(oneshot::Receiver<Result<RawArgs, AckFailure>>);

/// Why a call that was made has no result.
#[derive(Debug)]
pub(crate) enum NoResult {
    /// No ack came in time.
    Expired,
    /// The session ended first.
    Lost,
    /// The peer answered with an error.
    Refused(RemoteError),
}

/// A call that is under way: what awaiting one waits for. `E` is the error of the side that calls.
///
/// # Cancel safety
///
/// Dropped, the ack is ignored when it comes.
#[must_use = "nothing is sent until it is polled"]
pub struct Calling<R, E> {
    answer: Pin<Box<dyn Future<Output = Result<RawArgs, E>> + Send>>,
    read: PhantomData<fn() -> R>,
}

impl<R, E> Calling<R, E> {
    pub(crate) fn new(answer: impl Future<Output = Result<RawArgs, E>> + Send + 'static) -> Self {
        Self { answer: Box::pin(answer), read: PhantomData }
    }
}

impl<R: FromAck, E: From<ArgsError>> Future for Calling<R, E> {
    type Output = Result<R, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.answer.as_mut().poll(cx))?;
        Poll::Ready(R::from_ack(&answer).map_err(E::from))
    }
}

impl<R, E> fmt::Debug for Calling<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calling").finish_non_exhaustive()
    }
}

impl Awaited {
    /// Both ends of the wait for one ack: the session's and the caller's.
    pub(crate) fn pair() -> (OnAck, Self) {
        let (sender, receiver) = oneshot::channel();
        let on_ack: OnAck = Box::new(move |outcome| {
            // Nobody listens if the call was cancelled.
            let _ = sender.send(outcome.map(|payload| RawArgs(payload.into_owned())));
        });
        (on_ack, Self(receiver))
    }

    /// Waits for the ack.
    ///
    /// # Errors
    ///
    /// [`NoResult`].
    pub(crate) async fn result(self) -> Result<RawArgs, NoResult> {
        match self.0.await {
            Ok(Ok(answer)) => {
                RemoteError::read(&answer).map_or(Ok(answer), |e| Err(NoResult::Refused(e)))
            }
            Ok(Err(AckFailure::Expired)) => Err(NoResult::Expired),
            Ok(Err(AckFailure::Lost)) | Err(_) => Err(NoResult::Lost),
        }
    }
}

/// An ack that a session expects; forgotten if this is dropped before it came, so that it counts no more.
#[derive(Debug)]
pub(crate) struct Expected<'c> {
    conn: Option<&'c Conn>,
    namespace: &'c str,
    id: u64,
}

/// Why a session expects no further ack.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NotExpected {
    /// It expects as many as it may, or the peer is not in the namespace.
    Refused,
    /// It is closed.
    Closed,
}

impl<'c> Expected<'c> {
    /// Makes the session expect this ack, from now on and for so long. The event that asks for it goes out behind.
    ///
    /// # Errors
    ///
    /// [`NotExpected`]; `on_ack` is never called then.
    pub(crate) fn new(
        conn: &'c Conn,
        namespace: &'c str,
        id: u64,
        timeout: Duration,
        on_ack: OnAck,
    ) -> Result<Self, NotExpected> {
        let deadline = (tokio::time::Instant::now() + timeout.min(LONGEST)).into_std();
        conn.command(|machine| match machine.expect_ack(namespace, id, deadline, on_ack) {
            Ok(()) => Ok(Self { conn: Some(conn), namespace, id }),
            Err(_) if machine.is_closed() => Err(NotExpected::Closed),
            Err(_) => Err(NotExpected::Refused),
        })
    }

    /// The ack came, or never will: there is nothing to forget.
    pub(crate) fn settle(mut self) {
        self.conn = None;
    }
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        if let Some(conn) = self.conn {
            drop(conn.command(|machine| machine.forget_ack(self.namespace, self.id)));
        }
    }
}
