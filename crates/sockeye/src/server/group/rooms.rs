//! Who is where in one namespace.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use parking_lot::RwLock;
use sockeye_proto::wire::cluster::Target;

use crate::{net::Id, server::socket::Socket};

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

/// Rooms that have got their first member or lost their last, noted under the lock if somebody wants to know.
#[derive(Debug)]
pub(super) struct Changed(Option<Vec<Room>>);

impl Changed {
    pub(super) fn noted_if(wanted: bool) -> Self {
        Self(wanted.then(Vec::new))
    }

    fn note(&mut self, room: &str) {
        if let Some(rooms) = &mut self.0 {
            rooms.push(room.into());
        }
    }

    pub(super) fn into_rooms(self) -> Vec<Room> {
        self.0.unwrap_or_default()
    }
}

impl Rooms {
    /// Lets a socket in; `enter` runs under the lock and says which rooms it waits to join, or that it is too late.
    pub(super) fn admit(
        &self,
        socket: &Socket,
        enter: impl FnOnce() -> Option<Vec<Room>>,
        changed: &mut Changed,
    ) -> bool {
        let mut index = self.index.write();
        let Some(rooms) = enter() else { return false };
        let member = Member { socket: socket.clone(), rooms: Vec::new() };
        index.sockets.insert(socket.key(), member);
        changed.note(socket.id());
        index.join(socket, &rooms, changed);
        true
    }

    /// Puts a socket into rooms; one that has left stays out.
    pub(super) fn join(&self, socket: &Socket, rooms: &[Room], changed: &mut Changed) {
        let mut index = self.index.write();
        if !socket.join_later(rooms) {
            index.join(socket, rooms, changed);
        }
    }

    /// Takes a socket out of rooms.
    pub(super) fn leave(&self, socket: &Socket, rooms: &[Room], changed: &mut Changed) {
        let mut index = self.index.write();
        if socket.leave_early(rooms) {
            return;
        }
        for room in rooms {
            index.leave(socket.key(), room, changed);
        }
    }

    /// Removes a socket for good and says where it was.
    pub(super) fn remove(&self, socket: &Socket, changed: &mut Changed) -> Vec<Room> {
        let mut index = self.index.write();
        let Some(member) = index.sockets.remove(&socket.key()) else { return Vec::new() };
        changed.note(socket.id());
        for room in &member.rooms {
            index.forget(room, socket.key(), changed);
        }
        member.rooms
    }

    /// The rooms a socket is in.
    pub(super) fn of(&self, socket: &Socket) -> Vec<Room> {
        self.index.read().rooms_of(socket).to_vec()
    }

    /// How many sockets of a target there are.
    pub(super) fn count(&self, target: &Target) -> usize {
        let index = self.index.read();
        match (&*target.rooms, &*target.except) {
            ([], []) => index.sockets.len(),
            ([room], []) => index.count(room),
            _ => {
                let mut count = 0;
                index.visit(target, |_| count += 1);
                count
            }
        }
    }

    /// The rooms that the sockets of a target are in, and how many of them in each.
    pub(super) fn list(&self, target: &Target) -> Vec<(Room, usize)> {
        let index = self.index.read();
        if let ([], []) = (&*target.rooms, &*target.except) {
            return index.rooms.iter().map(|(room, all)| (Arc::clone(room), all.len())).collect();
        }
        let mut counts: HashMap<Room, usize> = HashMap::new();
        index.visit(target, |socket| {
            for room in index.rooms_of(socket) {
                *counts.entry(Arc::clone(room)).or_default() += 1;
            }
        });
        counts.into_iter().collect()
    }

    /// The sockets of a target, each once.
    pub(super) fn select(&self, target: &Target) -> Vec<Socket> {
        let mut sockets = Vec::new();
        self.each(target, |socket| sockets.push(socket.clone()));
        sockets
    }

    /// Visits the sockets of a target, each once, under the lock.
    pub(super) fn each(&self, target: &Target, visit: impl FnMut(&Socket)) {
        self.index.read().visit(target, visit);
    }
}

impl Index {
    /// Visits the sockets of a target, each once.
    fn visit(&self, target: &Target, mut visit: impl FnMut(&Socket)) {
        let excluded: HashSet<Id> =
            target.except.iter().flat_map(|room| self.members(room)).map(Socket::key).collect();
        let keep = |socket: &&Socket| excluded.is_empty() || !excluded.contains(&socket.key());
        match &*target.rooms {
            [] => self.sockets.values().map(|m| &m.socket).filter(keep).for_each(visit),
            [room] => self.members(room).filter(keep).for_each(visit),
            rooms => {
                let mut seen = HashSet::new();
                let all = rooms.iter().flat_map(|room| self.members(room)).filter(keep);
                all.filter(|socket| seen.insert(socket.key())).for_each(&mut visit);
            }
        }
    }

    /// The rooms a socket is in.
    fn rooms_of(&self, socket: &Socket) -> &[Room] {
        self.sockets.get(&socket.key()).map_or(&[], |member| &member.rooms)
    }

    /// How many sockets are in a room: also the one named by its id, whether it has joined that room as well or not.
    fn count(&self, room: &str) -> usize {
        let joined = self.rooms.get(room);
        let own = socket_id(room).filter(|id| self.sockets.contains_key(id));
        let only_own = own.filter(|id| joined.is_none_or(|room| !room.contains_key(id)));
        joined.map_or(0, HashMap::len) + usize::from(only_own.is_some())
    }

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

    fn join(&mut self, socket: &Socket, rooms: &[Room], changed: &mut Changed) {
        let Some(member) = self.sockets.get_mut(&socket.key()) else { return };
        for room in rooms {
            // The room is asked, not the socket, for the same reason.
            let guests = self.rooms.entry(Arc::clone(room)).or_default();
            if guests.is_empty() {
                changed.note(room);
            }
            guests.entry(socket.key()).or_insert_with(|| {
                member.rooms.push(Arc::clone(room));
                Guest { socket: socket.clone(), at: member.rooms.len() - 1 }
            });
        }
    }

    fn leave(&mut self, key: Id, room: &str, changed: &mut Changed) {
        let Some(Guest { at, .. }) = self.forget(room, key, changed) else { return };
        let Some(member) = self.sockets.get_mut(&key) else { return };
        member.rooms.swap_remove(at);
        // The last of them stands in its place now, unless it was the last.
        let moved = member.rooms.get(at).and_then(|room| self.rooms.get_mut(room));
        if let Some(guest) = moved.and_then(|guests| guests.get_mut(&key)) {
            guest.at = at;
        }
    }

    fn forget(&mut self, room: &str, key: Id, changed: &mut Changed) -> Option<Guest> {
        let guests = self.rooms.get_mut(room)?;
        let guest = guests.remove(&key);
        if guests.is_empty() {
            self.rooms.remove(room);
            changed.note(room);
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
