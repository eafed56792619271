//! The connection of a prompt, whose namespaces come and go; once it is over, another one can take its place.

use std::{future::pending, time::Duration};

use futures_util::FutureExt as _;
use sockeye::client::{
    CloseReason, ConnectionState, Events, Incoming, Left, Membership, Namespace, Socket,
};
use tokio::task::JoinSet;

use super::known::Known;
use crate::{
    failure::Failure,
    output::{self, States},
    reach::{Auth, Connection, Keep, Session, Trouble},
    trace::Tracer,
};

/// What came of the connection.
#[derive(Debug)]
pub(super) enum Heard {
    Event(Incoming),
    /// It stands here.
    State(ConnectionState),
    /// A namespace that was asked for.
    Joined(Socket),
    /// One of several.
    Left(String, Left),
    /// It is over; with the reason, unless that is ours.
    Closed(Option<Trouble>),
}

/// What becomes of a namespace.
enum Change {
    Joined,
    NotJoined(Left),
    Left(Left),
}

/// The connection, and whom one speaks to by it.
pub(super) struct Contact {
    /// As it was asked for.
    connection: Connection,
    keep: Keep,
    known: Known,
    tracer: Tracer,
    auth: Auth,
    session: Session,
    events: Events,
    states: States,
    changes: JoinSet<(Socket, Change)>,
    /// Namespaces that were asked for and not answered.
    joining: usize,
    /// The namespace that one speaks to.
    spoken: String,
    is_over: bool,
}

