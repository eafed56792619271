//! An event that asks the client for an ack, and waits for it until a deadline.

use std::time::Duration;

use sockeye_proto::wire::prepared::Prepared;
use thiserror::Error;

use super::{EmitError, Socket};
use crate::{
    dispatch::{Awaited, Call, Expected, NoResult, NotExpected},
    event::{ArgsError, EventError, FromAck, Named, RawArgs, RemoteError, ToArgs},
};

pub(super) fn call<R: FromAck>(
    socket: &Socket,
    event: &str,
    args: &impl ToArgs,
) -> Call<R, CallErrorKind> {
    let namespace = &socket.0.namespace;
    let named = Named::new(event, &namespace.name);
    let id = namespace.next_ack();
    let packet = namespace.prepare(event, Some(id), args);
    let (socket, timeout) = (socket.clone(), namespace.behaviour.call_timeout);
    Call::new(named, timeout, move |timeout| make(socket, id, packet, timeout))
}

async fn make(
    socket: Socket,
    id: u64,
    packet: Result<Prepared, EmitError>,
    timeout: Duration,
) -> Result<RawArgs, CallErrorKind> {
    let packet = packet?;
    let namespace = &socket.0.namespace;
    let (on_ack, awaited) = Awaited::pair();
    let expected = match Expected::new(&socket.0.conn, &namespace.name, id, timeout, on_ack) {
        Ok(expected) => expected,
        Err(NotExpected::Refused) if socket.is_connected() => {
            return Err(CallErrorKind::TooManyCalls);
        }
        Err(_) => return Err(EmitError::Disconnected.into()),
    };
    socket.send(packet, false)?;
    let result = awaited.result().await;
    expected.settle();
    result.map_err(|error| match error {
        NoResult::Expired => CallErrorKind::Timeout { after: timeout },
        NoResult::Lost => CallErrorKind::Disconnected,
        NoResult::Refused(error) => CallErrorKind::Refused(error),
    })
}

/// Why a call has no result, by its event and namespace.
pub type CallError = EventError<CallErrorKind>;

/// Why a call has no result.
#[non_exhaustive]
#[derive(Error)]
pub enum CallErrorKind {
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

reads_as_text!(CallErrorKind);
