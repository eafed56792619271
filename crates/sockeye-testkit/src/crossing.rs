//! A client that moves from polling to a WebSocket and a server, in virtual time.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use sockeye_proto::session::Config;

use crate::{
    Rng, Sight, Wire,
    host::Host,
    http::{Parcel, Roads, Traffic, Up},
    poller::Poller,
};

/// Two ends with HTTP requests and WebSockets between them; the clock moves when it is told to.
///
/// The same seed gives the same run; it is printed if the test fails.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use sockeye_proto::session::{Config, Transport};
/// use sockeye_testkit::{Crossing, Roads, Wire};
///
/// let roads = Roads { max_delay: Duration::from_millis(50), ..Roads::default() };
/// let mut crossing = Crossing::new(7, Wire::default(), &Config::default(), roads);
/// crossing.run_for(Duration::from_secs(2));
/// assert_eq!(crossing.server.transport(), Transport::WebSocket);
/// assert!(crossing.client.has_moved());
/// ```
#[derive(Debug)]
pub struct Crossing {
    /// The end that polls.
    pub client: Poller,
    /// The end that answers.
    pub server: Host,
    traffic: Traffic,
    now: Instant,
    start: Instant,
    seed: u64,
}

impl Crossing {
    /// A client that is about to send its first request.
    pub fn new(seed: u64, wire: Wire, config: &Config, roads: Roads) -> Self {
        let now = Instant::now();
        let mut crossing = Self {
            client: Poller::new(now, wire, config.clone(), roads.upgrade_after),
            server: Host::new(now, wire, config.clone()),
            traffic: Traffic::new(roads, Rng::new(seed)),
            now,
            start: now,
            seed,
        };
        crossing.settle();
        crossing
    }

    /// Runs for this long, and leaves the clock at its end.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        loop {
            let deadlines = [self.client.next_deadline(), self.server.next_deadline()];
            let next = [self.traffic.next_arrival()].into_iter().chain(deadlines).flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            let arrived = self.traffic.arrived(self.now);
            let is_due = arrived.is_none();
            match arrived {
                Some(Parcel::Up(parcel)) => {
                    self.server.receive(self.now, parcel, &mut self.traffic);
                }
                Some(Parcel::Down(parcel)) => {
                    self.client.receive(self.now, parcel, &mut self.traffic);
                }
                None => {
                    self.server.handle_timeout(self.now);
                    self.client.handle_timeout(self.now);
                }
            }
            self.settle();
            if is_due {
                let deadlines = [self.client.next_deadline(), self.server.next_deadline()];
                assert!(
                    deadlines.into_iter().flatten().all(|deadline| deadline > self.now),
                    "a deadline that has passed was not met"
                );
            }
        }
        self.now = end;
    }

    /// Another WebSocket of the same session says `2probe`, and nothing more.
    pub fn offer_another(&mut self, socket: u64) {
        let socket = socket + 1;
        self.traffic.stream(self.now, socket, Parcel::Up(Up::Offer { socket }));
    }

    /// Whether the mishap or the fault has happened.
    pub const fn has_struck(&self) -> bool {
        self.traffic.has_struck()
    }

    /// What has happened that does not happen in each run.
    pub const fn seen(&self) -> &BTreeSet<Sight> {
        self.traffic.seen()
    }

    /// The time since it began.
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    fn settle(&mut self) {
        self.server.settle(self.now, &mut self.traffic);
        self.client.settle(self.now, &mut self.traffic);
    }
}

impl Drop for Crossing {
    #[expect(clippy::print_stderr, reason = "a test that fails says how to repeat it")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("after {:?} with the seed {}", self.elapsed(), self.seed);
        }
    }
}
