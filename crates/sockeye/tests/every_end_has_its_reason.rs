//! However a session or a socket ends, `on_disconnect` gets the reason, the client its close frame, and nothing is left.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod common;

use std::{sync::Arc, time::Duration};

use common::{Notes, Read, pass, serve, until};
use sockeye::{
    event::{Args, Refusal, State},
    server::{Builder, Namespace, Reason, Server, Socket},
    ws,
};
use sockeye_proto::wire::ws::Message;
use sockeye_testkit::{Heard, client::Client};

async fn left(reason: Reason, socket: Socket, State(notes): State<Notes>) {
    notes.add(format!("{} {reason}", socket.namespace()));
}

async fn end(socket: Socket, Args((close,)): Args<(bool,)>) {
    if close { socket.close() } else { socket.disconnect() }
}

async fn scene(change: impl FnOnce(Builder) -> Builder) -> (Server, String, Read) {
    let (notes, read) = Notes::new();
    let namespace = || Namespace::new().on_disconnect(left).on("end", end);
    let builder =
        Server::builder().state(notes).namespace("/", namespace()).namespace("/b", namespace());
    let server = change(builder).build().unwrap();
    (server.clone(), serve(&server).await, read)
}

/// Waits until the session is gone, and with it all that belonged to it.
async fn gone(server: &Server) {
    until(|| server.sessions() == 0).await;
    assert_eq!((server.of("/").local_count(), server.of("/b").local_count()), (0, 0));
}

#[tokio::test]
async fn the_client_closes_the_websocket() {
    let (server, url, mut read) = scene(|builder| builder).await;
    let mut client = Client::connect(&url, "/", ()).await.unwrap();
    client.join("/b", ()).await.unwrap();
    client.close().await.unwrap();
    let mut notes = [read.next().await, read.next().await];
    notes.sort_unstable();
    assert_eq!(notes, ["/ transport close", "/b transport close"]);
    gone(&server).await;
}

#[tokio::test]
async fn the_stream_ends_or_breaks() {
    let (server, url, mut read) = scene(|builder| builder).await;
    drop(Client::connect(&url, "/", ()).await.unwrap());
    assert_eq!(read.next().await, "/ transport close");
    Client::connect(&url, "/", ()).await.unwrap().abort().unwrap();
    assert_eq!(read.next().await, "/ transport error");
    gone(&server).await;
}

#[tokio::test]
async fn the_client_sends_the_close_packet() {
    let (server, url, mut read) = scene(|builder| builder).await;
    let mut client = Client::connect(&url, "/", ()).await.unwrap();
    client.send_text("1").await.unwrap();
    client.closed().await.unwrap();
    assert_eq!(client.close_frame(), Some((1000, "transport close")));
    assert_eq!(read.next().await, "/ transport close");
    drop(client);
    gone(&server).await;
}

#[tokio::test]
async fn the_client_leaves_the_namespace() {
    let (server, url, mut read) = scene(|builder| builder).await;
    let mut client = Client::connect(&url, "/", ()).await.unwrap();
    client.leave().await.unwrap();
    assert_eq!(read.next().await, "/ client namespace disconnect");
    client.join("/b", ()).await.unwrap();
    assert_eq!(server.sessions(), 1);
}

#[tokio::test]
async fn the_server_disconnects_the_socket_or_closes_the_session() {
    let (server, url, mut read) = scene(|builder| builder).await;
    let mut client = Client::connect(&url, "/b", ()).await.unwrap();
    client.join("/", ()).await.unwrap();
    client.emit("end", &false).await.unwrap();
    assert!(matches!(client.next().await.unwrap(), Heard::Disconnect { .. }));
    assert_eq!(read.next().await, "/ server namespace disconnect");
    assert_eq!(server.of("/b").local_count(), 1);
    client.join("/", ()).await.unwrap();
    client.emit("end", &true).await.unwrap();
    client.closed().await.unwrap();
    assert_eq!(client.close_frame(), Some((1000, "server namespace disconnect")));
    let mut notes = [read.next().await, read.next().await];
    notes.sort_unstable();
    assert_eq!(notes, ["/ server namespace disconnect", "/b server namespace disconnect"]);
    drop(client);
    gone(&server).await;
}

