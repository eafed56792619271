//! Whatever a secret is called, and wherever it is given: no way out of the command shows it.

use std::fs;

use crate::{
    sandbox::{Run, Sandbox},
    server::Running,
};

const NAMES: [&str; 14] = [
    "jwt",
    "passphrase",
    "sig",
    "otp",
    "csrf",
    "ticket",
    "pass",
    "pw",
    "apikey",
    "x-session",
    "nonce",
    "pin",
    "secret",
    "auth",
];

/// Options, each with a secret in it, and two arguments; and all the secrets.
fn given() -> (Vec<String>, Vec<String>) {
    let mut given = Vec::new();
    let mut secrets = Vec::new();
    let mut secret = |place: &str, name: &str| {
        secrets.push(format!("{place}-of-{name}"));
        secrets.last().unwrap().clone()
    };
    let mut members = serde_json::Map::new();
    let mut auth = serde_json::Map::new();
    for name in NAMES {
        given.extend(["-H".to_owned(), format!("{name}: {}", secret("header", name))]);
        members.insert(name.to_owned(), secret("member", name).into());
        auth.insert(name.to_owned(), secret("payload", name).into());
    }
    given.extend(["-H".to_owned(), format!("x-unknown: {}", secret("header", "nobody"))]);
    given.extend(["-H".to_owned(), format!("cookie: a={}", secret("cookie", "a"))]);
    given.extend(["--bearer-cmd".to_owned(), format!("echo {}", secret("token", "command"))]);
    given.extend(["--auth".to_owned(), serde_json::to_string(&auth).unwrap()]);
    let text = serde_json::to_string(&members).unwrap();
    // As JSON, and as a text that is JSON.
    given.push(serde_json::to_string(&text).unwrap());
    given.push(text);
    (given, secrets)
}

fn fields(secrets: &mut Vec<String>) -> String {
    let field = |name: &&str| {
        secrets.push(format!("field-of-{name}"));
        format!("{name}=field-of-{name}")
    };
    NAMES.iter().map(field).collect::<Vec<_>>().join("&")
}

#[track_caller]
fn hides(found: &str, secrets: &[String]) {
    for secret in secrets {
        assert!(!found.contains(secret.as_str()), "{secret}: {found}");
    }
}

#[test]
fn traces_show_none() {
    let (running, sandbox) = (Running::start(), Sandbox::new("secrets-trace"));
    let (given, mut secrets) = given();
    let url = format!("{}?{}", running.url, fields(&mut secrets));
    for how in [&["-v"][..], &["-vv"], &["-vvv", "--trace", "out.jsonl"]] {
        for transport in ["polling", "websocket"] {
            let args: Vec<_> = given.iter().map(String::as_str).collect();
            let how = [&["emit", &url, "ignore", "--transport", transport], how].concat();
            let run = sandbox.run(&[&how[..], &args].concat());
            assert_eq!(run.code, Some(0), "{run:?}");
            hides(&run.stdout, &secrets);
            hides(&run.stderr, &secrets);
            assert!(run.stdout.contains(r#""dir":"out""#), "{run:?}");
        }
    }
    let trace = fs::read_to_string(sandbox.path("out.jsonl")).unwrap();
    hides(&trace, &secrets);
    for line in trace.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect(line);
    }
}

#[test]
fn programs_have_none_and_say_where_they_take_them_from() {
    let sandbox = Sandbox::new("secrets-as");
    let (given, secrets) = given();
    let given: Vec<_> = given.iter().map(String::as_str).collect();
    let run = |args: &[&str]| -> Run { sandbox.run(&[&["emit", "http://h"], args].concat()) };
    for language in ["python", "js", "rust"] {
        let found = run(&[&["login", "--as", language][..], &given].concat());
        assert_eq!((found.code, &*found.stderr), (Some(0), ""), "{found:?}");
        hides(&found.stdout, &secrets);
        for variable in [
            "JWT",
            "PASSPHRASE",
            "X_UNKNOWN",
            "COOKIE",
            "BEARER_CMD",
            "SOCKEYE_AUTH",
            "ARG_1",
            "ARG_2",
        ] {
            let note = format!("Set {variable} in the environment: ");
            assert!(found.stdout.contains(&note), "{variable}: {}", found.stdout);
        }
        let harmless = ["a", "--as", language, "-H", "origin: http://here", "{\"room\":1}"];
        let found = run(&harmless);
        assert!(found.stdout.contains("http://here"), "{found:?}");
        assert!(!found.stdout.contains("environment"), "{found:?}");
    }
    for name in NAMES {
        let field = format!("{name}=x");
        let found = run(&["a", "--as", "js", "--query", &field]);
        assert_eq!((found.code, &*found.stdout), (Some(2), ""), "{name}: {found:?}");
    }
    let beside = r#"{"otp":"x","b":{"$bin":"AQ=="}}"#;
    let found = run(&["a", "--as", "js", beside]);
    assert_eq!((found.code, &*found.stdout), (Some(2), ""), "{found:?}");
    let shown = run(&["a", "--as", "js", beside, "--show-secrets", "-H", "otp: one"]);
    assert!(
        shown.code == Some(0) && shown.stdout.contains("otp") && shown.stdout.contains("one"),
        "{shown:?}"
    );
}

#[test]
fn mistakes_repeat_none() {
    let sandbox = Sandbox::new("secrets-mistakes");
    #[track_caller]
    fn check(sandbox: &Sandbox, args: &[&str]) {
        let run = sandbox.run(args);
        assert_eq!((run.code, &*run.stdout), (Some(2), ""), "{run:?}");
        assert!(!run.stderr.contains("hush") && run.stderr.contains("‹redacted›"), "{run:?}");
    }
    let emit = ["emit", "http://h", "a"];
    for more in [
        &["-H", "Authorization Bearer hush"][..],
        &["--query", "=hush"],
        &["--timeout", "token=hush"],
        &["{\"pw\":\"hush\",\"b\":{\"$bin\":\"%\"}}"],
        &["--transport", "http://me:hush@h"],
    ] {
        check(&sandbox, &[&emit[..], more].concat());
    }
    check(&sandbox, &["listen", "http://h", "{\"jwt\":\"hush\"}"]);
    // It says where it begins, or its report goes to standard output.
    for args in [
        &["emit", "http://h", "a", "-x", "ftp://me:hush@h"][..],
        &["doctor", "http://me:hush@h:port"],
    ] {
        let run = sandbox.run(args);
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(!format!("{run:?}").contains("hush"), "{run:?}");
    }
}
