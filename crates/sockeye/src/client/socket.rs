//! A client's socket: its membership of one namespace, through all sessions.

use std::{fmt, sync::Arc};

use sockeye_proto::wire::prepared::Prepared;
use tokio::sync::watch;

use super::{
    Call, CallErrorKind, Delivery, EmitError, Left, Membership, SendHandle,
    call::call,
    member::Member,
    shared::{Order, Shared},
    unsent::{Kind, Label},
};
use crate::event::{FromAck, Named, ToArgs};

/// One namespace of a client. Cheap to clone; it stays the same when the connection is lost and made again.
///
/// What is emitted while there is no connection waits in the [`Buffer`](super::Buffer) and goes out, in order, once the
/// namespace is joined again. What was written when a connection was lost is not sent again, unless it was
/// [delivered](Self::deliver).
///
/// # Examples
///
/// ```no_run
/// # async fn run(socket: sockeye::client::Socket) -> Result<(), Box<dyn std::error::Error>> {
/// socket.emit("typing", ())?; // sent as soon as it can be
/// socket.emit("say", ("hello",))?.written().await?; // the operating system has it
/// let id: u64 = socket.call("say", ("hello",)).await?; // the server has answered
/// let id: u64 = socket.deliver("say", ("hello",))?.acked().await?; // the same, over lost connections
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Socket {
    pub(super) shared: Arc<Shared>,
    pub(super) member: Arc<Member>,
    /// Whether it is the connect handler's.
    pub(super) is_ahead: bool,
}

impl Socket {
    pub(super) const fn new(shared: Arc<Shared>, member: Arc<Member>) -> Self {
        Self { shared, member, is_ahead: false }
    }

    /// The namespace's name, such as `/` or `/chat`.
    pub fn namespace(&self) -> &str {
        &self.member.name
    }

    /// The server's id of this membership, while there is one.
    pub fn id(&self) -> Option<Arc<str>> {
        match &*self.member.membership.borrow() {
            Membership::Joined { id, .. } => Some(Arc::clone(id)),
            _ => None,
        }
    }

    /// The server's id of the last membership, also if that is over; `None` if the namespace never was joined.
    ///
    /// A server may let a client in and put it out again in one breath: who then looks at [`Self::membership`] sees the
    /// end alone.
    pub fn last_id(&self) -> Option<Arc<str>> {
        self.member.last_id()
    }

    /// Whether the namespace is joined.
    pub fn is_joined(&self) -> bool {
        self.member.is_joined()
    }

    /// Whether the namespace is joined, as a value that can be waited on.
    pub fn membership(&self) -> watch::Receiver<Membership> {
        self.member.membership.subscribe()
    }

