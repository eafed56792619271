//! An event that asks the client for an ack, and waits for it until a deadline.

use std::{fmt, marker::PhantomData, time::Duration};

use sockeye_proto::wire::prepared::Prepared;
use thiserror::Error;

use super::{EmitError, Socket};
use crate::{
    dispatch::{Awaited, Calling, Expected, NoResult, NotExpected},
    event::{ArgsError, FromAck, RawArgs, RemoteError, ToArgs},
};

/// A call that has not been made yet. Awaited, it sends its event and waits for the client's ack.
///
/// `R` is the type of the ack's first argument; [`Args<(A, B)>`](crate::event::Args) takes them all,
/// [`RawArgs`](crate::event::RawArgs) leaves them unparsed.
///
/// # Errors
///
/// [`CallError`]. In a connect handler it fails at once: the client can't answer before it has joined.
///
/// # Cancel safety
///
/// The event is sent when the future is first polled; dropped later, the ack is ignored when it comes.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use sockeye::server::{CallError, Socket};
/// async fn ask(socket: &Socket) -> Result<u32, CallError> {
///     let known: bool = socket.call("is your age known", ()).await?;
///     if !known {
///         return Ok(0);
///     }
///     socket.call("age", ("in years",)).timeout(Duration::from_secs(5)).await // no longer than that
/// }
/// ```
#[must_use = "a call is made by `.await`"]
pub struct Call<R> {
    call: Unmade,
    answer: PhantomData<fn() -> R>,
}

/// All of a call that does not depend on the type of the answer.
struct Unmade {
    socket: Socket,
    id: u64,
    packet: Result<Prepared, EmitError>,
    timeout: Duration,
}

impl<R: FromAck> Call<R> {
    pub(super) fn new(socket: Socket, event: &str, args: &impl ToArgs) -> Self {
        let namespace = &socket.0.namespace;
        let id = namespace.next_ack();
        let packet = namespace.prepare(event, Some(id), args);
        let timeout = namespace.call_timeout;
        Self { call: Unmade { socket, id, packet, timeout }, answer: PhantomData }
    }

    /// How long to wait for the ack. Default: the builder's [`call_timeout`](super::Builder::call_timeout).
    ///
    /// A handler that waits holds the later events of its socket, and past the backlog's pause its session is closed: let
    /// one that has to wait for so long be [`concurrent`](super::concurrent).
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.call.timeout = timeout;
        self
    }
}

impl<R: FromAck> IntoFuture for Call<R> {
    type Output = Result<R, CallError>;
    type IntoFuture = Calling<R, CallError>;

    fn into_future(self) -> Self::IntoFuture {
        Calling::new(self.call.make())
    }
}

impl Unmade {
    async fn make(self) -> Result<RawArgs, CallError> {
        let Self { socket, id, packet, timeout } = self;
        let packet = packet?;
        let namespace = &socket.0.namespace;
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
        })
    }
}

impl<R> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("timeout", &self.call.timeout).finish_non_exhaustive()
    }
}

/// Why a call has no result.
#[non_exhaustive]
#[derive(Error)]
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

reads_as_text!(CallError);
