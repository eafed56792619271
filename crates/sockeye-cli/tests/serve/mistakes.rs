//! Each mistake is named, with what to change, and has its exit code.

use std::net::TcpListener;

use crate::sandbox::{Run, Sandbox};

#[track_caller] // a failure points at the row, not at this function
fn check(run: Run, code: i32, text: &str) {
    let expect =
        Run { code: Some(code), stdout: String::new(), stderr: format!("error: {text}\n") };
    assert_eq!(run, expect);
}

#[test]
fn in_the_file() {
    let sandbox = Sandbox::new("mistakes-file");
    let with = |toml: &str| {
        sandbox.write("sockeye.toml", toml);
        // A mistake counts even where a flag would win.
        sandbox.run(&["serve", "--print-config", "--ping-interval", "1s", "--listen", "[::1]:0"])
    };
    check(
        with("drain = \"1s\"\n\nping_intervall = \"25s\"\n"),
        2,
        r#"sockeye.toml:3: unknown key "ping_intervall"; did you mean "ping-interval"?"#,
    );
    check(
        with("Listen = \"[::]:1\""),
        2,
        r#"sockeye.toml:1: unknown key "Listen"; did you mean "listen"?"#,
    );
    check(
        with("[server]\nlisten = \"[::]:1\""),
        2,
        "sockeye.toml:1: unknown key \"server\"; the keys are listen, tls-cert, tls-key, header-timeout, write-timeout, \
         progress, max-connections, max-connections-per-address, trusted-proxies, drain, max-sessions, \
         max-sessions-per-address, origins, ping-interval, ping-timeout, connect-timeout, max-payload, max-namespaces, outbox-packets, outbox-bytes, \
         backlog-events, backlog-bytes, backlog-pause, log, log-format, color",
    );
    check(
        with("ping-interval = 25"),
        2,
        r#"sockeye.toml:1: ping-interval is 25; expected a whole number with its unit of time, such as "25s", "500ms" or "1m""#,
    );
    check(
        with("# times\nping-interval = \"0s\""),
        2,
        r#"sockeye.toml:2: ping-interval is "0s"; expected a time of at least 1ms"#,
    );
    check(
        with("max-payload = true"),
        2,
        r#"sockeye.toml:1: max-payload is true; expected a number of bytes, such as 4096, "1MB" or "64KiB" (units: B, KB, MB, GB, KiB, MiB, GiB)"#,
    );
    check(
        with("outbox-packets = -1"),
        2,
        "sockeye.toml:1: outbox-packets is -1; expected a whole number of at least 1, such as 256",
    );
    check(
        with("listen = [\n  \"[::]:1\",\n]"),
        2,
        r#"sockeye.toml:1: listen is [; expected an address and a port, such as "127.0.0.1:3000", "0.0.0.0:80" or "[::1]:3000""#,
    );
    check(
        with("origins = \"example.com\""),
        2,
        r#"sockeye.toml:1: origins is "example.com"; expected same, any, or origins without a path, such as "https://example.com,http://localhost:5173""#,
    );
    check(
        with("progress = \"16KiB\""),
        2,
        r#"sockeye.toml:1: progress is "16KiB"; expected a size within a time, such as "16KiB/30s" or "1KB/1s""#,
    );
    check(
        with("trusted-proxies = \"nginx\""),
        2,
        r#"sockeye.toml:1: trusted-proxies is "nginx"; expected none, or addresses and networks, such as "127.0.0.1,10.0.0.0/8""#,
    );
    check(
        with("log-format = \"xml\""),
        2,
        r#"sockeye.toml:1: log-format is "xml"; expected one of these words: text json"#,
    );
    let run = with("listen = \n");
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.starts_with("error: sockeye.toml is not TOML: "), "{}", run.stderr);
    assert!(run.stderr.contains("line 1"), "{}", run.stderr);
}

#[test]
fn of_the_file() {
    let sandbox = Sandbox::new("mistakes-of-file");
    check(
        sandbox.run(&["serve", "--config", "none.toml"]),
        2,
        "none.toml: No such file or directory (os error 2); name a file that can be read with --config FILE",
    );
    sandbox.write("bytes.toml", b"\xff\xfe");
    check(
        sandbox.run(&["serve", "--config", "bytes.toml"]),
        2,
        "bytes.toml: stream did not contain valid UTF-8; name a file that can be read with --config FILE",
    );
}

