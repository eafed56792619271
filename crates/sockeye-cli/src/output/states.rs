//! Where a connection stands, as lines.

use futures_util::FutureExt as _;
use sockeye::client::{Client, CloseReason, ConnectionState, Socket, Transport};
use tokio::sync::watch;

use super::lines::{Line, State};
use crate::failure::Failure;

/// The states of a connection, one after the other, for whoever shows them. That it has moved to a WebSocket is none.
#[derive(Debug)]
pub(crate) struct States {
    state: watch::Receiver<ConnectionState>,
    /// By what the one that was told last is connected.
    told: Option<Transport>,
}

impl States {
    /// Those from now on.
    pub(crate) fn new(client: &Client) -> Self {
        Self { state: client.state(), told: None }
    }

    /// Tells the one that there is, too.
    pub(crate) fn with_first(mut self) -> Self {
        self.state.mark_changed();
        self
    }

    /// The next one; `None` if there is no client any more.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<ConnectionState> {
        loop {
            self.state.changed().await.ok()?;
            let state = self.state.borrow_and_update().clone();
            let transport = match state {
                ConnectionState::Connected { transport, .. } => Some(transport),
                _ => None,
            };
            let told = std::mem::replace(&mut self.told, transport);
            if (told, transport) != (Some(Transport::Polling), Some(Transport::WebSocket)) {
                return Some(state);
            }
        }
    }

    /// The last one, of a client that has ended, if it was not told already.
    pub(crate) fn last(&mut self) -> Option<ConnectionState> {
        self.next().now_or_never().flatten()
    }

    /// The one that there is.
    pub(crate) fn now(&self) -> ConnectionState {
        self.state.borrow().clone()
    }
}

/// Gives a line for each namespace to `print`, if the state is one to be told: none while a connection is being made.
///
/// # Errors
///
/// Those of `print`.
pub(super) fn states(
    state: &ConnectionState,
    sockets: &[Socket],
    print: impl FnMut(&Line<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    match state {
        ConnectionState::Connecting { .. }
        // Told once for each loss, and again for each attempt that failed.
        | ConnectionState::Reconnecting { next_delay: None, .. } => Ok(()),
        _ => states_now(state, sockets, print),
    }
}

/// As [`states`], of any state.
///
/// # Errors
///
/// Those of `print`.
pub(super) fn states_now(
    state: &ConnectionState,
    sockets: &[Socket],
    mut print: impl FnMut(&Line<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut name = None;
    let (state, eio, reason) = match state {
        ConnectionState::Connected { transport, version } => {
            name = Some(transport.to_string());
            (State::Connected, version.to_eio().parse().ok(), None)
        }
        ConnectionState::Reconnecting { because, last_error, .. } => {
            let reason = match last_error {
                Some(error) => error.to_string(),
                None => because.to_string(),
            };
            (State::Reconnecting, None, Some(reason))
        }
        ConnectionState::Closed { reason } => {
            // That it is lost, the state says.
            let reason = match reason {
                CloseReason::Lost(disconnect) => disconnect.to_string(),
                reason => reason.to_string(),
            };
            (State::Closed, None, Some(reason))
        }
        _ => (State::Reconnecting, None, None),
    };
    for socket in sockets {
        let id = socket.id();
        print(&Line::State {
            state,
            nsp: socket.namespace(),
            sid: id.as_deref(),
            transport: name.as_deref(),
            eio,
            reason: reason.as_deref(),
        })?;
    }
    Ok(())
}
