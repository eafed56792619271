//! From a URL to an open connection, and why not.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderValue, header};
use rcgen::{CertificateParams, Issuer, KeyPair};
use sockeye::ws::{
    self, CloseCode, Connect, ConnectError, Deflate, DialError, Message, Options, Proxy, Tls,
    TlsError, UpgradeError,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{self, pki_types::PrivateKeyDer},
};

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Accepts one connection and echoes.
async fn echo<S>(stream: S, options: Options) -> Result<(), Box<dyn std::error::Error>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let mut socket = ws::accept_with(stream, &options).await?;
    while let Some(message) = socket.recv().await? {
        if let Message::Text(_) | Message::Binary(_) = message {
            socket.send(message).await?;
        }
    }
    Ok(())
}

async fn check_echo(connect: Connect) {
    let mut socket = connect.connect().await.unwrap();
    for message in ["".into(), "hello".into(), "again and ".repeat(10_000).into()] {
        let message: Message = message;
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.recv().await.unwrap(), Some(message));
    }
    socket.close(CloseCode::NORMAL, "").await.unwrap();
}

#[tokio::test]
async fn by_tcp() {
    let (listener, address) = listen().await;
    let client = check_echo(Connect::new(format!("ws://{address}/")));
    let server = async { echo(listener.accept().await.unwrap().0, Options::default()).await };
    let ((), served) = tokio::join!(client, server);
    served.unwrap();
}

#[tokio::test]
async fn with_compression_on_either_side_or_both() {
    for (client_wants, server_wants) in [(true, true), (true, false), (false, true)] {
        let options = |wants| {
            let options = Options::default();
            if wants { options.deflate(Deflate::default()) } else { options }
        };
        let (listener, address) = listen().await;
        let connect = Connect::new(format!("ws://{address}/")).options(options(client_wants));
        let server =
            async { echo(listener.accept().await.unwrap().0, options(server_wants)).await };
        let ((), served) = tokio::join!(check_echo(connect), server);
        served.unwrap();
    }
}

#[tokio::test]
async fn compression_makes_messages_smaller_and_is_bounded() {
    let (listener, address) = listen().await;
    let client = async {
        let connect = Connect::new(format!("ws://{address}/")).deflate(Deflate::default());
        let mut socket = connect.max_message_bytes(1_000).connect().await.unwrap();
        assert!(matches!(socket.recv().await, Err(ws::Error::Peer(_))));
    };
    let server = async {
        let options = Options::default().deflate(Deflate::default());
        let stream = listener.accept().await.unwrap().0;
        let mut socket = ws::accept_with(stream, &options).await.unwrap();
        socket.send("x".repeat(1_001)).await.unwrap();
        let refused = socket.recv().await.unwrap();
        let Some(Message::Close(Some(close))) = refused else { panic!("{refused:?}") };
        assert_eq!(close.code, CloseCode::MESSAGE_TOO_BIG);
    };
    tokio::join!(client, server);
}

#[tokio::test]
async fn a_subprotocol_is_agreed_on() {
    let (listener, address) = listen().await;
    let server = async {
        let options = Options::default().protocols(["mqtt", "chat"]);
        ws::accept_with(listener.accept().await.unwrap().0, &options).await.unwrap()
    };
    let connect = Connect::new(format!("ws://{address}/")).protocol("chat").protocol("mqtt");
    let (client, server) = tokio::join!(connect.connect(), server);
    assert_eq!(client.unwrap().protocol(), Some("mqtt"), "the server's preference counts");
    assert_eq!(server.protocol(), Some("mqtt"));
}

/// Reads one request and answers with these bytes.
async fn answer(listener: &TcpListener, response: &str) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.unwrap());
    }
    stream.write_all(response.as_bytes()).await.unwrap();
    String::from_utf8(request).unwrap()
}

#[tokio::test]
async fn a_server_that_refuses_is_quoted() {
    let (listener, address) = listen().await;
    let response = "HTTP/1.1 403 Forbidden\r\ncontent-length: 3\r\n\r\nno!";
    let connect = Connect::new(format!("ws://{address}/a?b=c"))
        .header(header::AUTHORIZATION, HeaderValue::from_static("Bearer x"))
        .connect();
    let (refused, request) = tokio::join!(connect, answer(&listener, response));
    assert!(request.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("host: {address}\r\n")), "{request}");
    assert!(request.contains("authorization: Bearer x\r\n"), "{request}");
    assert!(request.contains("upgrade: websocket\r\n"), "{request}");
    let Err(ConnectError::Status(response)) = refused else { panic!("{refused:?}") };
    assert_eq!((response.status().as_u16(), response.body().as_str()), (403, "no!"));
}

