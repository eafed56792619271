//! The server's side of the handshake: is this request an upgrade, and what answers it.

use http::{HeaderValue, Method, Response, StatusCode, Version, header};
use thiserror::Error;

use super::{
    VERSION, accept_key,
    header::{HeaderError, is_token, list, names_token, single},
    names_one_host,
};
use crate::wire::ws::deflate::{Agreement, Config};

/// A valid request to open a WebSocket.
#[derive(Clone, Debug)]
pub struct Request<'r> {
    accept: String,
    offered_protocols: Vec<&'r str>,
    protocol: Option<&'r str>,
    offered_extensions: Vec<&'r str>,
    deflate: Option<Agreement>,
}

impl<'r> Request<'r> {
    /// Checks a request against RFC 6455 §4.2.1.
    ///
    /// # Errors
    ///
    /// Every [`RequestError`] is the client's fault: answer with [`RequestError::response`].
    pub fn read<B>(request: &'r http::Request<B>) -> Result<Self, RequestError> {
        if request.method() != Method::GET {
            return Err(RequestError::NotGet);
        }
        if request.version() != Version::HTTP_11 {
            return Err(RequestError::NotHttp11);
        }
        if !names_one_host(request) {
            return Err(RequestError::Host);
        }
        let headers = request.headers();
        let in_header = |name: &'static str| move |error| RequestError::from_header(error, name);
        if !names_token(headers, &header::UPGRADE, "websocket").map_err(in_header("Upgrade"))? {
            return Err(RequestError::NotUpgrade);
        }
        if !names_token(headers, &header::CONNECTION, "upgrade").map_err(in_header("Connection"))? {
            return Err(RequestError::NotConnectionUpgrade);
        }
        let version = single(headers, &header::SEC_WEBSOCKET_VERSION)
            .map_err(in_header("Sec-WebSocket-Version"))?;
        if version != Some(VERSION) {
            return Err(RequestError::Version);
        }
        let key = single(headers, &header::SEC_WEBSOCKET_KEY)
            .map_err(in_header("Sec-WebSocket-Key"))?
            .filter(|key| is_key(key))
            .ok_or(RequestError::Key)?;
        let offered_protocols = list(headers, &header::SEC_WEBSOCKET_PROTOCOL)
            .map_err(in_header("Sec-WebSocket-Protocol"))?;
        if !offered_protocols.iter().all(|protocol| is_token(protocol)) {
            return Err(RequestError::Protocol);
        }
        let offered_extensions = list(headers, &header::SEC_WEBSOCKET_EXTENSIONS)
            .map_err(in_header("Sec-WebSocket-Extensions"))?;
        Ok(Self {
            accept: accept_key(key),
            offered_protocols,
            protocol: None,
            offered_extensions,
            deflate: None,
        })
    }

