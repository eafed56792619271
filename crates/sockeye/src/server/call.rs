//! An event that asks the client for an ack, and waits for it until a deadline.

use std::{fmt, time::Duration};

use thiserror::Error;

use super::{EmitError, Socket};
use crate::{
    dispatch::{Awaited, Expected, NoResult, NotExpected},
    event::{ArgsError, FromAck, RemoteError, ToArgs},
};

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
    /// `R` is the type of the ack's first argument; `Args<(A, B)>` takes them all,
    /// [`RawArgs`](crate::event::RawArgs) leaves them unparsed.
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
        let (on_ack, awaited) = Awaited::pair();
        let expected = match Expected::new(&socket.0.conn, &namespace.name, id, timeout, on_ack) {
            Ok(expected) => expected,
            Err(NotExpected::Refused) if socket.is_connected() => {
                return Err(CallError::TooManyCalls);
            }
            Err(_) => return Err(EmitError::Disconnected.into()),
        };
        socket.send(packet, false)?;
        let result = awaited.result().await;
        expected.settle();
        result.map_err(|error| match error {
            NoResult::Expired => CallError::Timeout { after: timeout },
            NoResult::Lost => CallError::Disconnected,
            NoResult::Refused(error) => CallError::Refused(error),
            NoResult::Type(error) => CallError::Type(error),
        })
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
