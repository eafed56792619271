//! What came of connecting to each address.

use std::{io, net::SocketAddr, time::Duration};

/// One address, and what came of connecting to it.
#[derive(Clone, Debug)]
pub(crate) struct Tried {
    pub(crate) address: SocketAddr,
    pub(crate) outcome: Result<Duration, Refused>,
}

/// Why an address could not be connected to.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) kind: RefusedBy,
    pub(crate) text: String,
}

/// Who said no.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RefusedBy {
    /// The machine at the address: nothing listens there.
    Machine,
    /// Nobody: no answer.
    Nobody,
    /// A router, or this machine itself: there is no way.
    Network,
}

impl Refused {
    pub(crate) fn of(error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => RefusedBy::Machine,
            io::ErrorKind::TimedOut => RefusedBy::Nobody,
            _ => RefusedBy::Network,
        };
        let text = error.to_string();
        // What the system adds is for its own people.
        let text = text.split(" (os error").next().unwrap_or(&text).to_lowercase();
        Self { kind, text }
    }
}