#[tokio::test]
async fn a_refusal_that_never_ends_is_cut() {
    let (listener, address) = listen().await;
    let endless = format!("HTTP/1.1 500 Oops\r\n\r\n{}", "ab".repeat(100_000));
    let connect = Connect::new(format!("ws://{address}/")).connect();
    let (refused, _) = tokio::join!(connect, async {
        let (mut stream, _) = listener.accept().await.unwrap();
        // The client may leave in the middle of it.
        let _ = stream.write_all(endless.as_bytes()).await;
        stream
    });
    let Err(ConnectError::Status(response)) = refused else { panic!("{refused:?}") };
    assert_eq!(response.body().len(), 1024);
}

#[tokio::test]
async fn a_wrong_handshake_is_the_servers_fault() {
    let (listener, address) = listen().await;
    for response in [
        "HTTP/1.1 101 Yes\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        "HTTP/1.1 101 Yes\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    ] {
        let connect = Connect::new(format!("ws://{address}/")).connect();
        let (refused, _) = tokio::join!(connect, answer(&listener, response));
        assert!(matches!(refused, Err(ConnectError::Handshake(_))), "{refused:?}");
    }
    let connect = Connect::new(format!("ws://{address}/")).connect();
    let (refused, _) = tokio::join!(connect, answer(&listener, "SSH-2.0-OpenSSH_9.9\r\n"));
    assert!(matches!(refused, Err(ConnectError::Http(_))), "{refused:?}");
}

#[tokio::test]
async fn nobody_listens() {
    let (listener, address) = listen().await;
    drop(listener);
    let refused = ws::connect(format!("ws://{address}/")).await;
    assert!(matches!(refused, Err(ConnectError::Dial(DialError::Tcp { .. }))), "{refused:?}");
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let (listener, address) = listen().await;
    for url in [format!("ws://{address}/"), format!("wss://{address}/")] {
        let connect =
            Connect::new(url).tls(authority().1).timeout(Duration::from_millis(100)).connect();
        let (refused, _stream) = tokio::join!(connect, listener.accept());
        let timeout = matches!(refused, Err(ConnectError::Dial(DialError::Timeout { .. })));
        assert!(timeout, "{refused:?}");
    }
}

#[tokio::test]
async fn through_a_proxy() {
    let ((proxy, proxy_address), (server, address)) = (listen().await, listen().await);
    let connect = Connect::new(format!("ws://{address}/"))
        .proxy(Proxy::new(&format!("http://{proxy_address}")).unwrap());
    let tunnel = async {
        let (mut stream, _) = proxy.accept().await.unwrap();
        while stream.read_u8().await.unwrap() != b'\n' || stream.read_u8().await.unwrap() != b'\r' {
        }
        stream.read_u8().await.unwrap(); // the last of the head
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let mut onwards = TcpStream::connect(address).await.unwrap();
        tokio::io::copy_bidirectional(&mut stream, &mut onwards).await.unwrap();
    };
    let served = async { echo(server.accept().await.unwrap().0, Options::default()).await };
    let ((), (), served) = tokio::join!(check_echo(connect), tunnel, served);
    served.unwrap();

    drop(proxy);
    let connect = Connect::new(format!("ws://{address}/"))
        .proxy(Proxy::new(&format!("socks5h://{proxy_address}")).unwrap());
    let refused = connect.connect().await;
    assert!(matches!(refused, Err(ConnectError::Dial(DialError::Proxy { .. }))), "{refused:?}");
}

/// An authority, and a client's trust in it alone.
fn authority() -> (Issuer<'static, KeyPair>, Tls) {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let tls = Tls::only_pem(certificate.pem().as_bytes()).unwrap();
    (Issuer::new(params, key), tls)
}

/// A TLS server with a certificate for this name.
fn acceptor(issuer: &Issuer<'static, KeyPair>, name: &str) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn by_tls_with_an_authority_of_ones_own() {
    let (issuer, tls) = authority();
    for name in ["localhost", "127.0.0.1"] {
        let (listener, address) = listen().await;
        let acceptor = acceptor(&issuer, name);
        let connect = Connect::new(format!("wss://{name}:{}/", address.port())).tls(tls.clone());
        let server = async {
            let stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
            echo(stream, Options::default()).await
        };
        let ((), served) = tokio::join!(check_echo(connect), server);
        served.unwrap();
    }
}

