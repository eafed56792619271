//! A delivery that is sent again: how often by now and why, told to the log and to whoever asks.

use std::{fmt, sync::Arc, time::Duration};

use crate::dispatch::guard;

/// A [delivery](super::Socket::deliver) that has just been sent again; [`Builder::on_resend`](super::Builder::on_resend) is
/// told of each.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Resent {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The event's name.
    pub event: Arc<str>,
    /// The delivery's [id](super::Delivery::id).
    pub id: Arc<str>,
    /// How many times it has been sent by now: 2 for the first copy.
    pub attempts: u32,
    /// Why once more.
    pub because: ResendReason,
}

/// Why a delivery is sent again.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ResendReason {
    /// The server did not acknowledge it in time. If that goes on, its handler fails at this event, or sends no acks.
    NoAck {
        /// The time that it had.
        after: Duration,
    },
    /// The connection was lost, or the namespace left, before the ack came.
    Disconnected,
}

impl fmt::Display for ResendReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAck { after } => write!(f, "no ack within {after:?}"),
            Self::Disconnected => f.write_str("disconnected before the ack"),
        }
    }
}

/// Whoever wants to be told.
type Tell = dyn Fn(&Resent) + Send + Sync;

/// Who is told of deliveries that are sent again, if anybody is.
#[derive(Clone, Default)]
pub(super) struct OnResend(Option<Arc<Tell>>);

impl OnResend {
    pub(super) fn new(tell: impl Fn(&Resent) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    /// Runs code of the application: no lock may be held.
    pub(super) fn tell(&self, resent: Vec<Resent>) {
        for resent in resent {
            let Resent { namespace, event, id, attempts, because } = &resent;
            tracing::info!(
                target: "sockeye::packet", %namespace, %event, %id, attempts, reason = %because,
                "a delivery is sent again"
            );
            let Some(tell) = &self.0 else { continue };
            if let Err(panicked) = guard::call(|| tell(&resent)) {
                tracing::error!(panic = panicked.text(), "what is told of resends panicked");
            }
        }
    }
}

impl fmt::Debug for OnResend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnResend").field(&self.0.is_some()).finish()
    }
}
