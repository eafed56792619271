//! What travels between the chat and its clients, as types; see the crate's documentation for the events.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{person::Person, presence::News, room::Room};

/// The auth payload.
#[derive(Debug, Deserialize)]
pub(crate) struct Login {
    /// A client without a name is told that it needs one.
    #[serde(default)]
    pub(crate) name: String,
    /// The secret that makes the tabs of a browser one person.
    #[serde(default)]
    pub(crate) key: Option<String>,
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
    pub(crate) you: &'a str,
    /// The first page of them; left out where the socket has them already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) people: Option<Vec<Arc<Person>>>,
    pub(crate) count: usize,
}

/// The argument of `people`.
#[derive(Debug, Deserialize)]
pub(crate) struct Browse {
    pub(crate) room: String,
    /// The last one that is known.
    #[serde(default)]
    pub(crate) after: Option<Person>,
}

/// The answer to `people`.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    pub(crate) people: Vec<Arc<Person>>,
    pub(crate) count: usize,
}

/// `joined` and `left`.
#[derive(Debug, Serialize)]
pub(crate) struct Moved<'a> {
    pub(crate) room: &'a str,
    pub(crate) people: &'a [Arc<Person>],
    pub(crate) count: usize,
}

impl<'a> Moved<'a> {
    /// The events that tell the news.
    pub(crate) fn of(room: &'a Room, news: &'a News) -> impl Iterator<Item = (&'static str, Self)> {
        let events = [("joined", &news.joined), ("left", &news.left)].into_iter();
        events
            .filter(|(_, people)| !people.is_empty())
            .map(|(event, people)| (event, Self { room: room.name(), people, count: news.count }))
    }
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
    pub(crate) from: &'a Person,
    pub(crate) text: &'a str,
    pub(crate) at: u64,
    pub(crate) client_id: &'a str,
}

/// Somebody is typing.
#[derive(Debug, Serialize)]
pub(crate) struct Typing<'a> {
    pub(crate) room: &'a str,
    pub(crate) from: &'a Person,
}
