//! Joining, leaving and speaking: one thing at a time, so that all who see it see it in the same order.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use serde::Serialize;
use sockeye::{
    event::AckSender,
    server::{Broadcast, Reason, Server, Socket},
};

use crate::{
    NAMESPACE,
    contract::{Entrance, Listed, Moved, Page, Receipt, Said, Typing},
    listing::Listing,
    message_id::MessageId,
    person::Person,
    presence::Presence,
    room::Room,
    rules::{MAX_ROOMS_PER_SOCKET, Violation},
    visitor::{self, Visitor},
};

/// The room of the server for those who follow the list of rooms. No id and no chat room is called like it.
const LISTENERS: &str = "listeners";
/// How often is looked for news that are due, while there may be any.
const TICK: Duration = Duration::from_millis(250);

/// What all handlers share.
///
/// Whoever holds the turn changes who is where and queues the packets that follow from it. Without it a list of people
/// could be made before somebody leaves and be queued after the `left`: a ghost, until the next visit. Nothing is
/// awaited meanwhile, and queueing a packet does not wait for anybody's network.
#[derive(Debug)]
pub(crate) struct Hall {
    turn: Mutex<Turn>,
}

#[derive(Debug)]
struct Turn {
    presence: Presence,
    listing: Listing,
    /// Whether somebody looks for news that are due later.
    ticking: bool,
}

/// Whom an event comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender<'a> {
    pub(crate) server: &'a Server,
    pub(crate) socket: &'a Socket,
    pub(crate) visitor: &'a Visitor,
}

impl Hall {
    pub(crate) fn new() -> Self {
        let listing = Listing::new(visitor::now());
        Self { turn: Mutex::new(Turn { presence: Presence::default(), listing, ticking: false }) }
    }

    /// Lets somebody into a room and answers with who is there. Who is in it already is told no list again.
    pub(crate) fn join(self: &Arc<Self>, sender: Sender<'_>, room: &Room, ack: AckSender) {
        let Sender { server, socket, visitor } = sender;
        let mut turn = self.turn.lock();
        let people = if sender.is_in(room) {
            None
        } else if !socket.is_connected() {
            return; // disconnected in the meantime: nobody arrives
        } else {
            if let Err(violation) = turn.admit(sender, room) {
                return ack.refuse(violation);
            }
            turn.tell(room, &socket.to(room.key()), server);
            self.tick(&mut turn, server);
            Some(turn.presence.people(room, None, &visitor.person))
        };
        let count = turn.presence.count(room);
        ack.send(&Entrance { room: room.name(), you: &visitor.person.id, people, count });
    }

    /// Takes somebody out of a room; who is not in it is none the worse.
    pub(crate) fn leave(self: &Arc<Self>, sender: Sender<'_>, room: &Room) {
        let Sender { server, socket, visitor } = sender;
        let mut turn = self.turn.lock();
        if visitor.rooms.lock().remove(room) {
            socket.leave(room.key());
            turn.presence.leave(room, &visitor.person);
            turn.tell(room, &server.of(NAMESPACE).to(room.key()), server);
            self.tick(&mut turn, server);
        }
    }

    /// Takes a socket that is gone out of its rooms. One that was lost and not closed may come back in a moment; only if
    /// it does not, the others are told.
    pub(crate) fn depart(self: &Arc<Self>, sender: Sender<'_>, reason: Reason) {
        let Sender { server, visitor, .. } = sender;
        let mut turn = self.turn.lock();
        let now = visitor::now();
        for room in std::mem::take(&mut *visitor.rooms.lock()) {
            if reason == Reason::ClientDisconnect {
                turn.presence.leave(&room, &visitor.person);
                turn.tell(&room, &server.of(NAMESPACE).to(room.key()), server);
            } else {
                turn.presence.lose(&room, &visitor.person, now);
            }
        }
        self.tick(&mut turn, server);
    }

