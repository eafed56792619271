//! Attacks on connections themselves, in the clear and over TLS: who holds one and gives nothing for it is cut in time.

use std::{fs, net::SocketAddr, path::PathBuf, pin::Pin, sync::Arc, time::Duration};

use axum::{Router, body::Bytes, routing};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use sockeye::{
    event::{Ack, RawArgs},
    server::{
        self, Builder, Namespace, Server,
        serve::{Limits, Tls},
    },
    ws,
};
use sockeye_testkit::client::Client;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    sync::watch,
    time::{self, Instant},
};
use tokio_rustls::TlsConnector;

use crate::{
    common::{
        http::{Http, ask},
        until,
    },
    upgrade::UPGRADE,
};

/// The limit under attack.
const LIMIT: Duration = Duration::from_millis(300);
/// Between two bytes of who dribbles.
const PAUSE: Duration = Duration::from_millis(10);
/// When an attacker must be gone; the machine runs other tests, too.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than what the kernel holds on behalf of who does not read.
const LARGE: usize = 256 * 1024;

/// A masked text frame of a megabyte, but for its text.
const FRAME: &[u8] = b"\x81\xff\0\0\0\0\0\x0f\0\0\0\0\0\0";

trait Duplex: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}

type Stream = Pin<Box<dyn Duplex>>;

/// A server, and who must not notice anything.
struct Scene {
    server: Server,
    address: SocketAddr,
    tls: Option<TlsConnector>,
}

impl Scene {
    async fn new(
        name: &str,
        tls: bool,
        limits: Limits,
        build: impl Fn(Builder) -> Builder,
    ) -> Self {
        let echo = async |args: RawArgs| Ack(args);
        let namespace = Namespace::new().on("echo", echo);
        let server = build(Server::builder()).namespace("/", namespace).build().unwrap();
        let raw = ws::service(|mut socket| async move {
            while let Ok(Some(_)) = socket.recv().await {
                // It never ends to send, so it must be ended.
                while socket.send("x".repeat(LARGE)).await.is_ok() {}
            }
        });
        let app = Router::new()
            .route_service("/socket.io/", server.service())
            .route_service("/raw", raw)
            .route("/large", routing::get(async || "x".repeat(LARGE)))
            .route("/sink", routing::post(async |body: Bytes| body.len().to_string()));
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(16 * 1024).unwrap(); // what it accepts has the same
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1_024).unwrap();
        let address = listener.local_addr().unwrap();
        let limits = watch::Sender::new(limits).subscribe();
        let serve = server::serve(listener, app).limits(limits);
        let serve = serve.trusted_proxies(["10.0.0.0/8"]); // so that 127.0.0.1 is none
        let tls = tls.then(|| certificate(name));
        let (serve, tls) = match tls {
            Some((files, connector)) => (serve.tls(files), Some(connector)),
            None => (serve, None),
        };
        tokio::spawn(async move { serve.await.unwrap() });
        Self { server, address, tls }
    }

    /// The same twice: in the clear, and over TLS.
    async fn both(name: &str, limits: Limits, build: impl Fn(Builder) -> Builder) -> [Self; 2] {
        [Self::new(name, false, limits, &build).await, Self::new(name, true, limits, &build).await]
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A connection whose client's kernel holds little.
    async fn tcp(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 * 1024).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    async fn connect(&self) -> Stream {
        let tcp = self.tcp().await;
        match &self.tls {
            None => Box::pin(tcp),
            Some(tls) => Box::pin(tls.connect("localhost".try_into().unwrap(), tcp).await.unwrap()),
        }
    }

    async fn websocket(&self, path: &str) -> Stream {
        let mut stream = self.connect().await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n{UPGRADE}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        read_until(&mut stream, b"\r\n\r\n").await;
        stream
    }

    /// Somebody else is served as ever.
    async fn is_unharmed(&self) {
        if self.tls.is_none() {
            let mut witness = Client::connect(&self.url(), "/", ()).await.unwrap();
            assert_eq!(witness.call::<u8>("echo", &7).await.unwrap(), 7);
        }
    }
}

