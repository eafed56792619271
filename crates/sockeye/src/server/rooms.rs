//! Who is where in one namespace, and every action on a group of sockets as a value.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use parking_lot::RwLock;
use sockeye_proto::wire::prepared::Prepared;

use super::{Sent, Socket};
use crate::net::{Id, Wakes};

/// A room's name.
pub type Room = Arc<str>;

/// The sockets and rooms of one namespace.
///
/// A socket's own room, named by its id, is not stored: it would cost every idle socket a map of its own.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    index: RwLock<Index>,
}

#[derive(Debug, Default)]
struct Index {
    sockets: HashMap<Id, Member>,
    rooms: HashMap<Room, HashMap<Id, Guest>>,
}

#[derive(Debug)]
struct Member {
    socket: Socket,
    rooms: Vec<Room>,
}

/// A socket in a room.
#[derive(Debug)]
struct Guest {
    socket: Socket,
    /// Where the room stands among its member's: who leaves one of very many rooms would search them all, under the lock.
    at: usize,
}

/// The sockets that an action is meant for.
#[derive(Clone, Debug, Default)]
pub(super) struct Target {
    /// Rooms to reach; empty means the whole namespace.
    pub(super) rooms: Vec<Room>,
    /// Rooms to leave out.
    pub(super) except: Vec<Room>,
}

/// An action on a group of sockets.
#[derive(Clone, Debug)]
pub(super) enum Op {
    /// Send a packet; a volatile one only to those who are ready for it.
    Broadcast { to: Target, packet: Prepared, volatile: bool },
    /// Put them into rooms.
    Join { to: Target, rooms: Vec<Room> },
    /// Take them out of rooms.
    Leave { to: Target, rooms: Vec<Room> },
    /// Disconnect them; `close` ends their whole sessions.
    Disconnect { to: Target, close: bool },
    /// List them.
    Fetch { to: Target },
}

/// What an action did.
#[derive(Debug)]
pub(super) enum Applied {
    /// To a broadcast: how many packets were queued.
    Sent(Sent),
    /// To anything else: the sockets it was applied to.
    Sockets(Vec<Socket>),
}

impl Rooms {
    /// Carries out an action.
    pub(super) fn apply(&self, op: Op) -> Applied {
        match op {
            Op::Broadcast { to, packet, volatile } => {
                let mut sent = Sent::default();
                // Who has to be woken is noted, and woken when the lock is gone.
                let mut wakes = Wakes::default();
                self.each(&to, |socket| {
                    let queued = socket.deliver(packet.clone(), volatile, &mut wakes);
                    sent.count(queued.is_ok());
                });
                wakes.wake();
                Applied::Sent(sent)
            }
            Op::Join { to, rooms } => {
                let sockets = self.select(&to);
                sockets.iter().for_each(|socket| self.join(socket, &rooms));
                Applied::Sockets(sockets)
            }
            Op::Leave { to, rooms } => {
                let sockets = self.select(&to);
                sockets.iter().for_each(|socket| self.leave(socket, &rooms));
                Applied::Sockets(sockets)
            }
            Op::Disconnect { to, close } => {
                let sockets = self.select(&to);
                sockets.iter().for_each(|socket| socket.end(close));
                Applied::Sockets(sockets)
            }
            Op::Fetch { to } => Applied::Sockets(self.select(&to)),
        }
    }

    /// Lets a socket in; `enter` runs under the lock and says which rooms it waits to join, or that it is too late.
    pub(super) fn admit(&self, socket: &Socket, enter: impl FnOnce() -> Option<Vec<Room>>) -> bool {
        let mut index = self.index.write();
        let Some(rooms) = enter() else { return false };
        let member = Member { socket: socket.clone(), rooms: Vec::new() };
        index.sockets.insert(socket.key(), member);
        index.join(socket, &rooms);
        true
    }

    /// Puts a socket into rooms; one that has left stays out.
    pub(super) fn join(&self, socket: &Socket, rooms: &[Room]) {
        let mut index = self.index.write();
        if !socket.join_later(rooms) {
            index.join(socket, rooms);
        }
    }

    /// Takes a socket out of rooms.
    pub(super) fn leave(&self, socket: &Socket, rooms: &[Room]) {
        let mut index = self.index.write();
        if socket.leave_early(rooms) {
            return;
        }
        for room in rooms {
            index.leave(socket.key(), room);
        }
    }