#[test]
fn in_the_environment() {
    let sandbox = Sandbox::new("mistakes-environment");
    let with = |name: &str, value: &str| sandbox.run_with(&["serve"], &[(name, value)]);
    check(
        with("SOCKEYE_LISTEN", "3000"),
        2,
        r#"SOCKEYE_LISTEN is "3000"; expected an address and a port, such as "127.0.0.1:3000", "0.0.0.0:80" or "[::1]:3000""#,
    );
    check(
        with("SOCKEYE_LOG", "inof"),
        2,
        r#"SOCKEYE_LOG is "inof"; expected a level (off, error, warn, info, debug, trace), or levels by target, such as "warn,sockeye::engine=debug""#,
    );
    check(
        with("SOCKEYE_TLS_CERT", ""),
        2,
        r#"SOCKEYE_TLS_CERT is ""; expected the path of a file, such as "cert.pem""#,
    );
}

#[test]
fn in_flags() {
    let sandbox = Sandbox::new("mistakes-flags");
    check(
        sandbox.run(&["serve", "--max-payload", "1.5MB"]),
        2,
        "invalid value '1.5MB' for '--max-payload <SIZE>': expected a number of bytes, such as 4096, \"1MB\" or \
         \"64KiB\" (units: B, KB, MB, GB, KiB, MiB, GiB)\n\nFor more information, try '--help'.",
    );
    let run = sandbox.run(&["serve", "--ping-intervall", "1s"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("a similar argument exists: '--ping-interval'"), "{}", run.stderr);
}

#[test]
fn of_the_network() {
    let sandbox = Sandbox::new("mistakes-network");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let port = address.port();
    let other = if port == u16::MAX { port - 1 } else { port + 1 };
    check(
        sandbox.run(&["serve", "--log", "error", "--listen", &address.to_string()]),
        3,
        &format!("{address} is in use; choose another with --listen 127.0.0.1:{other}"),
    );
    // An address of RFC 5737, which nobody has.
    check(
        sandbox.run(&["serve", "--log", "error", "--listen", "192.0.2.1:80"]),
        3,
        "192.0.2.1:80 is not an address of this machine; listen on all of them with --listen 0.0.0.0:80, or on this \
         machine only with --listen 127.0.0.1:80",
    );
}

#[test]
fn of_certificates() {
    let sandbox = Sandbox::new("mistakes-certificates");
    let ours = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let strange = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let cert = sandbox.write("cert.pem", ours.cert.pem());
    let key = sandbox.write("key.pem", ours.signing_key.serialize_pem());
    let other = sandbox.write("other.pem", strange.signing_key.serialize_pem());
    let der = sandbox.write("cert.der", ours.cert.der());
    let damaged = sandbox
        .write("damaged.pem", "-----BEGIN CERTIFICATE-----\n$$$\n-----END CERTIFICATE-----\n");
    let locked = sandbox.write(
        "locked.pem",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let none = sandbox.path("none.pem");
    let with = |cert: &str, key: &str| {
        let quiet = ["serve", "--log", "error", "--listen", "127.0.0.1:0"];
        sandbox.run(&[&quiet[..], &["--tls-cert", cert, "--tls-key", key]].concat())
    };

    check(
        sandbox.run(&["serve", "--tls-cert", &cert]),
        2,
        "tls-cert is set, but tls-key is not; add --tls-key FILE",
    );
    check(
        sandbox.run(&["serve", "--tls-key", &key]),
        2,
        "tls-key is set, but tls-cert is not; add --tls-cert FILE",
    );
    check(
        with(&none, &key),
        2,
        &format!(
            "{none}: No such file or directory (os error 2); name a file that can be read with --tls-cert FILE"
        ),
    );
    check(
        with(&key, &cert),
        4,
        &format!(
            "{key} has no CERTIFICATE; found PRIVATE KEY. Name the certificate chain in PEM form with --tls-cert FILE \
             (from DER: openssl x509 -inform der -in FILE)"
        ),
    );
    check(
        with(&der, &key),
        4,
        &format!(
            "{der} has no CERTIFICATE; found no PEM section at all. Name the certificate chain in PEM form with \
             --tls-cert FILE (from DER: openssl x509 -inform der -in FILE)"
        ),
    );
    check(
        with(&cert, &locked),
        4,
        &format!(
            "{locked} has no usable PRIVATE KEY; found ENCRYPTED PRIVATE KEY. Name the key in PEM form and unencrypted \
             with --tls-key FILE (decrypt or convert: openssl pkey -in FILE)"
        ),
    );
    let run = with(&damaged, &key);
    assert_eq!(run.code, Some(4));
    assert!(
        run.stderr.starts_with(&format!("error: {damaged} is damaged PEM (")),
        "{}",
        run.stderr
    );
    let run = with(&cert, &other);
    assert_eq!(run.code, Some(4));
    let expect = format!("error: certificate {cert} and key {other} can't be used together: ");
    assert!(run.stderr.starts_with(&expect), "{}", run.stderr);
    assert!(run.stderr.contains("--tls-cert FILE --tls-key FILE"), "{}", run.stderr);
}
