//! A client's driver against our own server, on every transport and in every encoding.
#![cfg(feature = "server")]

use std::{
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use ::http::{HeaderMap, Uri};
use axum::Router;
use bytes::Bytes;
use sockeye_proto::{
    session::{Config, Pace, Reason, Received},
    wire::{
        encoding::{Encoding, Parser},
        engine::Version,
        packet,
        payload::Payload,
        polling::Format,
        prepared::Prepared,
    },
};
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
    time,
};

use super::{super::*, *};
use crate::{
    event::{Ack, RawArgs, State},
    net::{
        Bounds, Conn, Id, KeepAlive, OnAck, Pressure,
        driver::{Driver, Start},
    },
    server::{Namespace, Server, Socket},
};

/// Whatever takes longer will not happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a client heard, as texts.
struct Ears {
    conn: Arc<Conn>,
    heard: UnboundedSender<String>,
}

impl Upper for Ears {
    fn received(&mut self, received: Received<'_, OnAck>, _cx: &mut Context<'_>) {
        let text = match received {
            Received::Opened { .. } => {
                self.conn.command(|machine| machine.connect("/", ""));
                "opened".to_owned()
            }
            Received::Connected { namespace, .. } => format!("connected {namespace}"),
            Received::Refused { namespace, error } => format!("refused {namespace} {error}"),
            Received::Disconnect { namespace } => format!("disconnect {namespace}"),
            Received::Event { name, payload, .. } => {
                format!("{name} {} {}", payload.args_text(), payload.attachments().len())
            }
            Received::Connect { .. } | Received::Ack { .. } => "what no server sends".to_owned(),
        };
        let _ = self.heard.send(text); // the test may be over
    }

