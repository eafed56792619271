//! `sockeye decode`: every form of recording, and what is told of one that can't be read.

use std::{fs::File, process::Stdio};

use serde_json::{Value, json};

use crate::sandbox::{Run, Sandbox};

/// Decodes from standard input.
fn decode(sandbox: &Sandbox, args: &[&str], input: impl AsRef<[u8]>) -> Run {
    let input = File::open(sandbox.write("input", input)).unwrap();
    let mut command = sandbox.command(&[&["decode"], args].concat());
    let output = command.stdin(Stdio::from(input)).output().unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The objects of one layer.
fn of(run: &Run, layer: &str) -> Vec<Value> {
    let lines = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["layer"] == layer).collect()
}

/// What the packets of Socket.IO say.
fn data(run: &Run) -> Vec<Value> {
    of(run, "sio").into_iter().map(|line| line["data"].clone()).collect()
}

#[test]
fn packets_in_text() {
    let sandbox = Sandbox::new("decode-texts");
    let input = "42/imchat,7[\"chat\",\"hi\"]\n\n2probe\r\n0{\"sid\":\"s3cret\",\"upgrades\":[]}\n";
    let run = decode(&sandbox, &[], input);
    let expect = [
        r#"{"line":1,"layer":"eio","kind":"MESSAGE","bytes":23}"#,
        r#"{"line":1,"layer":"sio","kind":"EVENT","nsp":"/imchat","id":7,"data":["chat","hi"]}"#,
        r#"{"line":3,"layer":"eio","kind":"PING","data":"probe"}"#,
        r#"{"line":4,"layer":"eio","kind":"OPEN","data":{"sid":"‹redacted›","upgrades":[]}}"#,
    ];
    assert_eq!(run.stdout.lines().collect::<Vec<_>>(), expect);
    assert_eq!((run.code, &*run.stderr), (Some(0), ""));
    // The same from a file, and with its secrets.
    let file = sandbox.write("packets.txt", input);
    assert_eq!(sandbox.run(&["decode", &file]), run);
    let run = sandbox.run(&["decode", &file, "--show-secrets", "--json"]);
    assert!(run.stdout.contains(r#""sid":"s3cret""#), "{run:?}");
}

#[test]
fn bodies_of_polling_in_both_versions() {
    let sandbox = Sandbox::new("decode-bodies");
    #[track_caller] // a failure points at the row, not at this function
    fn check(sandbox: &Sandbox, input: &[u8], expect: &[Value]) {
        let run = decode(sandbox, &[], input);
        assert_eq!((run.code, &*run.stderr), (Some(0), ""), "{run:?}");
        assert_eq!(data(&run), expect, "{}", input.escape_ascii());
    }
    check(&sandbox, b"42[\"a\"]\x1e42[\"b\"]", &[json!(["a"]), json!(["b"])]);
    check(
        &sandbox,
        "7:42[\"a\"]7:42[\"é\"]2:40".as_bytes(),
        &[json!(["a"]), json!(["é"]), json!(null)],
    );
    let placeholder = json!(["a", { "_placeholder": true, "num": 0 }]);
    let event = r#"451-["a",{"_placeholder":true,"num":0}]"#;
    for attachment in ["\nbAQID", "\nb4AQID", "\x1ebAQID"] {
        let input = format!("{event}{attachment}");
        check(&sandbox, input.as_bytes(), &[placeholder.clone(), json!(null)]);
    }
    // Lengths in bytes, one digit a byte.
    check(&sandbox, b"\x00\x07\xff42[\"a\"]\x01\x02\xff\x04\xff"[..10].as_ref(), &[json!(["a"])]);
}

#[test]
fn what_cant_be_read_is_told_and_the_rest_is_shown() {
    let sandbox = Sandbox::new("decode-wrong");
    let run = decode(&sandbox, &[], "42[\"a\"]\n9x\n42[\"a\",]\n95:0{\n42[\"b\"]\nbAQID\n");
    assert_eq!((run.code, data(&run)), (Some(2), vec![json!(["a"]), json!(["b"])]));
    let errors: Vec<_> = run.stderr.lines().collect();
    assert_eq!(errors.len(), 4, "{errors:#?}");
    for (error, expect) in errors.iter().zip([
        "error: line 2: packet type '9' is not in 0..=6",
        "error: line 3: the data is not JSON from byte 5 on; found 2[\"a\",]",
        "error: line 4: ",
        "error: line 6: an attachment that no packet has announced",
    ]) {
        assert!(error.starts_with(expect), "{expect:?}: {errors:#?}");
    }
    // One endless line does not fill the memory, and the next is read.
    let mut long = vec![b'4'; 17 * 1024 * 1024];
    long.extend(b"\n42[\"a\"]\n");
    let run = decode(&sandbox, &[], long);
    assert_eq!((run.code, data(&run)), (Some(2), vec![json!(["a"])]));
    assert!(run.stderr.starts_with("error: line 1: more than 16 MiB"), "{}", run.stderr);

    let run = sandbox.run(&["decode", "/nowhere"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("/nowhere"), "{run:?}");
}

/// A frame of one byte of length, masked as a client does it.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let key = [0x12, 0x34, 0x56, 0x78];
    let mut frame = vec![first, 0x80 | u8::try_from(payload.len()).unwrap()];
    frame.extend(key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, u8::try_from(payload.len()).unwrap()], payload].concat()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn frames_of_a_websocket() {
    let sandbox = Sandbox::new("decode-frames");
    let frames = [
        masked(0x81, br#"42["a"]"#),
        unmasked(0x01, br#"42["#),
        unmasked(0x89, b"?"),
        unmasked(0x80, br#""b"]"#),
        unmasked(0x88, b"\x03\xe8bye"),
    ];
    let lines: Vec<_> = frames.iter().map(|frame| hex(frame)).collect();
    let head = "GET /socket.io/?EIO=3&sid=s3cret HTTP/1.1\r\nCookie: a=c00kie\r\n\r\n\
                HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n";
    let binary = [head.as_bytes(), &frames.concat()].concat();
    let in_hex: Vec<_> = lines.concat().as_bytes().chunks(6).map(<[u8]>::to_vec).collect();
    for (args, input) in [
        (&["--hex"][..], lines.join("\n").into_bytes()),
        // However it is cut into lines.
        (&["--hex"], in_hex.join(&b" \n"[..])),
        (&[], frames.concat()),
        (&[], binary.clone()),
    ] {
        let run = decode(&sandbox, args, input);
        assert_eq!((run.code, &*run.stderr), (Some(0), ""), "{run:?}");
        let shown: Vec<_> = of(&run, "ws")
            .iter()
            .map(|line| {
                format!("{} {}", line["dir"].as_str().unwrap(), line["kind"].as_str().unwrap())
            })
            .collect();
        assert_eq!(shown, ["out text", "in text", "in ping", "in continuation", "in close"]);
        assert_eq!(data(&run), [json!(["a"]), json!(["b"])]);
        let close = of(&run, "ws").pop().unwrap();
        assert_eq!((&close["code"], &close["reason"]), (&json!(1000), &json!("bye")));
    }
    let run = decode(&sandbox, &[], binary);
    let heads = of(&run, "http");
    assert_eq!(heads[0]["head"], "GET /socket.io/?EIO=3&sid=‹redacted› HTTP/1.1");
    assert_eq!(heads[0]["headers"]["cookie"], "‹redacted›");
    assert_eq!(heads[1]["headers"]["upgrade"], "websocket");

    // Attachments may come as texts, of either version.
    let event = br#"451-["a",{"_placeholder":true,"num":0}]"#;
    for (head, text) in [("", "bAQID"), ("", "b4AQID"), (head, "b4AQID")] {
        let frames = [unmasked(0x81, event), unmasked(0x81, text.as_bytes())].concat();
        let run = decode(&sandbox, &[], [head.as_bytes(), &frames].concat());
        assert_eq!((run.code, &of(&run, "sio")[1]["bytes"]), (Some(0), &json!(3)), "{run:?}");
    }

    // In version 3 there is a byte before the data; the head says that it is one.
    let event = br#"451-["a",{"_placeholder":true,"num":0}]"#;
    let three = [unmasked(0x81, event), unmasked(0x82, b"\x04\xff")].concat();
    for (args, input) in
        [(&["--eio", "3"][..], three.clone()), (&[], [head.as_bytes(), &three].concat())]
    {
        let run = decode(&sandbox, args, input);
        assert_eq!(of(&run, "sio")[1]["bytes"], 1, "{run:?}");
    }
}

#[test]
fn frames_that_break_the_rules() {
    let sandbox = Sandbox::new("decode-frames-wrong");
    let good = hex(&unmasked(0x81, br#"42["a"]"#));
    let run = decode(&sandbox, &["--hex"], format!("83 00\n{good}\nxyz\n{good}\n81"));
    assert_eq!((run.code, data(&run)), (Some(2), vec![json!(["a"]), json!(["a"])]));
    let errors: Vec<_> = run.stderr.lines().collect();
    assert_eq!(errors.len(), 3, "{errors:#?}");
    assert!(errors[0].starts_with("error: line 1: no frame of WebSocket"), "{errors:#?}");
    assert!(errors[1].starts_with("error: line 3: \"xyz\" is no hex"), "{errors:#?}");
    assert!(errors[2].starts_with("error: line 5: the last frame has no end"), "{errors:#?}");
    // A length that nothing can hold allocates nothing.
    let run = decode(&sandbox, &["--hex"], "827f7fffffffffffffff");
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("256 MiB"), "{run:?}");
}

#[test]
fn compressed_frames() {
    let sandbox = Sandbox::new("decode-deflate");
    // RFC 7692 §7.2.3.2: "Hello" twice, the second by reference to the first.
    let first = unmasked(0xC1, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
    let second = unmasked(0xC1, b"\xf2\x00\x11\x00\x00");
    let run = decode(&sandbox, &[], [first, second].concat());
    // It is no packet, but it was read.
    assert_eq!(run.stderr.matches("packet type 'H'").count(), 2, "{run:?}");
    assert!(of(&run, "ws").iter().all(|line| line["compressed"] == true), "{run:?}");
}

#[test]
fn packets_in_msgpack() {
    let sandbox = Sandbox::new("decode-msgpack");
    let event = b"\x83\xA4type\x02\xA4data\x92\xA3say\xA2hi\xA3nsp\xA5/chat";
    let run = decode(&sandbox, &["--parser", "msgpack"], unmasked(0x82, event));
    assert_eq!((run.code, data(&run)), (Some(0), vec![json!(["say", "hi"])]), "{run:?}");
    let run = decode(&sandbox, &[], unmasked(0x82, event));
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("--parser msgpack"), "{run:?}");
}

/// An entry of a WebSocket: who said what when, in seconds.
fn socket(query: &str, messages: &[(&str, f64, u8, &str)]) -> Value {
    let message = |(kind, time, opcode, data): &(&str, f64, u8, &str)| json!({ "type": kind, "time": 1_795_975_200.0 + time, "opcode": opcode, "data": data });
    json!({
        "startedDateTime": "2026-11-29T18:00:00.100Z",
        "request": { "method": "GET", "url": format!("ws://h/socket.io/?EIO=4&transport=websocket{query}") },
        "response": { "status": 101 },
        "_webSocketMessages": messages.iter().map(message).collect::<Vec<_>>(),
    })
}

/// A request of polling, with a body and an answer.
fn poll(method: &str, sid: &str, time: &str, sent: &str, answer: &str) -> Value {
    let url = format!("http://h/socket.io/?EIO=4&transport=polling&sid={sid}");
    json!({
        "startedDateTime": format!("2026-11-29T18:00:{time}Z"),
        "request": { "method": method, "url": url, "postData": { "text": sent } },
        "response": { "status": 200, "content": { "text": answer } },
    })
}

#[test]
fn sockets_of_a_har_file_do_not_get_in_each_others_way() {
    let sandbox = Sandbox::new("decode-har-sockets");
    #[track_caller]
    fn check(sandbox: &Sandbox, entries: &[Value], expect: &[(u64, &str)]) {
        let run = decode(sandbox, &[], json!({ "log": { "entries": entries } }).to_string());
        assert_eq!((run.code, &*run.stderr), (Some(0), ""), "{run:?}");
        let lines = of(&run, "sio");
        let found: Vec<_> = lines
            .iter()
            .map(|line| (line["entry"].as_u64().unwrap(), line["kind"].as_str().unwrap()))
            .collect();
        assert_eq!(found, expect, "{run:?}");
        // A tenth of a second is one.
        assert_eq!(of(&run, "http")[0]["t"], "2026-11-29T18:00:00.100Z");
    }
    let two = r#"451-["a",{"_placeholder":true,"num":0}]"#;
    let bytes = |time| ("receive", time, 2, "AR==");
    let event = |time| ("receive", time, 1, two);
    check(
        &sandbox,
        &[
            socket("", &[event(1.1), bytes(1.3)]),
            socket("", &[("receive", 1.2, 1, r#"42["b",1]"#), event(1.25), bytes(1.4)]),
        ],
        &[(1, "EVENT"), (2, "EVENT"), (2, "EVENT"), (1, "ATTACHMENT"), (2, "ATTACHMENT")],
    );
    // The first is cut before its attachment; the second goes on with the same session.
    check(
        &sandbox,
        &[socket("&sid=s", &[event(1.1)]), socket("&sid=s", &[event(1.2), bytes(1.3)])],
        &[(1, "EVENT"), (2, "EVENT"), (2, "ATTACHMENT")],
    );
    // One goes on over a WebSocket; it was opened with a packet in the same answer.
    let poll_at = |sid, time, answer| poll("GET", sid, time, "", answer);
    let attachment = socket("&sid=s", &[bytes(1.3)]);
    check(
        &sandbox,
        &[poll_at("s", "00.100", two), attachment.clone()],
        &[(1, "EVENT"), (2, "ATTACHMENT")],
    );
    let opening = [r#"0{"sid":"s","upgrades":[],"pingInterval":1,"pingTimeout":1}"#, two];
    let mut first = poll_at("", "00.100", &opening.join("\u{1e}"));
    first["request"]["url"] = json!("http://h/socket.io/?EIO=4&transport=polling");
    check(&sandbox, &[first, attachment], &[(1, "EVENT"), (2, "ATTACHMENT")]);
    // Two sessions on polling, whose requests take turns.
    check(
        &sandbox,
        &[
            poll("POST", "one", "00.100", two, "ok"),
            poll("POST", "two", "00.200", r#"42["b"]"#, "ok"),
            poll("POST", "one", "00.300", "bAQID", "ok"),
            poll("GET", "two", "00.400", "", r#"42["c"]"#),
        ],
        &[(1, "EVENT"), (2, "EVENT"), (3, "ATTACHMENT"), (4, "EVENT")],
    );
}

#[test]
fn what_is_odd_in_a_har_file_is_passed_over() {
    let sandbox = Sandbox::new("decode-har-odd");
    let decode = |entries: Value| {
        decode(&sandbox, &[], json!({ "log": { "entries": entries } }).to_string())
    };
    let mut entry = socket("", &[("receive", 1.0, 1, "42[1]"), ("receive", 3.0, 1, "42[3]")]);
    let messages = entry["_webSocketMessages"].as_array_mut().unwrap();
    messages[0]["data"] = json!("42[\"a\"]");
    messages[1]["data"] = json!("42[\"b\"]");
    // Times as texts are times, and so are those in milliseconds and less.
    for (first, second) in [
        (json!("1795975204.0"), json!("2026-11-29T18:00:03Z")),
        (json!(1_795_975_204_000_u64), json!("1795975203000")),
        (json!(1_795_975_204_000_000_u64), json!(1_795_975_203.0)),
    ] {
        let messages = entry["_webSocketMessages"].as_array_mut().unwrap();
        (messages[0]["time"], messages[1]["time"]) = (first, second);
        let run = decode(json!([entry]));
        assert_eq!((run.code, data(&run)), (Some(0), vec![json!(["b"]), json!(["a"])]), "{run:?}");
        assert_eq!(of(&run, "sio")[1]["t"], "2026-11-29T18:00:04.000Z", "{run:?}");
    }
    // Whatever else speaks over a WebSocket is none of ours.
    let mut other = socket("", &[("receive", 1.0, 1, r#"{"type":"connected"}"#)]);
    for url in ["ws://h/hmr", "wss://h/?EIO=4", "http://h/socket.io/?x=EIO=4&y=transport=websocket"]
    {
        other["request"]["url"] = json!(url);
        let run = decode(json!([other, entry]));
        assert_eq!((run.code, data(&run).len()), (Some(0), 2), "{run:?}");
        assert!(run.stderr.starts_with("note: entry 1 is passed over: "), "{run:?}");
        let run = decode(json!([other]));
        assert!(run.code == Some(2) && run.stderr.contains("no request of Engine.IO"), "{run:?}");
    }
    let messages = entry["_webSocketMessages"].as_array_mut().unwrap();
    messages[0]["time"] = json!({});
    messages.insert(0, json!({ "type": "receive", "opcode": 1, "data": null }));
    entry["request"]["headers"] = Value::Null;
    let run = decode(json!([{ "request": null }, entry, 7]));
    assert_eq!((run.code, data(&run)), (Some(2), vec![json!(["a"]), json!(["b"])]), "{run:?}");
    for text in ["entry 1: it is passed over", "entry 2: a message is passed over: ", "entry 3: "] {
        assert!(run.stderr.contains(text), "{run:?}");
    }
}

#[test]
fn a_mark_of_windows_before_it_means_nothing() {
    let sandbox = Sandbox::new("decode-mark");
    for input in ["42[\"a\"]", "4a\u{1e}42[\"a\"]", "2:40", "GET /?EIO=4 HTTP/1.1\r\n\r\n"] {
        let (plain, marked) =
            (decode(&sandbox, &[], input), decode(&sandbox, &[], format!("\u{feff}{input}")));
        assert_eq!((plain.code, &plain.stdout), (marked.code, &marked.stdout), "{marked:?}");
    }
    let hex = format!("\u{feff}{}", hex(&unmasked(0x81, br#"42["a"]"#)));
    assert_eq!(data(&decode(&sandbox, &["--hex"], hex)), [json!(["a"])]);
    let har = json!({ "log": { "entries": [poll("GET", "s", "00.100", "", "42[\"a\"]")] } });
    assert_eq!(data(&decode(&sandbox, &[], format!("\u{feff}{har}"))), [json!(["a"])]);
}

#[test]
fn a_har_file_of_a_browser() {
    let sandbox = Sandbox::new("decode-har");
    let url = "https://im.example.com/socket.io/?EIO=4&transport=polling";
    let har = json!({ "log": { "version": "1.2", "entries": [
        {
            "startedDateTime": "2026-11-29T18:00:00.000Z",
            "request": { "method": "GET", "url": "https://im.example.com/style.css", "headers": [] },
            "response": { "status": 200, "headers": [], "content": { "text": "body {}" } },
        },
        {
            "startedDateTime": "2026-11-29T19:00:02.000+01:00",
            "request": { "method": "GET", "url": format!("wss{}&sid=s3cret", &url[5..]), "headers": [
                { "name": ":authority", "value": "im.example.com" },
                { "name": "Cookie", "value": "a=c00kie" },
            ] },
            "response": { "status": 101, "statusText": "Switching Protocols", "headers": [] },
            "_webSocketMessages": [
                { "type": "send", "time": 1_795_975_203.25, "opcode": 1, "data": "42[\"b\"]" },
                { "type": "receive", "time": 1_795_975_204.5, "opcode": 1, "data":
                  "451-[\"c\",{\"_placeholder\":true,\"num\":0}]" },
                { "type": "receive", "time": 1_795_975_204.75, "opcode": 2, "data": "AQID" },
            ],
        },
        {
            "startedDateTime": "2026-11-29T18:00:01.000Z",
            "request": { "method": "POST", "url": format!("{url}&sid=s3cret"), "headers": [],
                "postData": { "mimeType": "text/plain", "text": "40{\"token\":\"t0ken-1\"}\u{1e}42[\"a\"]" } },
            "response": { "status": 200, "headers": [], "content": { "text": "ok" } },
        },
        {
            "startedDateTime": "2026-11-29T18:00:00.500Z",
            "request": { "method": "GET", "url": url, "headers": [] },
            "response": { "status": 200, "headers": [],
                "content": { "encoding": "base64", "text": "MHsic2lkIjoiczNjcmV0In0=" } },
        },
    ] } });
    let run = decode(&sandbox, &[], har.to_string());
    assert_eq!((run.code, &*run.stderr), (Some(0), ""), "{run:?}");
    // In the order in which it happened.
    let times: Vec<_> = of(&run, "sio")
        .iter()
        .map(|line| format!("{} {}", &line["t"].as_str().unwrap()[11..23], line["kind"]))
        .collect();
    assert_eq!(
        times,
        [
            r#"18:00:01.000 "CONNECT""#,
            r#"18:00:01.000 "EVENT""#,
            r#"18:00:03.250 "EVENT""#,
            r#"18:00:04.500 "EVENT""#,
            r#"18:00:04.750 "ATTACHMENT""#,
        ]
    );
    assert!(!run.stdout.contains("style.css"), "{run:?}");
    for secret in ["s3cret", "c00kie", "t0ken-1"] {
        assert!(!run.stdout.contains(secret), "{secret} {run:?}");
    }
    let shown = of(&run, "http");
    assert_eq!(shown[0]["target"], url, "{shown:?}");
    assert_eq!(of(&run, "eio")[0]["data"]["sid"], "‹redacted›");

    for (wrong, expect) in [
        (json!({ "log": { "entries": [] } }).to_string(), "no request of Engine.IO"),
        ("{\n\"a\":1}".to_owned(), "line 2: missing field"),
    ] {
        let run = decode(&sandbox, &[], &wrong);
        assert_eq!((run.code, &*run.stdout), (Some(2), ""), "{run:?}");
        assert!(run.stderr.contains(expect), "{run:?}");
    }
}
