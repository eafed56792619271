//! Who asks for an ack gets one: from the return value, from an `AckSender`, or an error; in both directions.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{Notes, serve};
use futures_util::FutureExt as _;
use sockeye::{
    event::{Ack, AckSender, Args, NoAnswer, RawArgs, Refusal, State, Value},
    server::{CallError, CallErrorKind, Namespace, Server, Socket},
};
use sockeye_testkit::client::{Client, ClientError};

async fn add(Args((a, b)): Args<(i64, i64)>) -> Ack<i64> {
    Ack(a + b)
}

async fn both(Args((a, b)): Args<(String, Bytes)>) -> Ack<(Bytes, String)> {
    Ack((b, a))
}

async fn refuse() -> Result<Ack<u8>, Refusal> {
    Err(Refusal::new("no seat").code("full").data(&7))
}

async fn fail() -> Result<(), Refusal> {
    Err(std::io::Error::other("the password is swordfish"))?
}

#[expect(clippy::panic, reason = "what a panic costs is the question")]
async fn panic_at_once() {
    panic!("on purpose")
}

#[expect(clippy::panic, reason = "what a panic costs is the question")]
async fn panic_later() {
    tokio::task::yield_now().await;
    panic!("on purpose")
}

async fn later(ack: AckSender, Args((number,)): Args<(u32,)>) {
    tokio::spawn(async move { ack.send((number * 2,)) });
}

async fn dropped(ack: AckSender) {
    drop(ack);
}

async fn taken_and_refused(ack: AckSender) {
    ack.refuse(Refusal::new("not now"));
}

async fn is_asked(ack: AckSender) -> Ack<bool> {
    let asked = ack.is_asked();
    ack.send((asked,));
    Ack(false) // has no effect: the sender was taken
}

async fn nothing() {}

async fn silent() -> NoAnswer {
    NoAnswer
}

fn server() -> Server {
    let root = Namespace::new()
        .on("add", add)
        .on("both", both)
        .on("refuse", refuse)
        .on("fail", fail)
        .on("panic", panic_at_once)
        .on("panic-later", panic_later)
        .on("later", later)
        .on("dropped", dropped)
        .on("taken-and-refused", taken_and_refused)
        .on("is-asked", is_asked)
        .on("nothing", nothing)
        .on("silent", silent)
        .on("ask-me", ask_me)
        .on("ask-me-in-vain", ask_me_in_vain);
    let other = Namespace::new().on("chat", nothing).on("elsewhere", nothing);
    let third = Namespace::new().on("elsewhere", nothing);
    let builder = Server::builder().namespace("/", root);
    builder.namespace("/other", other).namespace("/third", third).build().unwrap()
}

