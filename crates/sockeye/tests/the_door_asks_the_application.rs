//! `allow_request` decides over new sessions, and whatever happens in it costs one request.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod common;

use std::{sync::Arc, time::Duration};

use axum::{Router, middleware::map_response, response::Response};
use common::{
    Notes,
    http::{Http, ask},
    polling::Polling,
    serve, serve_app, until,
};
use sockeye::{
    event::Refusal,
    server::{Handshake, Namespace, Server, Socket},
};
use sockeye_testkit::client::Client;

const UPGRADE: &str = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const OPEN: &str = "GET /socket.io/?EIO=4&transport=websocket";

async fn by_query(request: Arc<Handshake>) -> Result<(), Refusal> {
    match request.uri.query().unwrap_or_default().rsplit('&').next().unwrap_or_default() {
        "ticket=1" => Ok(()),
        "panic" => panic!("oops"),
        "error" => Ok(String::from_utf8(vec![0xFF]).map(drop)?),
        "sleep" => std::future::pending().await,
        _ => Err(Refusal::new("buy a \"ticket\" first").code("no-ticket").data(&1)),
    }
}

fn server() -> Server {
    let builder = Server::builder().namespace("/", Namespace::new()).allow_request(by_query);
    builder.connect_timeout(Duration::from_millis(300)).build().unwrap()
}

