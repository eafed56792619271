//! Connect handlers let in or refuse; what they emit and join takes effect after the reply, and never for the refused.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod common;

use common::{Notes, serve, until};
use serde::Deserialize;
use sockeye::{
    event::{Ack, RawArgs, Refusal, State},
    server::{Auth, Data, Namespace, SendState, Server, Socket},
};
use sockeye_testkit::{
    Heard,
    client::{Client, ClientError},
};

#[derive(Deserialize)]
struct Login {
    #[serde(default)]
    name: String,
}

struct User {
    name: String,
}

async fn by_name(socket: Socket, Auth(login): Auth<Login>) -> Result<User, Refusal> {
    socket.join("known");
    socket.emit("welcome", (&login.name,))?;
    tokio::task::yield_now().await;
    socket.emit("welcome again", ())?;
    if login.name.is_empty() {
        return Err(Refusal::new("a name is needed").data(&["name"]));
    }
    Ok(User { name: login.name })
}

async fn who_am_i(socket: Socket, user: Data<User>) -> Ack<(String, Vec<String>)> {
    let rooms = socket.rooms().iter().map(ToString::to_string).collect();
    Ack((user.name.clone(), rooms))
}

fn refusal(result: Result<Client, ClientError>) -> String {
    match result {
        Err(ClientError::Refused { error }) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_it_returns_becomes_the_sockets_data_and_what_it_emits_follows_the_reply() {
    let namespace = Namespace::new().on_connect(by_name).on("who-am-i", who_am_i);
    let server = Server::builder().namespace("/", namespace).build().unwrap();
    let url = serve(&server).await;
    let mut client = Client::connect(&url, "/", serde_json::json!({"name": "ada"})).await.unwrap();
    assert_eq!(client.event().await.unwrap().text(), r#""ada""#);
    assert_eq!(client.event().await.unwrap().name, "welcome again");
    let answer = client.call_raw("who-am-i", &()).await.unwrap();
    assert_eq!(answer.args_text(), r#""ada",["known"]"#);
    assert_eq!(client.id().len(), 20);
    assert_eq!(server.of("/").to("known").local_count(), 1);
}

#[tokio::test]
async fn who_is_refused_hears_the_message_and_data_and_nothing_else() {
    let namespace = Namespace::new().on_connect(by_name);
    let server = Server::builder().namespace("/", namespace).build().unwrap();
    let url = serve(&server).await;
    let mut client = Client::open(&url).await.unwrap();
    for _ in 0..2 {
        match client.join("/", ()).await {
            Err(ClientError::Refused { error }) => {
                assert_eq!(error, r#"{"message":"a name is needed","data":["name"]}"#);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((server.of("/").local_count(), server.of("/").to("known").local_count()), (0, 0));
    // The same session may try again, and what the refused ones were sent is nowhere.
    client.join("/", serde_json::json!({"name": "ada"})).await.unwrap();
    assert_eq!(client.event().await.unwrap().text(), r#""ada""#);
}

#[tokio::test]
async fn every_way_to_be_refused_has_its_message() {
    async fn foreign() -> Result<(), Refusal> {
        "x".parse::<u8>()?;
        Ok(())
    }
    async fn panics() -> Result<(), Refusal> {
        panic!("on purpose")
    }
    async fn disconnects(socket: Socket) {
        socket.disconnect();
    }
    async fn disconnects_and_waits(socket: Socket) {
        socket.disconnect();
        tokio::task::yield_now().await;
    }
    #[derive(Deserialize)]
    struct Strict {
        #[expect(dead_code, reason = "it is never there")]
        token: String,
    }
    async fn strict(_: Auth<Strict>) {}
    let server = Server::builder()
        .namespace("/foreign", Namespace::new().on_connect(foreign))
        .namespace("/panics", Namespace::new().on_connect(panics))
        .namespace("/disconnects", Namespace::new().on_connect(disconnects))
        .namespace("/waits", Namespace::new().on_connect(disconnects_and_waits))
        .namespace("/strict", Namespace::new().on_connect(strict))
        .build()
        .unwrap();
    let url = serve(&server).await;
    for (namespace, message) in [
        ("/nowhere", r#"{"message":"Invalid namespace"}"#),
        ("/foreign", r#"{"message":"internal error"}"#),
        ("/panics", r#"{"message":"internal error"}"#),
        ("/disconnects", r#"{"message":"disconnected by the server"}"#),
        ("/waits", r#"{"message":"disconnected by the server"}"#),
    ] {
        assert_eq!(refusal(Client::connect(&url, namespace, ()).await), message, "{namespace}");
    }
    let message = refusal(Client::connect(&url, "/strict", ()).await);
    assert!(message.contains("missing field"), "{message}");
}

#[tokio::test]
async fn disconnected_while_it_joins_from_elsewhere_the_client_is_told() {
    let connect = async |socket: Socket, State(notes): State<Notes>| {
        notes.add("knocks");
        tokio::spawn(async move { socket.disconnect() });
        std::future::pending::<()>().await;
    };
    let (notes, mut read) = Notes::new();
    let namespace = Namespace::new().on_connect(connect);
    let server = Server::builder().state(notes).namespace("/", namespace).build().unwrap();
    let url = serve(&server).await;
    let message = refusal(Client::connect(&url, "/", ()).await);
    assert_eq!(message, r#"{"message":"disconnected by the server"}"#);
    assert_eq!(read.next().await, "knocks");
}

#[tokio::test]
async fn a_client_that_gives_up_while_it_joins_is_not_let_in() {
    let connect = async |State(notes): State<Notes>, socket: Socket| {
        notes.add("knocks");
        until(|| !socket.is_connected() && socket.emit("x", ()).is_err()).await;
        notes.add("has gone");
    };
    let (notes, mut read) = Notes::new();
    let left = async |State(notes): State<Notes>| notes.add("left");
    let namespace = Namespace::new().on_connect(connect).on_disconnect(left);
    let server = Server::builder().state(notes).namespace("/", namespace).build().unwrap();
    let mut client = Client::open(&serve(&server).await).await.unwrap();
    client.send_text("40").await.unwrap();
    assert_eq!(read.next().await, "knocks");
    client.send_text("41").await.unwrap();
    assert_eq!(read.next().await, "has gone");
    client.close().await.unwrap();
    until(|| server.sessions() == 0).await;
    assert!(read.rest().is_empty(), "it was never in, so it has not left");
}

#[tokio::test]
async fn a_handle_of_what_was_emitted_while_joining_follows_the_packet() {
    let connect = async |socket: Socket, State(notes): State<Notes>, auth: RawArgs| {
        let sent = socket.emit("held", ())?;
        assert_eq!(sent.state(), SendState::Queued);
        tokio::spawn(async move {
            until(|| sent.state() != SendState::Queued).await;
            notes.add(format!("{:?} {}", sent.state(), sent.written().await));
        });
        if auth.text() == "{}" { Ok(()) } else { Err(Refusal::new("no")) }
    };
    let (notes, mut read) = Notes::new();
    let namespace = Namespace::new().on_connect(connect);
    let server = Server::builder().state(notes).namespace("/", namespace).build().unwrap();
    let url = serve(&server).await;
    let _client = Client::connect(&url, "/", ()).await.unwrap();
    assert_eq!(read.next().await, "Written true");
    refusal(Client::connect(&url, "/", serde_json::json!({"a": 1})).await);
    assert_eq!(read.next().await, "Failed false");
}

#[tokio::test]
async fn namespaces_of_one_session_are_sockets_of_their_own() {
    let id = async |socket: Socket| Ack(socket.id().to_owned());
    let server = Server::builder()
        .namespace("/a", Namespace::new().on("id", id))
        .namespace("/b", Namespace::new().on("id", id))
        .build()
        .unwrap();
    let mut client = Client::connect(&serve(&server).await, "/a", ()).await.unwrap();
    let first = client.id().to_owned();
    client.join("/b", ()).await.unwrap();
    let second = client.id().to_owned();
    assert_ne!(first, second);
    assert_eq!(client.of("/a").call::<String>("id", &()).await.unwrap(), first);
    assert_eq!(client.of("/b").call::<String>("id", &()).await.unwrap(), second);
    client.of("/a").leave().await.unwrap();
    assert_eq!(client.of("/b").call::<String>("id", &()).await.unwrap(), second);
    assert_eq!((server.of("/a").local_count(), server.of("/b").local_count()), (0, 1));
    // It may come back, as another socket.
    client.join("/a", ()).await.unwrap();
    assert_ne!(client.id(), first);
    server.of("/a").disconnect();
    let left = client.next().await.unwrap();
    assert!(matches!(left, Heard::Disconnect { namespace } if namespace == "/a"));
    client.join("/a", ()).await.unwrap();
    assert_eq!(server.sessions(), 1);
}
