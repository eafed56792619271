//! The client's WebSocket handshake: one HTTP request on a fresh stream, which the server then lets go of.

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::Empty;
use sockeye_proto::wire::ws::handshake::{Accepted, Offer, ResponseError};
use thiserror::Error;

use super::{Address, Causes, Plain, Stream, Tap, exchange, headers::complete};

/// A stream that carries WebSocket frames from here on.
#[derive(Debug)]
pub(crate) struct Upgraded {
    pub(crate) stream: Stream,
    /// What was read behind the response: the first bytes of the first frame.
    pub(crate) early: Bytes,
    pub(crate) accepted: Accepted,
    /// The headers of the response, such as its cookies.
    pub(crate) headers: HeaderMap,
}

/// Asks for a WebSocket at `target`, a path with a query, and checks the answer against `offer`.
///
/// `headers` go along, but can't change those of the handshake; what they lack is filled in for `address`.
/// There is no deadline. Dropping the future closes the stream.
pub(crate) async fn upgrade(
    stream: Stream,
    target: Uri,
    address: &Address,
    headers: HeaderMap,
    offer: &Offer,
    tap: Option<&Tap>,
) -> Result<Upgraded, HandshakeError> {
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = target;
    *request.headers_mut() = headers;
    complete(request.headers_mut(), address);
    offer.write_headers(request.headers_mut());
    if let Some(tap) = tap {
        tap.asked(&request);
    }

    let (mut sender, connection) = exchange::open(stream).await?;
    let exchange = async {
        let mut response = sender.send(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let response = exchange::excerpt(response).await;
            if let Some(tap) = tap {
                tap.answered(&response, response.body().as_bytes());
            }
            return Err(HandshakeError::Status(Box::new(response)));
        }
        if let Some(tap) = tap {
            tap.answered(&response, &[]);
        }
        let accepted = offer.check(&response)?;
        let (stream, early) = exchange::recover(hyper::upgrade::on(&mut response).await?);
        Ok(Upgraded { stream, early, accepted, headers: response.into_parts().0.headers })
    };
    exchange::serve(connection, exchange).await
}

/// Why a stream did not become a WebSocket: the network, or the server.
#[derive(Error)]
pub(crate) enum HandshakeError {
    /// The HTTP exchange broke off, or was none.
    #[error("no HTTP response: {}", Causes(.0))]
    Http(#[from] hyper::Error),
    /// The server answered, but with no WebSocket. The body is cut after 1 KiB.
    #[error("the server answered {}: {}", .0.status(), Plain(.0.body()))]
    Status(Box<Response<String>>),
    /// The server agreed, but not as the protocol wants it.
    #[error("the server's handshake is wrong: {0}")]
    Wrong(#[from] ResponseError),
}

reads_as_text!(HandshakeError);

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};
    use sockeye_proto::wire::ws::handshake::accept_key;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    /// What comes of asking a server that answers `response` and closes; and what it was asked.
    async fn ask(headers: HeaderMap, response: &str) -> (Result<Upgraded, HandshakeError>, String) {
        let (ours, mut theirs) = duplex(1 << 16);
        let offer = Offer::new(*b"the sample nonce").protocols(["chat"]).unwrap();
        let address = Address::parse("http://h:81").unwrap();
        let upgrade = upgrade(
            Stream::Other(Box::new(ours)),
            "/a?b=c".parse().unwrap(),
            &address,
            headers,
            &offer,
            None,
        );
        let server = async {
            let request = read_head(&mut theirs).await;
            theirs.write_all(response.as_bytes()).await.unwrap();
            drop(theirs);
            request
        };
        tokio::join!(upgrade, server)
    }

    async fn read_head(stream: &mut DuplexStream) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    fn switching(more: &str) -> String {
        let key = accept_key("dGhlIHNhbXBsZSBub25jZQ==");
        format!(
            "HTTP/1.1 101 Yes\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {key}\r\n{more}"
        )
    }