#[tokio::test]
async fn a_certificate_of_somebody_else_is_refused() {
    let (issuer, tls) = authority();
    let (_, strangers) = authority();
    for (name, trust) in [("localhost", strangers), ("example.com", tls)] {
        let (listener, address) = listen().await;
        let acceptor = acceptor(&issuer, name);
        let connect =
            Connect::new(format!("wss://localhost:{}/", address.port())).tls(trust).connect();
        let server = async { acceptor.accept(listener.accept().await.unwrap().0).await };
        let (refused, _) = tokio::join!(connect, server);
        assert!(matches!(refused, Err(ConnectError::Dial(DialError::Tls { .. }))), "{refused:?}");
    }
}

#[tokio::test]
async fn plain_http_is_not_tls() {
    let (listener, address) = listen().await;
    let connect = Connect::new(format!("wss://{address}/")).tls(authority().1).connect();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream
    };
    let (refused, _) = tokio::join!(connect, server);
    assert!(matches!(refused, Err(ConnectError::Dial(DialError::Tls { .. }))), "{refused:?}");
}

#[test]
fn what_is_no_certificate_is_refused() {
    assert!(matches!(Tls::only_pem(b""), Err(TlsError::NoCertificate)));
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(Tls::only_pem(pem.as_bytes()), Err(TlsError::Certificate(_))));
}

#[tokio::test]
async fn what_is_the_callers_fault_is_said_without_a_network() {
    let refused = ws::connect("ftp://localhost/").await;
    assert!(matches!(refused, Err(ConnectError::Url(_))));
    let refused = Connect::new("ws://localhost/").protocol("no token").connect().await;
    assert!(matches!(refused, Err(ConnectError::Protocol(_))));
    let length = HeaderValue::from_static("5");
    let refused = Connect::new("ws://localhost/").header(header::CONTENT_LENGTH, length);
    assert!(matches!(refused.connect().await, Err(ConnectError::Header(_))));
}

#[tokio::test]
async fn a_cancelled_connect_leaves_the_server_alone() {
    let (listener, address) = listen().await;
    let connecting = tokio::spawn(ws::connect(format!("ws://{address}/")));
    let (mut stream, _): (TcpStream, _) = listener.accept().await.unwrap();
    let request = stream.read_u8().await.unwrap();
    assert_eq!(request, b'G');
    connecting.abort();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap(); // its end comes
}

#[tokio::test]
async fn a_wrong_request_is_told_and_refused() {
    async fn check(request: &str, status: &str) -> UpgradeError {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let client = async {
            // A request that is too long may be refused before its end.
            let _ = theirs.write_all(request.as_bytes()).await;
            let mut response = Vec::new();
            theirs.read_to_end(&mut response).await.unwrap();
            String::from_utf8(response).unwrap()
        };
        let (accepted, response) = tokio::join!(ws::accept(ours), client);
        let head = &request[..request.len().min(60)];
        assert!(response.starts_with(&format!("HTTP/1.1 {status}")), "{head}: {response}");
        accepted.unwrap_err()
    }
    let head = "GET / HTTP/1.1\r\nhost: a\r\n";
    let refused = check(&format!("{head}\r\n"), "426").await;
    assert!(matches!(refused, UpgradeError::Request(_)));
    let refused =
        check(&format!("{head}upgrade: websocket\r\nconnection: upgrade\r\n\r\n"), "426").await;
    assert!(matches!(refused, UpgradeError::Request(_)));
    for hosts in ["", "host: a\r\nhost: b\r\n", "host: a b\r\n"] {
        let refused = check(&format!("GET / HTTP/1.1\r\n{hosts}\r\n"), "400").await;
        assert!(matches!(refused, UpgradeError::Request(_)));
    }
    let refused = check("nonsense\r\n\r\n", "400").await;
    assert!(matches!(refused, UpgradeError::Connection(_)));
    let refused = check(&format!("{head}cookie: {}\r\n\r\n", "x".repeat(100_000)), "431").await;
    assert!(matches!(refused, UpgradeError::Connection(_)));
    let refused = check(&format!("{head}{}\r\n", "a: b\r\n".repeat(101)), "431").await;
    assert!(matches!(refused, UpgradeError::Connection(_)));
}

#[tokio::test]
async fn who_leaves_without_a_request_is_no_error_of_http() {
    let (ours, theirs) = tokio::io::duplex(1 << 10);
    drop(theirs);
    let refused = ws::accept(ours).await;
    assert!(matches!(refused, Err(UpgradeError::NoRequest)), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_drips_is_given_up() {
    let (ours, mut theirs) = tokio::io::duplex(1 << 10);
    let client = async {
        for byte in b"GET / HTTP/1.1\r\nx: ".iter().chain(std::iter::repeat(&b'x')) {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if theirs.write_u8(*byte).await.is_err() {
                return;
            }
        }
    };
    let (refused, ()) = tokio::join!(ws::accept(ours), client);
    assert!(matches!(refused, Err(UpgradeError::Timeout)), "{refused:?}");
}
