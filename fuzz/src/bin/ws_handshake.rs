//! The opening handshake of a WebSocket: any request to a server, any response to a client.
//!
//! Input: HTTP as text, from `GET / HTTP/1.1` or `HTTP/1.1 101` on. A line that is no header is left out.
#![no_main]

use http::{HeaderName, HeaderValue, Method, StatusCode, Version};
use libfuzzer_sys::fuzz_target;
use sockeye_proto::wire::ws::{
    Role,
    deflate::{Agreement, Config},
    handshake::{Offer, Request},
};

const PROTOCOLS: [&str; 2] = ["chat", "mqtt"];

fuzz_target!(|text: &str| {
    let (first, headers) = text.split_once('\n').unwrap_or((text, ""));
    let headers = headers.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.parse().ok()?, HeaderValue::from_str(value.trim()).ok()?))
    });
    match first.strip_prefix("HTTP/1.1 ") {
        Some(status) => check_response(status, headers),
        None => check_request(first, headers),
    }
});

fn configs() -> [Config; 4] {
    let config = Config::default();
    [
        config,
        config.server_no_context_takeover(true).client_no_context_takeover(true),
        config.server_max_window_bits(9).client_max_window_bits(10),
        config.server_max_window_bits(12).client_no_context_takeover(true),
    ]
}

fn check_request(line: &str, headers: impl Iterator<Item = (HeaderName, HeaderValue)>) {
    let mut words = line.split(' ');
    let mut request = http::Request::new(());
    *request.method_mut() =
        words.next().and_then(|method| method.parse().ok()).unwrap_or(Method::GET);
    if words.nth(1) == Some("HTTP/1.0") {
        *request.version_mut() = Version::HTTP_10;
    }
    request.headers_mut().extend(headers.map(|(name, value)| (Some(name), value)));

    let mut read = match Request::read(&request) {
        Ok(read) => read,
        Err(error) => {
            assert!(error.status().is_client_error(), "{error}");
            return;
        }
    };
    for config in configs() {
        if let Some(agreement) = read.negotiate_deflate(&config) {
            assert!(agreement.deflater(Role::Server).is_some(), "a window too small to compress");
            inflaters(&agreement);
        }
        let protocol = read.choose_protocol(&PROTOCOLS);
        assert!(protocol.is_none_or(|protocol| PROTOCOLS.contains(&protocol)));
        let response = read.response();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert!(response.headers().contains_key("sec-websocket-accept"));
        assert_eq!(response.headers().contains_key("sec-websocket-protocol"), protocol.is_some());
    }
}

fn check_response(status: &str, headers: impl Iterator<Item = (HeaderName, HeaderValue)>) {
    let mut response = http::Response::new(());
    *response.status_mut() = status.trim().parse().unwrap_or(StatusCode::SWITCHING_PROTOCOLS);
    response.headers_mut().extend(headers.map(|(name, value)| (Some(name), value)));

    let plain = Offer::new(*b"the sample nonce").protocols(PROTOCOLS).expect("two tokens");
    for offer in configs().map(|config| plain.clone().deflate(config)) {
        let Ok(accepted) = offer.check(&response) else { continue };
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        if let Some(agreement) = accepted.deflate {
            inflaters(&agreement);
        }
    }
    if let Ok(accepted) = plain.check(&response) {
        assert_eq!(accepted.deflate, None, "was not offered");
    }
}

/// What an agreement gives to both ends, which must exist whatever was agreed on.
fn inflaters(agreement: &Agreement) {
    for role in [Role::Client, Role::Server] {
        let mut out = Vec::new();
        agreement.inflater(role).finish(&mut out, 0).expect("an empty message");
        let compressed = agreement.deflater(role).and_then(|it| it.min_bytes(0).deflate(b"hello"));
        let peer = if role == Role::Client { Role::Server } else { Role::Client };
        if let Some(compressed) = compressed {
            let mut inflater = agreement.inflater(peer);
            inflater.push(&compressed, &mut out, 5).expect("what we compressed");
            inflater.finish(&mut out, 5).expect("what we compressed");
            assert_eq!(out, b"hello");
        }
    }
}