    #[tokio::test]
    async fn the_response_comes_with_its_headers_and_what_follows_it() {
        let response = switching(
            "set-cookie: a=1\r\nset-cookie: b=2\r\nsec-websocket-protocol: chat\r\n\r\n\u{1}frame",
        );
        let (upgraded, _) = ask(HeaderMap::new(), &response).await;
        let mut upgraded = upgraded.unwrap();
        assert_eq!(upgraded.accepted.protocol.as_deref(), Some("chat"));
        assert_eq!(upgraded.headers.get_all(header::SET_COOKIE).iter().count(), 2);
        let mut rest = upgraded.early.to_vec();
        upgraded.stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"\x01frame");
    }

    #[tokio::test]
    async fn headers_go_along_except_those_of_the_handshake() {
        let given = [("authorization", "Bearer x"), ("upgrade", "h2c"), ("connection", "close")];
        let headers: HeaderMap = given
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect();
        let (_, request) = ask(headers.clone(), &switching("\r\n")).await;
        assert!(request.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{request}");
        for line in
            ["authorization: Bearer x", "upgrade: websocket", "connection: Upgrade", "host: h:81"]
        {
            assert!(request.contains(&format!("\r\n{line}\r\n")), "{line}: {request}");
        }
        let mut headers = headers;
        headers.insert(header::HOST, HeaderValue::from_static("other"));
        let (_, request) = ask(headers, &switching("\r\n")).await;
        assert!(request.contains("\r\nhost: other\r\n"), "{request}");
        assert!(!request.contains("h:81"), "{request}");
    }

    #[tokio::test]
    async fn what_is_no_websocket_is_told_apart() {
        let refusal =
            "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic\r\ncontent-length: 3\r\n\r\nno!";
        let (refused, _) = ask(HeaderMap::new(), refusal).await;
        let Err(HandshakeError::Status(response)) = refused else { panic!("{refused:?}") };
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Basic");
        assert_eq!(
            (response.status(), response.body().as_str()),
            (StatusCode::UNAUTHORIZED, "no!")
        );

        let endless = format!("HTTP/1.1 500 Oops\r\n\r\n{}", "é".repeat(2_000));
        let (refused, _) = ask(HeaderMap::new(), &endless).await;
        let Err(HandshakeError::Status(response)) = refused else { panic!("{refused:?}") };
        assert_eq!(response.body().len(), exchange::EXCERPT_BYTES);

        let (refused, _) =
            ask(HeaderMap::new(), &switching("upgrade: h2c\r\nsec-websocket-protocol: x\r\n\r\n"))
                .await;
        assert!(matches!(refused, Err(HandshakeError::Wrong(_))), "{refused:?}");
        for no_http in ["SSH-2.0-OpenSSH_9.9\r\n", "", "HTTP/1.1 101 Yes\r\nupgra"] {
            let (refused, _) = ask(HeaderMap::new(), no_http).await;
            assert!(matches!(refused, Err(HandshakeError::Http(_))), "{no_http:?}: {refused:?}");
        }
        let long = format!("HTTP/1.1 101 Yes\r\nx: {}\r\n\r\n", "x".repeat(60 * 1024));
        let (refused, _) = ask(HeaderMap::new(), &long).await;
        assert!(matches!(refused, Err(HandshakeError::Wrong(_))), "fits: {refused:?}");
    }

    #[tokio::test]
    async fn a_head_without_end_is_given_up() {
        let (ours, mut theirs) = duplex(1 << 10);
        let offer = Offer::new([0; 16]);
        let address = Address::parse("http://h").unwrap();
        let upgrade = upgrade(
            Stream::Other(Box::new(ours)),
            Uri::from_static("/"),
            &address,
            HeaderMap::new(),
            &offer,
            None,
        );
        let server = async {
            theirs.write_all(b"HTTP/1.1 101 Yes\r\n").await.unwrap();
            // Ends when the client has had enough.
            while theirs.write_all(b"x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n").await.is_ok() {}
        };
        let (refused, ()) = tokio::join!(upgrade, server);
        assert!(matches!(refused, Err(HandshakeError::Http(_))), "{refused:?}");
    }

    #[tokio::test]
    async fn dropping_the_future_closes_the_stream() {
        let (ours, mut theirs) = duplex(1 << 10);
        let offer = Offer::new([0; 16]);
        let address = Address::parse("http://h").unwrap();
        {
            let upgrade = upgrade(
                Stream::Other(Box::new(ours)),
                Uri::from_static("/"),
                &address,
                HeaderMap::new(),
                &offer,
                None,
            );
            tokio::select! {
                refused = upgrade => panic!("{refused:?}"),
                _ = read_head(&mut theirs) => {}
            }
        }
        assert_eq!(theirs.read(&mut [0]).await.unwrap(), 0);
    }
}
