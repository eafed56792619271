//! A session works on any stream that hyper serves, not only on plain TCP; its writes then all go through the driver.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::until;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use sockeye::{
    event::{Ack, RawArgs},
    server::{Namespace, Server, Socket},
};
use sockeye_proto::{
    session::{Config, Reason},
    wire::{encoding::Encoding, ws::handshake::Offer},
};
use sockeye_testkit::{End, Heard};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    time::{Instant, timeout_at},
};
use tower::Service as _;

/// A client on one end of a pipe whose other end is served.
struct Client {
    stream: DuplexStream,
    end: End,
}

impl Client {
    /// `capacity` bytes fit into the pipe in each direction.
    async fn connect(server: &Server, capacity: usize) -> Self {
        let (mut stream, served) = tokio::io::duplex(capacity);
        let service = server.service();
        let service = service_fn(move |request| service.clone().call(request));
        tokio::spawn(
            http1::Builder::new().serve_connection(TokioIo::new(served), service).with_upgrades(),
        );
        let mut request = http::Request::new(());
        Offer::new([1; 16]).write_headers(request.headers_mut());
        let mut head =
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: x\r\n".to_owned();
        for (name, value) in request.headers() {
            head += &format!("{name}: {}\r\n", value.to_str().unwrap());
        }
        let config = Config { connect_timeout: Duration::from_secs(60), ..Config::default() };
        let end = End::client(Instant::now().into_std(), Encoding::default(), config, 1);
        stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
        let mut client = Self { stream, end };
        assert!(matches!(client.hear().await, Heard::Opened));
        client.end.connect("/", "");
        assert!(matches!(client.hear().await, Heard::Connected { .. }));
        client
    }

    async fn hear(&mut self) -> Heard {
        let patience = Instant::now() + Duration::from_secs(10);
        let mut buffer = [0; 4_096];
        loop {
            if let Some(heard) = self.end.heard() {
                return heard;
            }
            let bytes = self.end.transmit();
            self.stream.write_all(&bytes).await.unwrap();
            let now = Instant::now().into_std();
            match timeout_at(patience, self.stream.read(&mut buffer)).await.unwrap() {
                Ok(0) | Err(_) => self.end.handle_eof(now),
                Ok(read) => self.end.read(now, &mut buffer[..read]),
            }
        }
    }
}

async fn echo(args: RawArgs) -> Ack<RawArgs> {
    Ack(args)
}

async fn tell(socket: Socket) {
    socket.broadcast().emit("told", ()).unwrap();
}

fn server() -> Server {
    let namespace = Namespace::new().on("echo", echo).on("tell", tell);
    Server::builder().namespace("/", namespace).build().unwrap()
}

#[tokio::test]
async fn events_and_acks_cross_a_pipe_of_any_size() {
    for capacity in [1, 7, 100, 100_000] {
        let server = server();
        let mut client = Client::connect(&server, capacity).await;
        let args = ("x".repeat(500), Bytes::from(vec![7; 1_500]), Bytes::new());
        let within = (Instant::now().into_std(), Duration::from_secs(10));
        client.end.call(within, "/", "echo", &args).unwrap();
        let Heard::Ack { payload, .. } = client.hear().await else { panic!("the echo") };
        assert_eq!(payload.deserialize::<(String, Bytes, Bytes)>().unwrap(), args);
    }
}

#[tokio::test]
async fn a_broadcast_from_another_sockets_handler_is_written() {
    let server = server();
    let mut first = Client::connect(&server, 100).await;
    let mut second = Client::connect(&server, 100).await;
    for _ in 0..10 {
        first.end.emit("/", "tell", &()).unwrap();
        let bytes = first.end.transmit();
        first.stream.write_all(&bytes).await.unwrap();
        assert_eq!(second.hear().await.name(), Some("told"));
    }
    // From outside of any handler as well.
    server.of("/").emit("told", ()).unwrap();
    assert_eq!(first.hear().await.name(), Some("told"));
    assert_eq!(second.hear().await.name(), Some("told"));
}

#[tokio::test]
async fn both_sides_can_close() {
    let server = server();
    let mut client = Client::connect(&server, 100).await;
    client.end.close(Instant::now().into_std(), Reason::TransportClose);
    assert!(matches!(client.hear().await, Heard::Closed { .. }));
    let bytes = client.end.transmit();
    client.stream.write_all(&bytes).await.unwrap();
    until(|| server.of("/").local_count() == 0).await;
    drop(client);
    until(|| server.sessions() == 0).await;

    let mut client = Client::connect(&server, 100).await;
    let closing = {
        let server = server.clone();
        tokio::spawn(async move { server.close(Duration::from_secs(5)).await })
    };
    assert!(matches!(client.hear().await, Heard::Closed { .. }));
    assert_eq!(client.end.close_frame(), Some((1001, "server shutting down")));
    let bytes = client.end.transmit();
    client.stream.write_all(&bytes).await.unwrap();
    drop(client);
    assert_eq!(closing.await.unwrap(), 0);
}

#[tokio::test]
async fn a_client_that_stops_reading_is_cut() {
    let namespace = Namespace::new();
    let server = Server::builder().outbox(1_000, 10_000).namespace("/", namespace).build().unwrap();
    let client = Client::connect(&server, 100).await;
    while server.of("/").emit("said", "x".repeat(1_000)).unwrap().queued > 0 {
        tokio::task::yield_now().await;
    }
    until(|| server.sessions() == 0).await;
    drop(client);
}
