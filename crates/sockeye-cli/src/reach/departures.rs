//! Namespaces that are left although others stay: the first of them ends a command that wants all.

use sockeye::client::{Left, Membership};
use tokio::task::JoinSet;

use super::Session;

/// Watches the namespaces of a session.
#[derive(Debug)]
pub(crate) struct Departures(JoinSet<(String, Left)>);

impl Departures {
    /// Watches, unless namespaces are joined again.
    pub(crate) fn new(session: &Session, rejoins: bool) -> Self {
        let mut watchers = JoinSet::new();
        // If there is but one, the client ends with it.
        if session.sockets.len() > 1 && !rejoins {
            for socket in session.sockets.clone() {
                watchers.spawn(async move {
                    let mut membership = socket.membership();
                    let left = membership.wait_for(is_departure).await;
                    let because = match left.as_deref() {
                        Ok(Membership::Left(left)) => left.clone(),
                        _ => Left::Closed, // never: the socket holds the sender
                    };
                    (socket.namespace().to_owned(), because)
                });
            }
        }
        Self(watchers)
    }

    /// Waits for the first, and why it is left; for ever if none is watched.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> (String, Left) {
        match self.0.join_next().await {
            Some(Ok(departure)) => departure,
            _ => std::future::pending().await,
        }
    }
}

/// The end of the whole client is told otherwise.
const fn is_departure(membership: &Membership) -> bool {
    matches!(membership, Membership::Left(left) if !matches!(left, Left::Closed))
}