#[tokio::test]
async fn the_client_breaks_the_protocol() {
    let (server, url, mut read) = scene(|builder| builder.max_payload_bytes(1_000)).await;
    let long = format!(r#"42["{}"]"#, "x".repeat(1_000));
    for (message, reason, code) in [
        (Message::Text("x"), "parse error", 1002),
        (Message::Text(""), "parse error", 1002),
        (Message::Text("2"), "transport error", 1002),
        (Message::Text("42[]"), "forced close", 1002),
        (Message::Text("40"), "forced close", 1002),
        (Message::Binary(b"x"), "forced close", 1002),
        (Message::Text(&long), "transport error", 1009),
    ] {
        let mut client = Client::connect(&url, "/", ()).await.unwrap();
        client.send_message(message).await.unwrap();
        client.closed().await.unwrap();
        assert_eq!(client.close_frame().map(|(code, _)| code), Some(code), "{message:?}");
        assert_eq!(read.next().await, format!("/ {reason}"), "{message:?}");
    }
    gone(&server).await;
}

/// Where the reference takes no notice, either.
#[tokio::test]
async fn packets_out_of_place_are_no_reason() {
    let (server, url, mut read) = scene(|builder| builder).await;
    for text in ["5", "5probe", "0", "6"] {
        let mut client = Client::connect(&url, "/", ()).await.unwrap();
        client.send_text(text).await.unwrap();
        client.emit("end", &false).await.unwrap();
        assert!(matches!(client.next().await.unwrap(), Heard::Disconnect { .. }), "{text:?}");
        assert_eq!(read.next().await, "/ server namespace disconnect", "{text:?}");
    }
    gone(&server).await;
}

#[tokio::test]
async fn the_client_breaks_the_rules_of_websocket() {
    let (server, url, mut read) = scene(|builder| builder).await;
    for (what, bytes, code) in [
        ("text that is not UTF-8", &b"\x81\x82\0\0\0\x004\xff"[..], 1007),
        ("a frame without a mask", b"\x81\x013", 1002),
        ("a reserved bit", b"\xc1\x81\0\0\0\x003", 1002),
        ("a continuation of nothing", b"\x80\x81\0\0\0\x003", 1002),
        ("an opcode that nobody uses", b"\x83\x81\0\0\0\x003", 1002),
    ] {
        let mut client = Client::connect(&url, "/", ()).await.unwrap();
        client.send_bytes(bytes).await.unwrap();
        client.closed().await.unwrap();
        assert_eq!(client.close_frame().map(|(code, _)| code), Some(code), "{what}");
        assert_eq!(read.next().await, "/ transport error", "{what}");
    }
    gone(&server).await;
}

#[tokio::test]
async fn the_limit_of_a_message_counts_bytes() {
    let (server, url, mut read) = scene(|builder| builder.max_payload_bytes(1_000)).await;
    let message = |bytes: usize| {
        let text = "€".repeat((bytes - 8) / 3);
        format!(r#"42["{text}{}"]"#, "x".repeat(bytes - 6 - text.len()))
    };
    let mut client = Client::connect(&url, "/", ()).await.unwrap();
    assert_eq!(message(1_000).len(), 1_000);
    client.send_text(&message(1_000)).await.unwrap();
    client.leave().await.unwrap();
    assert_eq!(
        read.next().await,
        "/ client namespace disconnect",
        "it was heard, and what follows"
    );
    client.join("/", ()).await.unwrap();
    client.send_text(&message(1_001)).await.unwrap();
    client.closed().await.unwrap();
    assert_eq!(client.close_frame().map(|(code, _)| code), Some(1009));
    assert_eq!(read.next().await, "/ transport error");
    gone(&server).await;
}

#[tokio::test]
async fn the_server_ends_the_websocket_without_the_close_packet() {
    let (server, url, _read) = scene(|builder| builder).await;
    let address = url.trim_start_matches("http://");
    let open = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
    let mut websocket = ws::connect(open).await.unwrap();
    for packet in ["40", "40/b", r#"42["end",true]"#] {
        websocket.send(packet).await.unwrap();
    }
    let mut heard = Vec::new();
    while let Some(ws::Message::Text(text)) = websocket.recv().await.unwrap() {
        heard.push(text[..text.len().min(5)].to_owned());
    }
    // The clients of both sockets hear that it was on purpose, and then that it is over.
    assert_eq!(heard, [r#"0{"si"#, r#"40{"s"#, "40/b,", "41", "41/b,"]);
    drop(websocket);
    gone(&server).await;
}

#[tokio::test]
async fn nobody_answers_the_ping() {
    let millis = Duration::from_millis;
    let quick = |builder: Builder| builder.ping_interval(millis(60)).ping_timeout(millis(40));
    let (server, url, mut read) = scene(quick).await;
    let start = std::time::Instant::now();
    let client = Client::connect(&url, "/", ()).await.unwrap();
    // The client reads only when it is asked to.
    assert_eq!(read.next().await, "/ ping timeout");
    assert!(start.elapsed() >= millis(100), "{:?}", start.elapsed());
    drop(client);
    gone(&server).await;
}

#[tokio::test]
async fn pings_keep_a_session_that_answers() {
    let millis = Duration::from_millis;
    let quick = |builder: Builder| builder.ping_interval(millis(20)).ping_timeout(millis(500));
    let (server, url, mut read) = scene(quick).await;
    let mut client = Client::connect(&url, "/", ()).await.unwrap();
    let _ = tokio::time::timeout(millis(300), client.next()).await;
    assert_eq!((server.sessions(), read.rest().len()), (1, 0));
}

#[tokio::test]
async fn who_joins_nothing_is_closed() {
    let quick = |builder: Builder| builder.connect_timeout(Duration::from_millis(50));
    let (server, url, _) = scene(quick).await;
    let mut client = Client::open(&url).await.unwrap();
    client.closed().await.unwrap();
    assert_eq!(client.close_frame(), Some((1000, "forced server close")));
    drop(client);
    gone(&server).await;
    let joined = Client::connect(&url, "/", ()).await.unwrap();
    pass(Duration::from_millis(150)).await;
    assert_eq!(server.sessions(), 1);
    drop(joined);
}

#[tokio::test]
async fn after_a_pause_a_silent_client_is_still_lost() {
    let millis = Duration::from_millis;
    let (notes, mut read) = Notes::new();
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    type Gate = State<std::sync::Arc<tokio::sync::Semaphore>>;
    let wait = async |State(gate): Gate| gate.acquire().await.unwrap().forget();
    let done = async |State(notes): State<Notes>| notes.add("done");
    let namespace = Namespace::new().on("wait", wait).on("done", done).on_disconnect(left);
    let server = Server::builder()
        .state(notes)
        .state(std::sync::Arc::clone(&gate))
        .ping_interval(millis(60))
        .ping_timeout(millis(40))
        .backlog(4, 1_000, Duration::from_secs(60))
        .namespace("/", namespace)
        .build()
        .unwrap();
    let mut client = Client::connect(&serve(&server).await, "/", ()).await.unwrap();
    for _ in 0..8 {
        client.emit("wait", &()).await.unwrap();
    }
    client.emit("done", &()).await.unwrap();
    // Paused, the server can't have heard a pong: no fault of the client's.
    pass(millis(300)).await;
    assert_eq!((server.sessions(), read.rest().len()), (1, 0));
    gate.add_permits(8);
    assert_eq!(read.next().await, "done");
    assert_eq!(read.next().await, "/ ping timeout");
}

#[tokio::test]
async fn hundreds_of_sessions_leave_nothing_behind() {
    // Each socket's data holds one more reference, which goes when all that belongs to the socket has gone.
    let token = Arc::new(());
    let connect = async |State(token): State<Arc<()>>, socket: Socket| {
        socket.join("room");
        socket.emit("welcome", "x".repeat(1_000))?;
        Ok::<_, Refusal>(token)
    };
    let ask = async |socket: Socket| {
        let _ = socket.call::<u8>("asked", ()).timeout(Duration::from_secs(3600)).await;
    };
    let namespace = || Namespace::new().on_connect(connect).on("ask", ask).on_disconnect(left);
    let (notes, _read) = Notes::new();
    let builder = Server::builder().state(notes).state(Arc::clone(&token));
    let builder = builder.namespace("/", namespace()).namespace("/b", namespace());
    let server = builder.build().unwrap();
    let url = serve(&server).await;
    let before = Arc::strong_count(&token);
    for _ in 0..5 {
        let mut clients = Vec::new();
        for index in 0..50 {
            let mut client = Client::connect(&url, "/", ()).await.unwrap();
            client.join("/b", ()).await.unwrap();
            if index % 2 == 0 {
                client.emit("ask", &()).await.unwrap();
                client.emit("ask", &()).await.unwrap(); // it waits
            }
            clients.push(client);
        }
        assert_eq!((server.sessions(), server.of("/b").to("room").local_count()), (50, 50));
        assert_eq!(Arc::strong_count(&token), before + 100);
        for (index, client) in clients.into_iter().enumerate() {
            match index % 3 {
                0 => client.close().await.unwrap(),
                1 => client.abort().unwrap(),
                _ => drop(client),
            }
        }
        gone(&server).await;
        until(|| Arc::strong_count(&token) == before).await;
    }
}
