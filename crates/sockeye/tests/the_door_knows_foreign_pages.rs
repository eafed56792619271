//! Pages of other origins get in only if the application names them, and browsers are told so on every answer.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use common::{
    http::{Answer, ask, ask_with},
    polling::{Polling, sid_of},
    serve,
};
use sockeye::server::{BuildError, Namespace, Origins, Server};

const UPGRADE: &str = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const OPEN: &str = "GET /socket.io/?EIO=4&transport=websocket";
const FOREIGN: (u16, &str) = (403, r#"{"code":4,"message":"Origin not allowed"}"#);

fn server(origins: Option<Origins>) -> Server {
    let builder = Server::builder().namespace("/", Namespace::new());
    match origins {
        Some(origins) => builder.origins(origins).build().unwrap(),
        None => builder.build().unwrap(),
    }
}

/// Asks for a WebSocket as a page of this origin does.
async fn open(url: &str, host: &str, origin: &str) -> Answer {
    ask(url, OPEN, &format!("host: {host}\r\norigin: {origin}\r\n{UPGRADE}")).await
}

#[tokio::test]
async fn by_default_only_pages_of_the_same_host_open_a_websocket() {
    let server = server(None);
    let url = serve(&server).await;
    for (host, origin, status) in [
        ("example.com", "https://example.com", 101),
        ("localhost:3000", "http://localhost:3000", 101),
        ("localhost:3000", "http://localhost:5173", 403),
        ("example.com", "https://evil.example", 403),
        ("example.com", "https://example.com.evil.example", 403),
        ("example.com", "https://evil.example/?https://example.com", 403),
        ("example.com", "null", 403),
    ] {
        let answer = open(&url, host, origin).await;
        assert_eq!(answer.status, status, "{origin} asks {host}");
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{answer:?}");
        if status == 403 {
            assert_eq!(answer.brief(), FOREIGN);
        }
    }
    // What is not from a browser has no origin.
    let answer = ask(&url, OPEN, UPGRADE).await;
    assert_eq!(answer.status, 101);
    // What somebody on the way may have written says nothing.
    let forwarded = format!(
        "host: inner\r\nx-forwarded-host: evil.example\r\norigin: https://evil.example\r\n{UPGRADE}"
    );
    assert_eq!(ask(&url, OPEN, &forwarded).await.brief(), FOREIGN);
}

#[tokio::test]
async fn origins_of_a_list_are_compared_whole() {
    let server = server(Some(Origins::list(["https://example.com", "https://admin.example.com"])));
    let url = serve(&server).await;
    for origin in ["https://example.com", "https://admin.example.com"] {
        let answer = open(&url, "api.example.com", origin).await;
        assert_eq!(answer.status, 101, "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    }
    for origin in [
        "https://example.com.evil.example",
        "https://evil-example.com",
        "http://example.com",
        "https://example.com:8443",
        "https://api.example.com",
        "null",
    ] {
        let answer = open(&url, "api.example.com", origin).await;
        assert_eq!(answer.brief(), FOREIGN, "{origin}");
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{answer:?}");
    }
}

#[tokio::test]
async fn every_origin_means_every_one_without_credentials() {
    let url = serve(&server(Some(Origins::any()))).await;
    for origin in ["https://example.com", "null", "capacitor://localhost"] {
        let answer = open(&url, "x", origin).await;
        assert_eq!(answer.status, 101, "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    }
    let builder = Server::builder().origins(Origins::any().with_credentials());
    let built = builder.namespace("/", Namespace::new()).build();
    assert!(matches!(built, Err(BuildError::AnyOriginWithCredentials)), "{built:?}");
}

#[tokio::test]
async fn an_origin_with_odd_characters_is_a_bad_request() {
    for origins in [None, Some(Origins::any()), Some(Origins::list(["https://example.com"]))] {
        let url = serve(&server(origins)).await;
        for origins in ["origin: https://ex\u{e4}mple.com\r\n", "origin: a\r\norigin: a\r\n"] {
            let answer = ask(&url, OPEN, &format!("{origins}{UPGRADE}")).await;
            assert_eq!(answer.brief(), (400, r#"{"code":3,"message":"Bad request"}"#), "{origins}");
        }
    }
}

#[tokio::test]
async fn without_cors_a_preflight_is_a_bad_method() {
    let url = serve(&server(None)).await;
    let headers = "origin: http://x\r\naccess-control-request-method: POST\r\n";
    let answer = ask(&url, "OPTIONS /socket.io/?EIO=4&transport=websocket", headers).await;
    assert_eq!(answer.brief(), (400, r#"{"code":2,"message":"Bad handshake method"}"#));
}

#[tokio::test]
async fn with_cors_a_preflight_is_answered_with_what_is_allowed() {
    let list = Origins::list(["https://example.com"]).with_credentials();
    let url = serve(&server(Some(list))).await;
    let preflight = "access-control-request-method: POST\r\n\
                     access-control-request-headers: x-token, content-type\r\n";
    let headers = format!("origin: https://example.com\r\n{preflight}");
    let answer = ask(&url, "OPTIONS /socket.io/?EIO=4&transport=polling", &headers).await;
    assert_eq!(answer.brief(), (204, ""));
    assert_eq!(answer.header("access-control-allow-origin"), "https://example.com");
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert_eq!(answer.header("access-control-allow-methods"), "GET,POST");
    assert_eq!(answer.header("access-control-allow-headers"), "x-token, content-type");
    assert!(answer.header("vary").to_ascii_lowercase().contains("origin"), "{answer:?}");

    let headers = format!("origin: https://evil.example\r\n{preflight}");
    let answer = ask(&url, "OPTIONS /socket.io/?EIO=4&transport=polling", &headers).await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"), "{answer:?}");
}

#[tokio::test]
async fn errors_have_the_headers_of_cors_too() {
    let list = Origins::list(["https://example.com"]).with_credentials();
    let url = serve(&server(Some(list))).await;
    for (query, code) in [
        ("EIO=4&transport=carrier-pigeon", 0),
        ("EIO=4&transport=websocket&sid=nobody", 1),
        ("EIO=4&transport=websocket", 3),
        ("EIO=1&transport=websocket", 5),
    ] {
        let line = format!("GET /socket.io/?{query}");
        let answer = ask(&url, &line, "origin: https://example.com\r\n").await;
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains(&format!("\"code\":{code}")), "{}", answer.text());
        assert_eq!(answer.header("access-control-allow-origin"), "https://example.com");
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn a_page_that_is_named_polls_and_reads_every_answer() {
    let list = Origins::list(["https://example.com"]).with_credentials();
    let url = serve(&server(Some(list))).await;
    let origin = "origin: https://example.com\r\n";
    let opened = ask(&url, "GET /socket.io/?EIO=4&transport=polling", origin).await;
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={}", sid_of(opened.text()));
    let posted = ask_with(&url, &format!("POST {path}"), origin, b"40").await;
    let got = ask(&url, &format!("GET {path}"), origin).await;
    let large = format!("content-length: 1000001\r\n{origin}");
    let too_large = ask(&url, &format!("POST {path}"), &large).await;
    for (answer, status) in [(&opened, 200), (&posted, 200), (&got, 200), (&too_large, 413)] {
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), "https://example.com");
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
    }
}

#[tokio::test]
async fn a_foreign_page_has_no_use_of_a_session_that_it_knows() {
    let url = serve(&server(None)).await;
    let mut session = Polling::join(&url).await;
    let origin = "origin: https://evil.example\r\n";
    for line in [format!("GET {}", session.path()), format!("POST {}", session.path())] {
        assert_eq!(ask(&url, &line, origin).await.brief(), FOREIGN);
    }
    // The page of the same host sends its origin with a POST.
    assert_eq!(session.post_with("origin: http://x\r\n", b"3").await.status, 200);
}

#[test]
fn a_listed_origin_that_no_browser_sends_fails_in_build() {
    let builder = Server::builder().origins(Origins::list(["https://example.com/"]));
    let error = builder.namespace("/", Namespace::new()).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "origin \"https://example.com/\" has something behind its host; write \"https://example.com\""
    );
}
