//! An event that asks the server for an ack, and waits for it until a deadline.

use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

use sockeye_proto::wire::prepared::Prepared;
use tokio::time;

use super::{CallError, EmitError, Socket, fate::Fate, member::Member, unsent::Kind};
use crate::{
    dispatch::{Awaited, Calling, NoResult},
    event::{FromAck, RawArgs, ToArgs},
    net::LONGEST,
};

/// A call that has not been made yet. Awaited, it sends its event and waits for the server's ack; without a connection, also
/// for that.
///
/// `R` is the type of the ack's first argument; [`Args<(A, B)>`](crate::event::Args) takes them all,
/// [`RawArgs`](crate::event::RawArgs) leaves them unparsed.
///
/// # Errors
///
/// [`CallError`]. When the connection is lost it fails at once, and says whether the event had been sent; it is not sent
/// again.
///
/// # Cancel safety
///
/// The event is sent when the future is first polled. Dropped later, an event that still waits for a connection is taken
/// back, and the ack of one that does not is ignored.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use sockeye::client::{CallError, Socket};
/// # async fn run(socket: &Socket) -> Result<(), CallError> {
/// let room: String = socket.call("join", ("lobby",)).await?;
/// let (): () = socket.call("ping", ()).timeout(Duration::from_secs(5)).await?; // no longer than that
/// # Ok(())
/// # }
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
        let id = socket.member.next_id();
        let packet = socket.member.prepare(event, Some(id), args, None);
        let timeout = socket.shared.bounds.call_timeout;
        Self { call: Unmade { socket, id, packet, timeout }, answer: PhantomData }
    }

    /// How long to wait for the ack. Default: the builder's [`call_timeout`](super::Builder::call_timeout).
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
        let member = Arc::clone(&socket.member);
        let (on_ack, awaited) = Awaited::pair();
        let deadline = time::Instant::now() + timeout.min(LONGEST);
        let kind = Kind::Call { id, deadline: deadline.into_std(), on_ack };
        let (seq, fate) = socket.send(packet?, kind)?;
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

impl<R> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("timeout", &self.call.timeout).finish_non_exhaustive()
    }
}
