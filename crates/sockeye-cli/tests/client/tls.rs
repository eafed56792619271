//! Whom the commands believe, and who they are, over TLS.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rcgen::{CertificateParams, Issuer, KeyPair, PublicKeyData as _};
use sha2::{Digest as _, Sha256};

use crate::{lines, sandbox::Sandbox};

#[test]
fn a_server_is_believed_by_what_was_given() {
    let sandbox = Sandbox::new("tls");
    let authority_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = Issuer::from_params(&params, &authority_key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let pin = Sha256::digest(key.subject_public_key_info());
    let pin = format!("sha256/{}", BASE64_STANDARD.encode(pin));

    sandbox.write("authority.pem", authority.pem());
    sandbox.write("cert.pem", certificate.pem());
    sandbox.write("key.pem", key.serialize_pem());
    let files = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let server = sandbox.serve(&[&["--echo", "--log", "off"], &files[..]].concat());
    let named = &server.ready().replace("127.0.0.1", "localhost");
    let emit = |url: &str, args: &[&str]| {
        sandbox.run(&[&["emit", url, "echo", "1", "--expect", "1"], args].concat())
    };
    for args in [&["-k"][..], &["--cacert", "authority.pem"], &["--pin", &pin]] {
        assert_eq!(lines(&emit(named, args), 0).len(), 1, "{args:?}");
    }
    // The certificate is for another name; a pin does not care.
    assert_eq!(lines(&emit(server.ready(), &["--pin", &pin]), 0).len(), 1);
    let other = format!("sha256/{}", BASE64_STANDARD.encode([0; 32]));
    for (args, expect) in [
        (&["--cacert", "authority.pem"][..], "--pin"),
        (&["--pin", &other], "no pin of ours"),
        (&["--cacert", "authority.pem", "--cert", "cert.pem", "--key", "key.pem"], "--pin"),
    ] {
        let run = emit(server.ready(), args);
        assert!(lines(&run, 4).is_empty());
        assert!(run.stderr.contains(expect), "{run:?}");
    }
    let run = emit(named, &["-k", "--pin", &pin]);
    assert!(lines(&run, 2).is_empty() && run.stderr.contains("--pin"), "{run:?}");
    let run = emit(named, &["-k", "--cert", "cert.pem"]);
    assert!(lines(&run, 4).is_empty() && run.stderr.contains("private key"), "{run:?}");
}
