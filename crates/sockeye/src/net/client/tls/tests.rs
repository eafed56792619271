//! Each option of TLS against servers that it accepts and refuses.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PublicKeyData as _, date_time_ymd,
};
use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
    version,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio_rustls::TlsAcceptor;

use super::{pin::Pin, *};

/// Somebody who signs certificates.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn sign(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity { der: certificate.der().clone(), pem: certificate.pem(), key }
    }
}

struct Identity {
    der: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Identity {
    fn self_signed(params: &CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { der: certificate.der().clone(), pem: certificate.pem(), key }
    }

    fn pin(&self) -> String {
        Pin::of(&self.key.subject_public_key_info()).to_string()
    }
}

fn named(name: &str) -> CertificateParams {
    CertificateParams::new([name.to_owned()]).unwrap()
}

const BOTH: &[&SupportedProtocolVersion] = &[&version::TLS12, &version::TLS13];

fn server(
    identity: &Identity,
    asks_for: Option<&Authority>,
    versions: &[&'static SupportedProtocolVersion],
) -> TlsAcceptor {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let builder = match asks_for {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivateKeyDer::Pkcs8(identity.key.serialize_der().into());
    let mut config = builder.with_single_cert(vec![identity.der.clone()], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// Connects to the server at `localhost`, and sends a byte there and back.
async fn meet(tls: &Tls, acceptor: &TlsAcceptor) -> Result<(), String> {
    let (ours, theirs) = duplex(1 << 16);
    let client = async {
        let mut stream = tls.connect("localhost", ours).await.map_err(|error| error.to_string())?;
        // With TLS 1.3 a refusal of the client's certificate comes after the handshake.
        stream.write_all(b"?").await.map_err(|error| error.to_string())?;
        stream.read_u8().await.map_err(|error| error.to_string())?;
        Ok(())
    };
    let server = async {
        let mut stream = acceptor.accept(theirs).await.ok()?;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let byte = stream.read_u8().await.ok()?;
        stream.write_all(&[byte]).await.ok()
    };
    tokio::join!(client, server).0
}

#[track_caller]
fn assert_refused(outcome: Result<(), String>, words: &[&str]) {
    let error = outcome.unwrap_err();
    assert!(words.iter().all(|word| error.contains(word)), "{words:?}: {error}");
}

#[tokio::test]
async fn authorities_are_believed_if_given() {
    let (ours, strangers) = (Authority::new("ours"), Authority::new("strangers"));
    let acceptor = server(&ours.sign(&named("localhost")), None, BOTH);
    let both = format!("{}{}", strangers.pem, ours.pem);
    for tls in [
        Tls::only_pem(ours.pem.as_bytes()),
        Tls::only_pem(both.as_bytes()),
        Tls::builder().add_pem(strangers.pem.as_str()).add_pem(ours.pem.as_str()).build(),
        Tls::builder().add_pem(ours.pem.as_str()).build(), // beside the system's
    ] {
        meet(&tls.unwrap(), &acceptor).await.unwrap();
    }
    let advice = &["UnknownIssuer", "add the certificate of its authority", "pin"];
    assert_refused(
        meet(&Tls::only_pem(strangers.pem.as_bytes()).unwrap(), &acceptor).await,
        advice,
    );
    let beside = Tls::builder().add_pem(strangers.pem.as_str()).build().unwrap();
    assert_refused(meet(&beside, &acceptor).await, advice);
    let renewed = Tls::only_pem(Authority::new("ours").pem.as_bytes()).unwrap();
    assert_refused(meet(&renewed, &acceptor).await, &["BadSignature", "present one"]);
}

#[tokio::test]
async fn an_authority_vouches_for_name_and_time() {
    let authority = Authority::new("ours");
    let tls = Tls::only_pem(authority.pem.as_bytes()).unwrap();
    let acceptor = server(&authority.sign(&named("example.com")), None, BOTH);
    assert_refused(meet(&tls, &acceptor).await, &["localhost", "example.com", "use a name"]);

    // curl, Python and Node.js would take its CN.
    let mut nameless = CertificateParams::new([]).unwrap();
    nameless.distinguished_name.push(DnType::CommonName, "localhost");
    let words = ["no subjectAltName", "-addext subjectAltName=DNS:localhost", "pin"];
    let acceptor = server(&authority.sign(&nameless), None, BOTH);
    assert_refused(meet(&tls, &acceptor).await, &words);
    let itself = Identity::self_signed(&nameless);
    let given = Tls::only_pem(itself.pem.as_bytes()).unwrap();
    assert_refused(meet(&given, &server(&itself, None, BOTH)).await, &words);

    let mut old = named("localhost");
    (old.not_before, old.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
    let acceptor = server(&authority.sign(&old), None, BOTH);
    assert_refused(meet(&tls, &acceptor).await, &["expired", "renew"]);

    let mut young = named("localhost");
    (young.not_before, young.not_after) = (date_time_ymd(2900, 1, 1), date_time_ymd(2901, 1, 1));
    let acceptor = server(&authority.sign(&young), None, BOTH);
    assert_refused(meet(&tls, &acceptor).await, &["not valid yet", "clock"]);
}

/// As whom the certificate of a server may come: as `openssl req -x509` makes it, self-signed, or signed by somebody.
fn made(params: &CertificateParams) -> [(&'static str, Identity); 3] {
    let mut authority = params.clone();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    [
        ("an authority's", Identity::self_signed(&authority)),
        ("self-signed", Identity::self_signed(params)),
        ("a stranger's", Authority::new("strangers").sign(params)),
    ]
}

#[tokio::test]
async fn the_very_certificate_of_the_server_is_believed_if_given() {
    for versions in [&[&version::TLS12][..], &[&version::TLS13]] {
        for (made, identity) in made(&named("localhost")) {
            let acceptor = server(&identity, None, versions);
            let other = Authority::new("ours");
            for tls in [
                Tls::only_pem(identity.pem.as_bytes()),
                Tls::only_pem(format!("{}{}", other.pem, identity.pem).as_bytes()),
                Tls::builder().add_pem(identity.pem.as_str()).build(), // beside the system's
            ] {
                meet(&tls.unwrap(), &acceptor).await.unwrap_or_else(|why| panic!("{made}: {why}"));
            }
        }
    }
}

#[tokio::test]
async fn the_very_certificate_of_the_server_is_believed_for_its_names_and_dates_alone() {
    let mut old = named("localhost");
    (old.not_before, old.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
    let mut young = named("localhost");
    (young.not_before, young.not_after) = (date_time_ymd(2900, 1, 1), date_time_ymd(2901, 1, 1));
    for (params, words) in [
        (named("example.com"), &["localhost", "example.com", "use a name"][..]),
        (old, &["expired", "renew"]),
        (young, &["not valid yet", "clock"]),
    ] {
        for (_, identity) in made(&params) {
            let acceptor = server(&identity, None, BOTH);
            for builder in [Tls::builder().believe_platform(false), Tls::builder()] {
                let tls = builder.add_pem(identity.pem.as_str()).build().unwrap();
                assert_refused(meet(&tls, &acceptor).await, words);
            }
        }
    }
    // Another of the same names and key is another.
    let key = KeyPair::generate().unwrap();
    let mut params = named("localhost");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let given = params.self_signed(&key).unwrap().pem();
    let mut renewed = params.clone();
    renewed.not_after = date_time_ymd(2901, 1, 1);
    let certificate = renewed.self_signed(&key).unwrap();
    let identity = Identity { der: certificate.der().clone(), pem: certificate.pem(), key };
    let acceptor = server(&identity, None, BOTH);
    let refused = meet(&Tls::only_pem(given.as_bytes()).unwrap(), &acceptor).await;
    assert_refused(refused, &["CaUsedAsEndEntity", "very certificate", "pin the server's key"]);
    meet(&Tls::builder().pin(identity.pin()).build().unwrap(), &acceptor).await.unwrap();
}

#[tokio::test]
async fn a_pinned_key_is_enough_and_needed() {
    let mut params = named("elsewhere.example");
    (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
    let identity = Identity::self_signed(&params);
    let other = Identity::self_signed(&named("localhost"));
    for versions in [&[&version::TLS12][..], &[&version::TLS13]] {
        let acceptor = server(&identity, None, versions);
        let right = Tls::builder().pin(identity.pin()).build().unwrap();
        meet(&right, &acceptor).await.unwrap();
        meet(&right, &acceptor).await.unwrap(); // again, perhaps with the session of before
        let one_of_two = Tls::builder().pin(other.pin()).pin(identity.pin()).build().unwrap();
        meet(&one_of_two, &acceptor).await.unwrap();
        let wrong = Tls::builder().pin(other.pin()).build().unwrap();
        let advice = [&identity.pin()[..], "pin that one"];
        assert_refused(meet(&wrong, &acceptor).await, &advice);
    }
}

/// Whoever shows the certificate of another can't sign with its key.
#[tokio::test]
async fn a_certificate_without_its_key_convinces_nobody() {
    let (shown, held) = (Identity::self_signed(&named("localhost")), KeyPair::generate().unwrap());
    let (pin, pem) = (shown.pin(), shown.pem.clone());
    let provider = ring::default_provider();
    let signing = provider
        .key_provider
        .load_private_key(PrivateKeyDer::Pkcs8(held.serialize_der().into()))
        .unwrap();
    let certified = rustls::sign::CertifiedKey::new(vec![shown.der], signing);
    let provider = Arc::new(provider);
    for versions in [&[&version::TLS12][..], &[&version::TLS13]] {
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified.clone())));
        let acceptor = TlsAcceptor::from(Arc::new(config));
        for builder in [
            Tls::builder().pin(&pin),
            Tls::builder().danger_accept_invalid_certs(true),
            Tls::builder().add_pem(pem.as_str()),
        ] {
            assert_refused(meet(&builder.build().unwrap(), &acceptor).await, &["BadSignature"]);
        }
    }
}

#[tokio::test]
async fn whoever_believes_anyone_does() {
    let mut params = named("elsewhere.example");
    params.not_after = date_time_ymd(2002, 1, 1);
    let identity = Identity::self_signed(&params);
    let tls = Tls::builder().danger_accept_invalid_certs(true).build().unwrap();
    for versions in [&[&version::TLS12][..], &[&version::TLS13]] {
        meet(&tls, &server(&identity, None, versions)).await.unwrap();
    }
    let tls = Tls::builder().danger_accept_invalid_certs(false).build().unwrap();
    let refused = meet(&tls, &server(&identity, None, BOTH)).await;
    assert!(refused.is_err(), "{refused:?}");
}

#[tokio::test]
async fn a_server_may_ask_who_the_client_is() {
    let authority = Authority::new("ours");
    let mut me = named("me");
    me.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let me = authority.sign(&me);
    let stranger = Authority::new("stranger").sign(&named("me"));
    let builder = Tls::builder().add_pem(authority.pem.as_str()).believe_platform(false);
    for versions in [&[&version::TLS12][..], &[&version::TLS13]] {
        let identity = authority.sign(&named("localhost"));
        let acceptor = server(&identity, Some(&authority), versions);
        let known =
            builder.clone().identity_pem(me.pem.as_str(), me.key.serialize_pem()).build().unwrap();
        meet(&known, &acceptor).await.unwrap();
        // Certificate and key in one file.
        let file = format!("{}{}", me.pem, me.key.serialize_pem());
        let known = builder.clone().identity_pem(file.as_str(), file.as_str()).build().unwrap();
        meet(&known, &acceptor).await.unwrap();
        // A server that does not ask gets none.
        meet(&known, &server(&identity, None, versions)).await.unwrap();

        let nobody = builder.build().unwrap();
        assert_refused(meet(&nobody, &acceptor).await, &["CertificateRequired"]);
        let pem = (stranger.pem.as_str(), stranger.key.serialize_pem());
        let unknown = builder.clone().identity_pem(pem.0, pem.1).build().unwrap();
        assert_refused(meet(&unknown, &acceptor).await, &["received fatal alert"]);
    }
}

#[tokio::test]
async fn a_port_without_tls_is_named() {
    let tls = Tls::builder().danger_accept_invalid_certs(true).build().unwrap();
    for (answer, words) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], ["no TLS", "http://"]),
        (b"", ["hung up", "does this port speak TLS?"]),
    ] {
        let (ours, mut theirs) = duplex(1 << 16);
        let server = async {
            theirs.read_u8().await.unwrap();
            theirs.write_all(answer).await.unwrap();
            drop(theirs);
        };
        let (refused, ()) = tokio::join!(tls.connect("localhost", ours), server);
        let error = refused.unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{words:?}: {error}");
    }
}

#[test]
fn what_can_not_be_is_said_when_it_is_built() {
    #[track_caller]
    fn check(builder: &TlsBuilder, words: &[&str]) {
        let error = builder.build().unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{words:?}: {error}");
    }
    let authority = Authority::new("ours");
    let me = authority.sign(&named("me"));
    let (pem, key) = (authority.pem.as_str(), me.key.serialize_pem());
    let builder = Tls::builder;

    check(&builder().believe_platform(false), &["nobody is believed"]);
    check(&builder().add_pem(pem).pin(me.pin()), &["authority", "pin", "leave one out"]);
    check(&builder().pin(me.pin()).danger_accept_invalid_certs(true), &["pin", "leave one out"]);
    check(&builder().add_pem(pem).danger_accept_invalid_certs(true), &["authority", "leave one"]);

    check(&builder().add_pem(""), &["no certificate found"]);
    check(&builder().add_pem(key.as_str()), &["no certificate found"]);
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    check(&builder().add_pem(broken), &["a certificate can't be read"]);
    check(&builder().add_pem("-----BEGIN CERTIFICATE-----\nAAAA\n"), &["not PEM"]);
    check(&builder().pin("sha256/x"), &["no pin", "openssl"]);

    check(&builder().identity_pem("", key.as_str()), &["no certificate found"]);
    check(&builder().identity_pem(me.pem.as_str(), ""), &["no private key found", "openssl pkey"]);
    let encrypted = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    check(&builder().identity_pem(me.pem.as_str(), encrypted), &["no private key found"]);
    check(&builder().identity_pem(pem, key.as_str()), &["belong together", "KeyMismatch"]);
}

#[test]
fn a_private_key_is_not_printed() {
    let text = format!("{:?}", Tls::builder().identity_pem("certificate", "the key"));
    assert!(!text.contains("the key") && !text.contains("116"), "{text}");
}
