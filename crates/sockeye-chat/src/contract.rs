//! What travels between the chat and its clients, as types; see the crate's documentation for the events.

use serde::{Deserialize, Serialize};

/// The auth payload.
#[derive(Debug, Deserialize)]
pub(crate) struct Login {
    /// A client without a name is told that it needs one.
    #[serde(default)]
    pub(crate) name: String,
}

/// Somebody in the chat.
#[derive(Debug, Serialize)]
pub(crate) struct Person<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
}

/// One line of the list of rooms.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) people: usize,
}

/// The answer to `join`.
#[derive(Debug, Serialize)]
pub(crate) struct Entrance<'a> {
    pub(crate) room: &'a str,
    pub(crate) people: Vec<Person<'a>>,
}

/// `joined` and `left`.
#[derive(Debug, Serialize)]
pub(crate) struct Moved<'a> {
    pub(crate) room: &'a str,
    pub(crate) person: Person<'a>,
}

/// The argument of `say`.
#[derive(Debug, Deserialize)]
pub(crate) struct Say {
    pub(crate) room: String,
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) client_id: Option<String>,
}

/// The answer to `say`.
#[derive(Debug, Serialize)]
pub(crate) struct Receipt {
    pub(crate) id: String,
    pub(crate) at: u64,
}

/// A message as the others get it.
#[derive(Debug, Serialize)]
pub(crate) struct Said<'a> {
    pub(crate) id: &'a str,
    pub(crate) room: &'a str,
    pub(crate) from: Person<'a>,
    pub(crate) text: &'a str,
    pub(crate) at: u64,
    pub(crate) client_id: &'a str,
}

/// Somebody is typing.
#[derive(Debug, Serialize)]
pub(crate) struct Typing<'a> {
    pub(crate) room: &'a str,
    pub(crate) from: Person<'a>,
}
