//! A stream to a server, opened as the client opens its own.

use std::{error::Error, sync::Arc, time::Duration};

use sockeye::client::{BuildError, DialError, Dialer, Proxy, Step, Tls};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{self, CertificateError, ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

/// A port of TLS whose certificate nobody has signed; what comes is sent back.
async fn echo_over_tls() -> (u16, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await?;
                let (mut read, mut write) = tokio::io::split(stream);
                tokio::io::copy(&mut read, &mut write).await
            });
        }
    });
    (port, made.cert.pem())
}

#[tokio::test]
async fn what_rustls_said_can_be_had() {
    let (port, pem) = echo_over_tls().await;
    let url = format!("wss://localhost:{port}/imchat");
    let dialer = Dialer::builder(&url).proxy(Proxy::none());
    let stranger = Tls::only_pem(rcgen_authority().as_bytes()).unwrap();
    let refused = dialer.clone().tls(stranger).build().unwrap().dial().await.unwrap_err();
    let DialError::Tls { source, .. } = &refused else { panic!("{refused:?}") };
    let said = source.source().and_then(|source| source.downcast_ref::<rustls::Error>());
    assert!(
        matches!(
            said,
            Some(rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature
            ))
        ),
        "{refused:?}"
    );

    let dialer = dialer.tls(Tls::only_pem(pem.as_bytes()).unwrap()).build().unwrap();
    assert_eq!((dialer.host(), dialer.port(), dialer.is_secure()), ("localhost", port, true));
    let mut stream = dialer.dial().await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    stream.flush().await.unwrap();
    let mut echoed = [0; 5];
    stream.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, b"hello");
}

fn rcgen_authority() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new([]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.self_signed(&key).unwrap().pem()
}

#[tokio::test]
async fn the_way_is_checked_when_it_is_built() {
    let refused = Dialer::builder("ftp://h").build().unwrap_err();
    assert!(matches!(refused, BuildError::Url(_)), "{refused:?}");
    let proxy = Proxy::new("http://user:hush@proxy.example:3128").unwrap();
    let dialer = Dialer::builder("http://h").proxy(proxy).build().unwrap();
    assert_eq!(dialer.proxy().as_deref(), Some("http://proxy.example:3128"));
    assert!(!format!("{dialer:?}").contains("hush"), "{dialer:?}");
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", mute.local_addr().unwrap());
    let tls = Tls::builder().danger_accept_invalid_certs(true).build().unwrap();
    let dialer = Dialer::builder(url).tls(tls).timeout(Duration::from_millis(50)).build().unwrap();
    let refused = dialer.dial().await.unwrap_err();
    assert!(matches!(refused, DialError::Timeout { step: Step::Tls, .. }), "{refused:?}");
}
