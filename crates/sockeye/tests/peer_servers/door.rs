//! The way in: transports that are refused, versions, paths, headers, queries, cookies, auth.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use sockeye::client::{
    ConnectError, ConnectionState, DialError, OpenError, Transport, TransportError, Version,
};
use sockeye_testkit::{host_peer::Host, proxy::Proxy};

use super::ground::{Ground, Manner, call, next, rejoined, soon};

/// Why no transport got through.
fn open_error(error: ConnectError) -> Arc<OpenError> {
    match error {
        ConnectError::Open(error) => error,
        error => panic!("{error}"),
    }
}

pub(crate) async fn the_version_is_found_out(ground: Ground) {
    let client = ground.connect("/imchat").await;
    let (id, state) = (client.id(), client.state().borrow().clone());
    let ConnectionState::Connected { version, .. } = state else { panic!("{state:?}") };
    assert_eq!(version.to_eio(), ground.host.version().to_string());
    client.reconnect(); // now it asks for what it has found
    rejoined(&client, id).await;
    let query: Value = call(&client, "query", ()).await;
    assert_eq!(query["EIO"], ground.host.version().to_string());
    soon(client.close()).await;
}

pub(crate) async fn the_version_is_given(ground: Ground) {
    let (right, wrong) = match ground.host.version() {
        3 => (Version::V3, Version::V4),
        _ => (Version::V4, Version::V3),
    };
    let client = soon(ground.client("").version(right).connect()).await.unwrap();
    assert_eq!(call::<u8>(&client, "echo", (1,)).await, 1);
    soon(client.close()).await;
    let builder = ground.client("").version(wrong).connect_timeout(Duration::from_secs(2));
    let error = open_error(soon(builder.connect()).await.unwrap_err());
    for tried in &error.tried {
        match (&tried.error, wrong) {
            (TransportError::OtherVersion { found }, Version::V4) => assert_eq!(*found, right),
            // Those of version 4 refuse it, in their own words.
            (TransportError::Refused { .. } | TransportError::Status { .. }, Version::V3) => {}
            // It agrees to a WebSocket, and says nothing more.
            (TransportError::Dial(DialError::Timeout { .. }), Version::V3)
                if ground.host == Host::Npm3 =>
            {
                continue;
            }
            (other, _) => panic!("{other:?}: {error}"),
        }
        let text = tried.error.to_string();
        assert!(text.contains("EIO=3") || text.contains("version"), "{text}");
    }
}

pub(crate) async fn polling_is_refused(ground: Ground) {
    let proxy = Proxy::start(&ground.url(&["--transports", "websocket"]));
    let connected = soon(ground.client_of(&proxy.url(), "/imchat").connect()).await;
    if ground.manner == Manner::Polling {
        let error = open_error(connected.unwrap_err());
        let [tried] = &error.tried[..] else { panic!("{error}") };
        assert!(
            matches!(tried.error, TransportError::Refused { .. } | TransportError::Status { .. }),
            "{error}"
        );
        return;
    }
    let client = connected.unwrap();
    let state = client.state().borrow().clone();
    let ConnectionState::Connected { transport: Transport::WebSocket, .. } = state else {
        panic!("{state:?}")
    };
    let (id, before) = (client.id(), proxy.connections());
    client.reconnect();
    rejoined(&client, id).await;
    assert_eq!(call::<u8>(&client, "echo", (1,)).await, 1);
    assert_eq!(proxy.connections(), before + 1, "it should remember what got through");
    soon(client.close()).await;
}

pub(crate) async fn websocket_is_refused(ground: Ground) {
    let url = ground.url(&["--transports", "polling", "--upgrades", "off"]);
    let connected = soon(ground.client_of(&url, "/imchat").connect()).await;
    if ground.manner == Manner::WebSocket {
        let error = open_error(connected.unwrap_err());
        assert_eq!(error.tried.len(), 1, "{error}");
        return;
    }
    let client = connected.unwrap();
    for number in 0..10 {
        assert_eq!(call::<u8>(&client, "echo", (number,)).await, number);
    }
    if ground.host.tells_transport() {
        assert_eq!(call::<String>(&client, "transport", ()).await, "polling");
    }
    soon(client.close()).await;
}

pub(crate) async fn headers_query_and_path(ground: Ground) {
    let url = ground.url(&["--path", "/elsewhere"]);
    let error = open_error(soon(ground.client_of(&url, "").connect()).await.unwrap_err());
    let text = error.to_string();
    // Those of npm say nothing to a WebSocket that they don't want.
    let says = ["404", "400", "no HTTP response"];
    assert!(says.iter().any(|says| text.contains(says)), "{text}");
    let builder = ground.client_of(&url, "/imchat?of=url").path("/elsewhere/");
    let name = HeaderName::from_static("x-who");
    let builder = builder.header(name, HeaderValue::from_static("we"));
    let client = soon(builder.query("room", "é & =").connect()).await.unwrap();
    let headers: Value = call(&client, "headers", ()).await;
    assert_eq!(headers["x-who"], "we");
    let query: Value = call(&client, "query", ()).await;
    assert_eq!((&query["room"], &query["of"]), (&json!("é & ="), &json!("url")));
    soon(client.close()).await;
}

pub(crate) async fn cookies_are_sent_back(ground: Ground) {
    let url = ground.url(&["--cookie", "place"]);
    for keep in [true, false] {
        let client = soon(ground.client_of(&url, "").cookies(keep).connect()).await.unwrap();
        let id = client.id();
        client.reconnect();
        rejoined(&client, id).await;
        let headers: Value = call(&client, "headers", ()).await;
        let cookie = headers["cookie"].as_str().unwrap_or_default();
        assert_eq!(cookie.contains("place="), keep, "{headers}");
        soon(client.close()).await;
    }
}

pub(crate) async fn auth_is_asked_for_each_time(ground: Ground) {
    let asked = Arc::new(AtomicU32::new(0));
    let counts = Arc::clone(&asked);
    let ask = move || {
        let number = counts.fetch_add(1, Ordering::Relaxed);
        async move { Ok::<_, std::io::Error>(json!({ "token": "secret", "number": number })) }
    };
    let client = soon(ground.client("/guarded").auth_with(ask).connect()).await.unwrap();
    for number in 0..3 {
        let auth: Value = call(&client, "auth", ()).await;
        assert_eq!(auth["number"], number);
        let welcome: Value = serde_json::from_str(&next(&client, "welcome").await).unwrap();
        assert_eq!(welcome["number"], number);
        let id = client.id();
        client.reconnect();
        rejoined(&client, id).await;
    }
    soon(client.close()).await;
}

/// What speaks against [`cookies_are_sent_back`].
pub(crate) fn no_cookie(host: Host, manner: Manner) -> Option<&'static str> {
    match manner {
        _ if !host.has_cookie() => Some("it sets no cookie of our choice"),
        Manner::WebSocket => Some("it sets its cookie in answers to polling alone"),
        Manner::Polling | Manner::Upgrade => None,
    }
}