/// A certificate in files, and who believes it.
fn certificate(name: &str) -> (Tls, TlsConnector) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    let ours = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    fs::write(&cert, ours.cert.pem()).unwrap();
    fs::write(&key, ours.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(ours.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Tls::files(cert, key).unwrap(), TlsConnector::from(Arc::new(config)))
}

async fn read_until(stream: &mut Stream, mark: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    while !read.windows(mark.len()).any(|window| window == mark) {
        assert!(stream.read_buf(&mut read).await.unwrap() > 0, "{read:?}");
    }
    read
}

/// Sends a byte every now and then until the server ends it.
async fn dribble(mut stream: impl AsyncRead + AsyncWrite + Unpin, what: &str) {
    let start = Instant::now();
    let mut sink = Vec::new();
    while start.elapsed() < PATIENCE {
        if stream.write_all(b"x").await.is_err() || stream.flush().await.is_err() {
            return;
        }
        let read = time::timeout(PAUSE, stream.read_buf(&mut sink)).await;
        if matches!(read, Ok(Ok(0) | Err(_))) {
            return;
        }
    }
    panic!("{what} is borne for {PATIENCE:?}");
}

/// Sends the same again and again, and reads nothing, until the server ends it.
async fn push(mut stream: Stream, what: &str, again: &[u8]) {
    let pushed = async {
        while stream.write_all(again).await.is_ok() && stream.flush().await.is_ok() {
            time::sleep(PAUSE / 10).await; // it is no flood
        }
    };
    time::timeout(PATIENCE, pushed).await.unwrap_or_else(|_| panic!("{what} is borne"));
}

