//! SIGHUP: certificates and settings are read again, and what can change does.

#![cfg(unix)]

use std::{fs, io::Write as _, net::TcpStream, sync::Arc};

use rustix::process::{Pid, Signal, kill_process};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::ring,
    pki_types::CertificateDer,
};
use sockeye_testkit::Peer;

use crate::sandbox::{Sandbox, address};

fn hang_up(peer: &Peer) {
    let pid = Pid::from_raw(peer.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::HUP).unwrap();
}

/// Sends SIGHUP and waits for what comes of it.
fn reload(peer: &mut Peer) -> String {
    hang_up(peer);
    loop {
        let line = peer.next_line().unwrap();
        if line.contains("SIGHUP") {
            return line;
        }
    }
}

/// Writes a new certificate and its key.
fn certify(sandbox: &Sandbox) -> CertificateDer<'static> {
    let ours = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    sandbox.write("cert.pem", ours.cert.pem());
    sandbox.write("key.pem", ours.signing_key.serialize_pem());
    ours.cert.der().clone()
}

/// Whether a server shows this certificate.
fn shows(peer: &Peer, certificate: &CertificateDer<'static>) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(address(peer.ready())).unwrap();
    StreamOwned::new(connection, stream).write_all(b"GET").is_ok()
}

#[test]
fn settings_that_can_change_do_and_the_others_are_named() {
    let sandbox = Sandbox::new("reload-settings");
    sandbox.write("sockeye.toml", "max-sessions = 7");
    let mut peer = sandbox.serve_aloud(&["--color", "never"]);
    assert!(reload(&mut peer).ends_with("changed=\"none\" at_next_start=\"none\""));
    sandbox.write(
        "sockeye.toml",
        "max-sessions = 8\nlog = \"debug\"\nping-interval = \"1s\"\nheader-timeout = \"200ms\"",
    );
    let line = reload(&mut peer);
    let expect = "changed=\"header-timeout, max-sessions, log\" at_next_start=\"ping-interval\"";
    assert!(line.ends_with(expect), "{line}");
    // The log is another one at once, and connections have the new limit.
    let _slow = TcpStream::connect(address(peer.ready())).unwrap();
    while !peer.next_line().unwrap().contains("HTTP connection ended early") {}
    // What waits for the next start is told again; a mistake changes nothing.
    assert!(reload(&mut peer).contains("changed=\"none\" at_next_start=\"ping-interval\""));
    sandbox.write("sockeye.toml", "max-sessions = 0");
    let line = reload(&mut peer);
    assert!(line.contains("everything stays as it was"), "{line}");
    assert!(line.contains("sockeye.toml:1: max-sessions is 0"), "{line}");
}

#[test]
fn certificates_are_read_again() {
    let sandbox = Sandbox::new("reload-certificates");
    let old = certify(&sandbox);
    let files = [sandbox.path("cert.pem"), sandbox.path("key.pem")];
    let mut peer = sandbox.serve_aloud(&["--tls-cert", &files[0], "--tls-key", &files[1]]);
    assert!(shows(&peer, &old));
    let new = certify(&sandbox);
    reload(&mut peer);
    assert!(shows(&peer, &new) && !shows(&peer, &old));
    // One that can't be used leaves the one there is.
    fs::write(&files[1], "no key").unwrap();
    let line = reload(&mut peer);
    assert!(line.contains("has no usable PRIVATE KEY"), "{line}");
    assert!(shows(&peer, &new));
}