#[tokio::test]
async fn its_yes_opens_the_door_and_its_no_comes_with_its_text() {
    let server = server();
    let url = serve(&server).await;
    let answer = ask(&url, &format!("{OPEN}&ticket=1"), UPGRADE).await;
    assert_eq!(answer.status, 101);
    let answer = ask(&url, OPEN, UPGRADE).await;
    assert_eq!(answer.brief(), (403, r#"{"code":4,"message":"buy a \"ticket\" first"}"#));
    assert_eq!(answer.header("content-type"), "application/json");
    let line = "GET /socket.io/?EIO=4&transport=polling";
    assert_eq!(ask(&url, &format!("{line}&ticket=1"), "").await.status, 200);
    assert_eq!(ask(&url, line, "").await.brief(), answer.brief());
}

#[tokio::test]
async fn its_panic_or_silence_costs_one_request() {
    let server = server();
    let url = serve(&server).await;
    let failed = (500, r#"{"code":4,"message":"internal error"}"#);
    assert_eq!(ask(&url, &format!("{OPEN}&panic"), UPGRADE).await.brief(), failed);
    assert_eq!(ask(&url, &format!("{OPEN}&sleep"), UPGRADE).await.brief(), failed);
    // A foreign error is not shown.
    let answer = ask(&url, &format!("{OPEN}&error"), UPGRADE).await;
    assert_eq!(answer.brief(), (403, r#"{"code":4,"message":"internal error"}"#));
    assert_eq!(ask(&url, &format!("{OPEN}&ticket=1"), UPGRADE).await.status, 101);
}

#[tokio::test]
async fn it_is_not_asked_what_the_door_refuses_anyway() {
    let (notes, mut read) = Notes::new();
    let ask_notes = move |_| {
        notes.add("asked");
        async { Ok(()) }
    };
    let builder = Server::builder().namespace("/", Namespace::new());
    let url = serve(&builder.allow_request(ask_notes).build().unwrap()).await;
    for (line, headers) in [
        ("GET /socket.io/?EIO=4&transport=pigeon", UPGRADE),
        ("GET /socket.io/?EIO=2&transport=websocket", UPGRADE),
        ("GET /socket.io/?EIO=4&transport=websocket&sid=nobody", UPGRADE),
        ("POST /socket.io/?EIO=4&transport=websocket", ""),
        (OPEN, ""),
        (OPEN, &format!("origin: https://evil.example\r\n{UPGRADE}")),
    ] {
        assert!(ask(&url, line, headers).await.status >= 400, "{line}");
    }
    assert_eq!(read.rest(), Vec::<String>::new());
    assert_eq!(ask(&url, OPEN, UPGRADE).await.status, 101);
    assert_eq!(read.rest(), ["asked"]);
}

#[tokio::test]
async fn it_is_asked_once_for_a_session() {
    let (notes, mut read) = Notes::new();
    let ask_notes = move |_| {
        notes.add("asked");
        async { Ok(()) }
    };
    let builder = Server::builder().namespace("/", Namespace::new());
    let url = serve(&builder.allow_request(ask_notes).build().unwrap()).await;
    let mut session = Polling::join(&url).await;
    assert_eq!(session.post("3").await.status, 200);
    let line = format!("GET /socket.io/?EIO=4&transport=websocket&sid={}", session.sid);
    assert_eq!(ask(&url, &line, UPGRADE).await.status, 101);
    assert_eq!(read.rest(), ["asked"]);
}

#[tokio::test]
async fn a_client_that_gives_up_is_forgotten() {
    struct Dropped(Notes);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.add("dropped");
        }
    }
    let (notes, mut read) = Notes::new();
    let for_ever = move |_| {
        notes.add("asked");
        let dropped = Dropped(notes.clone());
        async move {
            let _dropped = dropped;
            std::future::pending().await
        }
    };
    let builder = Server::builder().namespace("/", Namespace::new());
    let server = builder.allow_request(for_ever).build().unwrap();
    let url = serve(&server).await;
    let mut http = Http::connect(&url).await;
    http.send(OPEN, UPGRADE, b"").await;
    assert_eq!(read.next().await, "asked");
    drop(http);
    assert_eq!(read.next().await, "dropped");
    assert_eq!(server.sessions(), 0);
}

#[tokio::test]
async fn it_sees_what_layers_left_and_sockets_see_it_too() {
    #[derive(Clone)]
    struct User(&'static str);

    let allow = async |request: Arc<Handshake>| match request.extensions.get() {
        Some(User("ada")) => Ok(()),
        _ => Err(Refusal::new("who are you?")),
    };
    let (notes, mut read) = Notes::new();
    let joined =
        async |socket: Socket, sockeye::event::State(notes): sockeye::event::State<Notes>| {
            let User(name) = socket.handshake().unwrap().extensions.get().unwrap();
            notes.add(*name);
        };
    let server = Server::builder()
        .namespace("/", Namespace::new().on_connect(joined))
        .state(notes)
        .keep_handshake(true)
        .allow_request(allow)
        .build()
        .unwrap();
    let app = Router::new().route_service("/socket.io/", server.service());
    let url = serve_app(app.layer(axum::Extension(User("ada")))).await;
    let client = Client::connect(&url, "/", ()).await.unwrap();
    assert_eq!(read.next().await, "ada");
    drop(client);
}

#[tokio::test]
async fn layers_around_the_service_have_their_say_on_every_answer() {
    let server = Server::builder().namespace("/", Namespace::new()).build().unwrap();
    let sign = async |mut response: Response| {
        response.headers_mut().insert("x-signed-by", "ada".parse().unwrap());
        response
    };
    let app = Router::new().route_service("/socket.io/", server.service());
    let url = serve_app(app.layer(map_response(sign))).await;
    let mut session = Polling::join(&url).await;
    let refused = ask(&url, "GET /socket.io/?EIO=4&transport=x", "").await;
    let accepted = ask(&url, OPEN, UPGRADE).await;
    assert_eq!((refused.status, accepted.status), (400, 101));
    for answer in [&session.opening.clone(), &session.post("3").await, &refused, &accepted] {
        assert_eq!(answer.header("x-signed-by"), "ada", "{answer:?}");
    }
}

#[tokio::test]
async fn a_full_server_says_when_to_come_back() {
    let builder = Server::builder().namespace("/", Namespace::new());
    let server = builder.max_sessions(2).build().unwrap();
    let url = serve(&server).await;
    let first = Client::connect(&url, "/", ()).await.unwrap();
    let _second = Client::connect(&url, "/", ()).await.unwrap();
    let answer = ask(&url, OPEN, UPGRADE).await;
    assert_eq!(answer.brief(), (503, r#"{"code":4,"message":"Server is full"}"#));
    assert_eq!(answer.header("retry-after"), "5");
    let polling = ask(&url, "GET /socket.io/?EIO=4&transport=polling", "").await;
    assert_eq!(polling.brief(), answer.brief());
    first.close().await.unwrap();
    until(|| server.sessions() == 1).await;
    let _third = Client::connect(&url, "/", ()).await.unwrap();
}