    /// Takes the first of `preferred` that the client offers; without one, no subprotocol is spoken.
    pub fn choose_protocol(&mut self, preferred: &[&str]) -> Option<&'r str> {
        self.protocol = preferred
            .iter()
            .find_map(|wanted| self.offered_protocols.iter().find(|offered| *offered == wanted))
            .copied();
        self.protocol
    }

    /// Grants the first offer of compression that fits `config`; `None` if there is none, in which case
    /// the connection goes without. Never called means no compression.
    pub fn negotiate_deflate(&mut self, config: &Config) -> Option<Agreement> {
        self.deflate =
            self.offered_extensions.iter().find_map(|offer| Agreement::accept(offer, config));
        self.deflate
    }

    /// The subprotocols the client offers, in its order of preference.
    pub fn protocols(&self) -> &[&'r str] {
        &self.offered_protocols
    }

    /// The response that accepts the request; after it the stream speaks WebSocket.
    pub fn response(&self) -> Response<()> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        let extensions = self.deflate.map(Agreement::to_response);
        let values = [
            (header::SEC_WEBSOCKET_ACCEPT, Some(self.accept.as_str())),
            (header::SEC_WEBSOCKET_PROTOCOL, self.protocol),
            (header::SEC_WEBSOCKET_EXTENSIONS, extensions.as_deref()),
        ];
        for (name, value) in values {
            // Base64 and tokens are header values, so nothing is left out here.
            if let Some(Ok(value)) = value.map(HeaderValue::from_str) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// Whether it is 16 bytes in base64, as everybody else sees it: what the four bits behind the last byte say does not
/// matter. In the example of RFC 6455 §4.1 they are not zero.
fn is_key(key: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.strip_suffix("==").is_some_and(|key| key.len() == 22 && key.bytes().all(is_digit))
}

/// Why a request does not open a WebSocket: always the client's fault.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum RequestError {
    /// The method is not GET.
    #[error("WebSocket handshake must be a GET request")]
    NotGet,
    /// The request is not HTTP/1.1.
    #[error("WebSocket handshake must use HTTP/1.1")]
    NotHttp11,
    /// `Host` is missing, appears twice, or names no host.
    #[error("a request has one Host header, with a host and perhaps a port")]
    Host,
    /// `Upgrade` does not name `websocket`.
    #[error("no \"Upgrade: websocket\" header; this address speaks WebSocket only")]
    NotUpgrade,
    /// `Connection` does not name `Upgrade`.
    #[error("no \"Connection: Upgrade\" header; a proxy on the way may have removed it")]
    NotConnectionUpgrade,
    /// `Sec-WebSocket-Version` is missing or not 13.
    #[error("Sec-WebSocket-Version must be 13")]
    Version,
    /// `Sec-WebSocket-Key` is missing or not 16 bytes in base64.
    #[error("Sec-WebSocket-Key must be 16 bytes in base64")]
    Key,
    /// `Sec-WebSocket-Protocol` has an element that is not a token.
    #[error("Sec-WebSocket-Protocol must be a list of tokens")]
    Protocol,
    /// A header has characters outside visible ASCII.
    #[error("header {header} has characters outside visible ASCII")]
    NotAscii {
        /// Its name.
        header: &'static str,
    },
    /// A header appears more than once that must not.
    #[error("header {header} appears more than once")]
    Repeated {
        /// Its name.
        header: &'static str,
    },
}

impl RequestError {
    fn from_header(error: HeaderError, header: &'static str) -> Self {
        match error {
            HeaderError::NotAscii => Self::NotAscii { header },
            HeaderError::Repeated => Self::Repeated { header },
        }
    }

