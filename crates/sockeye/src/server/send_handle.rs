//! Follows an emitted packet: queued, written, or failed.

use std::{fmt, sync::Arc};

use super::{send::Number, socket};
use crate::dispatch::SendState;

/// Follows one emitted packet. Keeping it costs nothing per packet: it is a number to compare with.
#[derive(Clone)]
pub struct SendHandle {
    pub(super) socket: Arc<socket::Inner>,
    pub(super) number: Number,
}

impl SendHandle {
    /// How far the packet has got by now.
    pub fn state(&self) -> SendState {
        match self.socket.number(self.number).map(|number| self.socket.conn.is_written(number)) {
            Some(Some(true)) => SendState::Written,
            Some(None) => SendState::Failed,
            Some(Some(false)) => SendState::Queued,
            None if self.socket.has_left() => SendState::Failed,
            None => SendState::Queued,
        }
    }

    /// Waits until the operating system has taken the packet; `false` if the session ended first.
    ///
    /// In a connect handler it returns `false` at once: the packet leaves only after the handler has returned.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn written(&self) -> bool {
        match self.socket.number(self.number) {
            Some(number) => self.socket.conn.written(number).await,
            None => false,
        }
    }
}

impl fmt::Debug for SendHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendHandle").field("state", &self.state()).finish_non_exhaustive()
    }
}
