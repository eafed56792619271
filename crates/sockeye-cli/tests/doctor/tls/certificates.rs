//! Certificates that nobody believes, each in front of a server that works.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DnType, IsCa, Issuer,
    KeyPair, date_time_ymd,
};
use sockeye_testkit::Peer;

use super::diagnose;
use crate::sandbox::Sandbox;

/// An authority with its key.
struct Authority {
    certificate: Certificate,
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = Self::params(name);
        Self { certificate: params.self_signed(&key).unwrap(), params, key }
    }

    /// One below it.
    fn below(&self, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = Self::params(name);
        Self { certificate: self.sign(&params, &key), params, key }
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params
    }

    fn sign(&self, params: &CertificateParams, key: &KeyPair) -> Certificate {
        params.signed_by(key, &Issuer::from_params(&self.params, &self.key)).unwrap()
    }
}

/// For the server at `localhost`.
fn own(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "the-server");
    change(&mut params);
    params
}

/// A server that shows this chain; its URL at `localhost`.
fn serve(sandbox: &Sandbox, chain: &[&Certificate], key: &KeyPair) -> (Peer, String) {
    let pem: String = chain.iter().map(|certificate| certificate.pem()).collect();
    sandbox.write("cert.pem", pem);
    sandbox.write("key.pem", key.serialize_pem());
    let files = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let server = sandbox.serve(&[&["--echo", "--log", "off"], &files[..]].concat());
    let url = server.ready().replace("127.0.0.1", "localhost");
    (server, url)
}

#[test]
fn signed_by_itself() {
    let sandbox = Sandbox::new("doctor-self-signed");
    let key = KeyPair::generate().unwrap();
    let certificate = own(|_| {}).self_signed(&key).unwrap();
    let (_server, url) = serve(&sandbox, &[&certificate], &key);
    let found = diagnose(&sandbox, &[&url], "tls-self-signed", 4);
    found.says("cause", &["CN=the-server", "signed by itself"]);
    found.says("fix", &["--save-cert server.pem", "--cacert server.pem", "--pin sha256/", "-k"]);
    let evidence = &found.tls["evidence"];
    assert_eq!(evidence["version"], "TLS 1.3");
    assert_eq!(evidence["alpn"], "http/1.1");
    assert_eq!(evidence["chain"][0]["names"][0], "localhost");
    assert!(evidence["days_left"].as_u64().unwrap() > 1_000, "{evidence}");
    found.fix_works(&sandbox);

    // What it showed, saved, is believed.
    let found = diagnose(&sandbox, &[&url, "--save-cert", "s.pem"], "tls-self-signed", 4);
    found.says("command", &["--cacert s.pem"]);
    found.fix_works(&sandbox);
    let run = sandbox.run(&["doctor", &url, "--save-cert", "no/such/folder.pem"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("--save-cert"), "{run:?}");

    // For another name, too: that is a warning, until it is the only thing.
    let other = url.replace("localhost", "127.0.0.1");
    let found = diagnose(&sandbox, &[&other], "tls-self-signed", 4);
    assert_eq!(found.verdict["warnings"][0], "tls-wrong-name");
    found.fix_works(&sandbox);

    // Another key is pinned.
    let pin = format!("sha256/{}=", "A".repeat(43));
    let found = diagnose(&sandbox, &[&url, "--pin", &pin], "tls-unknown-ca", 4);
    found.says("cause", &["none that is pinned"]);
    found.fix_works(&sandbox);

    // For people: one cause, one fix, the chain in sight.
    let run = sandbox.run(&["doctor", &url]);
    assert_eq!(run.code, Some(4));
    for text in ["✘ tls", "CN=the-server", "tls-self-signed", "--pin sha256/"] {
        assert!(run.stdout.contains(text), "{text:?}: {run:?}");
    }
}

#[test]
fn an_authority_as_a_server() {
    let sandbox = Sandbox::new("doctor-authority");
    let key = KeyPair::generate().unwrap();
    // As `openssl req -x509` makes them.
    let constraints = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = own(|params| params.is_ca = constraints).self_signed(&key).unwrap();
    let (_server, url) = serve(&sandbox, &[&certificate], &key);
    let found = diagnose(&sandbox, &[&url], "tls-self-signed", 4);
    found.says("cause", &["CA:TRUE", "who has this very one"]);
    found.says("fix", &["--cacert server.pem", "--pin sha256/"]);
    found.fix_works(&sandbox);
    // Given byte for byte it is believed, for its own names.
    let found = diagnose(&sandbox, &[&url, "--save-cert", "s.pem"], "tls-self-signed", 4);
    found.says("command", &["--cacert s.pem"]);
    found.fix_works(&sandbox);
    diagnose(&sandbox, &[&url, "--cacert", "cert.pem"], "ok", 0);
    let other = url.replace("localhost", "127.0.0.1");
    diagnose(&sandbox, &[&other, "--cacert", "cert.pem"], "tls-wrong-name", 4);
}

#[test]
fn of_an_unknown_authority() {
    let sandbox = Sandbox::new("doctor-unknown-ca");
    let (root, key) = (Authority::new("the-root"), KeyPair::generate().unwrap());
    sandbox.write("root.pem", root.certificate.pem());
    sandbox.write("stranger.pem", Authority::new("a-stranger").certificate.pem());
    let certificate = root.sign(&own(|_| {}), &key);
    let (_server, url) = serve(&sandbox, &[&certificate], &key);
    for args in [&[&*url][..], &[&url, "--cacert", "stranger.pem"]] {
        let found = diagnose(&sandbox, args, "tls-unknown-ca", 4);
        found.says("cause", &["CN=the-root"]);
        found.says("fix", &["--cacert FILE"]);
        found.fix_works(&sandbox);
    }
    let found = diagnose(&sandbox, &[&url, "--cacert", "root.pem"], "ok", 0);
    assert_eq!(found.tls["ok"], true);
    let found = diagnose(&sandbox, &[&url, "-k"], "ok", 0);
    assert_eq!(found.tls["evidence"]["verified_by"], "nobody (-k)");
}

#[test]
fn without_the_one_between() {
    let sandbox = Sandbox::new("doctor-intermediate");
    let (root, key) = (Authority::new("the-root"), KeyPair::generate().unwrap());
    let between = root.below("the-one-between");
    sandbox.write("root.pem", root.certificate.pem());
    // SEQUENCE { SEQUENCE { OID caIssuers, [6] "http://i.example/between.crt" } }
    let place = b"http://i.example/between.crt";
    let mut access = b"\x30\x2a\x30\x28\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02\x86\x1c".to_vec();
    access.extend(place);
    let oid = [1, 3, 6, 1, 5, 5, 7, 1, 1];
    let params = own(|params| {
        params.custom_extensions = vec![CustomExtension::from_oid_content(&oid, access)];
    });
    let certificate = between.sign(&params, &key);
    let args = ["--cacert", "root.pem"];
    {
        let (_server, url) = serve(&sandbox, &[&certificate], &key);
        let found =
            diagnose(&sandbox, &[&[&*url], &args[..]].concat(), "tls-missing-intermediate", 4);
        found.says("cause", &["alone", "CN=the-one-between"]);
        found.says("fix", &["http://i.example/between.crt", "fullchain.pem"]);
        found.fix_works(&sandbox);
    }
    // That is all that was missing.
    let (_server, url) = serve(&sandbox, &[&certificate, &between.certificate], &key);
    diagnose(&sandbox, &[&[&*url], &args[..]].concat(), "ok", 0);
}

#[test]
fn out_of_its_time() {
    let sandbox = Sandbox::new("doctor-dates");
    let (root, key) = (Authority::new("the-root"), KeyPair::generate().unwrap());
    sandbox.write("root.pem", root.certificate.pem());
    let expired = own(|params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    });
    let future = own(|params| {
        params.not_before = date_time_ymd(2199, 1, 1);
        params.not_after = date_time_ymd(2200, 1, 1);
    });
    for (params, verdict, cause) in [
        (expired, "tls-expired", ["CN=the-server", "2002-01-01", "days ago"]),
        (future, "tls-not-yet-valid", ["CN=the-server", "2199-01-01", "clock"]),
    ] {
        let certificate = root.sign(&params, &key);
        let (_server, url) = serve(&sandbox, &[&certificate], &key);
        let found = diagnose(&sandbox, &[&url, "--cacert", "root.pem"], verdict, 4);
        found.says("cause", &cause);
        found.fix_works(&sandbox);
    }
}

