//! An event that asks the server for an ack, and waits for it until a deadline.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time;

use super::{CallError, Socket, fate::Fate, member::Member, unsent::Kind};
use crate::{
    dispatch::{Awaited, LONGEST, NoResult},
    event::{FromAck, ToArgs},
};

/// A call that has not been made yet: how long to wait is for the caller to say.
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

    /// Sends the event and waits this long for the server's ack; without a connection, also for that.
    ///
    /// `R` is the type of the ack's first argument; [`Args<(A, B)>`](crate::event::Args) takes them all,
    /// [`RawArgs`](crate::event::RawArgs) leaves them unparsed.
    ///
    /// # Errors
    ///
    /// [`CallError`]. When the connection is lost it fails at once, and says whether the event had been sent; it is not
    /// sent again.
    ///
    /// # Cancel safety
    ///
    /// The event is sent when this is first polled. Dropped later, an event that still waits for a connection is taken
    /// back, and the ack of one that does not is ignored.
    pub async fn timeout<R: FromAck>(self, timeout: Duration) -> Result<R, CallError> {
        let Self { socket, event, args } = self;
        let member = Arc::clone(&socket.member);
        let id = member.next_id();
        let packet = member.prepare(&event, Some(id), &args, None)?;
        drop(args);
        let (on_ack, awaited) = Awaited::pair();
        let deadline = time::Instant::now() + timeout.min(LONGEST);
        let kind = Kind::Call { id, deadline: deadline.into_std(), on_ack };
        let (seq, fate) = socket.send(packet, kind)?;
        let mut pending = Pending { member: &member, seq, id, is_over: false };
        let written = |fate: &Fate| fate.may_have_arrived();
        let in_time = time::timeout_at(deadline, fate.handed()).await;
        let handed = in_time.map_err(|_| CallError::Timeout { after: timeout, written: false })?;
        if let Err(error) = handed {
            pending.is_over = true;
            return Err(error.into());
        }
        let result = awaited.result().await;
        pending.is_over = true;
        result.map_err(|error| match error {
            NoResult::Expired => CallError::Timeout { after: timeout, written: written(&fate) },
            NoResult::Lost => CallError::Disconnected { written: written(&fate) },
            NoResult::Refused(error) => CallError::Refused(error),
            NoResult::Type(error) => CallError::Type(error),
        })
    }
}

/// A call that is under way: taken back, or forgotten, if it is dropped.
struct Pending<'m> {
    member: &'m Member,
    seq: Option<u64>,
    id: u64,
    is_over: bool,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            if let Some(seq) = self.seq {
                self.member.withdraw(seq);
            }
            self.member.forget_ack(self.id);
        }
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("event", &self.event).finish_non_exhaustive()
    }
}