    /// Waits until the namespace is joined. It need not be any more when this returns.
    ///
    /// # Errors
    ///
    /// [`Left`]: it will not be.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn joined(&self) -> Result<(), Left> {
        let mut membership = self.membership();
        let before = self.last_id();
        // In and out again before anybody looks is in, once.
        let was_joined = || match (&before, &self.last_id()) {
            (Some(before), Some(last)) => !Arc::ptr_eq(before, last),
            (before, last) => before.is_none() && last.is_some(),
        };
        let decided = membership
            .wait_for(|membership| {
                !matches!(membership, Membership::Joining { .. }) || was_joined()
            })
            .await;
        match decided.as_deref() {
            Ok(Membership::Left(left)) if !was_joined() => Err(left.clone()),
            Ok(_) => Ok(()),
            Err(_) => Err(Left::Closed), // never: the member is ours
        }
    }

    /// Sends an event, once there is a connection.
    ///
    /// It waits for nothing: a program that ends right behind it may lose the event, and the log says so (`warn`, target
    /// `sockeye::packet`). [`Client::close`](super::Client::close) waits until the connection has written what it took,
    /// [`SendHandle::written`] until this event is.
    ///
    /// # Errors
    ///
    /// [`EmitError`]; nothing will be sent then.
    pub fn emit(&self, event: &str, args: impl ToArgs) -> Result<SendHandle, EmitError> {
        let packet = self.member.prepare(event, None, &args, None)?;
        self.send(packet, Kind::Plain).map(|(_, fate)| SendHandle(fate))
    }

    /// Sends an event only if there is a connection and nothing else waits; for values that the next one replaces.
    ///
    /// # Errors
    ///
    /// [`EmitError`]; nothing will be sent then.
    pub fn emit_volatile(&self, event: &str, args: impl ToArgs) -> Result<SendHandle, EmitError> {
        let packet = self.member.prepare(event, None, &args, None)?;
        let fate = self.member.send_volatile(packet).map_err(|error| self.shared.explain(error))?;
        Ok(SendHandle(fate))
    }

    /// Sends an event and waits for the server's ack; without a connection, also for that. How long, is the builder's
    /// [`call_timeout`](super::Builder::call_timeout), or [`Call::timeout`]'s.
    ///
    /// `R` is the type of the ack's first argument; [`Args<(A, B)>`](crate::event::Args) takes them all,
    /// [`RawArgs`](crate::event::RawArgs) leaves them unparsed.
    ///
    /// # Errors
    ///
    /// [`CallError`](super::CallError). When the connection is lost it fails at once, and says whether the event had been
    /// sent; it is not sent again.
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
    pub fn call<R: FromAck>(&self, event: &str, args: impl ToArgs) -> Call<R, CallErrorKind> {
        call(self, event, &args)
    }

    /// Sends an event until the server acknowledges it: again after [`Retries::ack_timeout`](super::Retries), and by each
    /// new connection. First copies arrive in the order of the calls, together with [`Self::emit`].
    ///
    /// The server may get it more than once; [`Builder::on_resend`](super::Builder::on_resend) and the log, at `info`, tell
    /// when it is sent again. With [`Retries::send_id`](super::Retries) each copy has the same id as one more argument: a
    /// server that takes it, and remembers it, handles the event once.
    ///
    /// # Errors
    ///
    /// [`EmitError`]; nothing will be sent then.
    pub fn deliver(&self, event: &str, args: impl ToArgs) -> Result<Delivery, EmitError> {
        let number = self.member.next_id();
        let id: Arc<str> = format!("{}-{number}", self.shared.name).into();
        let text = self.shared.bounds.retries.send_id.then_some(&*id);
        let packet = self.member.prepare(event, Some(number), &args, text)?;
        let label = Label { event: event.into(), id: Arc::clone(&id) };
        // Not ahead of what waits: the next session would send it again behind that.
        let (_, fate) = self.enqueue(packet, Kind::Delivery { id: number, attempts: 0, label })?;
        Ok(Delivery { fate, id, named: Arc::new(Named::new(event, self.namespace())) })
    }

    /// Gives up what waits for a connection, and says how many events those were. Each fails with
    /// [`SendError::Cleared`](super::SendError::Cleared).
    pub fn clear(&self) -> usize {
        self.member.clear()
    }

    /// How many events are not known to be written, or, if delivered, acknowledged.
    pub fn unsent(&self) -> usize {
        self.member.unsent()
    }

    /// Leaves the namespace; the connection stays for others. What waits to be sent is given up.
    pub fn leave(&self) {
        self.shared.order(Order::Leave(Arc::clone(&self.member)));
    }

    /// Sends an event; ahead of what waits, if this is the connect handler's socket.
    pub(super) fn send(
        &self,
        packet: Prepared,
        kind: Kind,
    ) -> Result<(Option<u64>, Arc<super::fate::Fate>), EmitError> {
        let (packet, kind) = if self.is_ahead {
            match self.member.send_ahead(packet, kind) {
                Ok(sent) => return sent.map(|fate| (None, fate)),
                Err(back) => back,
            }
        } else {
            (packet, kind)
        };
        let (seq, fate) = self.enqueue(packet, kind)?;
        Ok((Some(seq), fate))
    }

    /// Sends an event behind what waits.
    fn enqueue(
        &self,
        packet: Prepared,
        kind: Kind,
    ) -> Result<(u64, Arc<super::fate::Fate>), EmitError> {
        let sent = self.member.send(packet, kind, &self.shared.bounds);
        let sent = sent.map_err(|error| self.shared.explain(error))?;
        if self.shared.bounds.buffer.max_age.is_some() && !self.member.is_joined() {
            self.shared.keeper.wake(); // there may be a first one whose age counts
        }
        Ok(sent)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("namespace", &self.namespace()).finish_non_exhaustive()
    }
}
