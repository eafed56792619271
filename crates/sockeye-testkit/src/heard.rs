//! What an end heard, as owned values that a test can keep and compare.

use sockeye_proto::{
    session::{Reason, Received},
    wire::payload::Payload,
};

/// One thing that an [`End`](crate::End) received or learned.
#[derive(Clone, Debug)]
pub enum Heard {
    /// The server's handshake (client only).
    Opened,
    /// The peer asks to join (server only).
    Connect {
        /// The namespace.
        namespace: String,
        /// Its auth payload: one argument, a JSON object.
        auth: Payload<'static>,
    },
    /// The server let us in (client only).
    Connected {
        /// The namespace.
        namespace: String,
        /// The server's JSON.
        data: String,
    },
    /// The server refused us (client only).
    Refused {
        /// The namespace.
        namespace: String,
        /// The server's JSON.
        error: String,
    },
    /// The peer left the namespace, or made us leave it.
    Disconnect {
        /// The namespace.
        namespace: String,
    },
    /// An event.
    Event {
        /// The namespace.
        namespace: String,
        /// The event's name.
        name: String,
        /// Set if the peer asks for an ack.
        id: Option<u64>,
        /// The arguments.
        payload: Payload<'static>,
    },
    /// The ack of the call with this token.
    Ack {
        /// What [`End::call`](crate::End::call) returned.
        token: u64,
        /// The answer.
        payload: Payload<'static>,
    },
    /// The ack of the call with this token did not come in time.
    AckExpired {
        /// What [`End::call`](crate::End::call) returned.
        token: u64,
    },
    /// The ack of the call with this token can't come any more.
    AckLost {
        /// What [`End::call`](crate::End::call) returned.
        token: u64,
    },
    /// The session is over; nothing follows.
    Closed {
        /// Why.
        reason: Reason,
    },
}

impl Heard {
    /// An event's or ack's arguments without brackets; of anything else what it carries as text.
    pub fn text(&self) -> &str {
        match self {
            Self::Event { payload, .. } | Self::Ack { payload, .. } => payload.args_text(),
            Self::Connect { auth, .. } => auth.args_text(),
            Self::Connected { data, .. } => data,
            Self::Refused { error, .. } => error,
            Self::Closed { reason } => reason.as_str(),
            Self::Opened
            | Self::Disconnect { .. }
            | Self::AckExpired { .. }
            | Self::AckLost { .. } => "",
        }
    }

    /// The name of an event.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Event { name, .. } => Some(name),
            _ => None,
        }
    }
}

impl From<Received<'_, u64>> for Heard {
    fn from(received: Received<'_, u64>) -> Self {
        match received {
            Received::Opened { .. } => Self::Opened,
            Received::Connect { namespace, auth } => {
                Self::Connect { namespace: namespace.into_owned(), auth }
            }
            Received::Connected { namespace, data } => {
                Self::Connected { namespace: namespace.into_owned(), data: data.into_owned() }
            }
            Received::Refused { namespace, error } => {
                Self::Refused { namespace: namespace.into_owned(), error: error.into_owned() }
            }
            Received::Disconnect { namespace } => {
                Self::Disconnect { namespace: namespace.into_owned() }
            }
            Received::Event { namespace, name, id, payload } => Self::Event {
                namespace: namespace.into_owned(),
                name: name.into_owned(),
                id,
                payload: payload.into_owned(),
            },
            Received::Ack { token, payload } => Self::Ack { token, payload: payload.into_owned() },
        }
    }
}
