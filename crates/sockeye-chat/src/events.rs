//! The handlers of `/chat`: what a client sends is checked here, and carried out by the [`Hall`].

use std::sync::Arc;

use sockeye::{
    event::{Ack, AckSender, Args, Refusal, State},
    server::{Auth, Data, Namespace, Reason, Server, Socket},
};

use crate::{
    contract::{Browse, Listed, Login, Page, Receipt, Say},
    hall::{Hall, Sender},
    person::Person,
    room::Room,
    rules::{self, Violation},
    visitor::Visitor,
};

/// The namespace; its handlers take the [`Hall`] as state.
pub(crate) fn namespace() -> Namespace {
    Namespace::new()
        .on_connect(enter)
        .on("join", join)
        .on("leave", leave)
        .on("people", people)
        .on("rooms", rooms)
        .on("say", say)
        .on("typing", typing)
        .on("rtt", rtt)
        .on_disconnect(exit)
}

async fn enter(socket: Socket, Auth(login): Auth<Login>) -> Result<Visitor, Refusal> {
    let name = rules::person(&login.name).map_err(Violation::at_the_door)?;
    let key = rules::key(login.key.as_deref()).map_err(Violation::at_the_door)?;
    Ok(Visitor::new(Person::new(name, key, socket.id())))
}

async fn join(
    socket: Socket,
    server: Server,
    visitor: Data<Visitor>,
    State(hall): State<Arc<Hall>>,
    ack: AckSender,
    Args((name,)): Args<(String,)>,
) {
    let sender = Sender { server: &server, socket: &socket, visitor: &visitor };
    match visitor.may_move().and_then(|()| Room::parse(&name)) {
        Ok(room) => hall.join(sender, &room, ack),
        Err(violation) => ack.refuse(violation),
    }
}

async fn leave(
    socket: Socket,
    server: Server,
    visitor: Data<Visitor>,
    State(hall): State<Arc<Hall>>,
    Args((name,)): Args<(String,)>,
) -> Result<(), Refusal> {
    visitor.may_move()?;
    let sender = Sender { server: &server, socket: &socket, visitor: &visitor };
    hall.leave(sender, &Room::parse(&name)?);
    Ok(())
}

async fn people(
    socket: Socket,
    server: Server,
    visitor: Data<Visitor>,
    State(hall): State<Arc<Hall>>,
    Args((browse,)): Args<(Browse,)>,
) -> Result<Ack<Page>, Refusal> {
    visitor.may_move()?;
    let room = Room::parse(&browse.room)?;
    let sender = Sender { server: &server, socket: &socket, visitor: &visitor };
    Ok(Ack(hall.people(sender, &room, browse.after.as_ref())?))
}

async fn rooms(
    socket: Socket,
    server: Server,
    visitor: Data<Visitor>,
    State(hall): State<Arc<Hall>>,
) -> Result<Ack<Vec<Listed>>, Refusal> {
    visitor.may_move()?;
    let sender = Sender { server: &server, socket: &socket, visitor: &visitor };
    Ok(Ack(hall.rooms(sender)))
}

async fn say(
    socket: Socket,
    server: Server,
    visitor: Data<Visitor>,
    State(hall): State<Arc<Hall>>,
    Args((message,)): Args<(Say,)>,
) -> Result<Ack<Receipt>, Refusal> {
    visitor.may_say()?;
    let room = Room::parse(&message.room)?;
    rules::text(&message.text)?;
    let client_id = rules::client_id(message.client_id.as_deref())?;
    let sender = Sender { server: &server, socket: &socket, visitor: &visitor };
    Ok(Ack(hall.say(sender, &room, &message.text, client_id)?))
}

/// Worth no refusal: whoever types too often, or elsewhere, is not shown as typing.
async fn typing(
    socket: Socket,
    server: Server,
    visitor: Data<Visitor>,
    State(hall): State<Arc<Hall>>,
    Args((name,)): Args<(String,)>,
) {
    let sender = Sender { server: &server, socket: &socket, visitor: &visitor };
    if let Ok(room) = visitor.may_type().and_then(|()| Room::parse(&name)) {
        hall.typing(sender, &room);
    }
}

/// The ack is all: it lets the client measure its round trip.
async fn rtt() {}

async fn exit(
    socket: Socket,
    server: Server,
    visitor: Data<Visitor>,
    State(hall): State<Arc<Hall>>,
    reason: Reason,
) {
    let sender = Sender { server: &server, socket: &socket, visitor: &visitor };
    hall.depart(sender, reason);
}