impl Contact {
    /// Connects and joins.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub(super) async fn enter(
        connection: Connection,
        keep: Keep,
        known: Known,
        tracer: Tracer,
    ) -> Result<Self, Failure> {
        let plan = connection.clone().plan()?.traced(Some(tracer.clone()));
        let auth = plan.auth.clone();
        let session = Session::join(plan, |builder| keep.attach(builder)).await?;
        let Ok(events) = session.client.events() else {
            return Err(Trouble::Closed(CloseReason::Closed).into()); // never: they are kept
        };
        let states = States::new(&session.client);
        let mut changes = JoinSet::new();
        for socket in session.sockets.clone() {
            changes.spawn(leaves(socket));
        }
        let spoken = session.client.namespace().to_owned();
        let room = Self {
            connection,
            keep,
            known,
            tracer,
            auth,
            session,
            events,
            states,
            changes,
            joining: 0,
            spoken,
            is_over: false,
        };
        room.tell();
        Ok(room)
    }

    /// Waits for what comes next; for ever once it is over.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing, but for the reason of the end.
    pub(super) async fn hear(&mut self) -> Heard {
        loop {
            tokio::select! {
                biased;
                Some(Ok((socket, change))) = self.changes.join_next() => {
                    if let Some(heard) = self.change(socket, change) {
                        return heard;
                    }
                }
                heard = self.states.next(&self.events), if !self.is_over => return match heard {
                    output::Heard::State(state) => Heard::State(state),
                    output::Heard::Event(incoming) => Heard::Event(incoming),
                    output::Heard::End => self.end(),
                },
                else => pending().await,
            }
        }
    }

    /// What has come already.
    pub(super) fn heard(&mut self) -> Option<Heard> {
        self.hear().now_or_never()
    }

    fn change(&mut self, socket: Socket, change: Change) -> Option<Heard> {
        self.joining -= usize::from(!matches!(change, Change::Left(_)));
        let because = match change {
            Change::Joined => {
                self.changes.spawn(leaves(socket.clone()));
                return Some(Heard::Joined(socket));
            }
            Change::NotJoined(because) | Change::Left(because) => because,
        };
        let is_last = self.session.sockets.len() <= 1;
        // The end of the whole connection is told otherwise.
        if matches!(because, Left::Closed) || is_last {
            return None;
        }
        let name = socket.namespace().to_owned();
        self.session.sockets.retain(|socket| socket.namespace() != name);
        if self.spoken == name
            && let Some(other) = self.session.sockets.first()
        {
            self.spoken = other.namespace().to_owned();
        }
        self.tell();
        Some(Heard::Left(name, because))
    }

    fn end(&mut self) -> Heard {
        self.is_over = true;
        // It is closed, so that its reason is there.
        let reason = match self.states.now() {
            ConnectionState::Closed { reason } => reason,
            _ => CloseReason::Closed,
        };
        Heard::Closed(match reason {
            CloseReason::Closed | CloseReason::NothingJoined(Left::ClientDisconnect) => None,
            CloseReason::NothingJoined(because) => Some(Trouble::left(&self.spoken, because)),
            CloseReason::GaveUp(error) => Some(Trouble::NotAgain(error)),
            CloseReason::Lost(disconnect) => Some(Trouble::Lost(disconnect)),
            reason => Some(Trouble::Closed(reason)),
        })
    }

    /// Begins to join one more namespace; on a connection of its own, if there is none.
    ///
    /// # Errors
    ///
    /// It can't be asked for, or there is no connection.
    pub(super) async fn join(&mut self, name: String) -> Result<(), Failure> {
        if self.is_over {
            return self.enter_again(vec![name]).await;
        }
        let namespace = Namespace::new().auth_with(self.auth.ask());
        let socket = self.session.client.join(name, namespace).map_err(Trouble::Build)?;
        self.session.sockets.push(socket.clone());
        self.tell();
        self.joining += 1;
        self.changes.spawn(async move {
            let change = socket.joined().await.map_or_else(Change::NotJoined, |()| Change::Joined);
            (socket, change)
        });
        Ok(())
    }

    /// Begins to leave a namespace.
    ///
    /// # Errors
    ///
    /// It is not joined.
    pub(super) fn leave(&self, name: Option<&str>) -> Result<(), String> {
        self.find(name.unwrap_or(&self.spoken)).map(|socket| socket.leave())
    }

    /// Speaks to this namespace from now on.
    ///
    /// # Errors
    ///
    /// It is not joined.
    pub(super) fn speak(&mut self, name: &str) -> Result<(), String> {
        self.spoken = self.find(name)?.namespace().to_owned();
        Ok(())
    }

    /// Comes with this auth payload from now on.
    ///
    /// # Errors
    ///
    /// It can't be read.
    pub(super) fn set_auth(&mut self, given: &str) -> Result<(), Failure> {
        self.auth.set(given)?;
        self.connection.set_auth(given.to_owned());
        Ok(())
    }

    /// Ends the connection, if there still is one, and makes another.
    ///
    /// # Errors
    ///
    /// There was none any more, and now there is still none.
    pub(super) async fn reconnect(&mut self) -> Result<(), Failure> {
        if self.is_over {
            let names = self.session.sockets.iter().map(|socket| socket.namespace().to_owned());
            return self.enter_again(names.collect()).await;
        }
        self.session.client.reconnect();
        Ok(())
    }

    async fn enter_again(&mut self, namespaces: Vec<String>) -> Result<(), Failure> {
        let connection = self.connection.clone().with_namespaces(namespaces);
        let (known, tracer) = (self.known.clone(), self.tracer.clone());
        let room = Self::enter(connection, self.keep, known, tracer).await?;
        let spoken = std::mem::take(&mut self.spoken);
        *self = Self { connection: self.connection.clone(), ..room };
        if self.find(&spoken).is_ok() {
            self.spoken = spoken;
        }
        Ok(())
    }

    /// Says goodbye, if there is somebody to say it to.
    pub(super) async fn close(&self, owes: bool) {
        self.session.close(owes).await;
    }

    /// The namespace that one speaks to.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(super) fn socket(&self) -> Result<Socket, String> {
        if self.is_over {
            return Err("there is no connection; /reconnect makes one".to_owned());
        }
        self.find(&self.spoken).cloned()
    }

    /// Whether an answer is missing to what was asked for.
    pub(super) const fn is_busy(&self) -> bool {
        self.joining > 0
    }

    pub(super) fn sockets(&self) -> &[Socket] {
        &self.session.sockets
    }

    /// The connection that it begins with, if that was not told.
    pub(super) fn begun(&mut self) -> Option<ConnectionState> {
        self.states.begun()
    }

    pub(super) fn state(&self) -> ConnectionState {
        self.states.now()
    }

    pub(super) const fn timeout(&self) -> Duration {
        self.session.timeout
    }

    pub(super) fn prompt(&self) -> String {
        if self.is_over { "(closed)> ".to_owned() } else { format!("{}> ", self.spoken) }
    }

    fn find(&self, name: &str) -> Result<&Socket, String> {
        let socket = self.session.sockets.iter().find(|socket| socket.namespace() == name);
        socket.ok_or_else(|| {
            let joined: Vec<_> = self.session.sockets.iter().map(Socket::namespace).collect();
            format!("{name} is not joined; /join {name} does that. Joined: {}", joined.join(" "))
        })
    }

    /// Tells what can be completed.
    fn tell(&self) {
        let names = self.session.sockets.iter().map(|socket| socket.namespace().to_owned());
        self.known.set_namespaces(names.collect());
    }
}

/// Waits until a namespace that is joined is left.
async fn leaves(socket: Socket) -> (Socket, Change) {
    let mut membership = socket.membership();
    let left = membership.wait_for(|membership| matches!(membership, Membership::Left(_))).await;
    let because = match left.as_deref() {
        Ok(Membership::Left(left)) => left.clone(),
        _ => Left::Closed, // never: the socket holds the sender
    };
    (socket, Change::Left(because))
}
