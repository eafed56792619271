//! Whatever is found, and whoever repeats it: no secret is printed.

use crate::{
    examined::examine,
    sandbox::Sandbox,
    server::Running,
    stub::{answering, response},
};

const SECRETS: [&str; 10] = [
    "a-token", "a-header", "a-cookie", "a-query", "a-field", "a-bearer", "a-phrase", "a-ticket",
    "a-pass", "hushhush",
];

const FLAGS: [&str; 18] = [
    "--auth",
    r#"{"user":{"token":"a-token"}}"#,
    "-H",
    "x-api-key: a-header",
    "-H",
    "cookie: id=a-cookie",
    "-H",
    "passphrase: a-phrase",
    "-H",
    "x-unknown: hushhush",
    "--query",
    "pass=a-pass",
    "--query",
    "access_token=a-query",
    "--bearer-cmd",
    "echo a-bearer",
    "--timeout",
    "2s",
];

#[test]
fn a_server_that_repeats_them() {
    let sandbox = Sandbox::new("doctor-secrets");
    // All that came, in every place that the doctor reads.
    let url = answering(|request| {
        let text: String = request.head.split_whitespace().collect::<Vec<_>>().join(" ");
        let headers = format!("server: {text}\r\nlocation: /x?{text}\r\n");
        let status = if request.has("socket.io") { "403 Forbidden" } else { "302 Found" };
        response(status, &headers, &text)
    });
    let url = format!("{url}/imchat?token=a-field&ticket=a-ticket");
    let args = [&[url.as_str()], &FLAGS[..]].concat();
    examine(&sandbox, &args)
        .is("forbidden", 5)
        .hides(&SECRETS)
        .says("command", &["${TOKEN}", "${TICKET}"]);
    let elsewhere = [&args[..], &["--path", "/elsewhere/"]].concat();
    examine(&sandbox, &elsewhere).is("redirect", 5).hides(&SECRETS);
    // For people, too.
    let run = sandbox.run(&[&["doctor"], &args[..]].concat());
    assert_eq!(run.code, Some(5), "{run:?}");
    for secret in SECRETS {
        assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "{secret}: {run:?}");
    }
}

#[test]
fn a_server_that_lets_in() {
    let (running, sandbox) = (Running::start(), Sandbox::new("doctor-secrets-ok"));
    let url = format!("{}?token=a-field", running.at("/imchat"));
    let examined = examine(&sandbox, &[&[url.as_str()], &FLAGS[..]].concat());
    examined.is("ok", 0).hides(&SECRETS).hides(&["sid\""]);
}
