//! Heartbeats over a link: silence ends both ends in time, anything else does not; and what crosses on a slow link.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

use std::time::Duration;

use proptest::prelude::*;
use sockeye_proto::{
    session::{Config, Reason, Timing},
    wire::{encoding::Encoding, engine::Version},
};
use sockeye_testkit::{ENCODINGS, Fault, Heard, Pair, Weather};

const TIMING: Timing =
    Timing { ping_interval: Duration::from_millis(300), ping_timeout: Duration::from_millis(200) };

fn config() -> Config {
    Config { timing: TIMING, ..Config::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_link_that_swallows_everything_ends_both_ends_within_interval_and_timeout(
        seed: u64,
        encoding in prop::sample::select(&ENCODINGS[..]),
        after_millis in 0..2_000_u64,
        max_delay_millis in 0..20_u64,
        chatter in any::<bool>(),
    ) {
        let max_delay = Duration::from_millis(max_delay_millis);
        let weather = Weather { max_delay, ..Weather::default() };
        let mut pair = Pair::new(seed, encoding, &config(), weather);
        pair.join("/");
        pair.run_for(Duration::from_millis(after_millis));
        prop_assert_eq!((pair.client.closed(), pair.server.closed()), (None, None));
        pair.fail(Fault::BlackHole);
        if chatter {
            // What this end sends is no sign that the other one lives.
            pair.client.emit("/", "hello", &()).unwrap();
            pair.server.emit("/", "hello", &()).unwrap();
        }
        pair.run_for(TIMING.ping_interval + TIMING.ping_timeout);
        let lost = Some(Reason::PingTimeout);
        prop_assert_eq!((pair.client.closed(), pair.server.closed()), (lost, lost));
    }

    #[test]
    fn a_slow_link_that_works_ends_nobody(
        seed: u64,
        encoding in prop::sample::select(&ENCODINGS[..]),
        max_chunk_bytes in 1..5_usize,
    ) {
        let max_delay = TIMING.ping_timeout / 2;
        let weather = Weather { max_chunk_bytes, max_delay, fault: None };
        let mut pair = Pair::new(seed, encoding, &config(), weather);
        pair.join("/");
        pair.run_for(Duration::from_secs(10));
        prop_assert_eq!((pair.client.closed(), pair.server.closed()), (None, None));
    }

    #[test]
    fn whichever_end_closes_the_other_hears_of_it(
        seed: u64,
        encoding in prop::sample::select(&ENCODINGS[..]),
        client_first: bool,
        max_chunk_bytes in 1..9_usize,
    ) {
        let max_delay = Duration::from_millis(30);
        let weather = Weather { max_chunk_bytes, max_delay, fault: None };
        let mut pair = Pair::new(seed, encoding, &config(), weather);
        pair.join("/");
        pair.server.emit("/", "last words", &()).unwrap();
        pair.client.emit("/", "last words", &()).unwrap();
        let now = pair.now();
        let closing = if client_first { &mut pair.client } else { &mut pair.server };
        closing.close(now, Reason::ServerShuttingDown);
        pair.run_for(Duration::from_secs(1));
        let (closing, other) = if client_first {
            (&pair.client, &mut pair.server)
        } else {
            (&pair.server, &mut pair.client)
        };
        prop_assert_eq!(closing.closed(), Some(Reason::ServerShuttingDown));
        prop_assert_eq!(other.closed(), Some(Reason::TransportClose));
        prop_assert_eq!(other.close_frame(), Some((1000, "server shutting down")));
        let heard = other.heard();
        prop_assert!(heard.as_ref().is_some_and(|heard| heard.name() == Some("last words")));
        prop_assert!(closing.is_ended() && other.is_ended());
    }
}

#[test]
fn a_long_upload_is_a_sign_of_life() {
    for encoding in ENCODINGS {
        let mut pair = Pair::new(1, encoding, &config(), Weather::default());
        pair.join("/");
        let mut now = pair.now();
        // The pong waits behind it in the sender's stream, for much longer than the timeout.
        let (sender, pinging) = match encoding.version {
            Version::V4 => (&mut pair.client, &mut pair.server),
            Version::V3 => (&mut pair.server, &mut pair.client),
        };
        sender.emit("/", "upload", &("x".repeat(1_000),)).unwrap();
        for byte in sender.transmit() {
            now += Duration::from_millis(10);
            pinging.handle_timeout(now);
            pinging.read(now, &mut [byte]);
            assert_eq!(pinging.closed(), None);
        }
        assert!(matches!(pinging.heard(), Some(Heard::Event { .. })));
    }
}

/// A pair on a link with a delay of up to 50 ms, in `/`.
fn slow(encoding: Encoding) -> Pair {
    let weather = Weather { max_delay: Duration::from_millis(50), ..Weather::default() };
    let mut pair = Pair::new(5, encoding, &Config::default(), weather);
    pair.join("/");
    pair
}

/// Lets everything arrive, the server accepting whoever asks, and gives what the client heard.
fn settle(pair: &mut Pair) -> Vec<String> {
    for _ in 0..4 {
        pair.flush();
        while let Some(heard) = pair.server.heard() {
            if let Heard::Connect { namespace, .. } = heard {
                pair.server.accept(&namespace, "{}");
            }
        }
    }
    assert_eq!(pair.client.closed(), None, "{:?}", pair.client.violation());
    assert_eq!(pair.server.closed(), None, "{:?}", pair.server.violation());
    std::iter::from_fn(|| pair.client.heard())
        .map(|heard| match heard {
            Heard::Event { name, .. } => name,
            Heard::Connected { .. } => "connected".to_owned(),
            Heard::Disconnect { .. } => "disconnected".to_owned(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn what_was_sent_to_the_membership_before_does_not_reach_the_next() {
    for encoding in ENCODINGS {
        let mut pair = slow(encoding);
        pair.server.emit("/", "to the first", &()).unwrap();
        pair.server.emit("/", "to the first", &(bytes::Bytes::from_static(b"x"),)).unwrap();
        let now = pair.now();
        assert!(pair.client.leave(now, "/"));
        assert!(pair.client.connect("/", ""));
        assert_eq!(settle(&mut pair), ["connected"]);
        pair.server.emit("/", "to the second", &()).unwrap();
        assert_eq!(settle(&mut pair), ["to the second"]);
    }
}

#[test]
fn a_disconnect_that_crosses_leaving_and_joining_again_ends_the_membership_before() {
    for encoding in ENCODINGS {
        let mut pair = slow(encoding);
        let now = pair.now();
        assert!(pair.server.leave(now, "/"));
        assert!(pair.client.leave(now, "/"));
        assert!(pair.client.connect("/", ""));
        assert_eq!(settle(&mut pair), ["connected"]);
        pair.server.emit("/", "hello", &()).unwrap();
        pair.client.emit("/", "hello", &()).unwrap();
        assert_eq!(settle(&mut pair), ["hello"]);
    }
}

#[test]
fn an_ack_of_the_membership_before_is_lost() {
    for encoding in ENCODINGS {
        let mut pair = slow(encoding);
        let now = pair.now();
        let token = pair.server.call((now, Duration::from_secs(9)), "/", "asked", &()).unwrap();
        pair.flush();
        let Some(Heard::Event { id: Some(id), .. }) = pair.client.heard() else { panic!("asked") };
        assert!(pair.server.leave(now, "/"));
        assert!(
            matches!(pair.server.heard(), Some(Heard::AckLost { token: lost }) if lost == token)
        );
        pair.client.ack("/", id, &()).unwrap();
        assert_eq!(settle(&mut pair), ["disconnected"]);
        assert!(!pair.server.has_heard());
    }
}
