//! What the chat accepts: names, texts, and how much of them.

use std::{fmt, time::Duration};

use serde::Serialize;
use sockeye::event::Refusal;

/// Longest name of a person or room, in characters.
const MAX_NAME_CHARS: usize = 32;
/// Longest message, in characters.
const MAX_TEXT_CHARS: usize = 4_000;
/// Longest client id, in bytes; the page uses 32.
const MAX_CLIENT_ID_BYTES: usize = 64;
/// Rooms that one socket may be in.
pub(crate) const MAX_ROOMS_PER_SOCKET: usize = 20;
/// Rooms that may exist at a time.
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
    if !text.chars().any(is_ink) {
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
    Room(NameFault),
    TextEmpty,
    TextTooLong,
    ClientIdTooLong,
    NotInRoom,
    TooManyRooms,
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
            Self::Room(NameFault::Empty) => "room-empty",
            Self::Room(NameFault::TooLong) => "room-too-long",
            Self::Room(NameFault::Hidden) => "room-control",
            Self::TextEmpty => "text-empty",
            Self::TextTooLong => "text-too-long",
            Self::ClientIdTooLong => "client-id-too-long",
            Self::NotInRoom => "not-in-room",
            Self::TooManyRooms => "too-many-rooms",
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
    } else if name.chars().any(is_hidden) || !name.chars().any(is_ink) {
        Err(NameFault::Hidden)
    } else {
        Ok(name)
    }
}

/// Looks at no more of the text than it has to.
fn is_longer(text: &str, max_chars: usize) -> bool {
    text.chars().nth(max_chars).is_some()
}

/// Whether a character leaves something on the screen.
fn is_ink(c: char) -> bool {
    !c.is_whitespace() && !is_hidden(c) && !is_joiner(c)
}

/// Characters that shape their neighbours: emoji and several scripts need them in names.
const fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// Controls, and what Unicode calls default-ignorable (TR 44), joiners aside; and the blanks that count as letters.
const fn is_hidden(c: char) -> bool {
    c.is_ascii_control()
        || matches!(c,
            '\u{80}'..='\u{9F}'
            | '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}' | '\u{200E}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E00FF}' | '\u{E01F0}'..='\u{E0FFF}')
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
        check("Ada\u{202E}nimda", Err(NameFault::Hidden));
        check("Ada\u{2066}", Err(NameFault::Hidden));
        check("Ada\u{200B}", Err(NameFault::Hidden));
        check("A\0da", Err(NameFault::Hidden));
        check("A\nda", Err(NameFault::Hidden));
        check("A\u{1B}[31mda", Err(NameFault::Hidden));
        check("A\u{85}da", Err(NameFault::Hidden));
        check("\u{200D}", Err(NameFault::Hidden));
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
        check(" \n\u{200B}\u{202E}", Err(Violation::TextEmpty));
        check(&"好".repeat(4_000), Ok(()));
        check(&"好".repeat(4_001), Err(Violation::TextTooLong));
        check(&" ".repeat(4_001), Err(Violation::TextTooLong));
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
