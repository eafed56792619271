//! The name of a chat room, and the room of the server that stands for it.

use std::sync::Arc;

use crate::rules::{self, Violation};

/// The room that everybody begins in: there is always space for it.
const LOBBY: &str = "lobby";

/// A checked name, kept as the server's room is called: `#` and the name.
///
/// To the server a socket's id is a room as well. `#` is in no id, so that nobody can join, or speak into, the room
/// that is another's socket.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Room(Arc<str>);

impl Room {
    /// Checks the name that a client gave.
    pub(crate) fn parse(name: &str) -> Result<Self, Violation> {
        Ok(Self(format!("#{}", rules::room(name)?).into()))
    }

    /// The name, as clients know it.
    pub(crate) fn name(&self) -> &str {
        &self.0[1..]
    }

    /// Whether it is the one that everybody begins in.
    pub(crate) fn is_lobby(&self) -> bool {
        self.name() == LOBBY
    }

    /// What the server calls it.
    pub(crate) fn key(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_names_with_a_mark() {
        let room = Room::parse(" #rust ").unwrap();
        assert_eq!(room.name(), "#rust");
        assert_eq!(&*room.key(), "##rust");
        assert!(!room.is_lobby());
        assert!(Room::parse("lobby").unwrap().is_lobby());
    }
}
