//! The service without HTTP around it: requests of any body, and answers that are taken or dropped.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{Notes, Read, polling::sid_of, serve, until};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty, Full};
use sockeye::{
    event::{RawArgs, State},
    server::{Body, Namespace, Reason, Server, Service, Socket},
    ws,
};
use tower::Service as _;

async fn left(reason: Reason, State(notes): State<Notes>) {
    notes.add(reason.to_string());
}

async fn say(socket: Socket, args: RawArgs) {
    let _ = socket.emit("said", args);
}

/// A server with one session that has joined; its service and path.
async fn scene() -> (Server, Service, String, Read) {
    let (notes, read) = Notes::new();
    let namespace = Namespace::new().on_disconnect(left).on("say", say);
    let server = Server::builder().state(notes).namespace("/", namespace).build().unwrap();
    let mut service = server.service();
    let opened = get(&mut service, "/socket.io/?EIO=4&transport=polling").await;
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={}", sid_of(&text(opened).await));
    assert_eq!(post(&mut service, &path, "40").await, "ok");
    assert!(text(get(&mut service, &path).await).await.starts_with("40{"));
    (server, service, path, read)
}

async fn get(service: &mut Service, path: &str) -> Response<Body> {
    let request = Request::get(path).header("host", "h").body(Empty::<Bytes>::new()).unwrap();
    service.call(request).await.unwrap()
}

async fn post(service: &mut Service, path: &str, body: &'static str) -> String {
    let request = Request::post(path).header("host", "h").body(Full::<Bytes>::from(body)).unwrap();
    text(service.call(request).await.unwrap()).await
}

async fn text(response: Response<Body>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn taken_it_is_the_last_of_its_packets() {
    let (server, mut service, path, _) = scene().await;
    for n in 0..3 {
        assert_eq!(post(&mut service, &path, r#"42["say"]"#).await, "ok", "{n}");
        assert_eq!(text(get(&mut service, &path).await).await, r#"42["said"]"#, "{n}");
    }
    assert_eq!(server.sessions(), 1);
}

#[tokio::test]
async fn dropped_its_packets_are_lost_and_so_is_the_session() {
    let (server, mut service, path, mut read) = scene().await;
    assert_eq!(post(&mut service, &path, r#"42["say"]"#).await, "ok");
    drop(get(&mut service, &path).await);
    assert_eq!(read.next().await, "transport error");
    until(|| server.sessions() == 0).await;
}

#[tokio::test]
async fn dropped_with_a_noop_alone_it_costs_the_session_nothing() {
    let (server, mut service, path, mut read) = scene().await;
    let waiting = tokio::spawn({
        let (path, mut service) = (path.clone(), service.clone());
        async move { get(&mut service, &path).await }
    });
    let url = serve(&server).await.replace("http", "ws");
    let mut websocket = ws::connect(url + &path.replace("=polling", "=websocket")).await.unwrap();
    websocket.send("2probe").await.unwrap();
    // It lets the GET go, with an answer that has nothing to lose.
    drop(waiting.await.unwrap());
    assert_eq!(websocket.recv().await.unwrap(), Some("3probe".into()));
    drop(websocket);
    assert_eq!(post(&mut service, &path, r#"42["say"]"#).await, "ok");
    assert!(text(get(&mut service, &path).await).await.ends_with(r#"42["said"]"#));
    assert_eq!((server.sessions(), read.rest().len()), (1, 0));
}

#[tokio::test]
async fn a_get_that_is_dropped_while_it_waits_ends_the_session() {
    let (server, mut service, path, mut read) = scene().await;
    let waiting = tokio::spawn({
        let path = path.clone();
        let mut service = service.clone();
        async move { drop(get(&mut service, &path).await) }
    });
    tokio::task::yield_now().await;
    waiting.abort();
    assert_eq!(read.next().await, "transport error");
    until(|| server.sessions() == 0).await;
    assert!(text(get(&mut service, &path).await).await.contains("Session ID unknown"));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_the_server_closed_waits_half_a_minute_for_a_get() {
    let seconds = Duration::from_secs;
    for (asks_after, expect) in [(29, r#"1"#), (31, r#"{"code":1,"message":"Session ID unknown"}"#)]
    {
        let (server, mut service, path, mut read) = scene().await;
        server.of("/").close();
        assert_eq!(read.next().await, "server namespace disconnect");
        assert_eq!(text(get(&mut service, &path).await).await, "41");
        tokio::time::sleep(seconds(asks_after)).await;
        assert_eq!(text(get(&mut service, &path).await).await, expect, "{asks_after} s");
        until(|| server.sessions() == 0).await;
    }
}
