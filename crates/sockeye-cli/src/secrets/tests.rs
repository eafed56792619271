//! Each way in which a secret may come, and what is left of it.

use proptest::prelude::*;

use super::*;

#[test]
fn secrets_are_hidden_where_they_stand() {
    #[track_caller] // a failure points at the row, not at this function
    fn check(hide: impl Fn(&Secrets) -> String, expect: &str) {
        assert_eq!(hide(&Secrets::default()), expect);
        let secrets = Secrets::default();
        secrets.show();
        assert!(!hide(&secrets).contains(REDACTED));
    }
    let header = |name: &'static str, value: &'static str| {
        move |secrets: &Secrets| {
            let name = HeaderName::from_static(name);
            secrets.header(&name, &HeaderValue::from_static(value))
        }
    };
    check(header("authorization", "Bearer abcd"), "‹redacted›");
    check(header("proxy-authorization", "Basic YTpi"), "‹redacted›");
    check(header("cookie", "io=abcd; a=b"), "‹redacted›");
    check(header("set-cookie", "io=abcd; Path=/; HttpOnly"), "‹redacted›");
    check(header("x-api-key", "abcd"), "‹redacted›");
    check(header("x-auth-token", "abcd"), "‹redacted›");
    check(header("location", "/login?token=abcd&a=b"), "/login?token=‹redacted›&a=b");
    check(header("sec-websocket-key", "abcd"), "abcd");
    check(header("content-type", "text/plain"), "text/plain");

    let target = |url: &'static str| move |secrets: &Secrets| secrets.target(url);
    check(target("/socket.io/?EIO=4&sid=abcd&t=1"), "/socket.io/?EIO=4&sid=‹redacted›&t=1");
    check(
        target("/?access_token=a%20b&key=x&author=Ada"),
        "/?access_token=‹redacted›&key=‹redacted›&author=Ada",
    );
    check(target("/a?"), "/a");
    check(target("/a?token"), "/a?token");
    check(target("http://me:pass@h:1/a@b"), "http://‹redacted›@h:1/a@b");

    let json = |text: &'static str| move |secrets: &Secrets| secrets.redact(text);
    check(
        json(r#"{"sid":"abcd","pingInterval":25000}"#),
        r#"{"sid":"‹redacted›","pingInterval":25000}"#,
    );
    check(
        json(r#"["login",{"user":"Ada","password":"x"}]"#),
        r#"["login",{"user":"Ada","password":"‹redacted›"}]"#,
    );
    check(
        json(r#"{"token":{"a":["}"]},"author":"Ada","b":[1]}"#),
        r#"{"token":"‹redacted›","author":"Ada","b":[1]}"#,
    );
    check(json(r#"{"code":3,"message":"Bad request"}"#), r#"{"code":3,"message":"Bad request"}"#);
    check(json(r#"{"token":"never ends"#), r#"{"token":"‹redacted›""#);
    check(json("no JSON"), "no JSON");
    check(|secrets| secrets.auth(r#"{"user":"Ada"}"#), "‹redacted›");

    let hide = |text: &'static str| move |secrets: &Secrets| secrets.redact(text);
    check(
        hide("no session of sid=abcd, or (io=efgh)"),
        "no session of sid=‹redacted›, or (io=‹redacted›)",
    );
    check(hide("abcd at token=abcd"), "‹redacted› at token=‹redacted›");
    check(hide("a=b==c token= d"), "a=b==c token= d");
}

#[test]
fn what_was_found_once_is_hidden_everywhere() {
    #[track_caller]
    fn check(learn: impl Fn(&Secrets), text: &str, expect: &str) {
        let secrets = Secrets::default();
        learn(&secrets);
        assert_eq!(secrets.redact(text), expect);
    }
    let auth = |text: &'static str| move |secrets: &Secrets| drop(secrets.auth(text));
    check(
        auth(r#"{"token":"s3cret"}"#),
        "no nsp /a?token=s3cret, s3cret",
        "no nsp /a?token=‹redacted›, ‹redacted›",
    );
    check(
        auth(r#"{"token":"a \"b"}"#),
        r#"a+%22b, a \"b, a "b"#,
        "‹redacted›, ‹redacted›, ‹redacted›",
    );
    check(auth(r#"{"a":{"jwt":["abcd"]}}"#), "abcd", "‹redacted›");
    check(
        auth(r#"{"room":"chat","name":"longer than chance"}"#),
        "chat longer than chance",
        "chat ‹redacted›",
    );
    check(auth(r#"{"token":true,"sid":"abc"}"#), "true abc", "true abc");
    let header = |name: &'static str, value: &'static str| {
        move |secrets: &Secrets| {
            drop(secrets.header(&HeaderName::from_static(name), &HeaderValue::from_static(value)));
        }
    };
    check(header("authorization", "Bearer abcd"), "got abcd", "got ‹redacted›");
    check(
        header("authorization", "Basic YWRhOnB3MTIz"),
        "pw123 YWRhOnB3MTIz",
        "‹redacted› ‹redacted›",
    );
    check(header("set-cookie", "io=abcd; Path=/long"), "abcd /long", "‹redacted› /long");
    check(
        |secrets| drop(secrets.user("http://me:p%40ss@h")),
        "p@ss p%40ss h",
        "‹redacted› ‹redacted› h",
    );
}

proptest! {
    #[test]
    fn no_text_panics(
        text in prop_oneof![any::<String>(), "[\"{}:,=&?@/ ea\\\\é\\[\\]]{0,30}", "(\"(token|a)\":|\\{|\\[|é|\"){0,12}"],
    ) {
        let secrets = Secrets::default();
        secrets.redact(&text);
        secrets.target(&text);
        secrets.auth(&text);
        secrets.user(&text);
        // Nothing that is known is left.
        let hidden = secrets.redact(&text);
        prop_assert!(!secrets.known().iter().any(|known| hidden.contains(known.as_str()) && !REDACTED.contains(known.as_str())));
    }
}

#[test]
fn other_peoples_spelling_hides_nothing() {
    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(Secrets::default().redact(text), expect);
    }
    // JSON as a text in JSON, and what Python prints.
    check(r#"["{\"pass\":\"a\\\"b\"}",1]"#, r#"["{\"pass\":\"‹redacted›\"}",1]"#);
    check("{'jwt': 'abc', 'n': 1}", "{'jwt': '‹redacted›', 'n': 1}");
    check(r#"an odd " before {"otp":123456}"#, r#"an odd " before {"otp":"‹redacted›"}"#);
    check(r#"ticket="abc" sig='d e'"#, r#"ticket="‹redacted›" sig='‹redacted›'"#);
    check(r#"["?csrf=abc","x"]"#, r#"["?csrf=‹redacted›","x"]"#);
    check(r#"["?csrf=","x"]"#, r#"["?csrf=","x"]"#);
    // Of an error it is no secret, of OAuth's answer it is one.
    check(r#"[{"error":{"code":"not-found"}}]"#, r#"[{"error":{"code":"not-found"}}]"#);
    check(r#"{"name":"code","value":"abcd"}"#, r#"{"name":"code","value":"abcd"}"#);
    check("closed with code=1006", "closed with code=1006");
    check("at /in?code=abcd&a=b&code=efgh", "at /in?code=‹redacted›&a=b&code=‹redacted›");
    check("?a=b#code=abcd", "?a=b#code=‹redacted›");
    check("see redis://:pa/ss@h:1/0, or h", "see redis://‹redacted›@h:1/0, or h");
    check("redis://me:p@a/ss@h?list=t", "redis://‹redacted›@h?list=t");
    check("see https://me:pa/ss@h/a", "see https://‹redacted›@h/a");
    check("see https://h:8080/@me and https://h/@me", "see https://h:8080/@me and https://h/@me");
    check("see http://me:pw@h:1/a, or h", "see http://‹redacted›@h:1/a, or h");
    check(r#"\"token=\\\"abc\\\"\""#, r#"\"token=\\\"‹redacted›\\\"\""#);
    // However a name or what is around it is written.
    check(r#"{"\u0074oken":"a b"}"#, r#"{"\u0074oken":"‹redacted›"}"#);
    check(r#"["{\"\\u0074oken\":\"a b\"}"]"#, r#"["{\"\\u0074oken\":\"‹redacted›\"}"]"#);
    check(
        r#"{"p":"{\"token\":\"abc\",\"n\":1}"}"#,
        r#"{"p":"{\"token\":\"‹redacted›\",\"n\":1}"}"#,
    );
    check(r#"{"next":"https://h/?token=abc"}"#, r#"{"next":"https://h/?token=‹redacted›"}"#);
    check(r#"{"next":"https:\/\/me:pw@h"}"#, r#"{"next":"https://‹redacted›@h"}"#);
    check(r#"["?a\u003d1\u0026token\u003dabc"]"#, r#"["?a=1&token=‹redacted›"]"#);
    check(r#"["a\nsig=abc","é\n"]"#, r#"["a\nsig=‹redacted›","é\n"]"#);
    check(
        "%74oken=abc user[pw]=abc user%5Bpw%5D=a",
        "%74oken=‹redacted› user[pw]=‹redacted› user%5Bpw%5D=‹redacted›",
    );
    check("?x=1;token=abc;n=1", "?x=1;token=‹redacted›;n=1");
    check("?q=%7B%22pw%22%3A%22abc%22%7D&n=a%20b", "?q=‹redacted›&n=a%20b");
    check("next=https%253A%252F%252Fh%252F%253Ftoken%253Dabc", "next=‹redacted›");
    check(
        r#"[{"name":"token","value":"a"},{"name":"room","value":"b"}]"#,
        r#"[{"name":"token","value":"‹redacted›"},{"name":"room","value":"b"}]"#,
    );
    // By how it looks.
    check(r#"{"h":"x-api-key: abc1\n"}"#, r#"{"h":"x-api-key: ‹redacted›\n"}"#);
    check(r#"["note","Bearer abc"]"#, r#"["note","Bearer ‹redacted›"]"#);
    check(r#"{"note":"Basic YTpi"}"#, r#"{"note":"Basic ‹redacted›"}"#);
    check(r#"["\u0042earer abc"]"#, r#"["Bearer ‹redacted›"]"#);
    check("no eyJh.eyJi.c, eyJh.eyJi.c", "no ‹redacted›, ‹redacted›");
    // Words about secrets are none.
    check(r#""auth": no ack within 10s"#, r#""auth": no ack within 10s"#);
    check(r#"expected {"token":"…"}"#, r#"expected {"token":"…"}"#);
    check("http://h?token=${TOKEN}&key=$KEY", "http://h?token=${TOKEN}&key=$KEY");

    let target = |url: &str| Secrets::default().target(url);
    assert_eq!(target("/?%70ass=a,b&x=1"), "/?%70ass=‹redacted›&x=1");
    assert_eq!(target("/a#access_token=abc&a=1"), "/a#access_token=‹redacted›&a=1");
    assert_eq!(target("/?user[password]=x"), "/?user[password]=‹redacted›");
    assert_eq!(target("/?x=1;token=a,b;n=1"), "/?x=1;token=‹redacted›;n=1");
    assert_eq!(target("/?u=http%3A%2F%2Fh%2F%3Fpw%3Dx&n=1"), "/?u=‹redacted›&n=1");
    assert_eq!(target("/eyJh.eyJi.c?a=eyJh.eyJi.d"), "/‹redacted›?a=‹redacted›");
}

#[test]
fn what_may_be_no_secret_is_hidden_in_its_place_alone() {
    let secrets = Secrets::default();
    let header = |name, value| {
        secrets.header(&HeaderName::from_static(name), &HeaderValue::from_static(value))
    };
    assert_eq!(header("x-room", "chat"), REDACTED);
    assert_eq!(header("x-tenant", "tenant-of-ours"), REDACTED);
    assert_eq!(
        secrets.redact(r#"{"key":"user","otp":2026}"#),
        r#"{"key":"‹redacted›","otp":"‹redacted›"}"#
    );
    assert_eq!(
        secrets.redact("chat of tenant-of-ours in 2026 by user"),
        "chat of ‹redacted› in 2026 by user"
    );
}

#[test]
fn values_are_redacted_by_text_and_by_name() {
    let secrets = Secrets::default();
    secrets.add_payload(&serde_json::from_str(r#"{"more":["deep-one",{"n":1}]}"#).unwrap());
    let mut value = serde_json::json!({
        "a": "deep-one no", "b": [{ "csrf": "x" }], "pin": "sha256/AAAA", "note": "?sig=y",
        "otp": 7, "jwt": ["z"], "is": { "secret": true }, "max_tokens": 7,
    });
    secrets.redact_value(&mut value);
    let expect = serde_json::json!({
        "a": "‹redacted› no", "b": [{ "csrf": "‹redacted›" }], "pin": "sha256/AAAA", "note": "?sig=‹redacted›",
        "otp": "‹redacted›", "jwt": "‹redacted›", "is": { "secret": true }, "max_tokens": 7,
    });
    assert_eq!(value, expect);
}

#[test]
fn mistakes_show_what_is_no_secret() {
    #[track_caller] // a failure points at the row, not at this function
    fn check(argument: &str, given: &str, expect: &str) {
        assert_eq!(mistaken(argument, given), expect, "{argument} {given}");
    }
    check("--query <NAME=VALUE>", "abcd", "‹redacted›");
    check("--query <NAME=VALUE>", "=abcd", "=‹redacted›");
    check("--query <NAME=VALUE>", "token:abcd", "token:‹redacted›");
    check("--query <NAME=VALUE>", "abcd:efgh", "‹redacted›:‹redacted›");
    check("--query <NAME=VALUE>", "token abcd", "token ‹redacted›");
    check("--header <HEADER>", "X-Request-Id", "X-Request-Id");
    check("--header <HEADER>", "accept text/html", "accept text/html");
    check("--header <HEADER>", "Authorization Bearer abcd", "Authorization ‹redacted›");
    for secret in ["s3cret", "abcd-efgh", "secret"] {
        check("--header <HEADER>", secret, "‹redacted›");
        check("--query <NAME=VALUE>", secret, "‹redacted›");
    }
    // What base64 ends with is not what stands between a name and a value.
    check("--header <HEADER>", "YWJjZA==", "‹redacted›=‹redacted›");
    check("--proxy <URL>", "ftp://me:abcd@h", "ftp://‹redacted›@h");
    check("<URL>", "h?pw=abcd", "h?pw=‹redacted›");
    check("--auth <JSON>", "abcd", "‹redacted›");
    check("--timeout <TIME>", "soon", "soon");
}

#[test]
fn a_text_that_is_made_to_keep_us_busy_does_not() {
    let text = format!("{}token%3Dabc \"{}\"", "%25".repeat(10_000), "\\u005c".repeat(10_000));
    Secrets::default().redact(&text);
    for part in ["\":\\\"", "token_", "eyJ", "bearer \u{3000}", "%25", "[", "\\\"a\":"] {
        Secrets::default().redact(&format!("{}=", part.repeat(20_000)));
    }
}

#[test]
fn lines_with_secrets_are_not_kept() {
    for line in ["chat hi", "/join /authors", "say {\"room\":\"lobby\"}", "ping 12:30"] {
        assert!(!is_better_forgotten(line), "{line}");
    }
    for line in [
        "/auth {\"a\":1}",
        "login ada hunter2",
        "user.signIn ada hunter2",
        "chat {\"Token\":\"x\"}",
        "AUTHENTICATE x",
        "join {\"passphrase\":\"x\"}",
        "join {'pw': 'x'}",
        "otp 123456",
        "go http://h?sig=x",
        "go http://me:x@h",
        "check csrf",
    ] {
        assert!(is_better_forgotten(line), "{line}");
    }
    Secrets::of_process().add("only-of-this-test");
    assert!(is_better_forgotten("say only-of-this-test"));
}
