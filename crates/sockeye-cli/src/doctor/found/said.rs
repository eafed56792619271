//! What a server says on an open connection.

/// What the server said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Said {
    Text(String),
    Binary(Vec<u8>),
    /// A ping of the WebSocket itself; it is answered.
    Ping,
    /// No more comes.
    End(End),
}

/// How a WebSocket ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// With a close frame, which has a code or none.
    Closed { code: Option<u16>, reason: String },
    /// Without.
    Cut,
    /// With bytes that are no frames.
    Broken(String),
}

impl Said {
    /// Whether it asks for an answer, and for nothing else.
    pub(crate) fn is_ping(&self) -> bool {
        match self {
            Self::Ping => true,
            Self::Text(text) => text == "2",
            Self::Binary(_) | Self::End(_) => false,
        }
    }
}
