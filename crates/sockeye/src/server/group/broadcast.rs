//! A group of sockets, chosen by rooms, and what can be done to it.

use std::{fmt, sync::Arc};

use sockeye_proto::wire::cluster::{self, Target};

use super::{
    Fetched, LiveNamespace, RemoteSocket, Room, ToRoom,
    op::{Action, Op, Origin, Outcome, Question},
};
use crate::{
    event::ToArgs,
    server::{
        send::{EmitError, Sent},
        socket::Socket,
    },
};

/// Sockets of one namespace: all of them, those in some rooms, or those not in others.
///
/// What it does, it does on every node, if there are several; what it tells and has "local" in its name is about this node
/// alone.
///
/// # Examples
///
/// ```
/// # fn example(server: &sockeye::server::Server) -> Result<(), sockeye::server::EmitError> {
/// let sent = server.of("/chat").to("lobby").except("away").emit("said", ("ada", "hello"))?;
/// println!("{} sockets get it", sent.queued);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a group does nothing until something is done to it"]
pub struct Broadcast {
    namespace: Arc<LiveNamespace>,
    target: Target,
    volatile: bool,
    local: bool,
}

impl Broadcast {
    /// Everybody in a namespace.
    pub(crate) fn of(namespace: &Arc<LiveNamespace>) -> Self {
        let (namespace, target) = (Arc::clone(namespace), Target::default());
        Self { namespace, target, volatile: false, local: false }
    }

    /// Adds a room; several make a union, in which each socket is reached once. A socket's id is a room too.
    pub fn to(mut self, room: impl ToRoom) -> Self {
        self.target.rooms.push(room.to_room());
        self
    }

    /// The same as [`Self::to`].
    pub fn within(self, room: impl ToRoom) -> Self {
        self.to(room)
    }

    /// Leaves out the sockets of a room.
    pub fn except(mut self, room: impl ToRoom) -> Self {
        self.target.except.push(room.to_room());
        self
    }

    /// Sends only to sockets for which nothing else waits.
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Leaves out the sockets of other nodes.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(server: &sockeye::server::Server) {
    /// server.of("/").local().disconnect(); // this node is about to go
    /// # }
    /// ```
    pub fn local(mut self) -> Self {
        self.local = true;
        self
    }

    /// Sends an event to all of them; it is encoded once.
    ///
    /// # Errors
    ///
    /// [`EmitError::Encode`] or [`EmitError::ReservedName`], the caller's faults. That a socket can't be reached is
    /// no error: [`Sent`] counts it.
    pub fn emit(&self, event: &str, args: impl ToArgs) -> Result<Sent, EmitError> {
        let packet = self.namespace.prepare(event, None, &args)?;
        Ok(self.change(cluster::Action::Emit { packet, volatile: self.volatile }).sent)
    }

    /// Puts all of them into a room.
    pub fn join(&self, room: impl ToRoom) {
        self.change(cluster::Action::Join { rooms: vec![room.to_room()] });
    }

    /// Takes all of them out of a room.
    pub fn leave(&self, room: impl ToRoom) {
        self.change(cluster::Action::Leave { rooms: vec![room.to_room()] });
    }

    /// Makes all of them leave the namespace.
    pub fn disconnect(&self) {
        self.change(cluster::Action::Disconnect { close: false });
    }

    /// Ends the sessions of all of them.
    pub fn close(&self) {
        self.change(cluster::Action::Disconnect { close: true });
    }

    /// Finds out which sockets they are, on every node. A node that does not answer costs its own sockets only:
    /// [`Fetched::missing`] counts such.
    ///
    /// # Cancel safety
    ///
    /// It only asks; dropped, the answers are lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(server: &sockeye::server::Server) {
    /// let lobby = server.of("/chat").to("lobby").fetch().await;
    /// if lobby.missing == 0 {
    ///     println!("{} sockets are there", lobby.sockets.len());
    /// }
    /// # }
    /// ```
    pub async fn fetch(&self) -> Fetched {
        let sockets = self.ask(Question::Sockets).sockets;
        Fetched { sockets: sockets.iter().map(RemoteSocket::here).collect(), missing: 0 }
    }

    /// Those of them that are on this node.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(server: &sockeye::server::Server) {
    /// let ids: Vec<_> = server.of("/").local_sockets().iter().map(|s| s.id().to_owned()).collect();
    /// # }
    /// ```
    pub fn local_sockets(&self) -> Vec<Socket> {
        self.ask(Question::Sockets).sockets
    }

    /// How many of them are on this node.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(server: &sockeye::server::Server) {
    /// let (all, lobby) = (server.of("/").local_count(), server.of("/").to("lobby").local_count());
    /// # }
    /// ```
    pub fn local_count(&self) -> usize {
        self.ask(Question::Count).count
    }

    /// The rooms that those of them are in that are on this node, with how many of them are in each. The rooms that are
    /// named by sockets' ids are not listed, unless somebody has joined them.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(server: &sockeye::server::Server) {
    /// for (room, sockets) in server.of("/chat").local_rooms() {
    ///     println!("{room}: {sockets}");
    /// }
    /// # }
    /// ```
    pub fn local_rooms(&self) -> Vec<(Room, usize)> {
        self.ask(Question::Rooms).rooms
    }

    fn change(&self, action: cluster::Action) -> Outcome {
        self.carry_out(Action::Change(action))
    }

    fn ask(&self, question: Question) -> Outcome {
        self.carry_out(Action::Ask(question))
    }

    fn carry_out(&self, action: Action) -> Outcome {
        let (origin, target, local) = (Origin::Here, self.target.clone(), self.local);
        self.namespace.carry_out(Op { origin, target, local, action })
    }
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = &self.namespace.name;
        f.debug_struct("Broadcast")
            .field("namespace", namespace)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}
