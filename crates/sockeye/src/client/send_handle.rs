//! Follows what was emitted: queued, written, acknowledged, or failed and why.

use std::{fmt, sync::Arc};

use super::{SendError, fate::Fate};
use crate::{
    dispatch::SendState,
    event::{ArgsError, EventError, FromAck, Named},
};

/// Follows one emitted event. Dropping it changes nothing.
#[derive(Clone)]
pub struct SendHandle(pub(super) Arc<Fate>);

impl SendHandle {
    /// How far the event has got by now.
    pub fn state(&self) -> SendState {
        self.0.state()
    }

    /// Why it will not be sent, if it will not.
    pub fn failure(&self) -> Option<SendError> {
        self.0.failure()
    }

    /// Waits until the operating system has taken all of it; on polling, until the server has.
    ///
    /// # Errors
    ///
    /// [`SendError`]: it will not be sent.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn written(&self) -> Result<(), SendError> {
        self.0.written().await
    }
}

impl fmt::Debug for SendHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendHandle").field("state", &self.state()).finish_non_exhaustive()
    }
}

/// Follows one event that is sent until the server acknowledges it. Dropping it changes nothing.
#[derive(Clone)]
pub struct Delivery {
    pub(super) fate: Arc<Fate>,
    pub(super) id: Arc<str>,
    pub(super) named: Arc<Named>,
}

impl Delivery {
    /// The id that every copy of it has, and that goes along with [`Retries::send_id`](super::Retries).
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How far the event has got by now.
    pub fn state(&self) -> SendState {
        self.fate.state()
    }

    /// Waits for the server's ack and reads it: its first argument, or [`Args`](crate::event::Args), or
    /// [`RawArgs`](crate::event::RawArgs).
    ///
    /// # Errors
    ///
    /// [`DeliveryError`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing: the event is sent all the same, and one may wait for it again.
    pub async fn acked<R: FromAck>(&self) -> Result<R, DeliveryError> {
        let answer = self.fate.acked().await.map_err(DeliveryErrorKind::Send);
        let read = answer.and_then(|answer| R::from_ack(&answer).map_err(DeliveryErrorKind::Type));
        read.map_err(|kind| EventError::new((*self.named).clone(), kind))
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").field("state", &self.state()).finish_non_exhaustive()
    }
}

/// Why a delivery has no result, by its event and namespace.
pub type DeliveryError = EventError<DeliveryErrorKind>;

/// Why a delivery has no result.
#[non_exhaustive]
#[derive(thiserror::Error)]
pub enum DeliveryErrorKind {
    /// The event was acknowledged, but with something of another type.
    #[error("delivered, but the ack is not of the expected type: {0}")]
    Type(#[source] ArgsError),
    /// The event was not acknowledged.
    #[error(transparent)]
    Send(#[from] SendError),
}

reads_as_text!(DeliveryErrorKind);
