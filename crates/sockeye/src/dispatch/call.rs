//! A call: made when it is awaited, waiting for its ack, reading it.

use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{
    event::{ArgsError, EventError, FromAck, Named, RawArgs, RemoteError},
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

/// A call that has not been made yet. `R` is what its ack is read as, `K` why the side that calls may have none.
#[must_use = "a call is made by `.await`"]
pub struct Call<R, K> {
    named: Named,
    timeout: Duration,
    make: Box<dyn FnOnce(Duration) -> Answering<K> + Send>,
    read: PhantomData<fn() -> R>,
}

type Answering<K> = Pin<Box<dyn Future<Output = Result<RawArgs, K>> + Send>>;

impl<R, K> Call<R, K> {
    /// A call that is made with the time that it may take.
    pub(crate) fn new<F>(
        named: Named,
        timeout: Duration,
        make: impl FnOnce(Duration) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Result<RawArgs, K>> + Send + 'static,
    {
        let make = Box::new(|timeout| Box::pin(make(timeout)) as Answering<K>);
        Self { named, timeout, make, read: PhantomData }
    }

    /// How long to wait for the ack. Default: the builder's `call_timeout`.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl<R: FromAck, K: From<ArgsError>> IntoFuture for Call<R, K> {
    type Output = Result<R, EventError<K>>;
    type IntoFuture = Calling<R, K>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { named, timeout, make, read } = self;
        Calling { named, answer: make(timeout), read }
    }
}

impl<R, K> fmt::Debug for Call<R, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { named, timeout, .. } = self;
        f.debug_struct("Call")
            .field("named", named)
            .field("timeout", timeout)
            .finish_non_exhaustive()
    }
}

/// A call that is under way: what awaiting one waits for.
///
/// # Cancel safety
///
/// Dropped, the ack is ignored when it comes.
#[must_use = "nothing is sent until it is polled"]
pub struct Calling<R, K> {
    named: Named,
    answer: Answering<K>,
    read: PhantomData<fn() -> R>,
}

impl<R: FromAck, K: From<ArgsError>> Future for Calling<R, K> {
    type Output = Result<R, EventError<K>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.answer.as_mut().poll(cx));
        let read = answer.and_then(|answer| R::from_ack(&answer).map_err(K::from));
        Poll::Ready(read.map_err(|kind| EventError::new(self.named.clone(), kind)))
    }
}

impl<R, K> fmt::Debug for Calling<R, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calling").field("named", &self.named).finish_non_exhaustive()
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
