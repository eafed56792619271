//! How many sessions there may be, and of one address: by connections, or by what trusted proxies say.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use std::time::Duration;

use axum::Router;
use common::http::ask;
use sockeye::server::{self, Builder, Namespace, Server};
use tokio::net::TcpListener;

const OPEN: &str = "GET /socket.io/?EIO=4&transport=polling";
const FULL: (u16, &str) = (503, r#"{"code":4,"message":"Server is full"}"#);
const TOO_MANY: (u16, &str) =
    (429, r#"{"code":4,"message":"Too many sessions from this address"}"#);

async fn scene(change: impl FnOnce(Builder) -> Builder) -> (Server, String) {
    let server = change(Server::builder()).namespace("/", Namespace::new()).build().unwrap();
    let app = Router::new().route_service("/socket.io/", server.service());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(server::serve(listener, app).into_future());
    (server, url)
}

/// Asks for a session; what was answered, if it was none.
async fn open(url: &str, headers: &str) -> Option<(u16, String)> {
    let answer = ask(url, OPEN, headers).await;
    if answer.status == 200 {
        return None;
    }
    assert_eq!(answer.header("retry-after"), "5");
    Some((answer.status, answer.text().to_owned()))
}

#[track_caller]
fn is(found: Option<(u16, String)>, expect: (u16, &str)) {
    assert_eq!(found, Some((expect.0, expect.1.to_owned())));
}

#[tokio::test]
async fn an_address_has_its_share_where_proxies_are_named_and_leaves_it_to_others() {
    let (server, url) = scene(|builder| {
        builder.trusted_proxies(["10.0.0.0/8"]).max_sessions(4).max_sessions_per_address(2)
    })
    .await;
    // 127.0.0.1 is no proxy: what it says counts nothing.
    for headers in ["", "x-forwarded-for: 203.0.113.1\r\n"] {
        assert_eq!(open(&url, headers).await, None);
    }
    is(open(&url, "forwarded: for=203.0.113.1\r\n").await, TOO_MANY);
    assert_eq!(server.close(Duration::from_millis(10)).await, 2);
}

#[tokio::test]
async fn behind_a_proxy_each_client_has_a_share_and_all_together_have_a_bound() {
    let (server, url) = scene(|builder| {
        builder.trusted_proxies(["127.0.0.1"]).max_sessions(5).max_sessions_per_address(2)
    })
    .await;
    let of = |client: &str| format!("x-forwarded-for: 198.51.100.9, {client}\r\n");
    for client in ["203.0.113.1", "203.0.113.1", "203.0.113.2"] {
        assert_eq!(open(&url, &of(client)).await, None);
    }
    is(open(&url, &of("203.0.113.1")).await, TOO_MANY);
    assert_eq!(open(&url, &of("2001:db8::1")).await, None);
    assert_eq!(open(&url, &of("2001:db8::2")).await, None); // the same network
    is(open(&url, &of("203.0.113.3")).await, FULL);
    server.set_max_sessions(6);
    is(open(&url, &of("2001:db8::3")).await, TOO_MANY);
    server.set_max_sessions_per_address(3);
    assert_eq!(open(&url, &of("2001:db8::3")).await, None);
}

#[tokio::test]
async fn whoever_leaves_gives_the_share_back() {
    let (server, url) =
        scene(|builder| builder.trusted_proxies(["10.0.0.1"]).max_sessions_per_address(1)).await;
    for _ in 0..3 {
        let mut session = common::polling::Polling::join(&url).await;
        is(open(&url, "").await, TOO_MANY);
        assert_eq!(session.post("41\x1e1").await.brief(), (200, "ok"));
        common::until(|| server.sessions() == 0).await;
    }
}

#[tokio::test]
async fn local_addresses_have_no_share_as_long_as_no_proxy_is_named() {
    let (_server, url) = scene(|builder| builder.max_sessions_per_address(1)).await;
    for _ in 0..3 {
        assert_eq!(open(&url, "x-forwarded-for: 203.0.113.1\r\n").await, None);
    }
}
