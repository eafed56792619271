//! Whatever a secret is called, and wherever it is given: no way out of the command shows it.

use std::fs;

use crate::{
    sandbox::{Run, Sandbox},
    server::Running,
};

const NAMES: [&str; 21] = [
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
    "tok",
    "priv",
    "recovery",
    "unlock",
    "security_answer",
    "license_key",
    "mfa",
];

/// Names that only sound so: whatever they stand for is shown.
const HARMLESS: [&str; 12] = [
    "tokens_used",
    "max_tokens",
    "session_count",
    "hash_tag",
    "sort_key",
    "primaryKey",
    "foreign_key",
    "key_code",
    "secretary",
    "token_type",
    "passenger",
    "author",
];
/// The same of headers.
const HARMLESS_HEADERS: [&str; 5] =
    ["x-request-id", "x-forwarded-for", "if-none-match", "traceparent", "dnt"];

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
    // As JSON, and as a text that is JSON; with what is no name, or none that is written as usual.
    given.push(serde_json::to_string(&text).unwrap());
    given.push(text);
    let (bearer, escaped) = (secret("scheme", "bearer1"), secret("escape", "token"));
    let (query, nested) = (secret("query", "token"), secret("nested", "token"));
    given.push(serde_json::json!(["note", format!("Bearer {bearer}")]).to_string());
    given.push(format!(r#"{{"\u0074oken":"{escaped}"}}"#));
    given.push(format!(
        r#"{{"callback":"https://h/?x=1;token={query}","n":"eyJh.eyJi.jwt-of-none"}}"#
    ));
    given.push(format!(r#"{{"payload":"{{\"token\":\"{nested}\"}}"}}"#));
    secrets.push("jwt-of-none".to_owned());
    (given, secrets)
}

fn fields(secrets: &mut Vec<String>) -> String {
    let field = |name: &&str| {
        secrets.push(format!("field-of-{name}"));
        format!("{name}=field-of-{name}")
    };
    NAMES.iter().map(field).collect::<Vec<_>>().join(";")
}

/// What may be seen, in every place: options, an argument, a query; and the values.
fn shown() -> (Vec<String>, String, Vec<String>) {
    let (mut given, mut members, mut fields) = (Vec::new(), serde_json::Map::new(), Vec::new());
    let mut values = Vec::new();
    for name in HARMLESS_HEADERS {
        given.extend(["-H".to_owned(), format!("{name}: header-of-{name}")]);
        values.push(format!("header-of-{name}"));
    }
    for name in HARMLESS {
        members.insert(name.to_owned(), format!("member-of-{name}").into());
        fields.push(format!("{name}=field-of-{name}"));
        values.extend([format!("member-of-{name}"), format!("field-of-{name}")]);
    }
    given.push(serde_json::to_string(&members).unwrap());
    (given, fields.join("&"), values)
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
    let (given, fields, values) = shown();
    let url = format!("{}?{fields}", running.url);
    let given: Vec<_> = given.iter().map(String::as_str).collect();
    let how = ["emit", &url, "ignore", "--trace", "shown.jsonl"];
    assert_eq!(sandbox.run(&[&how, &given[..]].concat()).code, Some(0));
    let trace = fs::read_to_string(sandbox.path("shown.jsonl")).unwrap();
    for value in values {
        assert!(trace.contains(&value), "{value}: {trace}");
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
            "ARG_3",
            "ARG_4",
            "ARG_5",
            "ARG_6",
        ] {
            let note = format!("Set {variable} in the environment: ");
            assert!(found.stdout.contains(&note), "{variable}: {}", found.stdout);
        }
        let harmless = ["a", "--as", language, "-H", "origin: http://here", "{\"room\":1}"];
        let found = run(&harmless);
        assert!(found.stdout.contains("http://here"), "{found:?}");
        assert!(!found.stdout.contains("environment"), "{found:?}");
        let (given, fields, values) = shown();
        let given: Vec<_> = given.iter().map(String::as_str).collect();
        let url = format!("http://h?{fields}");
        let found = sandbox.run(&[&["emit", &url, "a", "--as", language][..], &given].concat());
        assert!(!found.stdout.contains("environment"), "{found:?}");
        for value in values {
            assert!(found.stdout.contains(&value), "{value}: {found:?}");
        }
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
fn a_header_that_is_given_twice_is_in_programs_with_both_values() {
    let sandbox = Sandbox::new("headers-as");
    for language in ["python", "js", "rust"] {
        let twice = ["-H", "accept: a", "-H", "Accept: b", "-H", "x-a: 1", "-H", "x-a: 2"];
        let run = sandbox.run(&[&["emit", "http://h", "a", "--as", language][..], &twice].concat());
        assert!(run.code == Some(0) && run.stdout.contains("\"a, b\""), "{run:?}");
        assert_eq!(run.stdout.matches("Set X_A in").count(), 1, "{run:?}");
    }
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
        &["-H", "hush-hush"],
        &["-H", "hush"],
        &["--query", "=hush"],
        &["--query", "token:hush"],
        &["--query", "hush"],
        &["--query", "hush hush"],
        &["--timeout", "token=hush"],
        &["{\"pw\":\"hush\",\"b\":{\"$bin\":\"%\"}}"],
        &["--transport", "http://me:hush@h"],
    ] {
        check(&sandbox, &[&emit[..], more].concat());
    }
    check(&sandbox, &["listen", "http://h", "{\"jwt\":\"hush\"}"]);
    // A header without quotes around it.
    check(&sandbox, &["listen", "http://h", "-H", "X-Token:", "hush"]);
    // What is no secret helps to find the mistake.
    for more in [["-H", "x-request-id"], ["--timeout", "soon"]] {
        let run = sandbox.run(&[&emit[..], &more].concat());
        assert!(run.code == Some(2) && run.stderr.contains(more[1]), "{run:?}");
        assert!(!run.stderr.contains("redacted"), "{run:?}");
    }
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
