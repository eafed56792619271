//! The client's side of the handshake: the headers that ask, and the check of the answer.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use thiserror::Error;

use super::{
    VERSION, accept_key,
    header::{HeaderError, is_token, list, names_token, single},
};
use crate::wire::ws::deflate::{Agreement, Config};

/// What a client asks for; kept until the response is checked against it.
#[derive(Clone, Debug)]
pub struct Offer {
    key: String,
    protocols: Vec<String>,
    deflate: Option<Config>,
}

/// What a server granted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Accepted {
    /// The subprotocol chosen; `None` if the server chose none, which it may.
    pub protocol: Option<String>,
    /// The compression agreed on, if any.
    pub deflate: Option<Agreement>,
}

impl Offer {
    /// An offer with this nonce, which must be random and used once.
    pub fn new(nonce: [u8; 16]) -> Self {
        Self { key: STANDARD.encode(nonce), protocols: Vec::new(), deflate: None }
    }

    /// Offers subprotocols, the preferred first.
    ///
    /// # Errors
    ///
    /// [`InvalidProtocol`] is the caller's fault: a name is not a token of HTTP or comes twice.
    pub fn protocols<'p>(
        mut self,
        names: impl IntoIterator<Item = &'p str>,
    ) -> Result<Self, InvalidProtocol> {
        for name in names {
            if !is_token(name) || self.protocols.iter().any(|known| known == name) {
                return Err(InvalidProtocol { name: name.to_owned() });
            }
            self.protocols.push(name.to_owned());
        }
        Ok(self)
    }

    /// Offers compression. Default: none.
    #[must_use]
    pub fn deflate(mut self, config: Config) -> Self {
        self.deflate = Some(config);
        self
    }

    /// Writes the headers of the handshake into those of a GET request.
    pub fn write_headers(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
        let protocols = self.protocols.join(", ");
        let extensions = self.deflate.as_ref().map(Agreement::offer).unwrap_or_default();
        let values = [
            (header::SEC_WEBSOCKET_KEY, self.key.as_str()),
            (header::SEC_WEBSOCKET_PROTOCOL, protocols.as_str()),
            (header::SEC_WEBSOCKET_EXTENSIONS, extensions.as_str()),
        ];
        for (name, value) in values {
            // Base64 and tokens are header values, so only what is empty is left out here.
            if let Ok(value) = HeaderValue::from_str(value)
                && !value.is_empty()
            {
                headers.insert(name, value);
            }
        }
    }

    /// Checks a response against RFC 6455 §4.1 and against what was offered.
    ///
    /// # Errors
    ///
    /// Every [`ResponseError`] is the server's fault, or that of a proxy before it: close the stream.
    pub fn check<B>(&self, response: &Response<B>) -> Result<Accepted, ResponseError> {
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(ResponseError::NotSwitching { status: response.status() });
        }
        let headers = response.headers();
        let in_header = |name: &'static str| move |error| ResponseError::from_header(error, name);
        if !names_token(headers, &header::UPGRADE, "websocket").map_err(in_header("Upgrade"))? {
            return Err(ResponseError::NotUpgrade);
        }
        if !names_token(headers, &header::CONNECTION, "upgrade").map_err(in_header("Connection"))? {
            return Err(ResponseError::NotConnectionUpgrade);
        }
        let accept = single(headers, &header::SEC_WEBSOCKET_ACCEPT)
            .map_err(in_header("Sec-WebSocket-Accept"))?;
        if accept != Some(accept_key(&self.key).as_str()) {
            return Err(ResponseError::WrongAccept);
        }
        let protocol = single(headers, &header::SEC_WEBSOCKET_PROTOCOL)
            .map_err(in_header("Sec-WebSocket-Protocol"))?;
        if let Some(protocol) = protocol
            && !self.protocols.iter().any(|offered| offered == protocol)
        {
            return Err(ResponseError::ProtocolNotOffered { protocol: protocol.to_owned() });
        }
        let extensions = list(headers, &header::SEC_WEBSOCKET_EXTENSIONS)
            .map_err(in_header("Sec-WebSocket-Extensions"))?;
        let mut deflate = None;
        for extension in extensions {
            let granted = self
                .deflate
                .as_ref()
                .filter(|_| deflate.is_none())
                .and_then(|config| Agreement::from_response(extension, config));
            if granted.is_none() {
                let extension = extension.to_owned();
                return Err(ResponseError::ExtensionNotOffered { extension });
            }
            deflate = granted;
        }
        Ok(Accepted { protocol: protocol.map(str::to_owned), deflate })
    }
}