#[test]
fn near_its_end() {
    let sandbox = Sandbox::new("doctor-soon");
    let key = KeyPair::generate().unwrap();
    let params = own(|params| {
        let day = std::time::Duration::from_secs(86_400);
        params.not_after = std::time::SystemTime::now().into();
        params.not_after += 5 * day + day / 2;
    });
    let certificate = params.self_signed(&key).unwrap();
    let (_server, url) = serve(&sandbox, &[&certificate], &key);
    let found = diagnose(&sandbox, &[&url, "--cacert", "cert.pem"], "ok", 0);
    assert_eq!(found.tls["evidence"]["days_left"], 5);
    let note = found.tls["evidence"]["note"].as_str().unwrap();
    assert!(note.contains("expires in 5 days"), "{note}");
}

#[test]
fn for_another_name() {
    let sandbox = Sandbox::new("doctor-name");
    let (root, key) = (Authority::new("the-root"), KeyPair::generate().unwrap());
    sandbox.write("root.pem", root.certificate.pem());
    let certificate = root.sign(&own(|_| {}), &key);
    let (server, _) = serve(&sandbox, &[&certificate], &key);
    let url = &format!("{}?a=1", server.ready());
    let found = diagnose(&sandbox, &[url, "--cacert", "root.pem"], "tls-wrong-name", 4);
    found.says("cause", &["not for 127.0.0.1, but for localhost"]);
    // That name leads to the same machine.
    found.says("command", &["https://localhost:", "?a=1", "--cacert root.pem"]);
    found.fix_works(&sandbox);
    drop(server);

    let mut params = own(|_| {});
    params.subject_alt_names =
        CertificateParams::new(vec!["a.invalid".to_owned()]).unwrap().subject_alt_names;
    let certificate = root.sign(&params, &key);
    let (_server, url) = serve(&sandbox, &[&certificate], &key);
    let found = diagnose(&sandbox, &[&url, "--cacert", "root.pem"], "tls-wrong-name", 4);
    found.says("cause", &["but for a.invalid"]);
    found.says("command", &["--pin sha256/"]);
    found.fix_works(&sandbox);
}
