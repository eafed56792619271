//! Whether this machine has slept for so long that the server must have given up on us.
//!
//! The clock of timers stands still while a machine is suspended, so a heartbeat that is long overdue looks fine after it.
//! The clock on the wall goes on: when it has gone further than the other by more than the heartbeat allows, the
//! connection is dead, though nobody has noticed.

use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

#[derive(Debug)]
pub(super) struct Lifeline {
    /// When both clocks were last looked at by the driver, which anything that arrives wakes.
    last: Mutex<(Instant, SystemTime)>,
    /// Silence that ends a session.
    allowance: Duration,
}

impl Lifeline {
    pub(super) fn new(now: Instant, allowance: Duration) -> Self {
        Self { last: Mutex::new((now, SystemTime::now())), allowance }
    }

    /// The driver is at work.
    pub(super) fn note(&self, now: Instant) {
        *self.last.lock() = (now, SystemTime::now());
    }

    /// Whether this machine has slept since, for longer than the server waits.
    pub(super) fn is_overslept(&self, now: Instant) -> bool {
        self.has_overslept(now, SystemTime::now())
    }

    fn has_overslept(&self, now: Instant, wall: SystemTime) -> bool {
        let (then, wall_then) = *self.last.lock();
        let awake = now.saturating_duration_since(then);
        // A clock that is set back says nothing.
        let passed = wall.duration_since(wall_then).unwrap_or_default();
        passed.saturating_sub(awake) > self.allowance
    }

    /// Makes it look as if this machine had slept.
    #[cfg(test)]
    pub(super) fn sleep(&self, time: Duration) {
        self.last.lock().1 -= time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_wall_clock_runs_while_a_machine_sleeps() {
        let start = Instant::now();
        let lifeline = Lifeline::new(start, Duration::from_secs(45));
        let (_, wall) = *lifeline.last.lock();
        let check = |awake: u64, passed: u64, expect: bool| {
            let (now, wall) =
                (start + Duration::from_secs(awake), wall + Duration::from_secs(passed));
            assert_eq!(lifeline.has_overslept(now, wall), expect, "{awake} s, {passed} s");
        };
        check(0, 0, false);
        check(100, 100, false);
        check(100, 145, false);
        check(100, 146, true);
        check(0, 3_600, true);
        check(100, 0, false); // set back
        lifeline.note(start + Duration::from_secs(3_600));
        assert!(!lifeline.is_overslept(start + Duration::from_secs(3_601)));
    }

    #[cfg(feature = "server")]
    #[tokio::test]
    async fn what_is_emitted_after_a_sleep_goes_out_by_a_new_connection() {
        use sockeye_proto::session::Reason;

        use crate::{
            client::{Client, ConnectionState},
            event::RawArgs,
            server::{Namespace, Server},
        };

        const PATIENCE: Duration = Duration::from_secs(20);

        let echo = Namespace::new().on("echo", async |args: RawArgs| crate::event::Ack(args));
        let server = Server::builder().namespace("/", echo).build().unwrap();
        let app = axum::Router::new().route_service("/socket.io/", server.service());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let client = Client::builder(url).connect().await.unwrap();
        let (id, mut state) = (client.id(), client.state());
        client.socket().member.sleep(Duration::from_secs(3_600));
        let call = client.call::<u8>("echo", (1,)).timeout(PATIENCE);
        let is_lost = |state: &ConnectionState| match state {
            ConnectionState::Reconnecting { because, .. } => because.reason == Reason::PingTimeout,
            _ => false,
        };
        let lost = async { state.wait_for(is_lost).await.map(drop) };
        let (answer, lost) = tokio::join!(call, tokio::time::timeout(PATIENCE, lost));
        assert_eq!(answer.unwrap(), 1);
        lost.unwrap().unwrap();
        assert_ne!(client.id(), id);
        client.close().await;
    }
}
