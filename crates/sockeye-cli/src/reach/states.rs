//! Where a connection stands, as lines.

use sockeye::client::{ConnectionState, Socket};

use crate::{
    failure::Failure,
    lines::{Line, State},
};

/// Gives a line for each namespace to `print`, if the state is one to be told: none while a connection is being made.
///
/// # Errors
///
/// Those of `print`.
pub(crate) fn states(
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
pub(crate) fn states_now(
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
        ConnectionState::Closed { reason } => (State::Closed, None, Some(reason.to_string())),
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
