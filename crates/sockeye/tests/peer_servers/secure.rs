//! TLS with a certificate that nobody knows, unless he is told; and what else the bytes may be wrapped in.

use std::{fs, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use rcgen::PublicKeyData as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sockeye::{
    client::{ConnectError, Namespace, Parser, Tls, TlsBuilder},
    event::Args,
};

use super::ground::{Ground, call, next, soon};

/// A certificate for the loopback interface, in files as servers want it.
pub(crate) struct Certificate {
    pub(crate) pem: String,
    pin: String,
    files: [String; 2],
}

impl Certificate {
    /// One for this scene; `name` tells it from others.
    pub(crate) fn new(ground: &Ground, name: &str) -> Self {
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let hash = Sha256::digest(own.signing_key.subject_public_key_info());
        let pin = format!("sha256/{}", BASE64_STANDARD.encode(hash));
        let pem = own.cert.pem();
        let files = [("crt", pem.clone()), ("key", own.signing_key.serialize_pem())];
        let files = files.map(|(ending, content)| {
            let name = format!("{name}-{:?}-{:?}.{ending}", ground.host, ground.manner);
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
            fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        });
        Self { pem, pin, files }
    }

    /// What a server is told of it.
    pub(crate) fn flags(&self) -> [&str; 3] {
        let [certificate, key] = &self.files;
        ["--tls", certificate, key]
    }
}

fn nobody() -> TlsBuilder {
    Tls::builder().believe_platform(false)
}

pub(crate) async fn tls(ground: Ground) {
    let certificate = Certificate::new(&ground, "tls");
    let server = ground.launch(&certificate.flags());
    assert!(server.url.starts_with("https://"), "{}", server.url);
    for tls in [nobody().add_pem(certificate.pem.as_str()), nobody().pin(&*certificate.pin)] {
        let builder = ground.client_of(&server.url, "/imchat").tls(tls.build().unwrap());
        let client = soon(builder.connect()).await.unwrap();
        ground.arrived(&client).await;
        let text = "é".repeat(5_000);
        assert_eq!(call::<String>(&client, "echo", (&text,)).await, text);
        let id = client.id();
        client.reconnect();
        super::ground::rejoined(&client, id).await;
        assert_eq!(call::<u8>(&client, "echo", (1,)).await, 1);
        soon(client.close()).await;
    }
    let other = Certificate::new(&ground, "other");
    for tls in [nobody().add_pem(other.pem.as_str()), nobody().pin(&*other.pin)] {
        let builder = ground.client_of(&server.url, "").tls(tls.build().unwrap());
        let refused = soon(builder.connect()).await.unwrap_err();
        let ConnectError::Open(error) = &refused else { panic!("{refused}") };
        let text = error.to_string();
        assert!(text.contains("TLS") || text.contains("certificate"), "{text}");
    }
}

pub(crate) async fn msgpack(ground: Ground) {
    let url = ground.url(&["--parser", "msgpack"]);
    let builder = ground.client_of(&url, "/imchat").parser(Parser::MsgPack);
    let client = soon(builder.namespace("/other", Namespace::new()).connect()).await.unwrap();
    ground.arrived(&client).await;
    let value = json!({"list": [1, -2.5, null, true, "é🦊"], "deep": {"deep": [[]]}});
    let bytes = Bytes::from_static(b"\x00\xFF");
    let Args(answer): Args<(Value, Bytes)> = call(&client, "echo", (&value, &bytes)).await;
    assert_eq!(answer, (value, bytes));
    let other = client.of("/other").unwrap();
    for number in 0..100 {
        other.emit("say", (number,)).unwrap();
    }
    for number in 0..100 {
        assert_eq!(next(&client, "said").await, number.to_string());
    }
    client.emit("ask", ("why",)).unwrap();
    soon(client.next("question")).await.unwrap().answer(("because",));
    assert_eq!(next(&client, "answered").await, r#""because""#);
    soon(client.close()).await;
}
