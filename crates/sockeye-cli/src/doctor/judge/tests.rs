//! The judge at findings made by hand: each order of precedence that matters.

use std::time::Duration;

use clap::Parser;
use serde_json::json;
use sockeye_proto::wire::engine::{Handshake, Version};

use super::*;
use crate::{
    doctor::{
        found::{
            Broken, End, Flood, Front, Heartbeat, Joined, Opened, Paths, Raw, Reception, Refused,
            RefusedBy, Stranger, Tried, Upgrade, Violation,
        },
        report::Language,
    },
    reach::Connection,
    secrets::Secrets,
};

#[derive(Debug, Parser)]
struct Given {
    #[command(flatten)]
    connection: Connection,
}

fn target(args: &[&str]) -> Checked {
    target_at("http://h/imchat", args)
}

fn target_at(url: &str, args: &[&str]) -> Checked {
    let args = [&["sockeye", url, "-x", "none"], args].concat();
    let given = Given::try_parse_from(args).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(Target::of(given.connection, Vec::new(), &Secrets::default())).unwrap()
}

#[track_caller] // a failure points at the row, not at this function
fn check(args: &[&str], found: &Found, expect: &str, warnings: &[&str]) -> Diagnosis {
    let diagnosis = judge(&target(args), found);
    assert_eq!(diagnosis.verdict.id(), expect, "{diagnosis:#?}");
    let ids: Vec<_> = diagnosis.warnings.iter().map(|warning| warning.verdict.id()).collect();
    assert_eq!(ids, warnings, "{diagnosis:#?}");
    diagnosis
}

fn open(version: Version) -> Reception {
    let handshake = Handshake {
        sid: "a".to_owned(),
        upgrades: vec!["websocket".to_owned()],
        ping_interval: Duration::from_secs(25),
        ping_timeout: Duration::from_secs(20),
        max_payload_bytes: None,
    };
    Reception::Open(front(200), Opened { version, handshake, rest: Vec::new() })
}

fn front(status: u16) -> Front {
    Front { status, ..Front::default() }
}

fn refused(code: u32) -> Reception {
    Reception::Refused(front(400), code, "no".to_owned())
}

fn page(status: u16) -> Reception {
    Reception::Http(front(status))
}

/// A server of version 4 whose transports answer so.
fn server(polling: Reception, websocket: Reception) -> Found {
    let mut found = Found::default();
    found.polling.set(Version::V4, polling);
    found.websocket.set(Version::V4, websocket);
    found
}

/// One that is well, up to the joins.
fn sound_up_to(joined: Joined) -> Found {
    let mut found = server(open(Version::V4), open(Version::V4));
    found.upgrade = Some(Upgrade::Done);
    found.joins = vec![("/imchat".to_owned(), joined)];
    found
}

fn no(message: &str) -> Joined {
    Joined::Refused { message: message.to_owned(), data: None }
}

#[test]
fn what_lies_below_comes_first() {
    let fine = sound_up_to(Joined::In);
    check(&[], &fine, "ok", &[]);
    let found = Found { dns: Some(Err("no".to_owned())), ..sound_up_to(no("x")) };
    check(&[], &found, "dns-failed", &[]);
    let tried = |kind: RefusedBy| Tried {
        address: "192.0.2.1:80".parse().unwrap(),
        outcome: Err(Refused { kind, text: "no".to_owned() }),
    };
    let found = |kinds: &[RefusedBy]| Found {
        tcp: kinds.iter().copied().map(tried).collect(),
        ..Found::default()
    };
    check(&[], &found(&[RefusedBy::Network]), "network-unreachable", &[]);
    check(&[], &found(&[RefusedBy::Network, RefusedBy::Nobody]), "connect-timeout", &[]);
    let all = [RefusedBy::Network, RefusedBy::Nobody, RefusedBy::Machine];
    check(&[], &found(&all), "connection-refused", &[]);
    // One address that works is enough.
    let works = Tried { outcome: Ok(Duration::ZERO), ..tried(RefusedBy::Machine) };
    let found = Found { tcp: vec![tried(RefusedBy::Machine), works], ..fine };
    check(&[], &found, "ok", &[]);
}

