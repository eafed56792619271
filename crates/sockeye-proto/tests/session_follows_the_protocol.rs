//! What a server's session does with each thing that the protocol lets a client get wrong, in virtual time.
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

use proptest::prelude::*;
use sockeye_proto::session::{Config, Opening, Output, Reason, Received, Role, Session, Violation};

/// A server's session, and the clock.
struct Server {
    session: Session<u32>,
    start: Instant,
    now: Instant,
    sent: Vec<String>,
    acks: Vec<String>,
    closed: Option<Reason>,
}

impl Server {
    /// Its handshake is sent; no namespace is joined.
    fn new() -> Self {
        let now = Instant::now();
        let session = Session::server(now, Arc::new(Config::default()), Opening::websocket("sid"));
        let (sent, acks) = (Vec::new(), Vec::new());
        let mut server = Self { session, start: now, now, sent, acks, closed: None };
        server.sent();
        server
    }

    /// The namespaces are joined.
    fn joined(namespaces: &[&str]) -> Self {
        let mut server = Self::new();
        for namespace in namespaces {
            server.receive(&format!("40{namespace},")).unwrap();
            assert!(server.session.accept(namespace, "{}"));
        }
        server.sent();
        server
    }

    /// Feeds a text message; what it means as `Debug` would be too long, so only its gist.
    fn receive(&mut self, text: &str) -> Result<String, Violation> {
        let received = self.session.receive_text(self.now, text).map(gist);
        self.drain();
        received
    }

    fn receive_binary(&mut self, bytes: &[u8]) -> Result<String, Violation> {
        let received = self.session.receive_binary(self.now, bytes).map(gist);
        self.drain();
        received
    }

    /// Moves the clock to so many seconds after the start, minding every deadline on the way.
    fn at(&mut self, seconds: u64) -> Result<(), Violation> {
        let end = self.start + Duration::from_secs(seconds);
        let mut result = Ok(());
        while let Some(due) = self.session.next_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            let due = self.session.handle_timeout(self.now);
            result = result.and(due);
            self.drain();
        }
        self.now = end;
        result
    }

    /// What was sent since the last look.
    fn sent(&mut self) -> Vec<String> {
        self.drain();
        std::mem::take(&mut self.sent)
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            assert_eq!(self.closed, None, "{output:?} after the end");
            match output {
                Output::Send(packet) => self.sent.push(packet.text().to_owned()),
                Output::AckExpired(token) => self.acks.push(format!("{token} expired")),
                Output::AckLost(token) => self.acks.push(format!("{token} lost")),
                Output::Closed(reason) => self.closed = Some(reason),
            }
        }
    }
}

fn gist(received: Option<Received<'_, u32>>) -> String {
    match received {
        None => String::new(),
        Some(Received::Connect { namespace, auth }) => {
            format!("connect {namespace} {}", auth.args_text())
        }
        Some(Received::Disconnect { namespace }) => format!("disconnect {namespace}"),
        Some(Received::Event { namespace, name, id, payload }) => {
            let attachments = payload.attachments().len();
            format!("event {namespace} {name} {id:?} {} +{attachments}", payload.args_text())
        }
        Some(Received::Ack { token, payload }) => format!("ack {token} {}", payload.args_text()),
        other => panic!("not for a server: {other:?}"),
    }
}

