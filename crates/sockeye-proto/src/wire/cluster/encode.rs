//! Messages to bytes.

use std::{
    fmt::{self, Display},
    sync::Arc,
};

use serde_json::Value;

use super::{Action, Message, Target, kind};
use crate::wire::msgpack;

impl Message {
    /// Writes it as the node `uid`, whose own messages come back to it with that mark. Keys stand in the reference's order.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_proto::wire::cluster::{Action, Message, Target};
    ///
    /// let action = Action::Disconnect { close: true };
    /// let bytes = Message { namespace: "/chat".into(), target: Target::default(), action }.encode("b290c");
    /// assert_eq!(
    ///     String::from_utf8_lossy(&bytes),
    ///     r#"{"type":6,"data":{"opts":{"rooms":[],"except":[],"flags":{}},"close":true},"uid":"b290c","nsp":"/chat"}"#,
    /// );
    /// ```
    #[must_use]
    pub fn encode(&self, uid: &str) -> Vec<u8> {
        let Self { namespace, target, action } = self;
        let mut attachments: &[_] = &[];
        let opts =
            Options { target, volatile: matches!(action, Action::Emit { volatile: true, .. }) };
        let (kind, data) = match action {
            Action::Emit { packet, .. } => {
                attachments = packet.attachments();
                // What is no packet becomes null, which every node refuses.
                let event = packet.as_packet().and_then(|packet| packet.data).unwrap_or("null");
                let packet = format!(r#"{{"type":2,"data":{event}}}"#);
                (kind::BROADCAST, format!(r#"{{"packet":{packet},"opts":{opts}}}"#))
            }
            Action::Join { rooms } => (
                kind::SOCKETS_JOIN,
                format!(r#"{{"opts":{opts},"rooms":{rooms}}}"#, rooms = Names(rooms)),
            ),
            Action::Leave { rooms } => (
                kind::SOCKETS_LEAVE,
                format!(r#"{{"opts":{opts},"rooms":{rooms}}}"#, rooms = Names(rooms)),
            ),
            Action::Disconnect { close } => {
                (kind::DISCONNECT_SOCKETS, format!(r#"{{"opts":{opts},"close":{close}}}"#))
            }
        };
        let (uid, nsp) = (Value::from(uid), Value::from(&**namespace));
        let text = format!(r#"{{"type":{kind},"data":{data},"uid":{uid},"nsp":{nsp}}}"#);
        if attachments.is_empty() {
            text.into_bytes()
        } else {
            msgpack::from_json(&text, attachments)
        }
    }
}

/// `{rooms, except, flags}`, as every message has it.
struct Options<'m> {
    target: &'m Target,
    volatile: bool,
}

impl Display for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rooms, except) = (Names(&self.target.rooms), Names(&self.target.except));
        let flags = if self.volatile { r#"{"volatile":true}"# } else { "{}" };
        write!(f, r#"{{"rooms":{rooms},"except":{except},"flags":{flags}}}"#)
    }
}

/// A list of rooms.
struct Names<'m>(&'m [Arc<str>]);

impl Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, room) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{}", Value::from(&**room))?;
        }
        f.write_str("]")
    }
}