    fn poll(&mut self, _cx: &mut Context<'_>) {}

    fn pressure(&self, _now: Instant) -> Pressure {
        Pressure::Calm
    }

    fn closed(&mut self, reason: Reason) {
        let _ = self.heard.send(format!("closed {reason}"));
    }
}

/// A client and the task that drives it.
struct Client {
    conn: Arc<Conn>,
    heard: UnboundedReceiver<String>,
    driver: JoinHandle<()>,
}

/// How a client goes about it.
#[derive(Clone, Copy, Debug)]
struct Manner {
    encoding: Encoding,
    begins_on_polling: bool,
    upgrades: bool,
}

const POLLING: Manner = Manner { encoding: JSON, begins_on_polling: true, upgrades: false };
const UPGRADE: Manner = Manner { upgrades: true, ..POLLING };
const WEBSOCKET: Manner = Manner { begins_on_polling: false, ..POLLING };

const JSON: Encoding = Encoding::new(Version::V4, Parser::Json);
const ENCODINGS: [Encoding; 4] = [
    JSON,
    Encoding::new(Version::V3, Parser::Json),
    Encoding::new(Version::V4, Parser::MsgPack),
    Encoding::new(Version::V3, Parser::MsgPack),
];

fn remote(url: &str) -> Remote {
    let address = Address::parse(url).unwrap();
    let route = Route::new(&address, None, &Proxy::none()).unwrap();
    let path = Uri::from_static("/socket.io/");
    let mut query = Query::default();
    query.push("who", "a b");
    let headers = (HeaderMap::new(), None, KeepAlive::default());
    Remote::new(address, route, headers, &path, query, None)
}

async fn client(url: &str, manner: Manner) -> Client {
    let (remote, version) = (remote(url), manner.encoding.version);
    let deadline = Deadline::new(PATIENCE);
    let now = time::Instant::now().into_std();
    let sid = Id::random().unwrap();
    let bounds = Bounds { max_packets: 100_000, max_bytes: 1 << 24 };
    let config = Config { upgrades: manner.upgrades, ..Config::default() };
    let begin = (sid, manner.encoding, manner.begins_on_polling);
    let keys = Keys::new().unwrap();
    let conn = Conn::client(now, Arc::new(config), begin, bounds, keys);
    let start = if manner.begins_on_polling {
        let answer = remote.get(version, None, 1 << 20, deadline).await.unwrap();
        let (found, format) = Format::of_opening(&answer.body).unwrap();
        assert_eq!(found, version, "{}", answer.excerpt());
        let limits = RequestLimits {
            max_answer_bytes: 1 << 24,
            post_timeout: PATIENCE,
            upgrade_timeout: PATIENCE,
        };
        let websocket = websocket::Config::default();
        let opening = (answer.body, format);
        Start::Polling(Box::new(Requesting::new(remote, version, limits, websocket, opening)))
    } else {
        let offered = remote.websocket(version, None, deadline).await.unwrap();
        Start::WebSocket { stream: offered.stream, deflate: None }
    };
    let (sender, heard) = unbounded_channel();
    let ears = Ears { conn: Arc::clone(&conn), heard: sender };
    let websocket = websocket::Config::default();
    let driver = tokio::spawn(drive(Driver::client(
        Arc::clone(&conn),
        start,
        &websocket,
        Pace::default().with_patience(PATIENCE),
        ears,
    )));
    Client { conn, heard, driver }
}

/// As the owner of a client's driver does: polls it when it is woken, and at its deadline.
async fn drive(mut driver: Driver<Ears>) {
    let mut sleep = pin!(time::sleep(Duration::ZERO));
    poll_fn(|cx| {
        loop {
            if Pin::new(&mut driver).poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let Some(deadline) = driver.deadline() else { return Poll::Pending };
            sleep.as_mut().reset(deadline.into());
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await;
}

impl Client {
    fn emit(&self, event: &str, args: &impl serde::Serialize) {
        let payload = Payload::serialize_event(event, args).unwrap();
        let (array, attachments) = payload.into_parts();
        let packet = Prepared::packet(packet::Kind::Event, "/", None, &array, attachments);
        self.conn.push(packet, false).unwrap();
    }

    async fn hears(&mut self, expect: &str) {
        let heard = time::timeout(PATIENCE, self.heard.recv()).await;
        assert_eq!(heard.expect("in time").as_deref(), Some(expect));
    }

    async fn is_in(&mut self) {
        self.hears("opened").await;
        self.hears("connected /").await;
    }

    fn transport(&self) -> Transport {
        self.conn.look(|machine| machine.transport())
    }

    /// Closes it, and waits for the end of its task.
    async fn close(mut self) {
        let now = time::Instant::now().into_std();
        self.conn.command(|machine| {
            machine.leave_all(now);
            machine.close(Reason::ClientDisconnect);
        });
        self.hears("closed client namespace disconnect").await;
        time::timeout(PATIENCE, self.driver).await.expect("in time").unwrap();
    }
}

/// A server that sends back what it gets, and tells of who has gone.
async fn server(parser: Parser) -> (String, UnboundedReceiver<Reason>) {
    let (gone, has_gone) = unbounded_channel();
    async fn echo(socket: Socket, args: RawArgs) -> Ack<()> {
        let _ = socket.emit("echoed", args); // the client may have gone
        Ack(())
    }
    async fn left(reason: Reason, State(gone): State<UnboundedSender<Reason>>) {
        let _ = gone.send(reason);
    }
    let namespace = Namespace::new().on("echo", echo).on_disconnect(left);
    let server = Server::builder().state(gone).engine_v3(true).parser(parser);
    let server = server.namespace("/", namespace).build().unwrap();
    let app = Router::new().route_service("/socket.io/", server.service());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, has_gone)
}

#[tokio::test]
async fn events_and_attachments_come_back_in_order_on_every_transport() {
    for encoding in ENCODINGS {
        let (url, mut gone) = server(encoding.parser).await;
        for manner in [POLLING, UPGRADE, WEBSOCKET] {
            let mut client = client(&url, Manner { encoding, ..manner }).await;
            client.is_in().await;
            for number in 0..300 {
                client.emit("echo", &(number, "é€😀"));
                if number % 100 == 0 {
                    client.emit("echo", &(number, Bytes::from(vec![0xFF; 100_000])));
                }
            }
            for number in 0..300 {
                client.hears(&format!(r#"echoed {number},"é€😀" 0"#)).await;
                if number % 100 == 0 {
                    let placeholder = r#"{"_placeholder":true,"num":0}"#;
                    client.hears(&format!("echoed {number},{placeholder} 1")).await;
                }
            }
            let expect = if manner.begins_on_polling && !manner.upgrades {
                Transport::Polling
            } else {
                Transport::WebSocket
            };
            assert_eq!(client.transport(), expect, "{encoding:?} {manner:?}");
            client.close().await;
            let reason = time::timeout(PATIENCE, gone.recv()).await.expect("in time");
            assert_eq!(reason, Some(Reason::ClientDisconnect), "{encoding:?} {manner:?}");
        }
    }
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_while_it_moves() {
    let (url, _gone) = server(Parser::Json).await;
    for round in 0..10 {
        let mut client = client(&url, UPGRADE).await;
        client.is_in().await;
        let mut sent = 0;
        let mut heard = 0;
        while client.transport() != Transport::WebSocket || heard < sent {
            if client.transport() != Transport::WebSocket || sent < 100 {
                client.emit("echo", &(round, sent));
                sent += 1;
            }
            client.hears(&format!("echoed {round},{heard} 0")).await;
            heard += 1;
        }
        client.close().await;
    }
}

#[tokio::test]
async fn a_client_that_goes_while_it_moves_says_so() {
    let (url, mut gone) = server(Parser::Json).await;
    for yields in 0..60 {
        let mut client = client(&url, UPGRADE).await;
        client.is_in().await;
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
        client.close().await;
        let reason = time::timeout(PATIENCE, gone.recv()).await.expect("in time");
        assert_eq!(reason, Some(Reason::ClientDisconnect), "after {yields} yields");
    }
}

#[tokio::test]
async fn a_server_that_is_gone_ends_it_on_every_transport() {
    for manner in [POLLING, UPGRADE, WEBSOCKET] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder().namespace("/", Namespace::new()).build().unwrap();
        let app = Router::new().route_service("/socket.io/", server.service());
        let serving = tokio::spawn(async move { axum::serve(listener, app).await });
        let mut client = client(&url, manner).await;
        client.is_in().await;
        if manner.upgrades {
            time::timeout(PATIENCE, async {
                while client.transport() != Transport::WebSocket {
                    tokio::task::yield_now().await;
                }
            })
            .await
            .expect("in time");
        }
        let (_, heard) = tokio::join!(server.close(PATIENCE), client.heard.recv());
        assert_eq!(heard.as_deref(), Some("closed transport close"), "{manner:?}");
        serving.abort();
        time::timeout(PATIENCE, client.driver).await.expect("in time").unwrap();
    }
}