#[test]
fn what_answers_instead_of_a_session() {
    let strange = |stranger| Reception::Stranger(stranger);
    check(&[], &server(strange(Stranger::Tls), Reception::Silent), "tls-on-plain-port", &[]);
    let cut = || server(strange(Stranger::Cut), strange(Stranger::Cut));
    check(&[], &cut(), "no-answer", &[]);
    check(&[], &Found { speaks_tls: true, ..cut() }, "tls-on-plain-port", &[]);
    check(&[], &server(strange(Stranger::Http2), page(404)), "http2-only", &[]);
    check(&[], &server(page(301), page(404)), "redirect", &[]);
    check(&[], &server(page(429), page(403)), "rate-limited", &[]);
    check(&[], &server(page(403), page(404)), "forbidden", &[]);
    check(&[], &server(page(404), refused(4)), "forbidden", &[]);
    check(&[], &server(Reception::Silent, Reception::Silent), "no-answer", &[]);
    check(&[], &server(page(502), page(502)), "no-answer", &[]);
    check(&[], &server(page(503), page(503)), "no-answer", &[]);
    check(&[], &server(page(404), page(404)), "not-socketio", &[]);
    let elsewhere = |engine: Option<&str>, raw| {
        let paths = Paths { tried: Vec::new(), engine: engine.map(str::to_owned), raw };
        Found { paths: Some(paths), ..server(page(404), page(404)) }
    };
    let raw = || Some(("/live".to_owned(), Raw::Silent));
    check(&[], &elsewhere(Some("/ws/"), raw()), "wrong-path", &[]);
    let diagnosis = check(&[], &elsewhere(None, raw()), "not-socketio", &[]);
    assert_eq!(diagnosis.command.unwrap(), "sockeye ws ws://h/live");
}

#[test]
fn the_version() {
    let old = || server(open(Version::V3), open(Version::V3));
    check(&["--eio", "4"], &old(), "eio3-server", &[]);
    check(&[], &old(), "ok", &["eio3-server"]);
    check(&["--eio", "3"], &old(), "ok", &[]);
    let new = || server(open(Version::V4), open(Version::V4));
    check(&["--eio", "3"], &new(), "eio4-only-server", &[]);
    check(&["--eio", "4"], &new(), "ok", &[]);
    // A version that would not do says more than a session that was lost.
    let found = Found { lost_session: true, ..old() };
    check(&["--eio", "4"], &found, "eio3-server", &[]);
}

#[test]
fn the_transports() {
    let off = || refused(0);
    check(&[], &server(off(), open(Version::V4)), "polling-disabled", &[]);
    check(&["--transport", "websocket"], &server(off(), open(Version::V4)), "ok", &[]);
    check(&[], &server(open(Version::V4), off()), "websocket-disabled", &[]);
    check(&["--transport", "polling"], &server(open(Version::V4), off()), "ok", &[]);
    for answer in
        [refused(3), page(200), page(426), Reception::Silent, Reception::Raw(front(101), Raw::Cut)]
    {
        let found = server(open(Version::V4), answer.clone());
        check(&[], &found, "websocket-blocked", &[]);
        check(&["--transport", "websocket"], &found, "websocket-blocked", &[]);
        check(&["--transport", "polling"], &found, "ok", &[]);
        check(&[], &server(off(), answer), "websocket-blocked", &[]);
    }
    let moved = |upgrade| Found { upgrade: Some(upgrade), ..sound_up_to(Joined::In) };
    check(&[], &moved(Upgrade::NotProbed(None)), "websocket-blocked", &[]);
    let found = moved(Upgrade::Refused(Box::new(refused(1))));
    check(&[], &Found { lost_session: true, ..found }, "no-sticky-sessions", &[]);
    // On one connection there is nothing to forget.
    let found = Found { lost_session: true, ..sound_up_to(Joined::In) };
    check(&["--transport", "websocket"], &found, "ok", &[]);
}

