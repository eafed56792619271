//! What the chat accepts: names, texts, and how much of them.

use std::{fmt, ops::RangeInclusive, time::Duration};

use serde::Serialize;
use sockeye::event::Refusal;

use crate::shape;

/// Longest name of a person or room, in characters.
const MAX_NAME_CHARS: usize = 32;
/// Longest message, in characters.
const MAX_TEXT_CHARS: usize = 4_000;
/// Longest client id, in bytes; the page uses 32.
const MAX_CLIENT_ID_BYTES: usize = 64;
/// The bytes of a person's key; the page uses 32.
const KEY_BYTES: RangeInclusive<usize> = 16..=64;
/// Rooms that one socket may be in, the lobby aside.
pub(crate) const MAX_ROOMS_PER_SOCKET: usize = 20;
/// Rooms that may exist at a time, the lobby aside.
pub(crate) const MAX_ROOMS: usize = 1_000;

/// Checks a person's name and gives it without the spaces around it.
pub(crate) fn person(name: &str) -> Result<&str, Violation> {
    check_name(name).map_err(Violation::Person)
}

/// Checks the name of a room and gives it without the spaces around it.
pub(crate) fn room(name: &str) -> Result<&str, Violation> {
    check_name(name).map_err(Violation::Room)
}

/// Checks a message. It is passed on as it is: a text may be in any script, direction and number of lines.
pub(crate) fn text(text: &str) -> Result<(), Violation> {
    if is_longer(text, MAX_TEXT_CHARS) {
        return Err(Violation::TextTooLong);
    }
    if !text.chars().any(shape::is_ink) {
        return Err(Violation::TextEmpty);
    }
    Ok(())
}

/// Checks a client id; an empty one is none.
pub(crate) fn client_id(id: Option<&str>) -> Result<Option<&str>, Violation> {
    match id {
        None | Some("") => Ok(None),
        Some(id) if id.len() > MAX_CLIENT_ID_BYTES => Err(Violation::ClientIdTooLong),
        id => Ok(id),
    }
}

/// Checks the key of a person: a short one could be guessed, and somebody else be the same person.
pub(crate) fn key(key: Option<&str>) -> Result<Option<&str>, Violation> {
    match key {
        Some(key) if !KEY_BYTES.contains(&key.len()) => Err(Violation::KeyLength),
        key => Ok(key),
    }
}

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NameFault {
    Empty,
    TooLong,
    /// Characters without a shape of their own: with them a name could look like another's, or turn the line around.
    Hidden,
}

/// A client does what it may not.
///
/// It is no [`std::error::Error`], because `?` turns those into "internal error".
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Violation {
    Person(NameFault),
    KeyLength,
    Room(NameFault),
    TextEmpty,
    TextTooLong,
    ClientIdTooLong,
    NotInRoom,
    TooManyRooms,
    TooManyMade,
    RoomsFull,
    TooFast { retry_after: Duration },
}

impl Violation {
    /// The stable word for programs.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Person(NameFault::Empty) => "name-empty",
            Self::Person(NameFault::TooLong) => "name-too-long",
            Self::Person(NameFault::Hidden) => "name-control",
            Self::KeyLength => "key-length",
            Self::Room(NameFault::Empty) => "room-empty",
            Self::Room(NameFault::TooLong) => "room-too-long",
            Self::Room(NameFault::Hidden) => "room-control",
            Self::TextEmpty => "text-empty",
            Self::TextTooLong => "text-too-long",
            Self::ClientIdTooLong => "client-id-too-long",
            Self::NotInRoom => "not-in-room",
            Self::TooManyRooms => "too-many-rooms",
            Self::TooManyMade => "too-many-made",
            Self::RoomsFull => "rooms-full",
            Self::TooFast { .. } => "slow-down",
        }
    }

    /// As the answer to a CONNECT, whose code has no place but the data.
    pub(crate) fn at_the_door(self) -> Refusal {
        #[derive(Serialize)]
        struct Code {
            code: &'static str,
        }
        Refusal::from(self).data(&Code { code: self.code() })
    }
}

