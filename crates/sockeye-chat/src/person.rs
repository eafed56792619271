//! Somebody in the chat, in however many tabs.

use base64::{Engine as _, prelude::BASE64_URL_SAFE};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// As long as a socket's id: 120 bits.
const ID_CHARS: usize = 20;

/// A name and a public id. Sockets that show the same name and the same secret key are one person.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct Person {
    // First, so that people are in the order of their names.
    pub(crate) name: String,
    pub(crate) id: String,
}

impl Person {
    /// A person with a key has an id that tells nothing of it; without one, every socket is a person of its own.
    pub(crate) fn new(name: &str, key: Option<&str>, socket_id: &str) -> Self {
        let id = key.map_or_else(
            || socket_id.to_owned(),
            |key| {
                // No name has a control character, so that no two pairs are hashed alike.
                let hash = Sha256::digest(format!("{name}\0{key}"));
                let mut id = BASE64_URL_SAFE.encode(hash);
                id.truncate(ID_CHARS);
                id
            },
        );
        Self { name: name.to_owned(), id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_a_name_are_one_person() {
        let id = |name, key, socket| Person::new(name, key, socket).id;
        let ada = id("Ada", Some("0123456789abcdef"), "socket 1");
        assert_eq!(ada, id("Ada", Some("0123456789abcdef"), "socket 2"));
        assert_ne!(ada, id("Bo", Some("0123456789abcdef"), "socket 1"), "another name");
        assert_ne!(ada, id("Ada", Some("0123456789abcdeF"), "socket 1"), "another key");
        assert_eq!(ada.len(), ID_CHARS);
        assert!(!ada.contains("0123"));
        assert_eq!(id("Ada", None, "socket 1"), "socket 1");
    }
}
