//! What a server's session on polling does with each thing that requests and a second transport may do to it.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sockeye_proto::{
    session::{
        Config, Opening, Output, Probe, Reason, Received, Refused, Role, Session, Transport,
        Violation,
    },
    wire::{
        encoding::{Encoding, Parser},
        engine::Version,
    },
};

const V4: Encoding = Encoding::new(Version::V4, Parser::Json);
const V3: Encoding = Encoding::new(Version::V3, Parser::Json);
const MSGPACK: Encoding = Encoding::new(Version::V4, Parser::MsgPack);

/// A server's session, and the clock.
struct Server {
    session: Session<u32>,
    encoding: Encoding,
    start: Instant,
    now: Instant,
}

impl Server {
    /// Its handshake is sent; no namespace is joined.
    fn opened(encoding: Encoding, on_polling: bool, config: Config) -> Self {
        let now = Instant::now();
        let opening = Opening { sid: "sid", encoding, on_polling };
        let session = Session::server(now, Arc::new(config), opening);
        let mut server = Self { session, encoding, start: now, now };
        assert!(server.sent()[0].starts_with('0'), "the handshake comes first");
        server
    }

    /// In version 4, on polling, in `/`.
    fn joined() -> Self {
        let mut server = Self::opened(V4, true, Config::default());
        server.session.receive_text(server.now, "40").unwrap();
        assert!(server.session.accept("/", "{}"));
        server.sent();
        server
    }

    /// As [`Self::joined`], and a WebSocket has been probed.
    fn probed() -> Self {
        let mut server = Self::joined();
        assert!(server.session.probe(server.now));
        assert_eq!(server.probe("2probe"), Probe::Answer);
        server
    }

    fn get(&mut self) -> Result<(), Refused> {
        self.session.get(self.now)
    }

    fn probe(&mut self, message: &str) -> Probe {
        self.session.receive_probe(self.now, message)
    }

    fn releases_get(&self) -> bool {
        self.session.releases_get(self.now)
    }

    fn receive(&mut self, text: &str) -> Result<String, Violation> {
        self.session.receive_text(self.now, text).map(gist)
    }

    fn receive_binary(&mut self, bytes: &[u8]) -> Result<String, Violation> {
        self.session.receive_binary(self.now, bytes).map(gist)
    }

    /// Moves the clock to so long after the start, minding every deadline on the way.
    fn at(&mut self, millis: u64) {
        let end = self.start + Duration::from_millis(millis);
        while let Some(due) = self.session.next_deadline().filter(|due| *due <= end) {
            if due <= self.now && self.releases_get() {
                break; // the owner would answer it; the test looks at that itself
            }
            self.now = self.now.max(due);
            self.session.handle_timeout(self.now).unwrap();
        }
        self.now = end;
    }

    /// What is to be sent, as text.
    fn sent(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.session.poll_output())
            .filter_map(|output| match output {
                Output::Send(packet) => Some(packet.encoded_for(self.encoding).text().to_owned()),
                _ => None,
            })
            .collect()
    }

    #[track_caller]
    fn is_alive_on(&self, transport: Transport) {
        assert_eq!((self.session.closed(), self.session.transport()), (None, transport));
    }
}

fn gist(received: Option<Received<'_, u32>>) -> String {
    match received {
        None => String::new(),
        Some(Received::Connect { namespace, auth }) => {
            format!("connect {namespace} {}", auth.args_text())
        }
        Some(Received::Event { namespace, name, payload, .. }) => {
            let attachments = payload.attachments().len();
            format!("event {namespace} {name} {} +{attachments}", payload.args_text())
        }
        other => panic!("not expected: {other:?}"),
    }
}

