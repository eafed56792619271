//! What a client's session does with what servers send, and when it may send requests of its own.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sockeye_proto::{
    session::{Config, Output, Probe, Reason, Received, Session, Transport},
    wire::{encoding::Encoding, engine::Version},
};

const OPEN: &str =
    r#"0{"sid":"a1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}"#;

/// An opened session, and the time.
fn client(version: Version, on_polling: bool) -> (Session<u64>, Instant) {
    let now = Instant::now();
    let encoding = Encoding { version, ..Encoding::default() };
    let mut session = Session::client(now, Arc::new(Config::default()), encoding, on_polling);
    match session.receive_text(now, OPEN) {
        Ok(Some(Received::Opened { handshake })) => assert_eq!(handshake.sid, "a1"),
        other => panic!("{other:?}"),
    }
    (session, now)
}

/// The texts that it wants to send.
fn sent(session: &mut Session<u64>) -> Vec<String> {
    std::iter::from_fn(|| session.poll_output())
        .filter_map(|output| match output {
            Output::Send(packet) => Some(packet.text().to_owned()),
            _ => None,
        })
        .collect()
}

#[track_caller]
fn connected(received: Option<Received<'_, u64>>) -> String {
    match received {
        Some(Received::Connected { namespace, .. }) => namespace.into_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_get_and_one_post_are_under_way_at_most() {
    let (mut session, now) = client(Version::V4, true);
    assert!(session.may_get() && session.may_post());
    session.get(now).unwrap();
    session.post().unwrap();
    assert!(!session.may_get() && !session.may_post());
    session.get_answered(now);
    assert!(session.may_get() && !session.may_post());
    session.post_done();
    assert!(session.may_post());
}

#[test]
fn on_websocket_there_are_no_requests() {
    let (session, _) = client(Version::V4, false);
    assert!(!session.may_get() && !session.may_post());
    assert_eq!(session.transport(), Transport::WebSocket);
}

#[test]
fn it_moves_once_no_request_is_under_way() {
    let (mut session, now) = client(Version::V4, true);
    session.get(now).unwrap();
    session.post().unwrap();
    assert!(session.probe(now));
    assert!(!session.probe(now), "one at a time");
    assert!(!session.upgrade(), "not answered yet");
    assert_eq!(session.receive_probe(now, "3probe"), Probe::Pause);
    assert!(!session.upgrade(), "requests are under way");
    session.get_answered(now);
    assert!(!session.may_get(), "it would wait for nothing");
    assert!(!session.upgrade(), "a request is under way");
    session.post_done();
    assert!(!session.may_post(), "it would overtake what the WebSocket carries");
    assert!(session.upgrade());
    assert_eq!(session.transport(), Transport::WebSocket);
}

#[test]
fn a_probe_that_fails_leaves_it_on_polling() {
    type Fail = fn(&mut Session<u64>, Instant);
    let late: Fail = |session, now| session.handle_timeout(now + Duration::from_secs(10)).unwrap();
    let wrong: Fail = |session, now| {
        assert_eq!(session.receive_probe(now, "3"), Probe::Failed);
    };
    let ended: Fail = |session, _| session.probe_lost();
    for answered in [false, true] {
        for fail in [late, wrong, ended] {
            let (mut session, now) = client(Version::V4, true);
            assert!(session.probe(now));
            if answered {
                assert_eq!(session.receive_probe(now, "3probe"), Probe::Pause);
            }
            fail(&mut session, now);
            assert_eq!(session.transport(), Transport::Polling);
            assert!(session.may_get() && session.may_post() && !session.upgrade());
        }
    }
}

#[test]
fn a_request_that_is_lost_ends_it() {
    for lose in [Session::get_lost, Session::post_lost] {
        let (mut session, now) = client(Version::V4, true);
        session.get(now).unwrap();
        session.post().unwrap();
        lose(&mut session);
        assert_eq!(session.closed(), Some(Reason::TransportError));
        assert!(!session.may_get());
    }
}

#[test]
fn one_that_is_closed_may_still_tell_the_server() {
    let (mut session, _) = client(Version::V4, true);
    session.close(Reason::ClientDisconnect);
    assert!(session.may_post() && session.post().is_ok());
    assert!(!session.may_get());
}

#[test]
fn packets_out_of_place_change_nothing() {
    for on_polling in [true, false] {
        for (version, heartbeat) in [(Version::V4, "3"), (Version::V3, "2")] {
            for text in ["5", "5probe", "6", heartbeat] {
                let (mut session, now) = client(version, on_polling);
                sent(&mut session);
                for _ in 0..1_000 {
                    assert!(session.receive_text(now, text).unwrap().is_none(), "{text:?}");
                }
                assert_eq!(sent(&mut session), [""; 0], "{version:?} {text:?}");
                let event = session.receive_text(now, r#"42["a"]"#).unwrap();
                assert!(matches!(event, Some(Received::Event { .. })), "{version:?} {text:?}");
            }
        }
    }
}

#[test]
fn a_second_handshake_ends_it() {
    for version in [Version::V4, Version::V3] {
        let (mut session, now) = client(version, false);
        session.receive_text(now, OPEN).unwrap_err();
        assert_eq!(session.closed(), Some(Reason::TransportError));
    }
}

#[test]
fn the_server_may_write_its_attachments_as_text() {
    for (version, text) in [(Version::V4, "bAQID"), (Version::V3, "b4AQID")] {
        let (mut session, now) = client(version, false);
        let event = r#"451-["photo",{"_placeholder":true,"num":0}]"#;
        assert!(session.receive_text(now, event).unwrap().is_none());
        let Ok(Some(Received::Event { payload, .. })) = session.receive_text(now, text) else {
            panic!("an event")
        };
        assert_eq!(payload.attachments(), [&[1, 2, 3][..]], "{version:?}");
    }
}

#[test]
fn what_comes_for_a_namespace_that_it_is_not_in_is_passed_on() {
    let (mut session, now) = client(Version::V4, false);
    let received = session.receive_text(now, r#"42/news,["extra"]"#).unwrap();
    assert!(matches!(received, Some(Received::Event { namespace, .. }) if namespace == "/news"));
    let received =
        session.receive_text(now, r#"451-/news,["photo",{"_placeholder":true,"num":0}]"#);
    assert!(received.unwrap().is_none());
    let received = session.receive_binary(now, &[1]).unwrap();
    assert!(matches!(received, Some(Received::Event { name, .. }) if name == "photo"));
    assert!(session.receive_text(now, "43/news,7[]").unwrap().is_none(), "nobody waits for it");
    assert!(!session.is_closed());
    // Also when it has been there: the server has sent it away, and goes on all the same.
    session.connect("/past", "");
    assert_eq!(connected(session.receive_text(now, "40/past,{}").unwrap()), "/past");
    assert!(session.receive_text(now, "41/past,").unwrap().is_some());
    assert!(session.receive_text(now, r#"42/past,["late"]"#).unwrap().is_some());
    assert!(!session.is_closed());
}

#[test]
fn it_is_not_closed_for_joining_late() {
    let (mut session, now) = client(Version::V4, false);
    for ping in 1..10 {
        let now = now + Duration::from_secs(20 * ping);
        session.handle_timeout(now).unwrap();
        session.receive_text(now, "2").unwrap();
    }
    assert!(!session.is_closed());
    assert!(session.connect("/late", ""));
}

#[test]
fn in_version_3_it_is_in_the_root_unasked() {
    let (mut session, now) = client(Version::V3, false);
    assert!(!session.connect("/", ""), "nothing to ask for");
    assert!(sent(&mut session).is_empty());
    assert_eq!(connected(session.receive_text(now, "40").unwrap()), "/");
    assert!(session.receive_text(now, r#"42["welcome"]"#).unwrap().is_some());
}

#[test]
fn in_version_3_the_auth_payload_is_a_query() {
    #[track_caller]
    fn check(auth: &str, expect: &str) {
        let (mut session, now) = client(Version::V3, false);
        assert!(session.connect("/imchat", auth));
        assert_eq!(sent(&mut session), [expect]);
        assert_eq!(connected(session.receive_text(now, "40/imchat").unwrap()), "/imchat");
    }
    check("", "40/imchat,");
    check("{}", "40/imchat,");
    // As encodeURIComponent of npm's client writes it.
    check(
        r#"{"token":"a b&c,+é!~*'()","n":7}"#,
        "40/imchat?n=7&token=a%20b%26c%2C%2B%C3%A9!~*'(),",
    );
}

#[test]
fn in_version_3_the_query_may_come_back_behind_the_name() {
    for (text, is_let_in) in [("40/imchat?token=a", true), (r#"44/imchat?token=a,"no""#, false)] {
        let (mut session, now) = client(Version::V3, false);
        session.connect("/imchat", r#"{"token":"a"}"#);
        match session.receive_text(now, text).unwrap() {
            Some(Received::Connected { namespace, .. }) if is_let_in => {
                assert_eq!(namespace, "/imchat");
            }
            Some(Received::Refused { namespace, error }) if !is_let_in => {
                assert_eq!((&*namespace, &*error), ("/imchat", r#""no""#));
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn in_version_3_it_pings() {
    let (mut session, now) = client(Version::V3, false);
    session.handle_timeout(now + Duration::from_secs(25)).unwrap();
    assert_eq!(sent(&mut session), ["2"]);
    session.handle_timeout(now + Duration::from_secs(45)).unwrap();
    assert_eq!(session.closed(), Some(Reason::PingTimeout));
}
