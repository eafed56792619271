//! Joining, leaving and speaking: one thing at a time, so that all who see it see it in the same order.

use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use sockeye::{
    event::AckSender,
    server::{Broadcast, Server, Socket},
};

use crate::{
    NAMESPACE,
    contract::{Entrance, Moved, Person, Receipt, Said, Typing},
    listing::Listing,
    message_id::MessageId,
    room::Room,
    rules::{MAX_ROOMS, MAX_ROOMS_PER_SOCKET, Violation},
    visitor::Visitor,
};

/// What all handlers share. Who is in which room is known to the server's rooms, and nowhere else.
///
/// Whoever holds the turn reads those rooms and queues the packets that follow from them. Without it a list of people
/// could be made before somebody leaves and be queued after the `left`: a ghost, until the next visit. Nothing is
/// awaited meanwhile, and queueing a packet does not wait for anybody's network.
#[derive(Debug, Default)]
pub(crate) struct Hall {
    turn: Mutex<()>,
    listing: Arc<Listing>,
}

/// Whom an event comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender<'a> {
    pub(crate) server: &'a Server,
    pub(crate) socket: &'a Socket,
    pub(crate) visitor: &'a Visitor,
}

impl Hall {
    /// Lets somebody into a room and answers with who is there.
    pub(crate) fn join(&self, sender: Sender<'_>, room: &Room, ack: AckSender) {
        let Sender { server, socket, .. } = sender;
        let _turn = self.turn.lock();
        let is_new = !is_in(socket, room);
        if is_new {
            if let Err(violation) = has_space(server, socket, room) {
                return ack.refuse(violation);
            }
            socket.join(room.key());
            if !is_in(socket, room) {
                return; // disconnected in the meantime: nobody arrives
            }
        }
        let there = server.of(NAMESPACE).to(room.key()).sockets();
        let there: Vec<_> = there
            .iter()
            .filter_map(|socket| Some((socket.data::<Visitor>()?, socket.id())))
            .collect();
        let mut people: Vec<_> =
            there.iter().map(|(visitor, id)| Person { id, name: &visitor.name }).collect();
        people.sort_unstable_by_key(|person| (person.name, person.id));
        ack.send(&Entrance { room: room.name(), people });
        if is_new {
            tell(&socket.to(room.key()), "joined", moved(&sender, room));
            self.listing.changed(server);
        }
    }

    /// Takes somebody out of a room; who is not in it is none the worse.
    pub(crate) fn leave(&self, sender: Sender<'_>, room: &Room) {
        let _turn = self.turn.lock();
        if is_in(sender.socket, room) {
            sender.socket.leave(room.key());
            self.tell_left(&sender, room);
        }
    }

    /// Tells the rooms of somebody who has disconnected, and is in none of them any more.
    pub(crate) fn depart(&self, sender: Sender<'_>, rooms: impl Iterator<Item = Room>) {
        let _turn = self.turn.lock();
        rooms.for_each(|room| self.tell_left(&sender, &room));
    }

    /// Passes a message on.
    pub(crate) fn say(
        &self,
        sender: Sender<'_>,
        room: &Room,
        text: &str,
        client_id: Option<&str>,
    ) -> Result<Receipt, Violation> {
        let _turn = self.turn.lock();
        if !is_in(sender.socket, room) {
            return Err(Violation::NotInRoom);
        }
        let message = MessageId::next();
        let receipt = Receipt { id: message.to_string(), at: message.at() };
        let said = Said {
            id: &receipt.id,
            room: room.name(),
            from: sender.person(),
            text,
            at: receipt.at,
            client_id: client_id.unwrap_or(&receipt.id),
        };
        tell(&sender.socket.to(room.key()), "said", said);
        Ok(receipt)
    }

    /// Tells those who have nothing better to read that somebody types.
    pub(crate) fn typing(&self, sender: Sender<'_>, room: &Room) {
        if is_in(sender.socket, room) {
            let typing = Typing { room: room.name(), from: sender.person() };
            tell(&sender.socket.to(room.key()).volatile(), "typing", typing);
        }
    }

    fn tell_left(&self, sender: &Sender<'_>, room: &Room) {
        tell(&sender.socket.to(room.key()), "left", moved(sender, room));
        self.listing.changed(sender.server);
    }
}

impl<'a> Sender<'a> {
    fn person(&self) -> Person<'a> {
        Person { id: self.socket.id(), name: &self.visitor.name }
    }
}

/// Emits an event of the chat's own.
pub(crate) fn tell(to: &Broadcast, event: &str, argument: impl Serialize) {
    // Names and types are the chat's own, and whom it does not reach has gone.
    if let Err(error) = to.emit(event, argument) {
        tracing::error!(event, %error, "an event of the chat can't be emitted");
    }
}

fn moved<'a>(sender: &Sender<'a>, room: &'a Room) -> Moved<'a> {
    Moved { room: room.name(), person: sender.person() }
}

fn is_in(socket: &Socket, room: &Room) -> bool {
    socket.rooms().contains(&room.key())
}

/// Whether one more may come into the room, which may have to be made.
fn has_space(server: &Server, socket: &Socket, room: &Room) -> Result<(), Violation> {
    if socket.rooms().len() >= MAX_ROOMS_PER_SOCKET {
        return Err(Violation::TooManyRooms);
    }
    let exists = server.count(NAMESPACE, Some(&room.key())) > 0;
    if !exists && server.of(NAMESPACE).rooms().len() >= MAX_ROOMS {
        return Err(Violation::RoomsFull);
    }
    Ok(())
}
