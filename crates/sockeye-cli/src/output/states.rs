//! Where a connection stands, as lines.

use std::sync::Arc;

use sockeye::client::{Client, CloseReason, ConnectionState, Events, Incoming, Socket, Transport};
use tokio::{sync::watch, task};

use super::lines::{Line, State};
use crate::failure::Failure;

/// The states of a connection, one after the other, for whoever shows them, with its events in between. That it has moved to
/// a WebSocket is no state of its own.
#[derive(Debug)]
pub(crate) struct States {
    client: Client,
    state: watch::Receiver<ConnectionState>,
    /// By what the one that was told last is connected.
    told: Option<Transport>,
    /// The id of the last connection that was told.
    told_id: Option<Arc<str>>,
    /// The next one to be told.
    waiting: Option<ConnectionState>,
    /// Whether the end was told.
    has_ended: bool,
}

/// What comes of a connection.
#[derive(Debug)]
pub(crate) enum Heard {
    State(ConnectionState),
    Event(Incoming),
    /// It is over, and all that came was heard.
    End,
}

impl States {
    /// All of a client, with the one that there is.
    pub(crate) fn new(client: &Client) -> Self {
        let mut state = client.state();
        state.mark_changed();
        Self {
            client: client.clone(),
            state,
            told: None,
            told_id: None,
            waiting: None,
            has_ended: false,
        }
    }

    /// What comes next, in the order in which it came: an end is told behind the events before it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn next(&mut self, events: &Events) -> Heard {
        loop {
            match &self.waiting {
                None if self.state.has_changed().unwrap_or(false) => self.look(),
                None => tokio::select! {
                    biased;
                    Ok(()) = self.state.changed() => self.state.mark_changed(),
                    incoming = events.recv() => match incoming {
                        Some(incoming) => return Heard::Event(incoming),
                        None if self.has_ended => return Heard::End,
                        None => {
                            // Whoever closed the inbox is about to say why.
                            self.client.closed().await;
                            self.state.mark_changed();
                        }
                    },
                },
                Some(ConnectionState::Closed { .. }) => match events.recv().await {
                    Some(incoming) => return Heard::Event(incoming),
                    None => return self.tell(),
                },
                Some(ConnectionState::Reconnecting { .. }) => tokio::select! {
                    biased;
                    Some(incoming) = events.recv() => return Heard::Event(incoming),
                    () = task::yield_now() => return self.tell(),
                },
                Some(_) => return self.tell(),
            }
        }
    }

    /// The connection that there is, or was, if it was not told.
    pub(crate) fn begun(&mut self) -> Option<ConnectionState> {
        if self.waiting.is_none() && self.state.has_changed().unwrap_or(false) {
            self.look();
        }
        let state = self.waiting.take_if(|state| state.is_connected())?;
        self.note(&state);
        Some(state)
    }

    /// The one that there is.
    pub(crate) fn now(&self) -> ConnectionState {
        self.state.borrow().clone()
    }

    /// Finds out which is to be told next.
    fn look(&mut self) {
        let state = self.state.borrow_and_update().clone();
        if !state.is_connected()
            && !is_same(self.client.last_id().as_ref(), self.told_id.as_ref())
            && let Some(connected) = self.client.last_connected()
        {
            // It was there, but not for long enough to be seen.
            self.state.mark_changed();
            self.waiting = Some(connected);
            return;
        }
        let has_moved = matches!(
            (self.told, &state),
            (
                Some(Transport::Polling),
                ConnectionState::Connected { transport: Transport::WebSocket, .. }
            )
        );
        if has_moved {
            self.note(&state);
        } else {
            self.waiting = Some(state);
        }
    }

    /// The one that waits.
    fn tell(&mut self) -> Heard {
        let Some(state) = self.waiting.take() else { return Heard::End };
        self.note(&state);
        Heard::State(state)
    }

    fn note(&mut self, state: &ConnectionState) {
        self.has_ended = matches!(state, ConnectionState::Closed { .. });
        self.told = None;
        if let ConnectionState::Connected { transport, .. } = state {
            self.told = Some(*transport);
            self.told_id = self.client.last_id();
        }
    }
}

/// Whether two ids are of one membership: its id is a text of its own.
fn is_same(one: Option<&Arc<str>>, other: Option<&Arc<str>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
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
        let id = if name.is_some() { socket.last_id() } else { socket.id() };
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
