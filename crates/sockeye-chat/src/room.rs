//! The name of a chat room, and the room of the server that stands for it.

use std::sync::Arc;

use crate::rules::{self, Violation};

/// A checked name, kept as the server's room is called: `#` and the name.
///
/// To the server a socket's id is a room as well. `#` is in no id, so that nobody can join, or speak into, the room
/// that is another's socket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Room(Arc<str>);

impl Room {
    /// Checks the name that a client gave.
    pub(crate) fn parse(name: &str) -> Result<Self, Violation> {
        Ok(Self(format!("#{}", rules::room(name)?).into()))
    }

    /// The chat room that a room of the server stands for.
    pub(crate) fn of(key: &Arc<str>) -> Option<Self> {
        key.starts_with('#').then(|| Self(Arc::clone(key)))
    }

    /// The name, as clients know it.
    pub(crate) fn name(&self) -> &str {
        &self.0[1..]
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
        assert_eq!(Room::of(&room.key()), Some(room));
        assert_eq!(Room::of(&"abcdefghijklmnopqrst".into()), None);
    }
}
