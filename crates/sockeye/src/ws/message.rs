//! A message as people hold it: owned.

use bytes::Bytes;
use sockeye_proto::{
    session::websocket::Close,
    wire::ws::{self, CloseFrame},
};

/// A whole message, received or to be sent.
///
/// # Examples
///
/// ```
/// use sockeye::ws::Message;
///
/// assert_eq!(Message::from("hello"), Message::Text("hello".to_owned()));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Bytes),
    /// Asks for a pong. A ping that was received is answered already.
    Ping(Bytes),
    /// Answers a ping, or is a sign of life.
    Pong(Bytes),
    /// The last message of its sender, with its code and reason if it gave any. One that was received is answered
    /// already.
    ///
    /// Sending it begins to close the connection, with [`CloseCode::NORMAL`](super::CloseCode::NORMAL) if nothing
    /// else is said.
    Close(Option<Close>),
}

impl Message {
    /// The same message, borrowed.
    pub(super) fn as_wire(&self) -> ws::Message<'_> {
        match self {
            Self::Text(text) => ws::Message::Text(text),
            Self::Binary(bytes) => ws::Message::Binary(bytes),
            Self::Ping(payload) => ws::Message::Ping(payload),
            Self::Pong(payload) => ws::Message::Pong(payload),
            Self::Close(close) => ws::Message::Close(
                close.as_ref().map(|Close { code, reason }| CloseFrame { code: *code, reason }),
            ),
        }
    }
}

impl From<ws::Message<'_>> for Message {
    fn from(message: ws::Message<'_>) -> Self {
        match message {
            ws::Message::Text(text) => Self::Text(text.to_owned()),
            ws::Message::Binary(bytes) => Self::Binary(Bytes::copy_from_slice(bytes)),
            ws::Message::Ping(payload) => Self::Ping(Bytes::copy_from_slice(payload)),
            ws::Message::Pong(payload) => Self::Pong(Bytes::copy_from_slice(payload)),
            ws::Message::Close(frame) => Self::Close(
                frame.map(|frame| Close { code: frame.code, reason: frame.reason.into() }),
            ),
        }
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}
