//! Connections that wait for a request, and for how long they may.

use std::time::Duration;

use http::{HeaderMap, HeaderName};
use tokio::time::Instant;

use super::kept::Kept;

/// Most that wait: polling has a GET and a POST at a time.
const MAX_IDLE: usize = 2;

/// How long one may wait if the server does not say. One that it has closed is found out in most cases, but not if its
/// end is still on the way: then a request is lost.
const WAIT: Duration = Duration::from_secs(30);

/// What a server may take away from the time it has promised: its clock began earlier.
const MARGIN: Duration = Duration::from_secs(1);

/// The connections, and whether they are worth anything.
#[derive(Debug, Default)]
pub(super) struct Idle {
    /// The one used last at the end.
    waiting: Vec<(Kept, Instant)>,
    server: Server,
}

/// Some servers, such as netty-socketio 1.7, promise to keep a connection and close it all the same: a request that is on
/// its way just then is lost.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Server {
    /// It has promised, and nothing more is known. Only what can be repeated puts it to the test.
    #[default]
    Promises,
    /// It has taken a second request.
    Keeps,
    /// It has not.
    Closes,
}

impl Idle {
    /// One that is still good, as far as one can know.
    pub(super) fn take(&mut self, is_repeatable: bool) -> Option<Kept> {
        if self.server == Server::Promises && !is_repeatable {
            return None;
        }
        let now = Instant::now();
        // The others' time is up, too, if they are older; dropping them closes them.
        self.waiting.retain(|(_, until)| *until > now);
        self.waiting.pop().map(|(kept, _)| kept)
    }

    /// Keeps a connection for as long as `response`, its last, says.
    pub(super) fn put(&mut self, kept: Kept, response: &HeaderMap) {
        if self.server == Server::Closes {
            return;
        }
        if self.waiting.len() == MAX_IDLE {
            self.waiting.remove(0);
        }
        self.waiting.push((kept, Instant::now() + wait(response)));
    }

    /// A connection has carried a second request.
    pub(super) fn has_kept(&mut self) {
        if self.server == Server::Promises {
            self.server = Server::Keeps;
        }
    }

    /// A connection has broken under its second request. `true` if the server has never kept one: then it has most likely
    /// not seen the request.
    pub(super) fn has_closed(&mut self) -> bool {
        let is_first = self.server != Server::Keeps;
        if is_first {
            self.server = Server::Closes;
            self.waiting.clear();
        }
        is_first
    }
}

/// By `Keep-Alive: timeout=5`, which Node.js and Apache send.
fn wait(response: &HeaderMap) -> Duration {
    const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
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