impl From<Violation> for Refusal {
    fn from(violation: Violation) -> Self {
        #[derive(Serialize)]
        struct Wait {
            retry_after_ms: u128,
        }
        let refusal = Self::new(violation.to_string()).code(violation.code());
        match violation {
            Violation::TooFast { retry_after } => {
                refusal.data(&Wait { retry_after_ms: retry_after.as_millis() })
            }
            _ => refusal,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(fault) => write!(f, "your name {fault}"),
            Self::KeyLength => {
                let (shortest, longest) = KEY_BYTES.into_inner();
                write!(f, "key is not of {shortest} to {longest} bytes; send a random one, or none")
            }
            Self::Room(fault) => write!(f, "the room's name {fault}"),
            Self::TextEmpty => f.write_str("the message is empty"),
            Self::TextTooLong => {
                write!(
                    f,
                    "the message is longer than {MAX_TEXT_CHARS} characters; send it in parts"
                )
            }
            Self::ClientIdTooLong => {
                write!(f, "client_id is longer than {MAX_CLIENT_ID_BYTES} bytes")
            }
            Self::NotInRoom => f.write_str("you are not in this room; join it first"),
            Self::TooManyRooms => {
                write!(
                    f,
                    "you are in {MAX_ROOMS_PER_SOCKET} rooms, which is the limit; leave one first"
                )
            }
            Self::TooManyMade => f.write_str(
                "there is little space left, and you have made several rooms; join one that there is, or leave one",
            ),
            Self::RoomsFull => {
                write!(f, "there are {MAX_ROOMS} rooms, which is the limit; join one of them")
            }
            Self::TooFast { retry_after } => {
                let seconds = retry_after.as_secs_f64().ceil();
                write!(f, "too fast; try again in {seconds} s")
            }
        }
    }
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::TooLong => write!(f, "is longer than {MAX_NAME_CHARS} characters"),
            Self::Hidden => f.write_str("has characters that can't be shown"),
        }
    }
}

fn check_name(name: &str) -> Result<&str, NameFault> {
    let name = name.trim();
    if name.is_empty() {
        Err(NameFault::Empty)
    } else if is_longer(name, MAX_NAME_CHARS) {
        Err(NameFault::TooLong)
    } else if !shape::is_legible(name) || !name.chars().any(shape::is_ink) {
        Err(NameFault::Hidden)
    } else {
        Ok(name)
    }
}

/// Looks at no more of the text than it has to.
fn is_longer(text: &str, max_chars: usize) -> bool {
    text.chars().nth(max_chars).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(name: &str, expect: Result<&str, NameFault>) {
            assert_eq!(check_name(name), expect, "{name:?}");
        }
        check("Ada", Ok("Ada"));
        check("  Ada Lovelace\n", Ok("Ada Lovelace"));
        check("小明", Ok("小明"));
        check("\u{3000}小明\u{3000}", Ok("小明"));
        check("👩\u{200D}🚀", Ok("👩\u{200D}🚀"));
        check("❤\u{FE0F}", Ok("❤\u{FE0F}"));
        check("می\u{200C}خواهم", Ok("می\u{200C}خواهم"));
        check("<b>Ada</b>", Ok("<b>Ada</b>"));
        check("__proto__", Ok("__proto__"));
        check("", Err(NameFault::Empty));
        check(" \t\u{3000}", Err(NameFault::Empty));
        check(&"é".repeat(32), Ok(&"é".repeat(32)));
        check(&"é".repeat(33), Err(NameFault::TooLong));
        check(&"x".repeat(64 * 1024), Err(NameFault::TooLong));
        check("A\0da", Err(NameFault::Hidden));
        check("\u{301}", Err(NameFault::Hidden));
        check("\u{3164}", Err(NameFault::Hidden));
    }

    #[test]
    fn texts() {
        #[track_caller]
        fn check(message: &str, expect: Result<(), Violation>) {
            assert_eq!(text(message), expect, "{} bytes", message.len());
        }
        check("hello", Ok(()));
        check("two\nlines\tand a tab", Ok(()));
        check("שלום", Ok(()));
        check("", Err(Violation::TextEmpty));
        check("\u{301}\u{FE0F}", Err(Violation::TextEmpty));
        check(" \n\u{200B}\u{202E}", Err(Violation::TextEmpty));
        check(&"好".repeat(4_000), Ok(()));
        check(&"好".repeat(4_001), Err(Violation::TextTooLong));
        check(&" ".repeat(4_001), Err(Violation::TextTooLong));
    }

    #[test]
    fn keys() {
        for (bytes, is_fine) in [(0, false), (15, false), (16, true), (64, true), (65, false)] {
            assert_eq!(key(Some(&"k".repeat(bytes))).is_ok(), is_fine, "{bytes} bytes");
        }
        assert_eq!(key(None), Ok(None));
    }

    #[test]
    fn client_ids() {
        assert_eq!(client_id(None), Ok(None));
        assert_eq!(client_id(Some("")), Ok(None));
        assert_eq!(client_id(Some("7")), Ok(Some("7")));
        assert_eq!(client_id(Some(&"7".repeat(65))), Err(Violation::ClientIdTooLong));
    }

    #[test]
    fn too_fast_tells_when_to_come_back() {
        let violation = Violation::TooFast { retry_after: Duration::from_millis(1_200) };
        assert_eq!(violation.to_string(), "too fast; try again in 2 s");
    }
}
