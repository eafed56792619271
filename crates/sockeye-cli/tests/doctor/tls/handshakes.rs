//! Handshakes that fail, whatever the certificate.

use std::{
    io::{Read as _, Write as _},
    sync::Arc,
};

use rcgen::{CertificateParams, CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};

use super::{
    diagnose,
    servers::{in_front_of, listen, proxy, record},
};
use crate::sandbox::Sandbox;

/// A certificate for `localhost`, and its key.
fn identity() -> (CertificateDer<'static>, PrivateKeyDer<'static>, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    (cert.der().clone(), key, cert.pem())
}

/// A server's configuration; `versions` are those it speaks.
fn config(
    versions: &[&'static rustls::SupportedProtocolVersion],
    believes: Option<(CertificateDer<'static>, bool)>,
) -> (ServerConfig, String) {
    let (certificate, key, pem) = identity();
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let builder = match believes {
        None => builder.with_no_client_auth(),
        Some((authority, is_optional)) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority).unwrap();
            let roots = Arc::new(roots);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            let verifier = if is_optional { verifier.allow_unauthenticated() } else { verifier };
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    (builder.with_single_cert(vec![certificate], key).unwrap(), pem)
}

#[test]
fn a_certificate_of_the_clients_is_wanted() {
    let sandbox = Sandbox::new("doctor-client-certificate");
    let server = sandbox.serve(&["--echo", "--log", "off"]);
    let mut authority = CertificateParams::new(vec![]).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let issuer = rcgen::Issuer::from_params(&authority, &authority_key);
    let ours = CertificateParams::new(vec![]).unwrap().signed_by(&key, &issuer).unwrap();
    sandbox.write("ours.pem", ours.pem() + &key.serialize_pem());
    let (_, stranger_key, stranger) = identity();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        base64::Engine::encode(&base64::prelude::BASE64_STANDARD, stranger_key.secret_der())
    );
    sandbox.write("stranger.pem", stranger + &pem);

    for versions in [&[&rustls::version::TLS13][..], &[&rustls::version::TLS12]] {
        let (config, pem) = config(versions, Some((root.der().clone(), false)));
        sandbox.write("server.pem", pem);
        let url = &in_front_of(server.ready(), config);
        let verdict = "tls-client-certificate-required";
        let args = [&**url, "--cacert", "server.pem"];
        let found = diagnose(&sandbox, &args, verdict, 4);
        found.says("cause", &["none was given"]);
        found.says("fix", &["--cert", "--key"]);
        let with = |file: &'static str| [&args[..], &["--cert", file]].concat();
        let found = diagnose(&sandbox, &with("stranger.pem"), verdict, 4);
        found.says("cause", &["does not take the certificate of --cert"]);
        let found = diagnose(&sandbox, &with("ours.pem"), "ok", 0);
        assert_eq!(found.tls["ok"], true);
    }
}

#[test]
fn a_page_says_that_it_is_wanted() {
    let sandbox = Sandbox::new("doctor-client-page");
    let (authority, ..) = identity();
    let (config, pem) = config(&[&rustls::version::TLS13], Some((authority, true)));
    sandbox.write("server.pem", pem);
    let config = Arc::new(config);
    // As nginx does it.
    let address = listen(move |stream| {
        let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, stream);
        if stream.read(&mut [0; 1_024]).is_ok() {
            let page = "400 No required SSL certificate was sent";
            let _ = write!(
                stream,
                "HTTP/1.1 400 Bad Request\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
                page.len()
            );
        }
    });
    let url = address.replace("127.0.0.1", "https://localhost");
    let args = [&*url, "--cacert", "server.pem"];
    let found = diagnose(&sandbox, &args, "tls-client-certificate-required", 4);
    found.says("cause", &["none was given", "400"]);
}