    /// Removes a socket for good and says where it was.
    pub(super) fn remove(&self, socket: &Socket) -> Vec<Room> {
        let mut index = self.index.write();
        let Some(member) = index.sockets.remove(&socket.key()) else { return Vec::new() };
        for room in &member.rooms {
            index.forget(room, socket.key());
        }
        member.rooms
    }

    /// The rooms a socket is in.
    pub(super) fn of(&self, socket: &Socket) -> Vec<Room> {
        let index = self.index.read();
        index.sockets.get(&socket.key()).map(|member| member.rooms.clone()).unwrap_or_default()
    }

    /// How many sockets are in a room, or in the namespace.
    pub(super) fn count(&self, room: Option<&str>) -> usize {
        let index = self.index.read();
        match room {
            None => index.sockets.len(),
            // A socket is in the room named by its id, whether it has joined it as well or not.
            Some(room) => {
                let joined = index.rooms.get(room);
                let own = socket_id(room).filter(|id| index.sockets.contains_key(id));
                let only_own = own.filter(|id| joined.is_none_or(|room| !room.contains_key(id)));
                joined.map_or(0, HashMap::len) + usize::from(only_own.is_some())
            }
        }
    }

    /// Every room and how many sockets are in it.
    pub(super) fn list(&self) -> Vec<(Room, usize)> {
        let index = self.index.read();
        index.rooms.iter().map(|(room, sockets)| (Arc::clone(room), sockets.len())).collect()
    }

    /// The sockets of a target, each once.
    fn select(&self, target: &Target) -> Vec<Socket> {
        let mut sockets = Vec::new();
        self.each(target, |socket| sockets.push(socket.clone()));
        sockets
    }

    /// Visits the sockets of a target, each once, under the lock.
    fn each(&self, target: &Target, mut visit: impl FnMut(&Socket)) {
        let index = self.index.read();
        let excluded: HashSet<Id> =
            target.except.iter().flat_map(|room| index.members(room)).map(Socket::key).collect();
        let keep = |socket: &&Socket| excluded.is_empty() || !excluded.contains(&socket.key());
        match &*target.rooms {
            [] => index.sockets.values().map(|m| &m.socket).filter(keep).for_each(visit),
            [room] => index.members(room).filter(keep).for_each(visit),
            rooms => {
                let mut seen = HashSet::new();
                let all = rooms.iter().flat_map(|room| index.members(room)).filter(keep);
                all.filter(|socket| seen.insert(socket.key())).for_each(&mut visit);
            }
        }
    }
}

impl Index {
    /// The sockets of one room; a room named like a socket's id holds that socket.
    fn members(&self, room: &str) -> impl Iterator<Item = &Socket> {
        let own = socket_id(room).and_then(|id| self.sockets.get(&id));
        let joined = self.rooms.get(room).into_iter().flat_map(HashMap::values);
        let joined = joined.map(|guest| &guest.socket);
        // Joining a room named like one's own id adds nothing.
        own.map(|member| &member.socket).into_iter().chain(
            joined.filter(move |socket| own.is_none_or(|own| own.socket.key() != socket.key())),
        )
    }

    fn join(&mut self, socket: &Socket, rooms: &[Room]) {
        let Some(member) = self.sockets.get_mut(&socket.key()) else { return };
        for room in rooms {
            // The room is asked, not the socket, for the same reason.
            let guests = self.rooms.entry(Arc::clone(room)).or_default();
            guests.entry(socket.key()).or_insert_with(|| {
                member.rooms.push(Arc::clone(room));
                Guest { socket: socket.clone(), at: member.rooms.len() - 1 }
            });
        }
    }

    fn leave(&mut self, key: Id, room: &str) {
        let Some(Guest { at, .. }) = self.forget(room, key) else { return };
        let Some(member) = self.sockets.get_mut(&key) else { return };
        member.rooms.swap_remove(at);
        // The last of them stands in its place now, unless it was the last.
        let moved = member.rooms.get(at).and_then(|room| self.rooms.get_mut(room));
        if let Some(guest) = moved.and_then(|guests| guests.get_mut(&key)) {
            guest.at = at;
        }
    }

    fn forget(&mut self, room: &str, key: Id) -> Option<Guest> {
        let guests = self.rooms.get_mut(room)?;
        let guest = guests.remove(&key);
        if guests.is_empty() {
            self.rooms.remove(room);
        }
        guest
    }
}

/// The socket whose public id this is, as everybody is in a room of their own. In version 3 that is `/namespace#id`.
fn socket_id(room: &str) -> Option<Id> {
    let id = match room.split_once('#') {
        Some((namespace, id)) if namespace.starts_with('/') => id,
        _ => room,
    };
    Id::parse(id)
}