#[tokio::test]
async fn every_way_to_answer() {
    #[track_caller]
    fn check(answer: &str, expect: &str) {
        assert_eq!(answer, expect);
    }
    let mut client = Client::connect(&serve(&server()).await, "/", ()).await.unwrap();
    let mut answer = async |event: &str, args: Value| {
        let payload = client.call_raw(event, &(args,)).await.unwrap();
        payload.args_text().to_owned()
    };
    let error = |code: &str, message: &str| {
        format!(r#"{{"error":{{"code":"{code}","message":"{message}"}}}}"#)
    };
    check(&answer("nothing", Value::Null).await, "");
    check(&answer("is-asked", Value::Null).await, "true");
    check(&answer("later", Value::from(21)).await, "42");
    check(
        &answer("refuse", Value::Null).await,
        r#"{"error":{"code":"full","message":"no seat","data":7}}"#,
    );
    check(&answer("taken-and-refused", Value::Null).await, &error("refused", "not now"));
    // A foreign error's text is not for the peer, nor is a panic's.
    check(&answer("fail", Value::Null).await, &error("internal", "internal error"));
    check(&answer("panic", Value::Null).await, &error("internal", "internal error"));
    check(&answer("panic-later", Value::Null).await, &error("internal", "internal error"));
    check(
        &answer("dropped", Value::Null).await,
        &error("unanswered", "the handler dropped its ack"),
    );
    let text = answer("later", Value::from("x")).await;
    assert!(text.starts_with(r#"{"error":{"code":"bad-arguments","message":""#), "{text}");
    let text = answer("chat", Value::Null).await;
    check(&text, &error("no-handler", r#"no handler for \"chat\" on \"/\"; \"/other\" has one"#));
    let text = answer("elsewhere", Value::Null).await;
    let both = r#"no handler for \"elsewhere\" on \"/\"; \"/other\", \"/third\" has one"#;
    check(&text, &error("no-handler", both));
    let text = answer("nobody's", Value::Null).await;
    check(&text, &error("no-handler", r#"no handler for \"nobody's\" on \"/\""#));
    // The session has survived all of it.
    check(&client.call::<i64>("add", &(1, 2)).await.unwrap().to_string(), "3");
}

#[tokio::test]
async fn attachments_travel_in_acks() {
    let mut client = Client::connect(&serve(&server()).await, "/", ()).await.unwrap();
    let bytes = Bytes::from_static(b"\x00\xff");
    let answer = client.call_raw("both", &("text", bytes.clone())).await.unwrap();
    assert_eq!(answer.deserialize::<(Bytes, String)>().unwrap(), (bytes, "text".to_owned()));
}

#[tokio::test]
async fn a_handler_that_answers_nothing_sends_nothing() {
    let mut client = Client::connect(&serve(&server()).await, "/", ()).await.unwrap();
    client.send_text(r#"421["silent"]"#).await.unwrap();
    client.emit("add", &(1, 2)).await.unwrap(); // no ack asked for: none comes
    client.emit("refuse", &()).await.unwrap();
    client.emit("panic", &()).await.unwrap();
    let token = client.begin_call("nothing", &()).await.unwrap();
    assert!(client.answer(token).await.unwrap().is_empty());
}

async fn ask_me(socket: Socket, args: RawArgs) -> Result<Ack<RawArgs>, Refusal> {
    Ok(Ack(socket.call("asked", args).timeout(Duration::from_secs(5)).await?))
}

async fn ask_me_in_vain(socket: Socket) -> Ack<String> {
    let answer: Result<u8, CallError> =
        socket.call("asked", ()).timeout(Duration::from_millis(20)).await;
    Ack(answer.unwrap_err().to_string())
}

#[tokio::test]
async fn the_server_asks_while_the_client_waits_for_its_own_answer() {
    let mut client = Client::connect(&serve(&server()).await, "/", ()).await.unwrap();
    let token = client.begin_call("ask-me", &("a", 1)).await.unwrap();
    let asked = client.event().await.unwrap();
    assert_eq!((asked.name.as_str(), asked.text()), ("asked", r#""a",1"#));
    client.ack(&asked, &("b", Bytes::from_static(b"c"))).await.unwrap();
    let answer = client.answer(token).await.unwrap();
    assert_eq!(answer.deserialize::<(String, Bytes)>().unwrap().1, "c");
}

#[tokio::test]
async fn the_servers_acks_are_counted_in_each_namespace_from_0() {
    let (root, other) = (Namespace::new(), Namespace::new());
    let builder = Server::builder().namespace("/", root).namespace("/other", other);
    let server = builder.build().unwrap();
    let mut client = Client::connect(&serve(&server).await, "/", ()).await.unwrap();
    client.join("/other", ()).await.unwrap();
    for (namespace, id) in [("/", 0), ("/", 1), ("/other", 0), ("/", 2), ("/other", 1)] {
        let socket = server.of(namespace).local_sockets().remove(0);
        let call = tokio::spawn(async move {
            socket.call::<u64>("asked", ()).timeout(Duration::from_secs(10)).await
        });
        let asked = client.event().await.unwrap();
        assert_eq!((asked.namespace.as_str(), asked.id), (namespace, Some(id)));
        client.ack(&asked, &id).await.unwrap();
        assert_eq!(call.await.unwrap().unwrap(), id);
    }
}

#[tokio::test]
async fn a_call_ends_at_its_deadline_and_a_late_ack_is_ignored() {
    let mut client = Client::connect(&serve(&server()).await, "/", ()).await.unwrap();
    let token = client.begin_call("ask-me-in-vain", &()).await.unwrap();
    let asked = client.event().await.unwrap();
    let answer = client.answer(token).await.unwrap();
    assert_eq!(answer.args_text(), r#""\"asked\" on \"/\": no ack after 20ms""#);
    client.ack(&asked, &1).await.unwrap();
    client.ack(&asked, &1).await.unwrap();
    assert_eq!(client.call::<i64>("add", &(1, 2)).await.unwrap(), 3);
}

#[tokio::test]
async fn an_error_ack_of_the_client_is_an_error_of_the_call() {
    let mut client = Client::connect(&serve(&server()).await, "/", ()).await.unwrap();
    let token = client.begin_call("ask-me", &()).await.unwrap();
    let asked = client.event().await.unwrap();
    let error = serde_json::json!({"error": {"code": "busy", "message": "later"}});
    client.ack(&asked, &(error,)).await.unwrap();
    let answer = client.answer(token).await.unwrap();
    assert_eq!(
        answer.args_text(),
        r#"{"error":{"code":"internal","message":"internal error"}}"#,
        "the handler's own error is a foreign one"
    );
}

#[tokio::test]
async fn a_call_to_a_client_that_goes_away_ends() {
    let ask = async |socket: Socket, State(notes): State<Notes>| {
        let answer = socket.call::<RawArgs>("asked", ()).timeout(Duration::MAX).await;
        notes.add(answer.unwrap_err().to_string());
    };
    let (notes, mut read) = Notes::new();
    let namespace = Namespace::new().on("ask", ask);
    let server = Server::builder().state(notes).namespace("/", namespace).build().unwrap();
    let mut client = Client::connect(&serve(&server).await, "/", ()).await.unwrap();
    client.emit("ask", &()).await.unwrap();
    client.event().await.unwrap();
    client.close().await.unwrap();
    assert_eq!(read.next().await, r#""asked" on "/": the client disconnected before it answered"#);
}

#[tokio::test]
async fn a_call_waits_as_long_as_the_builder_says_unless_it_says() {
    let (brief, briefer) = (Duration::from_millis(20), Duration::from_millis(10));
    let builder = Server::builder().call_timeout(brief).namespace("/", Namespace::new());
    let server = builder.build().unwrap();
    let _client = Client::connect(&serve(&server).await, "/", ()).await.unwrap();
    let socket = server.of("/").local_sockets().remove(0);
    let error = socket.call::<u8>("asked", ()).await.unwrap_err();
    assert!(matches!(error.kind, CallErrorKind::Timeout { after } if after == brief), "{error}");
    let error = socket.call::<u8>("asked", ()).timeout(briefer).await.unwrap_err();
    assert!(matches!(error.kind, CallErrorKind::Timeout { after } if after == briefer), "{error}");
}

#[tokio::test]
async fn calls_that_wait_have_a_bound_that_dropping_them_gives_back() {
    let server = Server::builder().namespace("/", Namespace::new()).build().unwrap();
    let mut client = Client::connect(&serve(&server).await, "/", ()).await.unwrap();
    let socket = server.of("/").local_sockets().remove(0);
    let hour = Duration::from_secs(3600);
    for _ in 0..2 {
        let mut calls = Vec::new();
        for _ in 0..10_000 {
            let mut call = socket.call::<u8>("asked", ()).timeout(hour).into_future();
            assert!((&mut call).now_or_never().is_none());
            calls.push(call);
        }
        let refused = socket.call::<u8>("asked", ()).timeout(hour).into_future().now_or_never();
        assert!(
            matches!(refused, Some(Err(CallError { kind: CallErrorKind::TooManyCalls, .. }))),
            "{refused:?}"
        );
        for _ in 0..10_000 {
            client.event().await.unwrap();
        }
    }
    // The ack of a call that was dropped is ignored.
    client.send_text("430[1]").await.unwrap();
    socket.emit("still there", ()).unwrap();
    assert_eq!(client.event().await.unwrap().name, "still there");
}

#[tokio::test]
async fn a_call_in_a_connect_handler_fails_at_once() {
    let connect = async |socket: Socket| -> Result<(), Refusal> {
        let answer: Result<u8, CallError> =
            socket.call("asked", ()).timeout(Duration::from_secs(3600)).await;
        Err(Refusal::new(answer.unwrap_err().to_string()))
    };
    let namespace = Namespace::new().on_connect(connect);
    let server = Server::builder().namespace("/", namespace).build().unwrap();
    match Client::connect(&serve(&server).await, "/", ()).await {
        Err(ClientError::Refused { error }) => {
            assert!(error.contains("the socket is disconnected"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}