/// Why a response does not open a WebSocket: the fault of the server or of a proxy before it.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ResponseError {
    /// The status is not 101.
    #[error("server answered {status} instead of 101; check the address and path")]
    NotSwitching {
        /// The status found.
        status: StatusCode,
    },
    /// `Upgrade` does not name `websocket`.
    #[error("response has no \"Upgrade: websocket\" header")]
    NotUpgrade,
    /// `Connection` does not name `Upgrade`.
    #[error("response has no \"Connection: Upgrade\" header")]
    NotConnectionUpgrade,
    /// `Sec-WebSocket-Accept` is missing or does not belong to our key.
    #[error("Sec-WebSocket-Accept does not answer our key; a cache may have answered")]
    WrongAccept,
    /// The server chose a subprotocol that was not offered.
    #[error("server chose subprotocol {protocol:?}, which was not offered")]
    ProtocolNotOffered {
        /// The one it chose.
        protocol: String,
    },
    /// The server chose an extension, or a form of one, that was not offered.
    #[error("server chose extension {extension:?}, which was not offered")]
    ExtensionNotOffered {
        /// The one it chose.
        extension: String,
    },
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

impl ResponseError {
    fn from_header(error: HeaderError, header: &'static str) -> Self {
        match error {
            HeaderError::NotAscii => Self::NotAscii { header },
            HeaderError::Repeated => Self::Repeated { header },
        }
    }
}

/// A subprotocol that cannot be offered: the caller's fault.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("subprotocol {name:?} is not an HTTP token or is offered twice")]
pub struct InvalidProtocol {
    /// Its name.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 3] = [
        ("connection", "upgrade"),
        ("upgrade", "WEBSOCKET"),
        ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ];

    fn offer() -> Offer {
        Offer::new(*b"the sample nonce").protocols(["chat", "mqtt"]).unwrap()
    }

    #[track_caller]
    fn check(without: &str, with: &[(&str, &str)], expect: Result<Option<&str>, ResponseError>) {
        let mut response = Response::builder().status(101);
        for (name, value) in GOOD.iter().filter(|(name, _)| *name != without).chain(with) {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            response = response.header(*name, value);
        }
        let found = offer().check(&response.body(()).unwrap()).map(|accepted| accepted.protocol);
        assert_eq!(found, expect.map(|protocol| protocol.map(str::to_owned)), "{with:?}");
    }

    #[test]
    fn responses_against_the_rules() {
        check("", &[], Ok(None));
        let protocol = "sec-websocket-protocol";
        check("", &[(protocol, "mqtt")], Ok(Some("mqtt")));
        for other in ["amqp", "CHAT", "chat, mqtt"] {
            let expect = ResponseError::ProtocolNotOffered { protocol: other.to_owned() };
            check("", &[(protocol, other)], Err(expect));
        }
        let header = "Sec-WebSocket-Protocol";
        let twice = [(protocol, "chat"), (protocol, "mqtt")];
        check("", &twice, Err(ResponseError::Repeated { header }));
        check("", &[(protocol, "chät")], Err(ResponseError::NotAscii { header }));

        check("upgrade", &[], Err(ResponseError::NotUpgrade));
        check("connection", &[], Err(ResponseError::NotConnectionUpgrade));
        let accept = "sec-websocket-accept";
        check(accept, &[], Err(ResponseError::WrongAccept));
        let lower = "s3pplmbitxaq9kygzzhzrbk+xoo=";
        check(accept, &[(accept, lower)], Err(ResponseError::WrongAccept));
        let expect = ResponseError::ExtensionNotOffered { extension: "x-foo".to_owned() };
        check("", &[("sec-websocket-extensions", "x-foo")], Err(expect));
    }

    #[test]
    fn another_status_is_named() {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::FORBIDDEN;
        let status = StatusCode::FORBIDDEN;
        assert_eq!(offer().check(&response), Err(ResponseError::NotSwitching { status }));
    }

    #[test]
    fn the_request_carries_the_offer() {
        let mut headers = HeaderMap::new();
        offer().write_headers(&mut headers);
        assert_eq!(headers["sec-websocket-key"], "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(headers["sec-websocket-protocol"], "chat, mqtt");
        assert_eq!(headers["sec-websocket-version"], "13");
        assert!(!headers.contains_key("sec-websocket-extensions"));
    }

    #[test]
    fn compression_is_granted_once_and_only_if_offered() {
        #[track_caller]
        fn check(offer: &Offer, extensions: &str, granted: Option<bool>) {
            let response = Response::builder()
                .status(101)
                .header("connection", "upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
                .header("sec-websocket-extensions", extensions);
            let found = offer.check(&response.body(()).unwrap()).ok();
            assert_eq!(found.map(|accepted| accepted.deflate.is_some()), granted, "{extensions}");
        }
        let with = offer().deflate(Config::default());
        check(&with, "", Some(false));
        check(&with, "permessage-deflate", Some(true));
        check(&with, "permessage-deflate, permessage-deflate", None);
        check(&with, "permessage-deflate; client_max_window_bits=7", None);
        check(&with, "x-other", None);
        check(&offer(), "permessage-deflate", None);
    }

    #[test]
    fn a_protocol_must_be_a_token_and_new() {
        for names in [&["a b"][..], &[""], &["é"], &["a", "a"]] {
            assert!(Offer::new([0; 16]).protocols(names.iter().copied()).is_err(), "{names:?}");
        }
    }
}