    /// One page of the people in a room.
    pub(crate) fn people(
        &self,
        sender: Sender<'_>,
        room: &Room,
        after: Option<&Person>,
    ) -> Result<Page, Violation> {
        let turn = self.turn.lock();
        if !sender.is_in(room) {
            return Err(Violation::NotInRoom);
        }
        let people = turn.presence.people(room, after, &sender.visitor.person);
        Ok(Page { people, count: turn.presence.count(room) })
    }

    /// The list of rooms, whose changes are told from now on.
    pub(crate) fn rooms(&self, sender: Sender<'_>) -> Vec<Listed> {
        let turn = self.turn.lock();
        sender.socket.join(LISTENERS);
        turn.listing.all()
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
        if !sender.is_in(room) {
            return Err(Violation::NotInRoom);
        }
        let message = MessageId::next();
        let receipt = Receipt { id: message.to_string(), at: message.at() };
        let said = Said {
            id: &receipt.id,
            room: room.name(),
            from: &sender.visitor.person,
            text,
            at: receipt.at,
            client_id: client_id.unwrap_or(&receipt.id),
        };
        tell(&sender.socket.to(room.key()), "said", said);
        Ok(receipt)
    }

    /// Tells those who have nothing better to read that somebody types.
    pub(crate) fn typing(&self, sender: Sender<'_>, room: &Room) {
        if sender.is_in(room) {
            let typing = Typing { room: room.name(), from: &sender.visitor.person };
            tell(&sender.socket.to(room.key()).volatile(), "typing", typing);
        }
    }

    /// Looks again and again for news that are due, until there is nothing left to come.
    fn tick(self: &Arc<Self>, turn: &mut Turn, server: &Server) {
        if turn.ticking || turn.is_settled() {
            return;
        }
        turn.ticking = true;
        let (hall, server) = (Arc::clone(self), server.clone());
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(TICK).await;
                let mut turn = hall.turn.lock();
                turn.tell_due(&server);
                if turn.is_settled() {
                    turn.ticking = false;
                    return;
                }
            }
        });
    }
}

impl Turn {
    fn admit(&mut self, sender: Sender<'_>, room: &Room) -> Result<(), Violation> {
        let Sender { socket, visitor, .. } = sender;
        let mut rooms = visitor.rooms.lock();
        // The lobby is not counted: there is always a way back to it.
        let others = rooms.iter().filter(|room| !room.is_lobby()).count();
        if !room.is_lobby() && others >= MAX_ROOMS_PER_SOCKET {
            return Err(Violation::TooManyRooms);
        }
        self.presence.enter(room, &visitor.person, visitor::now())?;
        rooms.insert(room.clone());
        socket.join(room.key());
        Ok(())
    }

    /// Tells who has come and gone in a room, and how full it is, if that is due.
    fn tell(&mut self, room: &Room, to: &Broadcast, server: &Server) {
        if let Some(news) = self.presence.news(room, visitor::now()) {
            Moved::of(room, &news).for_each(|(event, moved)| tell(to, event, moved));
        }
        self.tell_listing(server);
    }

    fn tell_due(&mut self, server: &Server) {
        for (room, news) in self.presence.due(visitor::now()) {
            let to = server.of(NAMESPACE).to(room.key());
            Moved::of(&room, &news).for_each(|(event, moved)| tell(&to, event, moved));
        }
        self.tell_listing(server);
    }

    fn tell_listing(&mut self, server: &Server) {
        if self.presence.take_moved() {
            self.listing.touch();
        }
        let changes = self.listing.changes(self.presence.rooms(), visitor::now());
        if !changes.is_empty() {
            tell(&server.of(NAMESPACE).to(LISTENERS), "rooms", changes);
        }
    }

    fn is_settled(&self) -> bool {
        self.presence.is_settled() && self.listing.is_settled()
    }
}

impl Sender<'_> {
    fn is_in(&self, room: &Room) -> bool {
        self.visitor.rooms.lock().contains(room)
    }
}

/// Emits an event of the chat's own.
fn tell(to: &Broadcast, event: &str, argument: impl Serialize) {
    // Names and types are the chat's own, and whom it does not reach has gone.
    if let Err(error) = to.emit(event, argument) {
        tracing::error!(event, %error, "an event of the chat can't be emitted");
    }
}
