//! An error of one event: which it is, where, and why.

use std::{error::Error, fmt};

/// Why an event that asked for an answer has none. It reads `"join" on "/chat": no ack after 60s`.
///
/// # Examples
///
/// ```
/// # use sockeye::client::{CallErrorKind, Socket};
/// # async fn run(socket: Socket) {
/// match socket.call::<u64>("join", ("lobby",)).await {
///     Ok(seat) => println!("seat {seat}"),
///     Err(error) if matches!(error.kind, CallErrorKind::Timeout { .. }) => println!("later, perhaps"),
///     Err(error) => println!("{error}"),
/// }
/// # }
/// ```
pub struct EventError<K> {
    /// Why.
    pub kind: K,
    // Boxed: what holds a result is smaller for it.
    named: Box<Named>,
}

/// An event and the namespace that it was sent in.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    event: Box<str>,
    namespace: Box<str>,
}

impl Named {
    pub(crate) fn new(event: &str, namespace: &str) -> Self {
        Self { event: event.into(), namespace: namespace.into() }
    }
}

impl<K> EventError<K> {
    pub(crate) fn new(named: Named, kind: K) -> Self {
        Self { kind, named: Box::new(named) }
    }

    /// The name of the event.
    #[must_use]
    pub fn event(&self) -> &str {
        &self.named.event
    }

    /// The namespace that it was sent in.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.named.namespace
    }
}

impl<K: fmt::Display> fmt::Display for EventError<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} on {:?}: {}", self.event(), self.namespace(), self.kind)
    }
}

/// As the text, with what caused it: so kinds read in their `Debug`.
impl<K: fmt::Debug> fmt::Debug for EventError<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} on {:?}: {:?}", self.event(), self.namespace(), self.kind)
    }
}

impl<K: Error + 'static> Error for EventError<K> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.kind.source()
    }
}
