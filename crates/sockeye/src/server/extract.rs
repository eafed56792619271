//! What handlers of a server can take besides the arguments: socket, data, auth, reason.

use std::{
    any::{TypeId, type_name},
    ops::Deref,
    sync::Arc,
};

use serde::de::DeserializeOwned;
use sockeye_proto::session::Reason;

use super::{Room, Server, Socket};
use crate::event::{Event, FromEvent, Given, HasState, Needs, Place, Refusal, Reject};

/// What handlers of a server are given without a state.
pub(super) const GIVEN: &Given = &[
    (TypeId::of::<Server>(), "server: Server"),
    (TypeId::of::<Socket>(), "socket: Socket"),
    (TypeId::of::<Reason>(), "because: Reason"),
    (TypeId::of::<LastRooms>(), "LastRooms(rooms): LastRooms"),
];

/// Where an event of a server's socket happens.
#[derive(Clone, Debug)]
pub struct Context {
    pub(super) socket: Socket,
    pub(super) server: Server,
    /// Set for a disconnect handler.
    pub(super) farewell: Option<Box<Farewell>>,
}

/// What is left to say of a socket that has gone.
#[derive(Clone, Debug)]
pub(super) struct Farewell {
    pub(super) reason: Reason,
    pub(super) rooms: Vec<Room>,
}

impl HasState for Context {
    fn state<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.server.0.states.find()
    }
}

impl FromEvent<Context> for Socket {
    fn from_event(event: &Event<'_, Context>) -> Result<Self, Reject> {
        Ok(event.context().socket.clone())
    }
}

impl FromEvent<Context> for Server {
    fn from_event(event: &Event<'_, Context>) -> Result<Self, Reject> {
        Ok(event.context().server.clone())
    }
}

/// The socket's own value: what the connect handler returned.
#[derive(Clone, Debug)]
pub struct Data<T>(pub Arc<T>);

impl<T> Deref for Data<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Send + Sync + 'static> FromEvent<Context> for Data<T> {
    fn from_event(event: &Event<'_, Context>) -> Result<Self, Reject> {
        // `build` has checked the type, and no event is handled before the connect handler has returned.
        event.context().socket.data().map(Self).ok_or_else(missing::<Self>)
    }

    fn needs(needs: &mut Needs) {
        needs.data::<T>();
    }
}

/// The auth payload that the client sent with its CONNECT; for connect handlers only.
///
/// A client that sent none is read as `{}`, as in the reference server: give the fields defaults.
#[derive(Clone, Copy, Debug)]
pub struct Auth<T>(pub T);

impl<T: DeserializeOwned> FromEvent<Context> for Auth<T> {
    fn from_event(event: &Event<'_, Context>) -> Result<Self, Reject> {
        let (auth,) = event.payload().deserialize::<(T,)>()?;
        Ok(Self(auth))
    }

    fn needs(needs: &mut Needs) {
        let instead =
            "return what is needed of it from the connect handler, and take that as `Data<T>`";
        needs.place("Auth", &[Place::Connect], instead);
    }
}

/// Why the socket has gone; for disconnect handlers only.
impl FromEvent<Context> for Reason {
    fn from_event(event: &Event<'_, Context>) -> Result<Self, Reject> {
        let farewell = event.context().farewell.as_ref();
        farewell.map(|farewell| farewell.reason).ok_or_else(missing::<Self>)
    }

    fn needs(needs: &mut Needs) {
        needs.place("Reason", &[Place::Disconnect], "the disconnect handler takes it");
    }
}

/// The rooms the socket was in when it went; for disconnect handlers only.
#[derive(Clone, Debug)]
pub struct LastRooms(pub Vec<Room>);

impl FromEvent<Context> for LastRooms {
    fn from_event(event: &Event<'_, Context>) -> Result<Self, Reject> {
        let farewell = event.context().farewell.as_ref();
        farewell.map(|farewell| Self(farewell.rooms.clone())).ok_or_else(missing::<Self>)
    }

    fn needs(needs: &mut Needs) {
        needs.place(
            "LastRooms",
            &[Place::Disconnect],
            "as long as it is there, `socket.rooms()` says",
        );
    }
}

/// Something that `build` should have made sure of.
fn missing<T>() -> Reject {
    tracing::error!(parameter = type_name::<T>(), "not available to this handler");
    Reject::Refused(Refusal::new("internal error").code("internal"))
}
