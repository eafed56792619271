//! Counts what comes, on whatever thread, and wakes who waits for a number.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(crate) struct Counter {
    state: Mutex<State>,
    reached: Condvar,
}

#[derive(Default)]
struct State {
    count: u64,
    awaited: u64,
}

impl Counter {
    pub(crate) fn add(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.count += 1;
        if state.count == state.awaited {
            self.reached.notify_all();
        }
    }

    pub(crate) fn reset(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// Waits for so many; says how many have come if that takes too long.
    pub(crate) fn reach(&self, count: u64) -> Result<(), String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.awaited = count;
        let waited = self.reached.wait_timeout_while(state, PATIENCE, |state| state.count < count);
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() { Err(format!("{} of {count} came", state.count)) } else { Ok(()) }
    }
}
