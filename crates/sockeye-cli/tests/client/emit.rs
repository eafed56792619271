//! `sockeye emit`: arguments, acks, awaited events, expectations.

use serde_json::json;
use sockeye::server::Parser;

use crate::{lines, sandbox::Sandbox, server::Running};

#[test]
fn an_event_is_sent() {
    let (running, sandbox) = (Running::start(), Sandbox::new("emit"));
    let run = sandbox.run(&["emit", &running.url, "keep", r#"{"id":7}"#]);
    assert_eq!((run.code, &*run.stdout, &*run.stderr), (Some(0), "", ""));
    // Its order on the next connection: the first was closed in good order.
    assert_eq!(running.kept(), [json!({ "id": 7 })]);
}

#[test]
fn an_ack_is_shown_as_it_came() {
    let (running, sandbox) = (Running::start(), Sandbox::new("emit-ack"));
    sandbox.write("file.json", "{\"b\": 1,\n \"a\": 2}");
    sandbox.write("file.bin", b"\x00\xff");
    let url = &running.at("/imchat");
    let args = ["1.50", "text", "@file.json", "@bin:file.bin", r#""@x""#, "-1", "null"];
    let run = sandbox.run(&[&["emit", url, "--ack", "echo"], &args[..]].concat());
    let [line] = &lines(&run, 0)[..] else { panic!("{run:?}") };
    let (line, rtt) = line.split_once(r#","rtt_ms":"#).unwrap();
    assert_eq!(
        line,
        r#"{"dir":"ack","nsp":"/imchat","event":"echo","args":[1.50,"text",{"b":1,"a":2},{"$bin":"AP8="},"@x",-1,null]"#
    );
    let rtt: f64 = rtt.strip_suffix('}').unwrap().parse().unwrap();
    assert!((0.0..20_000.0).contains(&rtt), "{rtt}");
}

#[test]
fn attachments_are_saved() {
    let (running, sandbox) = (Running::start(), Sandbox::new("emit-save"));
    let bin = r#"{"file":{"$bin":"YWJj"}}"#;
    let run = sandbox.run(&["emit", &running.url, "echo", "--ack", bin, "--save-bin", "got"]);
    let [line] = &lines(&run, 0)[..] else { panic!("{run:?}") };
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let (begin, rest) = line.split_once(r#""args":[{"file":{"$bin_file":""#).unwrap();
    let (file, rest) = rest.split_once('"').unwrap();
    assert!(begin.contains(r#""event":"echo""#) && file.starts_with("got/"), "{line}");
    assert!(rest.starts_with(&format!(r#","len":3,"sha256":"{hash}"}}}}]"#)), "{line}");
    assert_eq!(std::fs::read(sandbox.path(file)).unwrap(), b"abc");
}

#[test]
fn an_event_is_awaited() {
    let (running, sandbox) = (Running::start(), Sandbox::new("emit-wait"));
    let url = &running.url;
    let run = sandbox.run(&["emit", url, "say", "hi", "--wait-event", "said"]);
    assert_eq!(lines(&run, 0), [r#"{"dir":"in","nsp":"/","event":"said","args":["hi"]}"#]);
    // One that asks for an ack shows its number.
    let run = sandbox.run(&["emit", url, "ask", "--wait-event", "question"]);
    let [line] = &lines(&run, 0)[..] else { panic!("{run:?}") };
    assert!(line.contains(r#""event":"question","args":[],"ack_id":"#), "{line}");
    let never = ["emit", url, "say", "--wait-event", "never", "--timeout", "300ms"];
    let run = sandbox.run(&never);
    assert_eq!((run.code, &*run.stdout), (Some(8), ""));
    assert!(run.stderr.contains("--wait-event"), "{}", run.stderr);
}

#[test]
fn what_is_expected_is_checked() {
    let (running, sandbox) = (Running::start(), Sandbox::new("emit-expect"));
    let check = |args: &[&str], code: i32| {
        let run = sandbox.run(&[&["emit", &*running.url], args].concat());
        assert_eq!((run.code, run.stdout.lines().count()), (Some(code), 1), "{run:?}");
        assert_eq!(run.stderr.contains("--expect"), code == 10, "{run:?}");
    };
    check(&["echo", r#"{"ok":true,"id":1}"#, "--expect", r#"{"ok":true}"#], 0);
    check(&["echo", "1", "2", "--expect", "[1,2]"], 0);
    check(&["echo", "1", "--expect", "2"], 10);
    check(&["say", "hi", "--wait-event", "said", "--expect", "hi"], 0);
    check(&["say", "hi", "--wait-event", "said", "--expect", "ho"], 10);
    check(&["refuse", "--expect", r#"{"error":{"code":"busy","message":"not today"}}"#], 0);
}

#[test]
fn an_ack_that_says_no_is_a_failure_unless_any_will_do() {
    let (running, sandbox) = (Running::start(), Sandbox::new("emit-refused"));
    let check = |args: &[&str], code: i32, stderr: &str| {
        let run = sandbox.run(&[&["emit", &*running.url], args].concat());
        assert_eq!((run.code, run.stdout.lines().count(), &*run.stderr), (Some(code), 1, stderr));
    };
    let refused = "error: \"refuse\" was refused: not today (busy); --any-ack takes every ack\n";
    check(&["refuse", "--ack"], 10, refused);
    check(&["refuse", "--ack", "--any-ack"], 0, "");
    // To take any is to want one.
    check(&["refuse", "--any-ack"], 0, "");
    check(&["echo", "1", "--any-ack"], 0, "");
    let bare = "error: \"echo\" was refused: x; --any-ack takes every ack\n";
    check(&["echo", "--ack", r#"{"error":{"code":"x"}}"#], 10, bare);
    check(&["refuse", "--expect", r#"{"error":{"code":"busy"}}"#], 0, "");
    // Others have errors of their own.
    check(&["echo", "--ack", r#"{"error":"no"}"#], 0, "");
    let data =
        "error: \"echo\" was refused: m (x) {\"pin\":\"‹redacted›\"}; --any-ack takes every ack\n";
    check(
        &["echo", "--ack", r#"{"error":{"code":"x","message":"m","data":{"pin":"1"}}}"#],
        10,
        data,
    );
}

#[test]
fn silence_where_no_namespace_was_named_says_so() {
    let (running, sandbox) = (Running::start(), Sandbox::new("emit-silent"));
    let silent = Running::silent();
    let url = &*silent.url;
    let check = |args: &[&str], is_told: bool| {
        let run = sandbox.run(&[&["emit"], args, &["--timeout", "300ms"]].concat());
        assert_eq!(run.code, Some(8), "{run:?}");
        assert_eq!(run.stderr.contains("--explain silent-namespace"), is_told, "{run:?}");
    };
    for url in [url, &format!("{url}/"), &format!("{url}?a=1")] {
        check(&[url, "ignore", "--ack"], true);
        check(&[url, "keep", "1", "--wait-event", "never"], true);
    }
    check(&[url, "ignore", "--ack", "--nsp", "/"], false);
    // This one greets.
    check(&[&running.url, "ignore", "--ack"], false);
    check(&[&running.url, "ignore", "--wait-event", "never"], false);
    check(&[&running.at("/imchat"), "ignore", "--ack"], false);
}

#[test]
fn programs_are_for_the_version_that_the_server_speaks() {
    let sandbox = Sandbox::new("emit-as");
    let (new, old) = (Running::start(), Running::start_old());
    let check = |url: &str, more: &[&str], python: &str, js: &str, is_asked: bool| {
        for (language, package) in [("python", python), ("js", js)] {
            let run = sandbox.run(&[&["emit", url, "a", "--as", language], more].concat());
            assert_eq!((run.code, &*run.stderr), (Some(0), ""), "{run:?}");
            assert!(run.stdout.contains(package), "{package}: {run:?}");
            assert_eq!(run.stdout.contains("could not be asked"), !is_asked, "{run:?}");
        }
    };
    check(&new.url, &[], "[client]>=5", "socket.io-client@4", true);
    check(&old.at("/imchat"), &[], "[client]<5", "socket.io-client@2", true);
    check(&old.url, &["--transport", "websocket"], "[client]<5", "socket.io-client@2", true);
    check(&new.url, &["--eio", "3"], "[client]<5", "socket.io-client@2", true);
    // Nobody is there.
    check("http://127.0.0.1:1", &[], "[client]>=5", "socket.io-client@4", false);
    check("http://127.0.0.1:1", &["--eio", "4"], "[client]>=5", "socket.io-client@4", true);
}

#[test]
fn what_is_sent_can_be_shown() {
    let (running, sandbox) = (Running::start(), Sandbox::new("emit-verbose"));
    let run = sandbox.run(&["emit", &running.url, "keep", "1", "-v", "--transport", "websocket"]);
    assert_eq!(lines(&run, 0), [r#"{"dir":"out","nsp":"/","event":"keep","args":[1]}"#]);
    assert!(run.stderr.ends_with("● / connected by websocket, EIO=4\n"), "{}", run.stderr);
}

#[test]
fn it_comes_as_it_is_told() {
    let (running, sandbox) = (Running::start(), Sandbox::new("emit-options"));
    let url = &running.at("/imchat?room=1");
    let answer = |args: &[&str]| {
        let run = sandbox.run(&[&["emit", url, "--ack"], args].concat());
        let [line] = &lines(&run, 0)[..] else { panic!("{run:?}") };
        line.split_once(r#""args":["#).unwrap().1.split_once("],").unwrap().0.to_owned()
    };
    assert_eq!(answer(&["headers", "x-a", "-H", "X-A: b: c"]), r#""b: c""#);
    sandbox.write("count", "");
    let token = ["headers", "authorization", "--bearer-cmd", "echo again >> count; echo abc"];
    assert_eq!(answer(&token), r#""Bearer abc""#);
    let query = answer(&["query", "--query", "a=b c", "--transport", "polling"]);
    assert!(query.contains("room=1") && query.contains("a=b%20c"), "{query}");
    assert!(query.contains("transport=polling"), "{query}");
    assert!(answer(&["query", "--transport", "websocket"]).contains("transport=websocket"));
    assert!(answer(&["headers", "user-agent"]).starts_with(r#""sockeye/"#));
    assert_eq!(answer(&["headers", "user-agent", "-H", "User-Agent: me"]), r#""me""#);
    // Without a value there is none, as with curl.
    assert_eq!(answer(&["headers", "user-agent", "-H", "User-Agent:"]), "null");
    assert_eq!(answer(&["headers", "x-a", "-H", "x-a:"]), "null");
    // As npm's client reads it.
    assert_eq!(answer(&["echo", "1", "--path", "/socket.io"]), "1");

    let run = sandbox.run_with(
        &["emit", &running.url, "echo", "--nsp", "/guarded", "--wait-event", "welcome"],
        &[("SOCKEYE_AUTH", r#"{"token":"secret"}"#)],
    );
    let welcome = r#"{"dir":"in","nsp":"/guarded","event":"welcome","args":[{"token":"secret"}]}"#;
    assert_eq!(lines(&run, 0), [welcome]);
    sandbox.write("auth.json", r#"{"token":"secret"}"#);
    let guarded = &running.at("/guarded");
    let run = sandbox.run(&["emit", guarded, "echo", "--ack", "--auth", "@auth.json"]);
    assert_eq!(lines(&run, 0).len(), 1);
}

#[test]
fn of_two_headers_that_stand_for_one_none_is_lost() {
    let sandbox = Sandbox::new("emit-twice");
    for name in ["Host", "User-Agent"] {
        let twice = ["-H", &format!("{name}: a"), "-H", &format!("{name}: b").to_lowercase()];
        for command in [
            &["emit", "http://127.0.0.1:1", "a"][..],
            &["emit", "http://127.0.0.1:1", "a", "--as", "rust"],
            &["ws", "ws://127.0.0.1:1"],
            &["doctor", "http://127.0.0.1:1"],
        ] {
            let run = sandbox.run(&[command, &twice].concat());
            assert_eq!((run.code, &*run.stdout), (Some(2), ""), "{run:?}");
            assert!(run.stderr.contains("give it once"), "{run:?}");
        }
    }
}

#[test]
fn a_url_copied_from_a_browser_works() {
    let (running, sandbox) = (Running::start(), Sandbox::new("emit-copied"));
    for (query, expect) in [
        ("?EIO=3&transport=websocket&t=P3&sid=S&a=1", "EIO, transport, t, sid; use --eio"),
        ("?EIO=4&transport=polling&a=1", "EIO, transport; use --eio"),
    ] {
        let url = running.at(query);
        for way in ["auto", "polling", "websocket"] {
            let run = sandbox.run(&["emit", &url, "query", "--ack", "--transport", way]);
            assert_eq!(run.code, Some(0), "{run:?}");
            let is_told = run.stderr.starts_with("warning: ") && run.stderr.contains(expect);
            assert!(is_told && run.stderr.lines().count() == 1, "{run:?}");
            for once in ["EIO=", "transport=", "a=1"] {
                assert_eq!(run.stdout.matches(once).count(), 1, "{run:?}");
            }
        }
    }
    let run = sandbox.run(&["emit", &running.url, "echo", "--query", "b64=1", "--ack"]);
    assert!(run.code == Some(0) && run.stderr.contains("b64"), "{run:?}");
}

#[test]
fn every_version_and_parser_is_spoken() {
    let sandbox = Sandbox::new("emit-versions");
    for (parser, name) in [(Parser::Json, "json"), (Parser::MsgPack, "msgpack")] {
        let running = Running::start_with(|server| server.parser(parser).engine_v3(true));
        for eio in ["auto", "3", "4"] {
            for transport in ["auto", "polling", "websocket"] {
                let url = &running.url;
                let way = ["--eio", eio, "--transport", transport, "--parser", name];
                let bin = r#"{"$bin":"AP8="}"#;
                let args = ["emit", url, "echo", bin, "é", "--expect", r#"[{"$bin":"AP8="},"é"]"#];
                let run = sandbox.run(&[&args[..], &way].concat());
                assert_eq!(lines(&run, 0).len(), 1, "{way:?}");
            }
        }
    }
}
