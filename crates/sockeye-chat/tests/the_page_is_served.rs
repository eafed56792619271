//! The HTTP side: the page with its headers, health, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Read as _;

use axum::{
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode},
};
use http_body_util::BodyExt;
use sockeye::server::Server;
use sockeye_chat::Chat;
use tower::ServiceExt;

async fn answer(
    method: Method,
    path: &str,
    headers: impl IntoIterator<Item = (&str, &str)>,
) -> (StatusCode, HeaderMap, Vec<u8>) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let router = Chat::build(Server::builder()).unwrap().router();
    let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status, parts.headers, body.to_vec())
}

#[tokio::test]
async fn paths_are_answered() {
    #[track_caller]
    fn check(found: (StatusCode, HeaderMap, Vec<u8>), status: u16, content_type: &str) {
        let (found_status, headers, _) = found;
        assert_eq!(found_status, status);
        let found_type = headers.get("content-type").map_or("", |value| value.to_str().unwrap());
        assert_eq!(found_type, content_type);
    }
    let get = |path| answer(Method::GET, path, []);
    check(get("/").await, 200, "text/html; charset=utf-8");
    check(get("/?room=lobby").await, 200, "text/html; charset=utf-8");
    check(get("/plain").await, 200, "text/html; charset=utf-8");
    check(get("/healthz").await, 200, "text/plain; charset=utf-8");
    check(get("/secret").await, 404, "text/plain; charset=utf-8");
    check(get("/..%2fCargo.toml").await, 404, "text/plain; charset=utf-8");
    // No transport is named: the Socket.IO service says so in its own way.
    check(get("/socket.io").await, 400, "application/json");
    check(get("/socket.io/").await, 400, "application/json");
    check(answer(Method::POST, "/", []).await, 405, "");
    check(answer(Method::HEAD, "/", []).await, 200, "text/html; charset=utf-8");
}

#[tokio::test]
async fn the_page_comes_with_its_policy() {
    for path in ["/", "/plain"] {
        let (_, headers, body) = answer(Method::GET, path, []).await;
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert!(!body.is_empty());
    }
}

#[tokio::test]
async fn a_known_file_is_not_sent_again() {
    let (_, headers, _) = answer(Method::GET, "/", []).await;
    let etag = headers["etag"].to_str().unwrap();
    for (known, expect) in [
        (etag.to_owned(), 304),
        (format!("W/{etag}"), 304),
        (format!("\"other\", {etag}"), 304),
        ("*".to_owned(), 304),
        ("\"other\"".to_owned(), 200),
    ] {
        let (status, headers, body) = answer(Method::GET, "/", [("if-none-match", &*known)]).await;
        assert_eq!(status, expect, "{known}");
        assert_eq!(body.is_empty(), expect == 304);
        assert_eq!(headers["etag"], etag);
    }
}

#[tokio::test]
async fn files_are_sent_compressed_to_those_who_take_it() {
    for path in ["/", "/plain"] {
        let (_, plain, as_it_is) = answer(Method::GET, path, []).await;
        let accept = ("accept-encoding", "gzip, deflate, br");
        let (_, packed, compressed) = answer(Method::GET, path, [accept]).await;
        assert_eq!(packed["content-encoding"], "gzip");
        assert_eq!(packed["content-type"], "text/html; charset=utf-8");
        assert!(!plain.contains_key("content-encoding"));
        for headers in [&plain, &packed] {
            assert_eq!(headers["vary"], "accept-encoding");
        }
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&*compressed).read_to_end(&mut text).unwrap();
        assert_eq!(text, as_it_is);

        assert_ne!(plain["etag"], packed["etag"], "two bodies have two tags");
        let etag = packed["etag"].to_str().unwrap();
        let (status, headers, body) =
            answer(Method::GET, path, [accept, ("if-none-match", etag)]).await;
        assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0));
        assert_eq!(headers["vary"], "accept-encoding");
        let (status, ..) = answer(Method::GET, path, [("if-none-match", etag)]).await;
        assert_eq!(status, 200, "the body that it has is another");
    }
}