    /// The status that answers the request: 405, 426 (with the version we speak) or 400.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotGet => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotUpgrade | Self::Version => StatusCode::UPGRADE_REQUIRED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The response that refuses the request; its body is the text of this error.
    pub fn response(&self) -> Response<String> {
        let mut response = Response::new(self.to_string());
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        match self.status() {
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET"));
            }
            StatusCode::UPGRADE_REQUIRED => {
                // RFC 9110 §15.5.22 wants the protocol named, RFC 6455 §4.4 its version.
                headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 5] = [
        ("host", "example.com"),
        ("connection", "keep-alive, UPGRADE"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    fn request(headers: &[(&str, &str)]) -> http::Request<()> {
        let mut request = http::Request::get("/");
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            request = request.header(*name, value);
        }
        request.body(()).unwrap()
    }

    /// The good request with one header taken out and another put in.
    fn changed(without: &str, with: &[(&str, &str)]) -> http::Request<()> {
        let kept = GOOD.into_iter().filter(|(name, _)| *name != without);
        request(&kept.chain(with.iter().copied()).collect::<Vec<_>>())
    }

    #[track_caller]
    fn check(request: &http::Request<()>, expect: Result<(), (RequestError, u16)>) {
        let found = Request::read(request).map(drop);
        assert_eq!(found.map_err(|error| (error, error.status().as_u16())), expect, "{request:?}");
    }

    #[test]
    fn requests_against_the_rules() {
        check(&request(&GOOD), Ok(()));
        check(
            &changed("connection", &[("connection", "close"), ("connection", "upgrade")]),
            Ok(()),
        );

        let mut post = request(&GOOD);
        *post.method_mut() = Method::POST;
        check(&post, Err((RequestError::NotGet, 405)));
        let mut old = request(&GOOD);
        *old.version_mut() = Version::HTTP_10;
        check(&old, Err((RequestError::NotHttp11, 400)));

        check(&changed("host", &[]), Err((RequestError::Host, 400)));
        check(&changed("", &[("host", "example.com")]), Err((RequestError::Host, 400)));
        check(&changed("host", &[("host", "a b")]), Err((RequestError::Host, 400)));
        check(&changed("upgrade", &[]), Err((RequestError::NotUpgrade, 426)));
        check(&changed("upgrade", &[("upgrade", "h2c")]), Err((RequestError::NotUpgrade, 426)));
        check(&changed("connection", &[]), Err((RequestError::NotConnectionUpgrade, 400)));
        check(
            &changed("connection", &[("connection", "upgraded")]),
            Err((RequestError::NotConnectionUpgrade, 400)),
        );
        let version = "sec-websocket-version";
        check(&changed(version, &[]), Err((RequestError::Version, 426)));
        check(&changed(version, &[(version, "8")]), Err((RequestError::Version, 426)));
        check(
            &changed("", &[(version, "13")]),
            Err((RequestError::Repeated { header: "Sec-WebSocket-Version" }, 400)),
        );
        let key = "sec-websocket-key";
        check(&changed(key, &[]), Err((RequestError::Key, 400)));
        for good in
            ["AQIDBAUGBwgJCgsMDQ4PEC==", "dGhlIHNhbXBsZSBub25jZf==", "////++++////++++////++=="]
        {
            check(&changed(key, &[(key, good)]), Ok(()));
        }
        for wrong in [
            "",
            "AAAA",
            "==",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZSE=",
            "dGhlIHNhbXBsZSBub25jZQ===",
            "dGhlIHNhbXBsZSBub25j_Q==",
            "dGhlIHNhbXBsZSBub25j Q==",
        ] {
            check(&changed(key, &[(key, wrong)]), Err((RequestError::Key, 400)));
        }
        check(
            &changed(key, &[(key, "é")]),
            Err((RequestError::NotAscii { header: "Sec-WebSocket-Key" }, 400)),
        );
        let protocol = "sec-websocket-protocol";
        check(&changed("", &[(protocol, "a b")]), Err((RequestError::Protocol, 400)));
        check(
            &changed("", &[(protocol, "chat, caf\u{e9}")]),
            Err((RequestError::NotAscii { header: "Sec-WebSocket-Protocol" }, 400)),
        );
    }

    #[test]
    fn the_server_prefers_among_what_is_offered() {
        let offers = [("sec-websocket-protocol", "a, b"), ("sec-websocket-protocol", "c")];
        let request = changed("", &offers);
        let mut read = Request::read(&request).unwrap();
        assert_eq!(read.protocols(), ["a", "b", "c"]);
        assert_eq!(read.choose_protocol(&["x", "c", "a"]), Some("c"));
        assert_eq!(read.response().headers()["sec-websocket-protocol"], "c");
        assert_eq!(read.choose_protocol(&["A"]), None); // names are case-sensitive
        assert!(!read.response().headers().contains_key("sec-websocket-protocol"));
    }

    #[test]
    fn the_first_offer_of_compression_that_fits_is_granted() {
        let offers = [
            (
                "sec-websocket-extensions",
                "x-other; a=\"1,2\", permessage-deflate; server_max_window_bits=8",
            ),
            ("sec-websocket-extensions", "permessage-deflate; server_max_window_bits=9"),
        ];
        let request = changed("", &offers);
        let mut read = Request::read(&request).unwrap();
        assert!(!read.response().headers().contains_key("sec-websocket-extensions"));
        assert!(read.negotiate_deflate(&Config::default()).is_some());
        let response = read.response();
        let granted = &response.headers()["sec-websocket-extensions"];
        assert_eq!(granted, "permessage-deflate; server_max_window_bits=9");
    }

    #[test]
    fn the_response_proves_the_key_was_read() {
        let request = request(&GOOD);
        let response = Request::read(&request).unwrap().response();
        assert_eq!(response.status(), 101);
        assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn an_old_version_learns_the_new_one() {
        let response = RequestError::Version.response();
        assert_eq!(response.headers()["sec-websocket-version"], "13");
        assert_eq!(response.headers()["upgrade"], "websocket");
    }
}