#[test]
fn the_versions_are_other_ones() {
    let sandbox = Sandbox::new("doctor-tls-version");
    // Refuses hellos of TLS 1.2, and agrees to TLS 1.0 with one of TLS 1.1.
    let address = listen(|mut stream| {
        let hello = record(&mut stream);
        let answer: &[u8] = match hello.get(9..11) {
            Some([3, 3]) => &[21, 3, 1, 0, 2, 2, 70],
            Some([3, 2]) => &[22, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1],
            _ => return,
        };
        let _ = stream.write_all(answer);
        let _ = stream.read(&mut [0; 64]);
    });
    let found = diagnose(&sandbox, &[&format!("https://{address}")], "tls-version", 4);
    found.says("cause", &["speaks TLS 1.0"]);
    // Has no more to say than that it does not like us.
    let address = listen(|mut stream| {
        record(&mut stream);
        let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, 40]);
    });
    let found = diagnose(&sandbox, &[&format!("https://{address}")], "tls-version", 4);
    found.says("cause", &["in common"]);
}

#[test]
fn no_tls_at_all() {
    let sandbox = Sandbox::new("doctor-no-tls");
    let server = sandbox.serve(&["--echo", "--log", "off"]);
    let url = server.ready().replace("http:", "https:") + "/imchat?a=1";
    let found = diagnose(&sandbox, &[&url], "plain-http-on-tls-port", 4);
    found.says("cause", &["HTTP/1.1"]);
    let plain = format!("sockeye doctor '{}/imchat?a=1'", server.ready());
    assert_eq!(found.verdict["command"], plain);

    // One that hangs up on what is no HTTP.
    let address = listen(|mut stream| {
        let mut begin = [0; 4];
        if stream.read_exact(&mut begin).is_ok() && begin == *b"GET " {
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n");
        }
    });
    let found = diagnose(&sandbox, &[&format!("https://{address}")], "plain-http-on-tls-port", 4);
    found.says("cause", &["HTTP/1.0 200 OK"]);

    let address = listen(|mut stream| {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH\x1b[2J\r\n");
        let _ = stream.read(&mut [0; 512]);
    });
    let found = diagnose(&sandbox, &[&format!("https://{address}")], "not-socketio", 5);
    found.says("cause", &["SSH-2.0-OpenSSH\\\\u001b"]);
}

#[test]
fn no_answer() {
    let sandbox = Sandbox::new("doctor-tls-silent");
    let silent =
        listen(|mut stream| while stream.read(&mut [0; 512]).is_ok_and(|read| read > 0) {});
    let url = format!("https://{silent}");
    diagnose(&sandbox, &[&url, "--timeout", "300ms"], "no-answer", 5);
    let rude = listen(drop);
    let found = diagnose(&sandbox, &[&format!("https://{rude}")], "no-answer", 5);
    found.says("cause", &["ends during the TLS handshake"]);
}

#[test]
fn no_http_1() {
    let sandbox = Sandbox::new("doctor-h2");
    let server = sandbox.serve(&["--echo", "--log", "off"]);
    let (mut config, pem) = config(&[&rustls::version::TLS13], None);
    config.alpn_protocols = vec![b"h2".to_vec()];
    sandbox.write("server.pem", pem);
    let url = in_front_of(server.ready(), config);
    let found = diagnose(&sandbox, &[&url, "--cacert", "server.pem"], "http2-only", 5);
    found.says("cause", &["120"]);
}

#[test]
fn through_a_proxy() {
    let sandbox = Sandbox::new("doctor-tls-proxy");
    let server = sandbox.serve(&["--echo", "--log", "off"]);
    let (config, pem) = config(&[&rustls::version::TLS12], None);
    sandbox.write("server.pem", pem);
    let (url, proxy) = (in_front_of(server.ready(), config), proxy());
    let found = diagnose(&sandbox, &[&url, "-x", &proxy], "tls-self-signed", 4);
    assert_eq!(found.tls["evidence"]["version"], "TLS 1.2");
    found.says("command", &["-x http://", "--pin"]);
    found.fix_works(&sandbox);
}