#[test]
fn the_namespace() {
    for message in ["Invalid namespace", "Unable to connect", "unknown namespace"] {
        check(&[], &sound_up_to(no(message)), "unknown-namespace", &[]);
    }
    check(&[], &sound_up_to(no("unauthorized")), "auth-refused", &[]);
    for joined in [Joined::NoReply, Joined::Ended(End::Cut), Joined::Lost(Box::new(refused(3)))] {
        let found = |other_parser| Found { other_parser, ..sound_up_to(joined.clone()) };
        check(&[], &found(Some(Joined::NoReply)), "connect-no-reply", &[]);
        check(&[], &found(None), "connect-no-reply", &[]);
        check(&[], &found(Some(Joined::In)), "wrong-parser", &[]);
        let diagnosis = check(&[], &found(Some(no("Invalid namespace"))), "wrong-parser", &[]);
        assert!(diagnosis.command.unwrap().contains("--parser msgpack"));
    }
    // What keeps us out weighs more than how we come; that is still a warning.
    let mut found = sound_up_to(no("unauthorized"));
    found.websocket.set(Version::V4, page(400));
    check(&[], &found, "auth-refused", &["websocket-blocked"]);
    // The first that is not joined counts.
    let mut found = sound_up_to(Joined::In);
    found.joins.push(("/other".to_owned(), no("Invalid namespace")));
    let diagnosis = check(&[], &found, "unknown-namespace", &[]);
    assert!(diagnosis.fix.contains("/imchat"), "{diagnosis:?}");
}

#[test]
fn the_heartbeat() {
    let found = |heartbeat| Found { heartbeat: Some(heartbeat), ..sound_up_to(Joined::In) };
    check(&[], &found(Heartbeat::Seen), "ok", &[]);
    check(&[], &found(Heartbeat::NotDue), "ok", &[]);
    let within = Duration::from_secs(3);
    check(&[], &found(Heartbeat::Missing { within }), "no-heartbeat", &[]);
    check(&[], &found(Heartbeat::Disconnected), "auth-refused", &[]);
    check(&[], &found(Heartbeat::Ended), "random-drop", &[]);
}