#[test]
fn upgrades_are_announced_where_there_is_one() {
    #[track_caller]
    fn check(on_polling: bool, upgrades: bool, expect: &str) {
        let opening = Opening { sid: "sid", encoding: V4, on_polling };
        let config = Arc::new(Config { upgrades, ..Config::default() });
        let mut session = Session::<u32>::server(Instant::now(), config, opening);
        let Some(Output::Send(open)) = session.poll_output() else { panic!("the handshake") };
        assert!(open.text().contains(expect), "{}", open.text());
    }
    check(true, true, r#""upgrades":["websocket"]"#);
    check(true, false, r#""upgrades":[]"#);
    check(false, true, r#""upgrades":[]"#);
}

#[test]
fn a_second_request_of_a_kind_while_one_is_under_way_ends_the_session() {
    let mut server = Server::joined();
    assert_eq!(server.get(), Ok(()));
    assert_eq!(server.session.post(), Ok(()), "one of each is allowed");
    assert_eq!(server.get(), Err(Refused::Overlap));
    assert_eq!(server.session.closed(), Some(Reason::TransportError));

    let mut server = Server::joined();
    assert_eq!(server.session.post(), Ok(()));
    assert_eq!(server.session.post(), Err(Refused::Overlap));
    assert_eq!(server.session.closed(), Some(Reason::TransportError));
}

#[test]
fn requests_one_after_the_other_are_served() {
    let mut server = Server::joined();
    for _ in 0..3 {
        assert_eq!(server.get(), Ok(()));
        assert_eq!(server.session.post(), Ok(()));
        server.session.get_answered(server.now);
        server.session.post_done();
    }
    server.is_alive_on(Transport::Polling);
}

#[test]
fn a_request_that_is_given_up_ends_the_session() {
    let mut server = Server::joined();
    assert_eq!(server.get(), Ok(()));
    server.session.get_lost();
    assert_eq!(server.session.closed(), Some(Reason::TransportError));

    let mut server = Server::joined();
    assert_eq!(server.session.post(), Ok(()));
    server.session.post_lost();
    assert_eq!(server.session.closed(), Some(Reason::TransportError));
}

#[test]
fn a_body_that_cannot_be_read_ends_the_session() {
    let mut server = Server::joined();
    server.session.receive_garbage();
    assert_eq!(server.session.closed(), Some(Reason::ParseError));
}

#[test]
fn a_client_that_closes_by_post_is_gone() {
    let mut server = Server::joined();
    assert_eq!(server.receive("1").as_deref(), Ok(""));
    assert_eq!(server.session.closed(), Some(Reason::TransportClose));
}

#[test]
fn a_session_that_ended_gives_one_more_get_its_farewell() {
    let mut server = Server::joined();
    server.session.close(Reason::ServerShuttingDown);
    assert_eq!(server.session.post(), Err(Refused::Closed));
    assert!(!server.session.probe(server.now), "there is nothing to take over");
    assert_eq!(server.get(), Ok(()));
    assert_eq!(server.get(), Err(Refused::Overlap));
    assert_eq!(server.session.closed(), Some(Reason::ServerShuttingDown), "the first counts");

    let mut server = Server::opened(V4, false, Config::default());
    server.session.close(Reason::ServerShuttingDown);
    assert_eq!(server.get(), Err(Refused::Closed));
}

/// Nor is there anything for it: it did not answer.
#[test]
fn a_get_that_comes_after_the_pong_was_due_is_too_late_whoever_looked() {
    let mut server = Server::joined();
    let timing = Config::default().timing;
    server.now += timing.ping_interval + Duration::from_millis(12); // a timer is late
    server.session.handle_timeout(server.now).unwrap();
    assert_eq!(server.sent(), ["2"]);
    server.now = server.start + timing.ping_interval + timing.ping_timeout;
    assert_eq!(server.session.get(server.now), Err(Refused::Closed));
    assert_eq!(server.session.closed(), Some(Reason::PingTimeout));
}

#[test]
fn a_websocket_takes_over_with_the_probe_and_the_upgrade() {
    let mut server = Server::joined();
    assert!(server.session.may_probe());
    assert!(server.session.probe(server.now));
    server.is_alive_on(Transport::Probing);
    assert_eq!(server.probe("2probe"), Probe::Answer);
    server.is_alive_on(Transport::Probed);
    assert_eq!(server.receive(r#"42["by POST"]"#).as_deref(), Ok("event / by POST  +0"));
    assert_eq!(server.probe("5"), Probe::Upgraded);
    server.is_alive_on(Transport::WebSocket);
    assert_eq!(server.receive(r#"42["by WebSocket"]"#).as_deref(), Ok("event / by WebSocket  +0"));
}

#[test]
fn after_the_upgrade_requests_and_further_websockets_are_refused() {
    let mut server = Server::probed();
    assert_eq!(server.probe("5"), Probe::Upgraded);
    assert_eq!(server.get(), Err(Refused::NotPolling));
    assert_eq!(server.session.post(), Err(Refused::NotPolling));
    assert!(!server.session.may_probe());
    assert!(!server.session.probe(server.now));
    assert_eq!(server.probe("2probe"), Probe::Failed);
    assert!(!server.releases_get());
    server.is_alive_on(Transport::WebSocket);
}

#[test]
fn a_probe_that_says_anything_else_fails_and_the_session_stays() {
    for message in ["2", "2probe ", "2Probe", "3probe", "5", "6", "", r#"42["a"]"#, "1"] {
        let mut server = Server::joined();
        assert!(server.session.probe(server.now));
        assert_eq!(server.probe(message), Probe::Failed, "{message:?} first");
        server.is_alive_on(Transport::Polling);
    }
    for message in ["2probe", "3probe", " 5", "6", "", r#"42["a"]"#, "1", "bAQID"] {
        let mut server = Server::probed();
        assert_eq!(server.probe(message), Probe::Failed, "{message:?} after the probe");
        server.is_alive_on(Transport::Polling);
        assert_eq!(server.probe("5"), Probe::Failed, "it had its chance");
        assert_eq!(server.get(), Ok(()));
        assert!(server.session.probe(server.now), "the next one has its own");
    }
}

#[test]
fn what_stands_behind_the_upgrade_has_no_meaning() {
    for message in ["5", "52", "5probe", "5 ", "55", "5{}"] {
        let mut server = Server::probed();
        assert_eq!(server.probe(message), Probe::Upgraded, "{message:?}");
        server.is_alive_on(Transport::WebSocket);
    }
}

#[test]
fn an_upgrade_while_a_post_is_under_way_fails() {
    let mut server = Server::probed();
    assert_eq!(server.session.post(), Ok(()));
    assert_eq!(server.probe("5"), Probe::Failed);
    server.is_alive_on(Transport::Polling);
}

#[test]
fn a_get_that_waits_does_not_hinder_the_upgrade() {
    let mut server = Server::probed();
    assert_eq!(server.get(), Ok(()));
    assert_eq!(server.probe("5"), Probe::Upgraded);
    server.is_alive_on(Transport::WebSocket);
}

#[test]
fn there_is_one_probe_at_a_time() {
    let mut server = Server::joined();
    assert!(server.session.probe(server.now));
    assert!(!server.session.may_probe());
    assert!(!server.session.probe(server.now), "one is probing");
    assert_eq!(server.probe("2probe"), Probe::Answer);
    assert!(!server.session.probe(server.now), "one was probed");
    server.session.probe_lost();
    server.is_alive_on(Transport::Polling);
    assert!(server.session.probe(server.now), "the first is gone");
}

#[test]
fn without_upgrades_there_is_no_probe() {
    let config = Config { upgrades: false, ..Config::default() };
    let mut server = Server::opened(V4, true, config);
    assert!(!server.session.probe(server.now));
    server.is_alive_on(Transport::Polling);
}

#[test]
fn the_upgrade_timeout_ends_the_probe_and_keeps_the_session() {
    for says_2probe in [false, true] {
        let mut server = Server::joined();
        server.at(1_000);
        assert!(server.session.probe(server.now));
        if says_2probe {
            assert_eq!(server.probe("2probe"), Probe::Answer);
        }
        server.at(10_999);
        assert_ne!(server.session.transport(), Transport::Polling);
        server.at(11_000); // of the whole probe, not of each step
        server.is_alive_on(Transport::Polling);
        assert_eq!(server.probe("5"), Probe::Failed, "it comes too late");
        assert_eq!(server.get(), Ok(()));
    }
}

#[test]
fn a_get_is_released_at_the_probe_and_then_each_tenth_of_a_second() {
    let mut server = Server::joined();
    assert_eq!(server.get(), Ok(()));
    assert!(!server.releases_get(), "nothing hurries");
    assert!(server.session.probe(server.now));
    assert!(!server.releases_get(), "who says nothing gets nothing");
    assert_eq!(server.probe("2probe"), Probe::Answer);
    assert!(server.releases_get());
    assert!(server.session.next_deadline() <= Some(server.now), "the owner hears of it");
    server.session.get_answered(server.now);
    assert!(!server.releases_get(), "none waits");

    assert_eq!(server.get(), Ok(())); // sent before the client saw the answer to its probe
    assert!(!server.releases_get());
    server.at(99);
    assert!(!server.releases_get());
    server.at(100);
    assert!(server.releases_get());

    server.session.probe_lost();
    assert!(!server.releases_get(), "back on polling it waits for packets");
}

#[test]
fn the_heartbeat_runs_on_polling_and_through_the_upgrade() {
    let mut server = Server::joined();
    server.at(24_900);
    assert!(server.session.probe(server.now));
    assert_eq!(server.probe("2probe"), Probe::Answer);
    server.at(25_000);
    assert_eq!(server.sent(), ["2"]);
    assert_eq!(server.probe("5"), Probe::Upgraded);
    server.at(44_999);
    server.is_alive_on(Transport::WebSocket);
    server.at(45_000); // the pong got lost
    assert_eq!(server.session.closed(), Some(Reason::PingTimeout));

    let mut server = Server::probed();
    assert_eq!(server.probe("5"), Probe::Upgraded);
    for round in 1..=3 {
        server.at(25_000 * round);
        assert_eq!(server.sent(), ["2"], "in round {round}");
        assert_eq!(server.receive("3").as_deref(), Ok(""));
    }
    server.is_alive_on(Transport::WebSocket);
}

#[test]
fn a_client_that_stops_to_poll_is_lost_with_its_heartbeat() {
    let mut server = Server::joined();
    server.at(25_000);
    assert_eq!(server.sent(), ["2"]);
    server.at(45_000);
    assert_eq!(server.session.closed(), Some(Reason::PingTimeout));
}

#[test]
fn in_version_3_the_client_pings_and_the_server_never_does() {
    for on_polling in [true, false] {
        let mut server = Server::opened(V3, on_polling, Config::default());
        assert_eq!(
            server.session.join_root().map(|received| gist(Some(received))).unwrap(),
            "connect / {}"
        );
        assert!(server.session.accept("/", r#"{"sid":"x"}"#));
        assert_eq!(server.sent(), ["40"], "a bare CONNECT");
        for round in 1..=4 {
            server.at(25_000 * round);
            assert_eq!(server.sent(), [""; 0], "no ping");
            assert_eq!(server.receive("2").as_deref(), Ok(""));
            assert_eq!(server.sent(), ["3"]);
        }
        server.at(100_000 + 44_999);
        assert_eq!(server.session.closed(), None);
        server.at(100_000 + 45_000);
        assert_eq!(server.session.closed(), Some(Reason::PingTimeout));
    }
    let mut server = Server::opened(V3, false, Config::default());
    assert_eq!(
        server.receive("3").unwrap_err().reason(Role::Server),
        Reason::TransportError,
        "a pong"
    );
}

#[test]
fn in_version_3_root_is_joined_once_and_unasked() {
    let mut server = Server::opened(V3, true, Config::default());
    assert!(server.session.join_root().is_some());
    assert!(server.session.join_root().is_none());
    assert!(server.session.accept("/", "{}"));
    assert_eq!(server.receive("40").as_deref(), Ok(""), "it means no harm");
    assert_eq!(server.receive(r#"42["a"]"#).as_deref(), Ok("event / a  +0"));
    let mut server = Server::opened(V4, true, Config::default());
    assert!(server.session.join_root().is_none(), "in version 4 a client asks");
}

#[test]
fn in_version_3_the_query_of_a_namespace_is_its_auth() {
    let mut server = Server::opened(V3, true, Config::default());
    let cases = [
        ("40/a?token=x%20y&n=1", r#"connect /a {"n":"1","token":"x y"}"#),
        ("40/b?token=x,", r#"connect /b {"token":"x"}"#),
        ("40/c", "connect /c {}"),
    ];
    for (text, expect) in cases {
        assert_eq!(server.receive(text).as_deref(), Ok(expect), "{text}");
    }
    assert!(server.session.accept("/a", r#"{"sid":"x"}"#));
    assert_eq!(server.sent(), ["40/a,"]);
}

#[test]
fn in_version_3_an_attachment_has_its_digit_on_websocket_only() {
    let event = r#"451-["a",{"_placeholder":true,"num":0}]"#;
    for (on_polling, attachment) in [(true, &b"x"[..]), (false, b"\x04x")] {
        let mut server = Server::opened(V3, on_polling, Config::default());
        server.session.join_root();
        assert!(server.session.accept("/", ""));
        assert_eq!(server.receive(event).as_deref(), Ok(""));
        let event = server.receive_binary(attachment).unwrap();
        assert!(event.starts_with("event / a ") && event.ends_with("+1"), "{event}");
    }
    let mut server = Server::opened(V3, false, Config::default());
    assert!(server.receive_binary(b"\x01x").is_err(), "another digit");
    assert_eq!(server.session.closed(), Some(Reason::ParseError));
}

#[test]
fn in_version_3_an_attachment_in_base64_has_its_digit_too() {
    let mut server = Server::opened(V3, false, Config::default());
    server.session.join_root();
    assert!(server.session.accept("/", ""));
    for text in ["b4AQID", "b4"] {
        let event = r#"451-["a",{"_placeholder":true,"num":0}]"#;
        assert_eq!(server.receive(event).as_deref(), Ok(""));
        let event = server.receive(text).unwrap();
        assert!(event.starts_with("event / a ") && event.ends_with("+1"), "{event}");
    }
    assert!(server.receive("bAQID").is_err(), "no digit");
    assert_eq!(server.session.closed(), Some(Reason::ParseError));
}

#[test]
fn with_msgpack_packets_are_binary_both_ways() {
    for on_polling in [true, false] {
        let mut server = Server::opened(MSGPACK, on_polling, Config::default());
        // {"type":0,"nsp":"/"}
        let connect = b"\x82\xA4type\x00\xA3nsp\xA1/";
        assert_eq!(server.receive_binary(connect).as_deref(), Ok("connect / {}"));
        assert!(server.session.accept("/", r#"{"sid":"x"}"#));
        let Some(Output::Send(reply)) = server.session.poll_output() else { panic!("a reply") };
        let reply = reply.encoded_for(MSGPACK);
        assert_eq!((reply.text(), reply.attachments().len()), ("", 1));
        assert!(reply.attachments()[0].starts_with(b"\x83\xA4type\x00"), "{reply:?}");
        // {"type":2,"data":["a",bin "x"],"nsp":"/"}
        let event = b"\x83\xA4type\x02\xA4data\x92\xA1a\xC4\x01x\xA3nsp\xA1/";
        let event = server.receive_binary(event).unwrap();
        assert!(event.starts_with("event / a ") && event.ends_with("+1"), "{event}");
        let in_base64 = "bg6R0eXBlAqRkYXRhkqFhxAF4o25zcKEv";
        let event = server.receive(in_base64).unwrap();
        assert!(event.starts_with("event / a ") && event.ends_with("+1"), "{event}");
    }
}

#[test]
fn with_msgpack_text_is_refused_but_the_heartbeat_is_text() {
    let mut server = Server::opened(MSGPACK, true, Config::default());
    assert_eq!(server.receive("3").as_deref(), Ok(""));
    assert_eq!(server.receive("40"), Err(Violation::TextPacket));
    assert_eq!(server.session.closed(), Some(Reason::ForcedClose));

    let mut server = Server::opened(MSGPACK, true, Config::default());
    assert!(server.receive_binary(b"\xC1").is_err(), "not msgpack");
    assert_eq!(server.session.closed(), Some(Reason::ForcedClose));
}