/// A message that a joined client of `/` may not send, and why the session ends.
#[track_caller]
fn refused(text: &str, reason: Reason) {
    let mut server = Server::joined(&["/"]);
    let violation = server.receive(text).expect_err(text);
    assert_eq!(violation.reason(Role::Server), reason, "{violation}");
    assert_eq!(server.closed, Some(reason), "{text:?}: {violation}");
    assert_eq!(server.receive(r#"42["after"]"#), Ok(String::new()), "nothing is heard any more");
    assert_eq!(server.session.next_deadline(), None);
}

/// A message that a joined client of `/` may send, and what comes of it.
#[track_caller]
fn accepted(text: &str, expect: &str) {
    let mut server = Server::joined(&["/"]);
    assert_eq!(server.receive(text).as_deref(), Ok(expect), "{text:?}");
    assert_eq!(server.closed, None, "{text:?}");
}

#[test]
fn the_first_packet_must_be_a_connect() {
    for text in [r#"42["a"]"#, r#"42/chat,["a"]"#, "430[]", r#"451-["a"]"#] {
        let mut server = Server::new();
        let violation = server.receive(text).expect_err(text);
        assert!(matches!(violation, Violation::NotJoined { .. }), "{text}: {violation}");
        assert_eq!(server.closed, Some(Reason::ForcedClose));
    }
}

#[test]
fn a_client_may_not_act_out_of_its_role_or_twice() {
    refused("40", Reason::ForcedClose); // a second CONNECT
    refused("40/,", Reason::ForcedClose);
    refused(r#"42/chat,["not joined"]"#, Reason::ForcedClose);
    refused("43/chat,0[]", Reason::ForcedClose);
    refused(r#"44{"message":"CONNECT_ERROR"}"#, Reason::ForcedClose);
    refused("2", Reason::TransportError); // in version 4 the server pings
    refused("2probe", Reason::TransportError);
}

#[test]
fn what_cannot_be_read_ends_the_session() {
    refused("", Reason::ParseError);
    refused("7", Reason::ParseError);
    refused("é", Reason::ParseError);
    refused("4", Reason::ForcedClose);
    refused("49", Reason::ForcedClose);
    refused("42", Reason::ForcedClose);
    refused("42{}", Reason::ForcedClose);
    refused("42abc[]", Reason::ForcedClose);
    refused("42[]", Reason::ForcedClose);
    refused(r#"42["a""#, Reason::ForcedClose);
    refused("42[{}]", Reason::ForcedClose);
    refused("42[null]", Reason::ForcedClose);
    refused(r#"42[["a"]]"#, Reason::ForcedClose);
    refused(r#"42 ["a"]"#, Reason::ForcedClose);
    refused(r#"42-1["a"]"#, Reason::ForcedClose);
    refused(r#"4218446744073709551616["a"]"#, Reason::ForcedClose); // 2^64
    refused(r#"42["disconnect"]"#, Reason::ForcedClose);
    refused(r#"42["connect"]"#, Reason::ForcedClose);
    refused(r#"42["disconnecting"]"#, Reason::ForcedClose);
    refused("43", Reason::ForcedClose);
    refused("430", Reason::ForcedClose);
    refused("430{}", Reason::ForcedClose);
    refused("41{}", Reason::ForcedClose);
    // Zero attachments, and more than the limit; also before anything is joined.
    refused(r#"450-["a"]"#, Reason::ForcedClose);
    refused(r#"45-["a"]"#, Reason::ForcedClose);
    refused(r#"4511-["a"]"#, Reason::ForcedClose);
    refused(r#"4599999-["a"]"#, Reason::ForcedClose);
    refused(r#"4599999999999999999999-["a"]"#, Reason::ForcedClose);
    refused(r#"451e1-["a"]"#, Reason::ForcedClose);
    // JSON has to escape it; a body of polling would be parted there.
    refused("42[\"a\",\"b\u{1E}c\"]", Reason::ForcedClose);
    refused("42[\"a\u{1E}b\"]", Reason::ForcedClose);
}

#[test]
fn packets_out_of_place_change_nothing() {
    for text in ["5", "5probe", "0", "6", "3"] {
        let mut server = Server::joined(&["/"]);
        server.sent();
        for _ in 0..1_000 {
            assert_eq!(server.receive(text), Ok(String::new()), "{text:?}");
        }
        assert_eq!(server.sent(), [""; 0], "{text:?}");
        assert_eq!(server.receive(r#"42["a"]"#).as_deref(), Ok("event / a None  +0"), "{text:?}");
        // The heartbeat goes on as if nothing had come.
        server.at(25).unwrap();
        assert_eq!(server.sent(), ["2"], "{text:?}");
    }
}

#[test]
fn what_looks_odd_but_is_legal_is_accepted() {
    accepted(r#"42["a"]"#, "event / a None  +0");
    accepted("42[1]", "event / 1 None  +0");
    accepted(r#"420["a",null]"#, "event / a Some(0) null +0");
    accepted(r#"4218446744073709551615["a"]"#, "event / a Some(18446744073709551615)  +0");
    accepted(r#"42["error"]"#, "event / error None  +0");
    accepted(r#"42["a","\ud800"]"#, r#"event / a None "\ud800" +0"#); // a lone surrogate
    accepted("43[]", ""); // an ack of nothing
    accepted("3", ""); // a pong that nobody asked for
    accepted("6", ""); // noop
    // Nothing to upgrade, and no handshake to answer.
    for text in ["5", "5probe", "0", r#"0{"sid":"x"}"#, "6probe"] {
        accepted(text, "");
    }
    accepted("4399[]", ""); // an ack that nobody waits for
    accepted("41", "disconnect /");
    accepted("41/never-joined", "");
    accepted("40/admin", "connect /admin {}");
    accepted("40/admin,", "connect /admin {}");
    accepted(r#"40/admin,{"token":1}"#, r#"connect /admin {"token":1}"#);
    accepted("40/admin?token=x,", "connect /admin?token=x {}"); // version 4 keeps it literally
    accepted("40/custom,1", "connect /custom {}"); // the reference reads it as an id
}

#[test]
fn a_namespace_is_joined_and_left_with_its_comma_or_without() {
    for (connect, disconnect) in [("40/a", "41/a"), ("40/a,", "41/a,"), ("40/a", "41/a,")] {
        let mut server = Server::joined(&["/"]);
        assert_eq!(server.receive(connect).as_deref(), Ok("connect /a {}"));
        assert!(server.session.accept("/a", "{}"));
        assert_eq!(server.receive(disconnect).as_deref(), Ok("disconnect /a"));
        assert_eq!(server.receive(r#"42["a"]"#).as_deref(), Ok("event / a None  +0"));
    }
}

#[test]
fn the_payload_of_a_connect_is_an_object_or_absent() {
    for text in
        ["40/x,[]", r#"40/x,"text""#, "40/x,null", "40/x,{", "40/x,true", "40/x,{},1", "40{},{}"]
    {
        refused(text, Reason::ForcedClose);
    }
}

#[test]
fn replies_to_a_connect() {
    let mut server = Server::new();
    server.receive("40").unwrap();
    assert!(server.session.accept("/", r#"{"sid":"a"}"#));
    server.receive("40/chat,").unwrap();
    assert!(server.session.accept("/chat", r#"{"sid":"b"}"#));
    assert!(!server.session.accept("/chat", "{}"), "it is in already");
    server.receive("40/random,").unwrap();
    assert!(server.session.refuse("/random", r#"{"message":"Invalid namespace"}"#));
    assert!(!server.session.refuse("/random", "{}"), "it has been told");
    let replies = [
        r#"40{"sid":"a"}"#,
        r#"40/chat,{"sid":"b"}"#,
        r#"44/random,{"message":"Invalid namespace"}"#,
    ];
    assert_eq!(server.sent(), replies);
    // Who was refused may ask again.
    assert_eq!(server.receive("40/random").as_deref(), Ok("connect /random {}"));
}

#[test]
fn who_joins_nothing_within_the_connect_timeout_is_closed() {
    #[track_caller]
    fn check(prepare: impl FnOnce(&mut Server), expect: Option<Reason>) {
        let mut server = Server::new();
        prepare(&mut server);
        server.at(44).unwrap();
        server.receive("3").unwrap();
        assert_eq!(server.closed, None);
        server.at(46).unwrap();
        assert_eq!(server.closed, expect);
    }
    check(|_| {}, Some(Reason::ForcedServerClose));
    // Asking is not enough, nor is being refused: only a join stops the clock.
    check(|server| drop(server.receive("40")), Some(Reason::ForcedServerClose));
    let refuse = |server: &mut Server| {
        server.receive("40").unwrap();
        server.session.refuse("/", "{}");
    };
    check(refuse, Some(Reason::ForcedServerClose));
    let join_and_leave = |server: &mut Server| {
        server.receive("40").unwrap();
        server.session.accept("/", "{}");
        server.receive("41").unwrap();
    };
    check(join_and_leave, None);
}

#[test]
fn a_session_without_namespaces_lives_on() {
    let mut server = Server::joined(&["/"]);
    assert_eq!(server.receive("41").as_deref(), Ok("disconnect /"));
    assert_eq!(server.receive("40/chat,").as_deref(), Ok("connect /chat {}"));
    // The namespace that it left is left.
    assert!(matches!(server.receive(r#"42["a"]"#), Err(Violation::NotJoined { .. })));
}

#[test]
fn the_end_is_the_last_output_even_if_a_ping_is_due_as_well() {
    let config = Config { connect_timeout: Duration::from_secs(25), ..Config::default() };
    let now = Instant::now();
    let mut session = Session::<u32>::server(now, Arc::new(config), Opening::websocket("sid"));
    while session.poll_output().is_some() {}
    session.handle_timeout(now + Duration::from_secs(25)).unwrap();
    assert!(matches!(session.poll_output(), Some(Output::Closed(Reason::ForcedServerClose))));
    assert!(session.poll_output().is_none());
}

#[test]
fn the_server_pings_an_interval_after_the_pong() {
    let mut server = Server::joined(&["/"]);
    server.at(24).unwrap();
    assert!(server.sent().is_empty());
    server.at(25).unwrap();
    assert_eq!(server.sent(), ["2"]);
    server.at(30).unwrap();
    server.receive("3").unwrap();
    server.at(54).unwrap();
    assert!(server.sent().is_empty());
    server.at(55).unwrap();
    assert_eq!(server.sent(), ["2"]);
    server.at(74).unwrap();
    assert_eq!(server.closed, None);
    server.at(75).unwrap();
    assert_eq!(server.closed, Some(Reason::PingTimeout));
}

#[test]
fn silence_while_we_do_not_read_is_not_the_peers_fault() {
    let mut server = Server::joined(&["/"]);
    server.at(25).unwrap();
    server.session.set_paused(server.now, true);
    server.at(100).unwrap();
    assert_eq!(server.closed, None);
    server.session.set_paused(server.now, false);
    server.at(119).unwrap();
    assert_eq!(server.closed, None, "it has the whole timeout again");
    server.at(121).unwrap();
    assert_eq!(server.closed, Some(Reason::PingTimeout));
}

#[test]
fn attachments_follow_their_packet_and_heartbeats_may_come_between() {
    let mut server = Server::joined(&["/"]);
    let header = r#"452-7["up",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#;
    assert_eq!(server.receive(header).as_deref(), Ok(""));
    assert_eq!(server.receive_binary(b"a").as_deref(), Ok(""));
    assert_eq!(server.receive("3").as_deref(), Ok(""), "a pong is no packet");
    let event = server.receive_binary(b"").unwrap();
    assert!(event.starts_with("event / up Some(7)") && event.ends_with("+2"), "{event}");
    // The state is cleared: the next binary message belongs to nothing.
    let violation = server.receive_binary(b"more").unwrap_err();
    assert_eq!(violation, Violation::UnannouncedBinary { bytes: 4 });
}

#[test]
fn attachments_may_be_text_in_base64() {
    let mut server = Server::joined(&["/"]);
    let header = r#"452-7["up",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#;
    assert_eq!(server.receive(header).as_deref(), Ok(""));
    assert_eq!(server.receive("bAQID").as_deref(), Ok(""));
    assert_eq!(server.receive("3").as_deref(), Ok(""));
    let event = server.receive_binary(b"").unwrap(); // whoever may send both, may mix them
    assert!(event.starts_with("event / up Some(7)") && event.ends_with("+2"), "{event}");

    server.session.expect_ack("/", 3, server.now + Duration::from_secs(60), 33).unwrap();
    assert_eq!(server.receive(r#"461-3[{"_placeholder":true,"num":0}]"#).as_deref(), Ok(""));
    assert!(server.receive("b").unwrap().starts_with("ack 33"));

    refused("bAQID", Reason::ForcedClose); // as binary, one that nothing has announced
    refused("b!", Reason::ParseError);
}

#[test]
fn attachments_that_break_the_rules_end_the_session() {
    #[track_caller]
    fn check(texts: &[&str], binaries: usize, last: &str) {
        let mut server = Server::joined(&["/", "/a"]);
        for text in texts {
            assert_eq!(server.receive(text).as_deref(), Ok(""), "{text}");
        }
        let mut result = Ok(String::new());
        for _ in 0..binaries {
            result = result.and_then(|_| server.receive_binary(b"x"));
        }
        let result = if last.is_empty() { result } else { server.receive(last) };
        assert_eq!(result.unwrap_err().reason(Role::Server), Reason::ForcedClose);
        assert_eq!(server.closed, Some(Reason::ForcedClose));
    }
    let one = |num: &str| format!(r#"451-["a",{{"_placeholder":true,"num":{num}}}]"#);
    // Text instead of the attachment: of the same namespace, of another, and a DISCONNECT.
    check(&[&one("0")], 0, r#"42["b"]"#);
    check(&[&one("0")], 0, r#"42/a,["b"]"#);
    check(&[&one("0")], 0, "41");
    check(&[], 1, "");
    for num in ["1", "-1", "0.5", "\"splice\"", "null", "1e0"] {
        let mut server = Server::joined(&["/"]);
        let end = server.receive(&one(num)).and_then(|_| server.receive_binary(b"x"));
        assert!(end.is_err(), "a placeholder of number {num}");
        assert_eq!(server.closed, Some(Reason::ForcedClose));
    }
}

#[test]
fn attachments_that_never_come_end_the_session() {
    let mut server = Server::joined(&["/"]);
    server.receive(r#"452-["a"]"#).unwrap();
    server.receive_binary(b"x").unwrap();
    // The heartbeat goes on meanwhile.
    server.at(26).unwrap();
    server.receive("3").unwrap();
    server.at(52).unwrap();
    server.receive("3").unwrap();
    server.at(59).unwrap();
    assert_eq!(server.closed, None);
    assert_eq!(server.at(60), Err(Violation::AttachmentsLate));
    assert_eq!(server.closed, Some(Reason::ForcedClose));
}

#[test]
fn attachments_have_a_bound_on_their_bytes() {
    let mut server = Server::joined(&["/"]);
    server.receive(r#"4510-["a"]"#).unwrap();
    let bytes = vec![0; 3_000_000];
    for _ in 0..3 {
        server.receive_binary(&bytes).unwrap();
    }
    assert!(server.receive_binary(&bytes).is_err(), "12 MB");
    assert_eq!(server.closed, Some(Reason::ForcedClose));
}

#[test]
fn what_crosses_our_disconnect_is_ignored_for_a_while() {
    let mut server = Server::joined(&["/", "/a"]);
    assert!(server.session.leave(server.now, "/a"));
    assert!(!server.session.leave(server.now, "/a"), "once");
    assert_eq!(server.sent(), ["41/a,"]);
    for text in [r#"42/a,["late"]"#, "43/a,0[]", r#"451-/a,["late"]"#] {
        assert_eq!(server.receive(text).as_deref(), Ok(""), "{text}");
    }
    assert_eq!(server.receive_binary(b"of the late event").as_deref(), Ok(""));
    assert_eq!(server.receive(r#"42["here"]"#).as_deref(), Ok("event / here None  +0"));
    assert_eq!(server.receive("41/a,").as_deref(), Ok(""), "both left: nothing new");
    assert!(server.receive(r#"42/a,["much too late"]"#).is_err());

    let mut server = Server::joined(&["/", "/a"]);
    server.session.leave(server.now, "/a");
    server.at(11).unwrap();
    assert!(server.receive(r#"42/a,["much too late"]"#).is_err());
}

#[test]
fn malformed_packets_are_malformed_also_when_they_are_ignored() {
    let mut server = Server::joined(&["/", "/a"]);
    server.session.leave(server.now, "/a");
    assert!(server.receive("42/a,[]").is_err());
}

#[test]
fn a_client_that_was_made_to_leave_may_come_back_at_once() {
    let mut server = Server::joined(&["/"]);
    server.session.leave(server.now, "/");
    assert_eq!(server.receive("40").as_deref(), Ok("connect / {}"));
    assert!(server.session.accept("/", "{}"));
    assert_eq!(server.receive(r#"42["a"]"#).as_deref(), Ok("event / a None  +0"));
}

#[test]
fn namespaces_have_a_bound_that_leaving_gives_back() {
    let mut server = Server::new();
    for round in 0..3 {
        for index in 0..100 {
            server.receive(&format!("40/{round}-{index},")).unwrap();
            assert!(server.session.accept(&format!("/{round}-{index}"), "{}"));
        }
        for index in 0..100 {
            server.receive(&format!("41/{round}-{index},")).unwrap();
        }
    }
    for index in 0..100 {
        server.receive(&format!("40/{index},")).unwrap();
    }
    let violation = server.receive("40/one-too-many,").unwrap_err();
    assert_eq!(violation, Violation::TooManyNamespaces { limit: 100 });
}

#[test]
fn an_ack_counts_once_within_its_namespace_and_time() {
    let mut server = Server::joined(&["/", "/a"]);
    let at = |seconds| server.start + Duration::from_secs(seconds);
    let deadlines = [at(5), at(5), at(1)];
    server.session.expect_ack("/", 0, deadlines[0], 10).unwrap();
    server.session.expect_ack("/a", 0, deadlines[1], 11).unwrap();
    server.session.expect_ack("/", 1, deadlines[2], 12).unwrap();
    assert_eq!(server.session.expect_ack("/b", 1, deadlines[2], 13), Err(13), "not joined");
    assert_eq!(server.receive("430[1]").as_deref(), Ok("ack 10 1"));
    assert_eq!(server.receive("430[1]").as_deref(), Ok(""));
    server.at(2).unwrap();
    assert_eq!(server.receive("431[1]").as_deref(), Ok(""), "too late");
    assert_eq!(server.receive(r#"461-/a,0[{"_placeholder":true,"num":0}]"#).as_deref(), Ok(""));
    assert!(server.receive_binary(b"x").unwrap().starts_with("ack 11"));
    assert_eq!(server.acks, ["12 expired"]);
}

#[test]
fn acks_that_cannot_come_any_more_are_handed_back() {
    #[track_caller]
    fn check(end: impl FnOnce(&mut Server), expect: &[&str]) {
        let mut server = Server::joined(&["/", "/a"]);
        let deadline = server.now + Duration::from_secs(5);
        server.session.expect_ack("/", 0, deadline, 1).unwrap();
        server.session.expect_ack("/a", 0, deadline, 2).unwrap();
        end(&mut server);
        server.drain();
        assert_eq!(server.acks, expect);
        assert_eq!(server.session.has_acks(), expect.len() < 2);
    }
    check(|server| drop(server.receive("41/a,")), &["2 lost"]);
    check(|server| assert!(server.session.leave(server.now, "/")), &["1 lost"]);
    check(|server| server.session.close(Reason::TransportClose), &["1 lost", "2 lost"]);
    check(|server| drop(server.receive("garbage")), &["1 lost", "2 lost"]);
}

#[test]
fn nobody_waits_for_an_ack_of_a_session_that_is_over() {
    let mut server = Server::joined(&["/"]);
    server.session.close(Reason::TransportClose);
    let deadline = server.now + Duration::from_secs(5);
    assert_eq!(server.session.expect_ack("/", 0, deadline, 1), Err(1));
}

#[test]
fn an_ack_that_is_forgotten_is_nobodys() {
    let mut server = Server::joined(&["/", "/a"]);
    let deadline = server.now + Duration::from_secs(5);
    server.session.expect_ack("/", 0, deadline, 1).unwrap();
    assert_eq!(server.session.forget_ack("/a", 0), None);
    assert_eq!(server.session.forget_ack("/nowhere", 0), None);
    assert_eq!(server.session.forget_ack("/", 0), Some(1));
    assert_eq!(server.session.forget_ack("/", 0), None);
    assert_eq!((server.receive("430[]").as_deref(), server.session.has_acks()), (Ok(""), false));
    server.at(10).unwrap();
    assert!(server.acks.is_empty());
}

#[test]
fn acks_have_a_bound() {
    let config = Arc::new(Config { max_acks: 2, ..Config::default() });
    let now = Instant::now();
    let mut session = Session::<u32>::server(now, config, Opening::websocket("sid"));
    session.receive_text(now, "40").unwrap();
    session.accept("/", "{}");
    let deadline = now + Duration::from_secs(5);
    let asked: Vec<_> =
        (0..3).map(|id| session.expect_ack("/", u64::from(id), deadline, id)).collect();
    assert_eq!(asked, [Ok(()), Ok(()), Err(2)]);
}

#[test]
fn the_close_packet_ends_the_session_cleanly() {
    let mut server = Server::joined(&["/"]);
    assert_eq!(server.receive("1").as_deref(), Ok(""));
    assert_eq!(server.closed, Some(Reason::TransportClose));
}

#[test]
fn the_first_reason_counts() {
    let mut server = Server::joined(&["/"]);
    server.session.close(Reason::ServerShuttingDown);
    server.session.close(Reason::TransportClose);
    server.drain();
    assert_eq!(server.closed, Some(Reason::ServerShuttingDown));
}

proptest! {
    #[test]
    fn no_message_makes_the_session_panic_or_speak_after_its_end(
        messages in prop::collection::vec(
            prop_oneof![
                "[0-9][0-9]?(/[ab],)?[0-9]?-?(\\[\"[a-z]\"(,[0-9])?\\]|\\{\\})?",
                ".{0,8}",
            ],
            0..20,
        ),
        binary in prop::collection::vec(any::<bool>(), 20),
    ) {
        let mut server = Server::new();
        for (message, binary) in messages.iter().zip(binary) {
            // Whatever it is: `drain` asserts that nothing follows the end.
            let _ = server.receive(message);
            server.session.accept("/", "{}");
            server.session.accept("/a", "{}");
            if binary {
                let _ = server.receive_binary(message.as_bytes());
            }
        }
        let _ = server.at(3_600);
        prop_assert!(server.closed.is_some(), "nobody answered the pings");
    }
}
