//! Connections that wait for a request, for how long they may, and whether it is any use to keep them.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::kept::Kept;

/// Most that wait: polling has a GET and a POST at a time.
const MAX_IDLE: usize = 2;

/// How long one may wait if the server does not say. One that it has closed is found out in most cases, but not if its
/// end is still on the way: then a request is lost.
const WAIT: Duration = Duration::from_secs(30);

/// What a server may take away from the time it has promised: its clock began earlier.
const MARGIN: Duration = Duration::from_secs(1);

/// When the end of a connection must have come, if the server closes each behind its answer.
pub(super) const PROOF: Duration = Duration::from_millis(100);

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// The connections, the one used last at the end.
#[derive(Debug, Default)]
pub(super) struct Idle(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    kept: Kept,
    since: Instant,
    until: Instant,
}

impl Idle {
    /// One that is still good, as far as one can know, and how long it has waited.
    pub(super) fn take(&mut self, habit: Habit) -> Option<(Kept, Duration)> {
        let now = Instant::now();
        // The others' time is up, too, if they are older; dropping them closes them.
        self.0.retain(|entry| entry.until > now);
        let entry = match habit {
            Habit::Keeps => self.0.pop(),
            Habit::Unknown => {
                let is_good = |entry: &Entry| now - entry.since >= PROOF;
                self.0.iter().position(is_good).map(|index| self.0.remove(index))
            }
            Habit::Closes => None,
        };
        entry.map(|entry| (entry.kept, now - entry.since))
    }

    /// Keeps a connection for as long as `response`, its last, says.
    pub(super) fn put(&mut self, kept: Kept, response: &HeaderMap, habit: Habit) {
        let is_full = self.0.len() == MAX_IDLE;
        match habit {
            Habit::Closes => return self.0.clear(),
            Habit::Unknown if is_full => return, // the older the connection, the better it proves anything
            Habit::Keeps if is_full => drop(self.0.remove(0)),
            Habit::Unknown | Habit::Keeps => {}
        }
        let now = Instant::now();
        self.0.push(Entry { kept, since: now, until: now + wait(response) });
    }
}

/// Whether a server keeps its connections.
///
/// Some (netty-socketio, and what stands in front of others) close each behind its answer, whatever their headers say of
/// it. A request that is sent meanwhile is lost, and nobody knows whether the server got it: sent once more, a POST might
/// come twice, and a GET pass over the packets that went with the lost answer. So none is sent by a connection that was
/// used before, until one has been open long enough to prove that the server keeps them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Habit {
    #[default]
    Unknown,
    Keeps,
    Closes,
}

/// What is known of it; clones share that, so that a client learns it once.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeepAlive(Arc<Mutex<Habit>>);

impl KeepAlive {
    pub(super) fn habit(&self) -> Habit {
        *self.0.lock()
    }

    /// A connection that had waited was open.
    pub(super) fn was_open(&self) {
        *self.0.lock() = Habit::Keeps;
    }

    /// One that had waited for so long was closed.
    pub(super) fn was_closed(&self, waited: Duration) {
        /// From here on it may be a matter of time: the server had kept it.
        const LONG: Duration = Duration::from_secs(1);

        let mut habit = self.0.lock();
        if waited < LONG {
            *habit = if *habit == Habit::Keeps { Habit::Unknown } else { Habit::Closes };
        }
    }

    /// Another server may be there, or come.
    pub(super) fn forget(&self) {
        *self.0.lock() = Habit::Unknown;
    }
}

/// By `Keep-Alive: timeout=5`, which Node.js and Apache send.
fn wait(response: &HeaderMap) -> Duration {
    let seconds = response
        .get_all(KEEP_ALIVE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("timeout").then(|| value.trim().parse().ok())?
        });
    match seconds {
        Some(seconds) => Duration::from_secs(seconds).saturating_sub(MARGIN).min(WAIT),
        None => WAIT,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_server_says_how_long_it_keeps_a_connection() {
        #[track_caller]
        fn check(keep_alive: Option<&'static str>, seconds: u64) {
            let value = keep_alive.map(HeaderValue::from_static);
            let headers = value.map(|value| (HeaderName::from_static("keep-alive"), value));
            assert_eq!(wait(&headers.into_iter().collect()).as_secs(), seconds, "{keep_alive:?}");
        }
        check(None, 30);
        check(Some("timeout=5"), 4);
        check(Some("max=100, Timeout = 72"), 30);
        check(Some("timeout=1"), 0);
        check(Some("timeout=0"), 0);
        check(Some("timeout=soon"), 30);
        check(Some("max=5"), 30);
    }
}
