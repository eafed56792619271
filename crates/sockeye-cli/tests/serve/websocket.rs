//! Sessions through the binary, plain and over TLS.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
};

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::ring};
use serde_json::Value;
use tungstenite::{Message, WebSocket};

use crate::sandbox::{Sandbox, address};

/// Opens a session and returns it with what its first packet says.
pub(crate) fn open<S: Read + Write>(url: &str, stream: S) -> (WebSocket<S>, Value) {
    let url = format!("{}/socket.io/?EIO=4&transport=websocket", url.replacen("http", "ws", 1));
    let (mut websocket, response) = tungstenite::client(url, stream).ok().unwrap();
    assert_eq!(response.status(), 101);
    let Message::Text(packet) = websocket.read().unwrap() else { panic!("expected text") };
    let handshake = packet.strip_prefix('0').unwrap();
    (websocket, serde_json::from_str(handshake).unwrap())
}

/// A server that speaks TLS, and a stream of a client that trusts it.
pub(crate) fn tls(
    sandbox: &Sandbox,
) -> (sockeye_testkit::Peer, StreamOwned<ClientConnection, TcpStream>) {
    let ours = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let cert = sandbox.write("cert.pem", ours.cert.pem());
    let key = sandbox.write("key.pem", ours.signing_key.serialize_pem());
    let peer = sandbox.serve(&["--tls-cert", &cert, "--tls-key", &key]);
    assert!(peer.ready().starts_with("https://127.0.0.1:"), "{}", peer.ready());

    let mut roots = RootCertStore::empty();
    roots.add(ours.cert.der().clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    // As a browser does; ours must choose the one that it speaks.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = "localhost".try_into().unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(address(peer.ready())).unwrap();
    (peer, StreamOwned::new(connection, stream))
}

#[test]
fn a_session_follows_the_settings() {
    let sandbox = Sandbox::new("websocket-settings");
    let flags = ["--ping-interval", "1500ms", "--ping-timeout", "1m", "--max-payload", "64KiB"];
    let peer = sandbox.serve(&flags);
    let stream = TcpStream::connect(address(peer.ready())).unwrap();
    let (mut websocket, handshake) = open(peer.ready(), stream);
    assert_eq!(handshake["pingInterval"], 1_500);
    assert_eq!(handshake["pingTimeout"], 60_000);
    assert_eq!(handshake["maxPayload"], 65_536);

    websocket.send(r#"40/chat,{"name":"Ada"}"#.into()).unwrap();
    let reply = websocket.read().unwrap();
    assert!(reply.to_text().unwrap().starts_with(r#"40/chat,{"sid":"#), "{reply}");
}

#[test]
fn a_session_over_tls() {
    let sandbox = Sandbox::new("websocket-tls");
    let (peer, stream) = tls(&sandbox);
    let (mut websocket, _) = open(peer.ready(), stream);
    websocket.send(r#"40/chat,{"name":"Ada"}"#.into()).unwrap();
    let reply = websocket.read().unwrap();
    assert!(reply.to_text().unwrap().starts_with(r#"40/chat,{"sid":"#), "{reply}");
    assert_eq!(websocket.get_ref().conn.alpn_protocol(), Some(&b"http/1.1"[..]));
}
