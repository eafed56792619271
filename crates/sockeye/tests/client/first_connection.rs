//! The first connection: on every transport, in every version, with a precise error if it fails.

use std::time::Duration;

use bytes::Bytes;
use sockeye::{
    client::{
        BuildError, Client, CloseReason, ConnectError, ConnectionState, Left, Transport,
        TransportError, Version,
    },
    event::Args,
    server::Parser,
};
use tokio::net::TcpListener;

use super::server::{PATIENCE, Running, soon};

/// Each way to travel: which transports, and whether polling may move on.
const MANNERS: [(&[Transport], bool); 3] = [
    (&[Transport::Polling], false),
    (&[Transport::Polling], true),
    (&[Transport::WebSocket], false),
];

#[tokio::test]
async fn calls_are_answered_on_every_transport_in_every_encoding() {
    for parser in [Parser::Json, Parser::MsgPack] {
        let running = Running::start_with(|server| server.parser(parser)).await;
        for version in [Version::V4, Version::V3] {
            for (transports, upgrade) in MANNERS {
                for namespace in ["", "/imchat"] {
                    let builder = running.client(namespace).parser(parser).version(version);
                    let builder = builder.transports(transports.iter().copied()).upgrade(upgrade);
                    let client = soon(builder.connect()).await.unwrap();
                    let bytes = Bytes::from_static(b"\x00\xFF");
                    let Args(answer): Args<(String, Bytes)> =
                        client.call("echo", ("é🦊", &bytes)).timeout(PATIENCE).await.unwrap();
                    assert_eq!(answer, ("é🦊".to_owned(), bytes), "{version:?} {transports:?}");
                    assert!(client.id().is_some_and(|id| !id.is_empty()));
                    let state = client.state().borrow().clone();
                    let ConnectionState::Connected { version: spoken, .. } = state else {
                        panic!("{state:?}")
                    };
                    assert_eq!(spoken, version);
                    assert!(matches!(soon(client.close()).await, CloseReason::Closed));
                }
            }
        }
    }
}

#[tokio::test]
async fn connecting_ends_with_its_reason() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = soon(Client::builder(&refused).connect()).await.unwrap_err();
    let ConnectError::Open(tried) = &error else { panic!("{error}") };
    let transports: Vec<_> = tried.tried.iter().map(|tried| tried.transport).collect();
    assert_eq!(transports, [Transport::Polling, Transport::WebSocket]);
    // What both have in common is said once.
    assert!(error.to_string().starts_with("polling (EIO=4) and websocket (EIO=4): "), "{error}");
    assert_eq!(error.to_string().matches("onnection refused").count(), 1, "{error}");
    // What a program prints whose `main` returns it.
    let shown: Box<dyn std::error::Error> = error.into();
    assert_eq!(format!("{shown:?}"), shown.to_string());

    let running = Running::start().await;
    let error = soon(running.client("/nowhere").connect()).await.unwrap_err();
    let ConnectError::NotJoined { namespace, because: Left::Refused { message, .. } } = &error
    else {
        panic!("{error}")
    };
    assert_eq!((&**namespace, &**message), ("/nowhere", "Invalid namespace"));

    let error = soon(running.client("/guarded").connect()).await.unwrap_err();
    let ConnectError::NotJoined { because: Left::Refused { message, data }, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!((&**message, data.as_ref().unwrap()["code"].as_u64()), ("unauthorized", Some(401)));

    let error = soon(running.client("").path("/elsewhere/").connect()).await.unwrap_err();
    let ConnectError::Open(tried) = &error else { panic!("{error}") };
    let [polling, _] = &tried.tried[..] else { panic!("{error}") };
    assert!(
        matches!(&polling.error, TransportError::Status { status, .. } if status.as_u16() == 404)
    );

    // Whoever takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let builder = Client::builder(&url).connect_timeout(Duration::from_millis(400));
    let error = soon(builder.connect()).await.unwrap_err();
    assert!(error.to_string().contains("HTTP response"), "{error}");
}

#[tokio::test]
async fn what_is_built_wrong_is_told_at_once() {
    #[track_caller]
    fn check(builder: sockeye::client::Builder, expect: &str) {
        let error = builder.start().unwrap_err();
        assert!(error.to_string().contains(expect), "{error}");
    }
    check(Client::builder("ftp://h"), "must begin with");
    check(Client::builder("http://h").path("no"), "not a path");
    check(Client::builder("http://h").transports([]), "no transport");
    check(Client::builder("http://h").auth("token"), "a text; expected a JSON object");
    let length = http::HeaderValue::from_static("5");
    let builder = Client::builder("http://h").header(http::header::CONTENT_LENGTH, length);
    check(builder, "the header content-length is the client's own to send");
    let own = sockeye::client::Namespace::new;
    check(Client::builder("http://h/a").namespace("/a", own()), "given twice");
    check(Client::builder("http://h/a").namespace("b", own()), "not the name");
    check(Client::builder("http://h").on("disconnect", async || ()), "keeps for itself");
    async fn needs(_: sockeye::event::State<u8>) {}
    check(Client::builder("http://h").on("x", needs), "State<u8>");
    async fn needs_a_client(_: sockeye::event::State<Client>) {}
    check(Client::builder("http://h").on("x", needs_a_client), "the parameter `socket: Socket`");
    let error = Client::builder("http://h").on("x", async || ()).on("x", async || ()).start();
    assert!(matches!(error, Err(BuildError::Wiring { .. })));
}

#[tokio::test]
async fn the_version_is_found_out() {
    let running = Running::start().await;
    // Ours answers as it is asked, so a server of version 3 is one that refuses version 4.
    let old = Running::start_with(|server| server.engine_v3(false)).await;
    let error = soon(old.client("").version(Version::V3).connect()).await.unwrap_err();
    assert!(error.to_string().contains("Unsupported protocol version"), "{error}");
    // That is the server's last word, whatever the transport.
    let ConnectError::Open(tried) = &error else { panic!("{error}") };
    assert_eq!(tried.tried.len(), 1, "{error}");
    let client = soon(running.client("").connect()).await.unwrap();
    soon(client.close()).await;
}

#[tokio::test]
async fn the_first_connection_is_tried_again_if_that_is_wanted() {
    let running = Running::start().await;
    let url = running.url.clone();
    let stopped = running.stop().await;
    let builder = Client::builder(&url).reconnect(super::server::QUICK).retry_first(true);
    let connecting = tokio::spawn(builder.connect());
    let running = stopped.start_again().await;
    let client = soon(connecting).await.unwrap().unwrap();
    assert!(client.is_connected());
    drop(running);
}
