//! The way into the namespaces: who says no, who says nothing, and in which parser.

use std::{
    io::Write as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::json;
use sockeye::server::{Namespace, Parser};
use sockeye_proto::wire::{
    msgpack,
    packet::{self, Packet},
};

use crate::{
    examined::examine,
    sandbox::Sandbox,
    server::Running,
    stub::{self, Request, response},
    watch::server::Running as Quiet,
};

const OPEN: &str =
    r#"0{"sid":"topsecret","upgrades":[],"pingInterval":25000,"pingTimeout":9000,"maxPayload":9}"#;

/// A server of WebSocket alone that lets everybody in and then says this.
fn saying(text: &'static str) -> String {
    let address = stub::listen(move |mut stream| {
        let request: Request = stub::read_request(&mut stream)?;
        stub::agree(&mut stream, &request)?;
        stub::say(&mut stream, OPEN)?;
        stub::hear(&mut stream)?;
        stub::say(&mut stream, r#"40{"sid":"a"}"#)?;
        stub::say(&mut stream, text)?;
        stub::hear(&mut stream).map(|_| ())
    });
    format!("http://{address}")
}

#[test]
fn nothing_comes_where_nobody_asked_to_be() {
    let (quiet, sandbox) = (Quiet::start(|server| server), Sandbox::new("doctor-silent"));
    for transport in ["auto", "polling", "websocket"] {
        let args = [&*quiet.url, "--transport", transport];
        examine(&sandbox, &args).is("ok", 0).warns(&["silent-namespace"]);
        let args = [&args[..], &["--nsp", "/"]].concat();
        examine(&sandbox, &args).is("ok", 0).warns(&[]);
    }
    let run = sandbox.run(&["doctor", &quiet.url]);
    for text in ["--nsp /NAME", "--try-nsp /NAME", "sockeye doctor --explain silent-namespace"] {
        assert!(run.stdout.contains(text), "{text}: {}", run.stdout);
    }
    // Here something comes.
    let running = Running::start();
    for url in [&running.url, &running.at("/imchat")] {
        examine(&sandbox, &[url]).is("ok", 0).warns(&[]);
    }
}

#[test]
fn a_packet_that_can_not_be_read() {
    let sandbox = Sandbox::new("doctor-unreadable");
    for (text, part) in [
        (r#"42["v",NaN]"#, "not JSON"),
        (r#"42/imchat,["v",Infinity]"#, "not JSON"),
        (r#"42["cut"#, "JSON"),
        ("49", "9"),
    ] {
        let args = [&*saying(text), "--transport", "websocket"];
        let examined = examine(&sandbox, &args).is("wrong-parser", 7).says("cause", &[part]);
        let examined = examined.checks(&[("parser-msgpack", None)]);
        let seen =
            ["connect", "heartbeat"].map(|check| examined.evidence(check)["violation"].clone());
        assert!(seen.iter().any(|seen| seen.is_string()), "{seen:?}");
    }
    let args = [&*saying(r#"42["v",null]"#), "--transport", "websocket"];
    examine(&sandbox, &args).is("ok", 0).warns(&[]);
}

#[test]
fn whoever_is_refused_after_such_a_packet_is_told_of_that() {
    let sandbox = Sandbox::new("doctor-unreadable-then-refused");
    // Nothing of this ends the session, as it would with a client.
    for text in [r#"42["v",NaN]"#, "0{}", "hello", "9", "450-[]", "bAQID"] {
        let address = stub::listen(move |mut stream| {
            let request: Request = stub::read_request(&mut stream)?;
            stub::agree(&mut stream, &request)?;
            stub::say(&mut stream, OPEN)?;
            stub::hear(&mut stream)?;
            stub::say(&mut stream, text)?;
            stub::say(&mut stream, r#"44{"message":"who are you?"}"#)?;
            stub::hear(&mut stream).map(|_| ())
        });
        let args = [&*format!("http://{address}"), "--transport", "websocket"];
        examine(&sandbox, &args).is("auth-refused", 7).says("cause", &["who are you?"]);
    }
}

/// A server of WebSocket alone that has none of the namespaces that anybody asks for.
fn odd() -> String {
    let address = stub::listen(|mut stream| {
        let request: Request = stub::read_request(&mut stream)?;
        stub::agree(&mut stream, &request)?;
        stub::say(&mut stream, OPEN)?;
        while let (1, asked) = stub::hear(&mut stream)? {
            let asked = String::from_utf8(asked).unwrap();
            let namespace = asked.strip_prefix("40").unwrap();
            stub::say(&mut stream, &format!(r#"44{namespace}{{"message":"Invalid namespace"}}"#))?;
        }
        Ok(())
    });
    format!("http://{address}")
}

#[test]
fn what_was_tried_is_not_advised() {
    let sandbox = Sandbox::new("doctor-circles");
    let chat = sandbox.serve(&["--log", "off"]);
    let url = chat.ready();
    let examined = examine(&sandbox, &[url]).is("unknown-namespace", 7);
    let command = format!("sockeye listen {url}/chat ");
    examined.says("fix", &["/chat"]).says("command", &[&command]).fix_works(&sandbox);
    for args in
        [&["--nsp", "/nowhere", "--try-nsp", "/"][..], &["--nsp", "/nowhere"], &["--nsp", "/"]]
    {
        let examined = examine(&sandbox, &[&[url], args].concat()).is("unknown-namespace", 7);
        examined.says("fix", &["/chat"]).says("command", &[&command]).fix_works(&sandbox);
    }
    // One that has nothing usual.
    let odd = odd();
    for args in
        [&["--nsp", "/nowhere", "--try-nsp", "/"][..], &["--nsp", "/nowhere"], &["--nsp", "/"], &[]]
    {
        let run = sandbox.run(&[&["doctor", &odd], args].concat());
        assert_eq!(run.code, Some(7), "{run:?}");
        assert!(!run.stdout.contains("Try "), "{}", run.stdout);
        let fix = run.stdout.split_once("Fix ").unwrap().1;
        assert!(!fix.contains(&odd), "{fix}");
    }
    // Engine.IO 3 lets into `/` once, unasked.
    let old = Running::start_old();
    for args in [&["--nsp", "/nowhere"][..], &["--nsp", "/nowhere", "--try-nsp", "/imchat"]] {
        let examined = examine(&sandbox, &[&[&*old.url], args].concat()).is("unknown-namespace", 7);
        examined.fix_works(&sandbox);
    }
}

/// A session that is no session, on each transport.
fn opening(packet: &'static str) -> String {
    let address = stub::listen(move |mut stream| {
        let request: Request = stub::read_request(&mut stream)?;
        if request.wants_websocket() {
            stub::agree(&mut stream, &request)?;
            return stub::say(&mut stream, packet);
        }
        let body =
            if request.has("EIO=3") { format!("{}:{packet}", packet.len()) } else { packet.into() };
        stream.write_all(response("200 OK", "", &body).as_bytes())
    });
    format!("http://{address}")
}

#[test]
fn a_handshake_that_can_not_be_used() {
    let sandbox = Sandbox::new("doctor-handshake");
    for (packet, part) in [
        (
            r#"0{"sid":"topsecret","pingInterval":"soon","pingTimeout":1}"#,
            "pingInterval is \"soon\"",
        ),
        (r#"0{"sid":"topsecret","pingInterval":1}"#, "pingTimeout is missing"),
        (r#"0{"sid":"topsecret","upgrades":7,"pingInterval":1,"pingTimeout":1}"#, "upgrades is 7"),
        (r#"0{"sid":["x"],"pingInterval":1,"pingTimeout":1}"#, "sid is"),
        (r#"0{"SID":"topsecret","pingInterval":1,"pingTimeout":1}"#, "sid is missing"),
        ("\u{feff}0{\"sid\":\"a\",\"pingInterval\":1,\"pingTimeout\":1}", "it begins with"),
        (" 0{\"sid\":\"a\",\"pingInterval\":1,\"pingTimeout\":1}", "it begins with"),
    ] {
        let url = opening(packet);
        for args in [&["--transport", "auto"][..], &["--transport", "websocket"], &["--eio", "3"]] {
            let examined = examine(&sandbox, &[&[&*url], args].concat());
            let examined = examined.is("broken-handshake", 5).says("cause", &[part, "expected"]);
            examined.hides(&["topsecret"]).checks(&[("connect", None)]);
        }
    }
}

#[test]
fn a_first_message_that_is_no_handshake() {
    let sandbox = Sandbox::new("doctor-first-message");
    let too_long = [&[0x81, 127][..], &(1_u64 << 40).to_be_bytes()].concat();
    for (frame, text) in [
        (vec![0x81, 2, b'h', b'i'], r#"it says "hi""#),
        (vec![0xF1, 2, b'h', b'i'], "it sends what can't be read: reserved bit"),
        (too_long, "it sends what can't be read: message is longer than"),
    ] {
        let address = stub::listen(move |mut stream| {
            let request: Request = stub::read_request(&mut stream)?;
            if !request.wants_websocket() {
                let no = r#"{"code":0,"message":"Transport unknown"}"#;
                return stream.write_all(response("400 Bad Request", "", no).as_bytes());
            }
            stub::agree(&mut stream, &request)?;
            stream.write_all(&frame)?;
            stub::hear(&mut stream).map(|_| ())
        });
        let url = format!("http://{address}");
        examine(&sandbox, &[&url]).is("broken-handshake", 5).says("cause", &[text]);
    }
}

#[test]
fn there_is_no_such_namespace() {
    let (running, sandbox) = (Running::start(), Sandbox::new("doctor-namespace"));
    let url = running.at("/imchta");
    for transport in ["auto", "polling", "websocket"] {
        let examined = examine(&sandbox, &[&url, "--transport", transport]);
        let examined =
            examined.is("unknown-namespace", 7).says("cause", &["/imchta", "Invalid namespace"]);
        examined.checks(&[("connect", Some(false)), ("heartbeat", None)]).fix_works(&sandbox);
    }
    let tries = ["--try-nsp", "nothing", "--try-nsp", "/imchat", "--try-nsp", "guarded"];
    let examined = examine(&sandbox, &[&[&*url], &tries[..]].concat()).is("unknown-namespace", 7);
    let examined = examined.says("fix", &["/imchat, /guarded"]);
    let command = format!("sockeye listen {} ", running.at("/imchat"));
    examined.says("command", &[&command]).fix_works(&sandbox);
    let tries = ["--nsp", "/imchta", "--try-nsp", "/other"];
    let examined = examine(&sandbox, &[&[&*running.url], &tries[..]].concat());
    examined.is("unknown-namespace", 7).fix_works(&sandbox);
    // Many put the path of the engine into the URL.
    let examined = examine(&sandbox, &[&running.at("/socket.io/")]).is("unknown-namespace", 7);
    let command = format!("sockeye listen {} ", running.url);
    examined.says("command", &[&command]).fix_works(&sandbox);
}

#[test]
fn the_middleware_says_no() {
    let (running, sandbox) = (Running::start(), Sandbox::new("doctor-auth"));
    let url = &running.at("/guarded");
    let refused = |args: &[&str]| {
        let examined = examine(&sandbox, &[&[url.as_str()], args].concat());
        examined
            .is("auth-refused", 7)
            .says("cause", &["/guarded", "unauthorized", r#"{"code":401}"#])
    };
    sandbox.write("auth.json", r#"{"token":"secret"}"#);
    // The command says where the secret is to be.
    refused(&[]).says("command", &["--auth @auth.json"]).fix_works(&sandbox);
    let examined = refused(&["--auth", r#"{"token":"not-the-one"}"#]);
    examined.hides(&["not-the-one"]).says("command", &["--auth @auth.json"]).fix_works(&sandbox);
    sandbox.write("wrong.json", r#"{"token":"not-the-one"}"#);
    refused(&["--auth", "@wrong.json"]).says("command", &["--auth @wrong.json"]);
    examine(&sandbox, &[url, "--auth", "@auth.json"]).is("ok", 0);
}

#[test]
fn a_token_tells_when_it_is_no_good() {
    let (running, sandbox) = (Running::start(), Sandbox::new("doctor-jwt"));
    let url = &running.at("/guarded");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let token = |claims: serde_json::Value| {
        format!("{}.{}.c2lnbmF0dXJl", part(json!({ "alg": "HS256", "typ": "JWT" })), part(claims))
    };
    let expired = token(json!({ "sub": "me", "exp": now - 7_300 }));
    let early = token(json!({ "nbf": now + 7_300 }));
    for (token, text) in [(&expired, "expired 2 h ago"), (&early, "not valid before 2 h")] {
        let auth = json!({ "token": token }).to_string();
        let examined = examine(&sandbox, &[url, "--auth", &auth]).is("auth-refused", 7);
        examined
            .says("cause", &["auth.token", text])
            .hides(&[token, token.split('.').nth(1).unwrap()]);
        let header = format!("authorization: Bearer {token}");
        let examined = examine(&sandbox, &[url, "-H", &header]).is("auth-refused", 7);
        let examined = examined.says("cause", &["authorization", text]).hides(&[token]);
        examined.says("command", &[r#"-H "authorization: $AUTHORIZATION""#]);
    }
    let good = json!({ "token": token(json!({ "exp": now + 7_300 })) }).to_string();
    let examined = examine(&sandbox, &[url, "--auth", &good]).is("auth-refused", 7);
    examined.says("cause", &[r#"{"code":401}."#]); // it is not the time that is wrong
}

/// A server that lets everybody into `/`, says this, and is done.
fn lets_in_and_says(text: &'static str) -> String {
    let address = stub::listen(move |mut stream| {
        let request = stub::read_request(&mut stream)?;
        stub::agree(&mut stream, &request)?;
        let open =
            r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":9,"maxPayload":9}"#;
        stub::say(&mut stream, open)?;
        stub::hear(&mut stream)?;
        stub::say(&mut stream, r#"40{"sid":"a"}"#)?;
        stub::say(&mut stream, text)?;
        if text == "41" { stub::hear(&mut stream).map(|_| ()) } else { Ok(()) }
    });
    format!("http://{address}")
}

#[test]
fn a_server_that_lets_in_and_sends_away() {
    let sandbox = Sandbox::new("doctor-away");
    for (says, verdict, exit) in [("41", "auth-refused", 7), ("6", "random-drop", 9)] {
        let args = [&*lets_in_and_says(says), "--transport", "websocket"];
        let examined = examine(&sandbox, &args).is(verdict, exit);
        examined.checks(&[("connect", Some(true)), ("heartbeat", Some(false))]);
    }
}

#[test]
fn the_parser_is_another() {
    let sandbox = Sandbox::new("doctor-parser");
    let running = Running::start_with(|server| server.parser(Parser::MsgPack));
    for transport in ["auto", "polling", "websocket"] {
        let args = [&*running.at("/imchat"), "--transport", transport, "--timeout", "1s"];
        let examined = examine(&sandbox, &args).is("wrong-parser", 7);
        let examined = examined.checks(&[("connect", Some(false)), ("parser-msgpack", Some(true))]);
        examined.says("command", &["--parser msgpack"]).fix_works(&sandbox);
        let args = [&args[..], &["--parser", "msgpack"]].concat();
        examine(&sandbox, &args).is("ok", 0).checks(&[("parser-json", None)]);
    }
    let running = Running::start();
    let args = [&*running.url, "--parser", "msgpack", "--timeout", "1s"];
    let examined = examine(&sandbox, &args).is("wrong-parser", 7);
    examined.checks(&[("parser-json", Some(true))]).fix_works(&sandbox);
}

#[test]
fn bytes_may_be_written_as_text() {
    let sandbox = Sandbox::new("doctor-base64");
    let data = r#"{"sid":"a"}"#;
    let (kind, namespace) = (packet::Kind::Connect, "/");
    let joined = Packet { kind, attachments: 0, namespace, id: None, data: Some(data) };
    let joined = format!("b{}", BASE64_STANDARD.encode(msgpack::encode(&joined, &[])));
    let address = stub::listen(move |mut stream| {
        let request: Request = stub::read_request(&mut stream)?;
        stub::agree(&mut stream, &request)?;
        stub::say(&mut stream, OPEN)?;
        stub::hear(&mut stream)?;
        stub::say(&mut stream, &joined)?;
        while stub::hear(&mut stream)?.0 != 8 {}
        Ok(())
    });
    let url = format!("http://{address}");
    let args = [&*url, "--parser", "msgpack", "--transport", "websocket", "--nsp", "/"];
    examine(&sandbox, &args).is("ok", 0).checks(&[("connect", Some(true))]);
    examine(&sandbox, &[&args[..], &["--watch", "1s"]].concat()).is("ok", 0);
}

#[test]
fn nobody_answers_the_request_to_join() {
    let running = Running::start_with(|server| {
        let stuck = async || std::future::pending::<()>().await;
        let stuck = Namespace::new().on_connect(stuck);
        server.connect_timeout(Duration::from_secs(60)).namespace("/stuck", stuck)
    });
    let sandbox = Sandbox::new("doctor-stuck");
    for transport in ["auto", "polling"] {
        let args = [&*running.at("/stuck"), "--timeout", "500ms", "--transport", transport];
        let examined =
            examine(&sandbox, &args).is("connect-no-reply", 7).says("cause", &["/stuck"]);
        examined.checks(&[
            ("connect", Some(false)),
            ("parser-msgpack", Some(false)),
            ("heartbeat", None),
        ]);
        let examined = examine(&sandbox, &[&args[..], &["--try-nsp", "/imchat"]].concat());
        let examined = examined.is("connect-no-reply", 7).checks(&[("try-nsp", Some(true))]);
        examined.says("fix", &["/imchat"]).fix_works(&sandbox);
    }
}
