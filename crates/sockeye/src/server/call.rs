//! An event that asks the client for an ack, and waits for it until a deadline.

use std::{fmt, time::Duration};

use thiserror::Error;
use tokio::sync::oneshot;

use super::{EmitError, Socket};
use crate::{
    event::{ArgsError, FromAck, RawArgs, RemoteError, ToArgs},
    net::{AckFailure, OnAck},
};

/// Some decades: a longer wait, such as [`Duration::MAX`], would not fit into a deadline.
pub(super) const LONGEST: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// A call that has not been made yet: how long to wait is for the caller to say.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use sockeye::server::{CallError, Socket};
/// async fn ask(socket: &Socket) -> Result<u32, CallError> {
///     socket.call("age", ("in years",)).timeout(Duration::from_secs(5)).await
/// }
/// ```
#[must_use = "a call is made by `timeout`"]
pub struct Call<T> {
    socket: Socket,
    event: String,
    args: T,
}

impl<T: ToArgs> Call<T> {
    pub(super) fn new(socket: Socket, event: &str, args: T) -> Self {
        Self { socket, event: event.to_owned(), args }
    }

    /// Sends the event and waits this long for the client's ack.
    ///
    /// `R` is the type of the ack's first argument; `Args<(A, B)>` takes them all, [`RawArgs`] leaves them unparsed.
    ///
    /// # Errors
    ///
    /// [`CallError`]. In a connect handler it fails at once: the client can't answer before it has joined.
    ///
    /// # Cancel safety
    ///
    /// The event is sent when this is first polled; dropped later, the ack is ignored when it comes.
    pub async fn timeout<R: FromAck>(self, timeout: Duration) -> Result<R, CallError> {
        let Self { socket, event, args } = self;
        let namespace = &socket.0.namespace;
        let id = namespace.next_ack();
        let packet = namespace.prepare(&event, Some(id), &args)?;
        drop(args);
        let (sender, receiver) = oneshot::channel();
        let on_ack: OnAck = Box::new(move |outcome| {
            // Nobody listens if the call was cancelled.
            let _ = sender.send(outcome.map(|payload| RawArgs(payload.into_owned())));
        });
        let deadline = (tokio::time::Instant::now() + timeout.min(LONGEST)).into_std();
        let conn = &socket.0.conn;
        let full = conn.command(|machine| {
            let refused = machine.expect_ack(&namespace.name, id, deadline, on_ack).is_err();
            refused.then(|| !machine.is_closed())
        });
        match full {
            Some(true) if socket.is_connected() => return Err(CallError::TooManyCalls),
            Some(_) => return Err(EmitError::Disconnected.into()),
            None => {}
        }
        let mut expected = Expected { socket: Some(&socket), id };
        socket.send(packet, false)?;
        let outcome = receiver.await;
        expected.socket = None;
        match outcome {
            Ok(Ok(answer)) => match RemoteError::read(&answer) {
                Some(error) => Err(CallError::Refused(error)),
                None => Ok(R::from_ack(&answer)?),
            },
            Ok(Err(AckFailure::Expired)) => Err(CallError::Timeout { after: timeout }),
            Ok(Err(AckFailure::Lost)) | Err(_) => Err(CallError::Disconnected),
        }
    }
}

/// An ack that is waited for; forgotten if the call is dropped, so that it counts no more.
struct Expected<'s> {
    socket: Option<&'s Socket>,
    id: u64,
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        if let Some(socket) = self.socket {
            let namespace = socket.namespace();
            drop(socket.0.conn.command(|machine| machine.forget_ack(namespace, self.id)));
        }
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("event", &self.event).finish_non_exhaustive()
    }
}

/// Why a call has no result.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum CallError {
    /// The client did not answer in time. It may have handled the event all the same.
    #[error("no ack after {after:?}")]
    Timeout {
        /// How long was waited.
        after: Duration,
    },
    /// The client went away. It may have handled the event all the same.
    #[error("the client disconnected before it answered")]
    Disconnected,
    /// The client answered with an error.
    #[error("the client refused: {0}")]
    Refused(RemoteError),
    /// The client answered something of another type.
    #[error("the ack is not of the expected type: {0}")]
    Type(#[from] ArgsError),
    /// So many calls of the session wait for acks that one more is refused; the client has not seen the event.
    #[error(
        "too many calls wait for acks of this session; call less often, with a shorter timeout, or raise `max_acks`"
    )]
    TooManyCalls,
    /// The event could not be sent; the client has not seen it.
    #[error(transparent)]
    Emit(#[from] EmitError),
}