#[tokio::test]
async fn headers_that_never_end_and_requests_that_never_begin() {
    let limits = Limits::default().header_timeout(LIMIT);
    for scene in Scene::both("front-headers", limits, |builder| builder).await {
        for begun in [&b""[..], b"GET / HTTP/1.1\r\nx: "] {
            let mut stream = scene.connect().await;
            stream.write_all(begun).await.unwrap();
            if begun.is_empty() {
                let mut rest = Vec::new();
                let end = time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
                let _ = end.expect("silence is no better"); // nor a clean end of TLS
            } else {
                dribble(stream, "a header").await;
            }
        }
        // Nor may a connection be kept for a request that does not come.
        let mut stream = scene.connect().await;
        stream.write_all(b"GET /none HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        let end = time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        let _ = end.expect("an idle connection is kept");
        assert!(answer.starts_with(b"HTTP/1.1 404 "), "{answer:?}");
        scene.is_unharmed().await;
    }
}

#[tokio::test]
async fn a_tls_handshake_that_never_ends() {
    let limits = Limits::default().header_timeout(LIMIT);
    let scene = Scene::new("front-handshake", true, limits, |builder| builder).await;
    for begun in [&b""[..], b"\x16\x03\x01\x02\0"] {
        let mut stream = scene.tcp().await;
        stream.write_all(begun).await.unwrap();
        dribble(stream, "a TLS handshake").await;
    }
}

#[tokio::test]
async fn requests_whose_answers_are_not_read() {
    let limits = Limits::default().write_timeout(LIMIT);
    for scene in Scene::both("front-pipelined", limits, |builder| builder).await {
        let get = b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
        push(scene.connect().await, "who does not read", &get).await;
        // A byte now and then is no better.
        let mut stream = scene.connect().await;
        stream.write_all(&get[..get.len() / 10]).await.unwrap();
        let dribbled = async {
            let mut byte = [0];
            // What is read may have come long ago; by what is written it is known at once.
            while !matches!(stream.read(&mut byte).await, Ok(0) | Err(_))
                && stream.write_all(b"G").await.is_ok()
                && stream.flush().await.is_ok()
            {
                time::sleep(PAUSE).await;
            }
        };
        time::timeout(PATIENCE, dribbled).await.expect("who reads byte by byte is borne");
        scene.is_unharmed().await;
    }
}

#[tokio::test]
async fn bodies_that_dribble() {
    let limits = Limits::default().progress(1_000, LIMIT);
    for scene in Scene::both("front-bodies", limits, |builder| builder).await {
        for kind in ["content-length: 900000", "transfer-encoding: chunked"] {
            let mut stream = scene.connect().await;
            let head = format!("POST /sink HTTP/1.1\r\nhost: x\r\n{kind}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            if kind.contains("chunked") {
                stream.write_all(b"fffff\r\n").await.unwrap();
            }
            dribble(stream, kind).await;
        }
        scene.is_unharmed().await;
    }
}

#[tokio::test]
async fn messages_that_dribble() {
    let build = |builder: Builder| builder.progress(1_000, LIMIT);
    for scene in Scene::both("front-messages", Limits::default(), build).await {
        let witness = match scene.tls {
            None => Some(Client::connect(&scene.url(), "/", ()).await.unwrap()),
            Some(_) => None,
        };
        let others = scene.server.sessions();
        for at_once in [0, 900_000] {
            let mut stream = scene.websocket("/socket.io/?EIO=4&transport=websocket").await;
            stream.write_all(b"\x81\x82\0\0\0\x0040").await.unwrap();
            until(|| scene.server.of("/").local_count() > others).await;
            stream.write_all(FRAME).await.unwrap();
            stream.write_all(&vec![b'x'; at_once]).await.unwrap();
            dribble(stream, "a message").await;
            until(|| scene.server.sessions() == others).await;
        }
        if let Some(mut witness) = witness {
            assert_eq!(witness.call::<u8>("echo", &7).await.unwrap(), 7);
        }
    }
}

#[tokio::test]
async fn a_large_message_at_a_good_pace_passes() {
    let build = |builder: Builder| builder.progress(10_000, LIMIT);
    for scene in Scene::both("front-pace", Limits::default(), build).await {
        let mut stream = scene.websocket("/socket.io/?EIO=4&transport=websocket").await;
        stream.write_all(b"\x81\x82\0\0\0\x0040").await.unwrap();
        until(|| scene.server.of("/").local_count() == 1).await;
        let text = format!(r#"420["echo","{}"]"#, "x".repeat(60_000));
        let length = u16::try_from(text.len()).unwrap().to_be_bytes();
        stream.write_all(&[&[0x81, 0xfe], &length[..], &[0; 4]].concat()).await.unwrap();
        // Three limits long, twice as fast as has to be.
        for piece in text.as_bytes().chunks(2_000) {
            stream.write_all(piece).await.unwrap();
            stream.flush().await.unwrap();
            time::sleep(LIMIT / 10).await; // that is the pace
        }
        read_until(&mut stream, b"430[").await;
    }
}

#[tokio::test]
async fn packets_that_are_asked_for_and_not_read() {
    let limits = Limits::default().write_timeout(LIMIT);
    for scene in Scene::both("front-polling", limits, |builder| builder).await {
        let mut stream = scene.connect().await;
        let path = "/socket.io/?EIO=4&transport=polling";
        let mut ask = async |method: &str, path: &str, body: &str, mark: &[u8]| {
            let length = body.len();
            let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}");
            stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            if mark.is_empty() { Vec::new() } else { read_until(&mut stream, mark).await }
        };
        let opened = String::from_utf8(ask("GET", path, "", b"}").await).unwrap();
        let path = format!("{path}&sid={}", crate::common::polling::sid_of(&opened));
        ask("POST", &path, "40", b"ok").await;
        ask("GET", &path, "", b"}").await;
        scene.server.of("/").emit("large", "x".repeat(2 * LARGE)).unwrap();
        ask("GET", &path, "", b"").await;
        assert_eq!(scene.server.sessions(), 1);
        let start = Instant::now();
        while scene.server.sessions() > 0 {
            assert!(start.elapsed() < PATIENCE, "the session is kept");
            time::sleep(PAUSE).await; // nobody tells
        }
        scene.is_unharmed().await;
    }
}

#[tokio::test]
async fn a_session_that_is_read_byte_by_byte() {
    let build = |builder: Builder| builder.write_timeout(LIMIT);
    for scene in Scene::both("front-session", Limits::default(), build).await {
        let mut stream = scene.websocket("/socket.io/?EIO=4&transport=websocket").await;
        stream.write_all(b"\x81\x82\0\0\0\x0040").await.unwrap();
        until(|| scene.server.of("/").local_count() == 1).await;
        scene.server.of("/").emit("large", "x".repeat(4 * LARGE)).unwrap();
        let start = Instant::now();
        let mut byte = [0];
        while scene.server.sessions() > 0 {
            assert!(start.elapsed() < PATIENCE, "the session is kept");
            let _ = time::timeout(PAUSE, stream.read(&mut byte)).await;
            time::sleep(PAUSE).await; // between two bytes
        }
        scene.is_unharmed().await;
    }
}

#[tokio::test]
async fn a_websocket_of_its_own_that_is_not_read() {
    let limits = Limits::default().write_timeout(LIMIT);
    for scene in Scene::both("front-raw", limits, |builder| builder).await {
        let mut stream = scene.websocket("/raw").await;
        stream.write_all(b"\x81\x81\0\0\0\0x").await.unwrap();
        // It pings all the time, so that it is not for silence that it is cut.
        push(stream, "a WebSocket that is not read", b"\x89\x80\0\0\0\0").await;
        scene.is_unharmed().await;
    }
}

#[tokio::test]
async fn more_connections_than_there_may_be() {
    for (limits, status) in [
        (Limits::default().max_connections(3), 503),
        (Limits::default().max_connections_per_address(3), 429),
    ] {
        let scene = Scene::new("front-places", false, limits, |builder| builder).await;
        let mut open = Vec::new();
        for _ in 0..3 {
            let mut http = Http::connect(&scene.url()).await;
            http.send("GET /none", "", b"").await;
            assert_eq!(http.read().await.status, 404);
            open.push(http);
        }
        let refused = ask(&scene.url(), "GET /none", "").await;
        assert_eq!((refused.status, refused.header("retry-after")), (status, "5"));
        open.pop();
        let start = Instant::now();
        while ask(&scene.url(), "GET /none", "").await.status == status {
            assert!(start.elapsed() < PATIENCE, "the place is kept");
        }
    }
}

#[tokio::test]
async fn requests_for_no_host_or_for_two() {
    for scene in Scene::both("front-hosts", Limits::default(), |builder| builder).await {
        let polling = "/socket.io/?EIO=4&transport=polling";
        for (path, version, headers, status) in [
            (polling, "1.1", "host: x\r\n", "200"),
            (polling, "1.1", "", "400"),
            (polling, "1.1", "host: x\r\nhost: x\r\n", "400"),
            (polling, "1.0", "host: x\r\nHost: y\r\n", "400"),
            (polling, "1.0", "", "200"),
            ("/large", "1.1", "", "400"),
            ("/raw", "1.1", UPGRADE, "400"),
        ] {
            let mut stream = scene.connect().await;
            let request = format!("GET {path} HTTP/{version}\r\n{headers}\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let answer = String::from_utf8(read_until(&mut stream, b"\r\n\r\n").await).unwrap();
            assert_eq!(answer.split(' ').nth(1), Some(status), "{request:?}");
        }
    }
}

#[tokio::test]
async fn limits_that_can_not_be_are_refused() {
    for (limits, text) in [
        (Limits::default().header_timeout(Duration::ZERO), "header_timeout is 0ns"),
        (Limits::default().write_timeout(Duration::MAX), "write_timeout is "),
        (Limits::default().progress(0, LIMIT), "progress bytes is 0"),
        (Limits::default().max_connections(0), "max_connections is 0"),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let limits = watch::Sender::new(limits).subscribe();
        let error = server::serve(listener, Router::new()).limits(limits).await.unwrap_err();
        assert!(error.to_string().starts_with(text), "{error}");
    }
}