#[test]
fn what_a_server_sends_along_is_shown() {
    let data = Some(json!({ "code": 401 }));
    let joined = Joined::Refused { message: "no".to_owned(), data };
    let diagnosis = check(&[], &sound_up_to(joined), "auth-refused", &[]);
    assert!(diagnosis.cause.contains(r#"{"code":401}"#), "{diagnosis:?}");
    assert_eq!(
        diagnosis.command.unwrap(),
        "sockeye doctor http://h/imchat -x none --auth @auth.json"
    );
}

#[test]
fn a_handshake_that_can_not_be_used_is_no_other_protocol() {
    let broken = || {
        let error = "pingInterval is \"soon\"".to_owned();
        Reception::Broken(front(200), Broken { version: Version::V4, error, sid: None })
    };
    for found in [
        server(broken(), broken()),
        server(broken(), page(400)),
        server(refused(0), broken()),
        server(broken(), Reception::Silent),
    ] {
        let diagnosis = check(&[], &found, "broken-handshake", &[]);
        assert!(diagnosis.cause.contains("pingInterval is \"soon\""), "{diagnosis:?}");
    }
}

#[test]
fn a_flood_drowns_everything_else() {
    let flood = Flood {
        pings: 9_000,
        within: Duration::from_secs(2),
        announced: Some(Duration::from_secs(25)),
        is_read: false,
    };
    for joined in [Joined::In, Joined::NoReply, no("unauthorized")] {
        let found = Found { flood: Some(flood), ..sound_up_to(joined) };
        let diagnosis = check(&[], &found, "ping-flood", &[]);
        assert!(diagnosis.cause.contains("9000 pings within 2.0 s"), "{diagnosis:?}");
        assert!(diagnosis.cause.contains("reads none"), "{diagnosis:?}");
    }
    // Before a session there was no word of an interval.
    let raw = Reception::Raw(front(101), Raw::Floods(Flood { announced: None, ..flood }));
    let found = Found { flood: Some(flood), ..server(open(Version::V4), raw) };
    check(&[], &found, "ping-flood", &[]);
}

#[test]
fn what_can_not_be_read_is_told() {
    let violation = || {
        let error = "the data is not JSON from byte 10 on".to_owned();
        Some(Violation { error, packet: "2[\"v\",NaN]".to_owned() })
    };
    for joined in [Joined::In, Joined::NoReply, Joined::Ended(End::Cut)] {
        let found = Found { violation: violation(), ..sound_up_to(joined) };
        let diagnosis = check(&[], &found, "wrong-parser", &[]);
        assert!(diagnosis.cause.contains("from byte 10 on"), "{diagnosis:?}");
    }
    let found = Found { violation: violation(), ..sound_up_to(no("unauthorized")) };
    check(&[], &found, "auth-refused", &[]);
}

#[test]
fn nobody_is_silent_where_nobody_asked_to_be() {
    let quiet = |name: &str| Found {
        joins: vec![(name.to_owned(), Joined::In)],
        ..sound_up_to(Joined::In)
    };
    let warned = |checked: &Checked, found: &Found| {
        let diagnosis = judge(checked, found);
        assert_eq!(diagnosis.verdict, Verdict::Ok, "{diagnosis:?}");
        let warning = diagnosis.warnings.into_iter().next();
        warning.map(|warning| (warning.verdict.id(), warning.fix))
    };
    for url in ["http://h", "http://h/", "ws://h/?a=1"] {
        let (verdict, fix) = warned(&target_at(url, &[]), &quiet("/")).unwrap();
        assert_eq!(verdict, "silent-namespace");
        assert!(fix.contains("--nsp") && fix.contains("--try-nsp"), "{fix:?}");
    }
    // It is named, or something came, or another one was asked for.
    assert_eq!(warned(&target_at("http://h", &["--nsp", "/"]), &quiet("/")), None);
    let heard = Found { heard_event: true, ..quiet("/") };
    assert_eq!(warned(&target_at("http://h", &[]), &heard), None);
    assert_eq!(warned(&target(&[]), &quiet("/imchat")), None);
    // One that answers is named.
    let others = vec![("/a".to_owned(), no("Invalid namespace")), ("/b".to_owned(), Joined::In)];
    let (_, fix) = warned(&target_at("http://h", &[]), &Found { others, ..quiet("/") }).unwrap();
    assert!(fix.contains("/b") && !fix.contains("/a"), "{fix:?}");
}

#[test]
fn what_was_refused_is_not_advised() {
    let refused = |name: &str| (name.to_owned(), no("Invalid namespace"));
    let found = Found {
        joins: vec![refused("/imchat")],
        others: vec![refused("/")],
        ..sound_up_to(Joined::In)
    };
    let diagnosis = check(&[], &found, "unknown-namespace", &[]);
    assert!(!diagnosis.fix.contains("http://h "), "{diagnosis:?}");
    assert_eq!(diagnosis.command.as_deref(), Some("sockeye doctor http://h/imchat -x none"));
    let found = Found { joins: vec![refused("/")], ..sound_up_to(Joined::In) };
    let diagnosis = judge(&target_at("http://h", &[]), &found);
    assert!(!diagnosis.command.unwrap().starts_with("sockeye listen"), "{:?}", diagnosis.fix);
    // Nor is what nobody has tried.
    let others = |others: Vec<(&str, Joined)>| {
        let others = others.into_iter().map(|(name, joined)| (name.to_owned(), joined)).collect();
        let joins = vec![refused("/imchat")];
        let found = Found { joins, others, ..sound_up_to(Joined::In) };
        check(&[], &found, "unknown-namespace", &[]).command.unwrap()
    };
    assert!(others(vec![]).starts_with("sockeye doctor http://h/imchat "));
    assert!(others(vec![("/", Joined::In)]).starts_with("sockeye listen http://h "));
    assert!(others(vec![("/", no("who?"))]).starts_with("sockeye doctor http://h "));
    let both = vec![("/", Joined::In), ("/a", no("who?")), ("/b", Joined::In)];
    assert!(others(both).starts_with("sockeye listen http://h/b "));
}

#[test]
fn a_warning_has_its_sentence_and_its_fix() {
    let found = server(open(Version::V3), open(Version::V3));
    let warnings = check(&[], &found, "ok", &["eio3-server"]).warnings;
    for language in [Language::English, Language::Chinese] {
        for extra in ["client", "asyncio_client"] {
            let python =
                format!("pip install \"python-socketio[{extra}]<5\" \"python-engineio<4\"");
            assert!(warnings[0].fix.in_language(language).contains(&python), "{warnings:?}");
        }
        assert!(warnings[0].cause.in_language(language).contains("45"), "{warnings:?}");
    }
}
