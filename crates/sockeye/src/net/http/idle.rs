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

/// The connections, the one used last at the end.
#[derive(Debug, Default)]
pub(super) struct Idle(Vec<(Kept, Instant)>);

impl Idle {
    /// One that is still good, as far as one can know.
    pub(super) fn take(&mut self) -> Option<Kept> {
        let now = Instant::now();
        // The others' time is up, too, if they are older; dropping them closes them.
        self.0.retain(|(_, until)| *until > now);
        self.0.pop().map(|(kept, _)| kept)
    }

    /// Keeps a connection for as long as `response`, its last, says.
    pub(super) fn put(&mut self, kept: Kept, response: &HeaderMap) {
        if self.0.len() == MAX_IDLE {
            self.0.remove(0);
        }
        self.0.push((kept, Instant::now() + wait(response)));
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
