//! A client and a server in virtual time, with a faulty link between them.

use std::time::{Duration, Instant};

use sockeye_proto::{
    session::Config,
    wire::{encoding::Encoding, engine::Version},
};

use crate::{
    End, Fault, Rng, Weather,
    link::{Chunk, Direction, Link},
};

/// Two ends and a link; the clock moves only when it is told to, or when nothing else is to be done.
///
/// The same seed gives the same run; it is printed if the test fails.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use sockeye_proto::{session::Config, wire::encoding::Encoding};
/// use sockeye_testkit::{Heard, Pair, Weather};
///
/// let weather = Weather { max_chunk_bytes: 1, max_delay: Duration::from_millis(50), fault: None };
/// let mut pair = Pair::new(7, Encoding::default(), &Config::default(), weather);
/// pair.join("/chat");
/// pair.client.emit("/chat", "say", &("hello",)).unwrap();
/// pair.run_until(|pair| pair.server.has_heard());
/// let Some(Heard::Event { name, payload, .. }) = pair.server.heard() else { panic!("an event") };
/// assert_eq!((name.as_str(), payload.args_text()), ("say", r#""hello""#));
/// ```
#[derive(Debug)]
pub struct Pair {
    /// The end that pings in version 3.
    pub client: End,
    /// The end that pings in version 4.
    pub server: End,
    encoding: Encoding,
    now: Instant,
    start: Instant,
    link: Link,
    seed: u64,
    ended: (bool, bool),
}

impl Pair {
    /// Two ends that have just agreed on a WebSocket.
    pub fn new(seed: u64, encoding: Encoding, config: &Config, weather: Weather) -> Self {
        let now = Instant::now();
        let mut rng = Rng::new(seed);
        let mut pair = Self {
            client: End::client(now, encoding, config.clone(), rng.next_u64()),
            server: End::server(now, encoding, config.clone(), "the-sid-of-the-server"),
            encoding,
            now,
            start: now,
            link: Link::new(weather, rng),
            seed,
            ended: (false, false),
        };
        pair.pump();
        pair
    }

    /// Lets the client join a namespace, and waits until it has; what else is heard meanwhile is dropped.
    ///
    /// # Panics
    ///
    /// If the link breaks before.
    pub fn join(&mut self, namespace: &str) {
        self.run_until(|pair| pair.client.has_heard());
        let is_unasked = self.encoding.version == Version::V3 && namespace == "/";
        let asks = !is_unasked && self.client.connect(namespace, "");
        assert!(asks || is_unasked, "{namespace} is joined already");
        while !self.server.accept(namespace, r#"{"sid":"a-socket"}"#) {
            assert!(self.step(), "the link broke before {namespace} was joined");
        }
        self.forget();
        self.run_until(|pair| pair.client.has_heard());
        self.forget();
    }

    /// Moves what was sent onto the link, and the clock to the next thing that happens; `false` if nothing will, ever.
    pub fn step(&mut self) -> bool {
        self.pump();
        let next = [
            self.link.up.next_arrival(),
            self.link.down.next_arrival(),
            self.client.next_deadline(),
            self.server.next_deadline(),
        ];
        let Some(next) = next.into_iter().flatten().min() else { return false };
        self.now = self.now.max(next);
        self.advance();
        true
    }

    /// Steps until the condition holds; `false` if the clock ran for an hour, or nothing more happens.
    pub fn run_until(&mut self, mut condition: impl FnMut(&Self) -> bool) -> bool {
        let limit = self.now + Duration::from_secs(3600);
        while !condition(self) {
            if self.now >= limit || !self.step() {
                return false;
            }
        }
        true
    }

    /// Runs for this long, and leaves the clock at its end.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.pump();
            let arrivals = [self.link.up.next_arrival(), self.link.down.next_arrival()];
            let deadlines = [self.client.next_deadline(), self.server.next_deadline()];
            let next = arrivals.into_iter().chain(deadlines).flatten().min();
            if next.is_none_or(|next| next > end) {
                break;
            }
            self.step();
        }
        self.now = end;
        self.advance();
    }

    /// Runs until all that was sent has arrived.
    pub fn flush(&mut self) {
        self.pump();
        while let Some(next) =
            [self.link.up.next_arrival(), self.link.down.next_arrival()].into_iter().flatten().min()
        {
            self.run_for(next.saturating_duration_since(self.now));
        }
    }

    /// Breaks the link now.
    pub fn fail(&mut self, fault: Fault) {
        self.pump();
        self.link.fail(self.now, fault);
    }

    /// Drops what both ends have heard.
    pub fn forget(&mut self) {
        for end in [&mut self.client, &mut self.server] {
            while end.heard().is_some() {}
        }
    }

    /// The time.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The time since the pair was made.
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// What has gone wrong on the link, if anything has.
    pub const fn broken(&self) -> Option<Fault> {
        self.link.broken()
    }

    fn pump(&mut self) {
        let Self { client, server, link, now, ended, .. } = self;
        for (end, direction, ended) in
            [(client, Direction::Up, &mut ended.0), (server, Direction::Down, &mut ended.1)]
        {
            link.send(*now, direction, &end.transmit());
            if end.is_ended() && !*ended {
                *ended = true;
                link.end(*now, direction);
            }
        }
    }

    /// Does all that is due now.
    fn advance(&mut self) {
        let Self { client, server, link, now, .. } = self;
        for (end, way) in [(client, &mut link.down), (server, &mut link.up)] {
            while let Some(chunk) = way.arrived(*now) {
                match chunk {
                    Chunk::Bytes(mut bytes) => end.read(*now, &mut bytes),
                    Chunk::End => end.handle_eof(*now),
                }
            }
            end.handle_timeout(*now);
            assert!(
                end.next_deadline().is_none_or(|deadline| deadline > *now),
                "a deadline that has passed was not met"
            );
        }
        self.pump();
    }
}

impl Drop for Pair {
    #[expect(clippy::print_stderr, reason = "a test that fails says how to repeat it")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("after {:?} with the seed {}", self.elapsed(), self.seed);
        }
    }
}
