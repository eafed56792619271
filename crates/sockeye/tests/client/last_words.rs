//! What a server says right before it ends everything is handed out, in order, and then the true reason.

use std::{
    future::ready,
    sync::{Arc, Mutex, OnceLock},
};

use axum::{
    Router,
    extract::RawQuery,
    routing::{MethodRouter, get},
};
use sockeye::{
    client::{Builder, Client, CloseReason, ConnectionState, Left, Reason, Transport},
    event::State,
    server::{Namespace, Server},
    ws::WebSocket,
};
use tokio::{net::TcpListener, sync::Semaphore};

use super::{
    odd_servers::{OPEN_4, expect, say, serve},
    server::soon,
};

type Notes = Arc<Mutex<Vec<String>>>;

/// Clients that take events and that handle them; each tells all that it hears.
async fn check(client: impl Fn() -> Builder, reason: impl Fn(&CloseReason) -> bool, what: &str) {
    let expected = ["first", "last"];
    // One that takes what it wants, once it is connected.
    let taking = client().no_reconnect().events(1).connect();
    let taking = soon(taking).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(taking.last_id().is_some(), "{what}");
    assert!(taking.last_connected().is_some_and(|state| state.is_connected()), "{what}");
    let ended = soon(taking.closed()).await;
    assert!(reason(&ended), "{what}: {ended}");
    let events = taking.events().unwrap();
    for name in expected {
        assert_eq!(soon(events.recv()).await.unwrap().event, name, "{what}");
    }
    assert!(soon(events.recv()).await.is_none(), "{what}");
    assert!(taking.joined().await.is_err(), "it is not joined any more: {what}");

    // One whose handlers wait for others.
    let notes = Notes::default();
    let note = |name: &'static str| {
        async move |State(notes): State<Notes>| {
            tokio::task::yield_now().await;
            notes.lock().unwrap().push(name.to_owned());
        }
    };
    let (done, is_done) = tokio::sync::oneshot::channel();
    let done = Mutex::new(Some(done));
    let gone = move |State(notes): State<Notes>| {
        notes.lock().unwrap().push("gone".to_owned());
        let _ = done.lock().unwrap().take().unwrap().send(());
        ready(())
    };
    let handling = client().no_reconnect().state(Arc::clone(&notes));
    let handling = handling.on_connect(note("connect")).on("first", note("first"));
    let handling = handling.on("last", note("last")).on_disconnect(gone).start().unwrap();
    let ended = soon(handling.closed()).await;
    assert!(reason(&ended), "{what}: {ended}");
    soon(is_done).await.unwrap();
    assert_eq!(*notes.lock().unwrap(), ["connect", "first", "last", "gone"], "{what}");
}

const fn is_put_out(reason: &CloseReason) -> bool {
    matches!(reason, CloseReason::NothingJoined(Left::ServerDisconnect))
}

fn is_lost(reason: &CloseReason, expect: Reason) -> bool {
    matches!(reason, CloseReason::Lost(disconnect) if disconnect.reason == expect)
}

const WORDS: [&str; 3] = [r#"40{"sid":"x"}"#, r#"42["first"]"#, r#"42["last"]"#];

#[tokio::test]
async fn behind_the_yes_on_websocket() {
    type Is = fn(&CloseReason) -> bool;
    let ends: [(&str, Is); 4] = [
        ("41", is_put_out),
        ("1", |reason| is_lost(reason, Reason::TransportClose)),
        ("x", |reason| is_lost(reason, Reason::ParseError)),
        // The stream ends.
        ("", |reason| is_lost(reason, Reason::TransportClose)),
    ];
    for (end, reason) in ends {
        let url = serve(move |mut socket: WebSocket| async move {
            say(&mut socket, &[OPEN_4]).await;
            expect(&mut socket, "40").await;
            say(&mut socket, &WORDS).await;
            if !end.is_empty() {
                say(&mut socket, &[end]).await;
                while let Ok(Some(_)) = socket.recv().await {}
            }
        })
        .await;
        check(|| Client::builder(&url).websocket_only(), reason, end).await;
    }
}

/// A server that answers the second GET with this, once it was asked for `/`; any later POST is too late.
fn on_polling(end: &'static str) -> MethodRouter {
    let asked = Arc::new(Semaphore::new(0));
    let asks = Arc::clone(&asked);
    get(move |query: RawQuery| async move {
        if !query.0.unwrap_or_default().contains("sid=") {
            return OPEN_4.to_owned();
        }
        asked.acquire().await.unwrap().forget();
        [&WORDS[..], &[end]].concat().join("\u{1E}")
    })
    .post(move || async move {
        asks.add_permits(1);
        "ok"
    })
}

#[tokio::test]
async fn behind_the_yes_on_polling() {
    type Is = fn(&CloseReason) -> bool;
    let ends: [(&str, Is); 3] = [
        ("41", is_put_out),
        ("1", |reason| is_lost(reason, Reason::TransportClose)),
        ("x", |reason| is_lost(reason, Reason::ParseError)),
    ];
    for (end, reason) in ends {
        let url = host(Router::new().route("/socket.io/", on_polling(end))).await;
        check(|| Client::builder(&url).transports([Transport::Polling]), reason, end).await;
    }
}

/// A server that ends a session answers no POST any more: that answer may be there before what it said last.
#[tokio::test]
async fn behind_the_no_to_a_post() {
    let (joined, refused) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (asks, refuses) = (Arc::clone(&joined), Arc::clone(&refused));
    let get = get(move |query: RawQuery| async move {
        if !query.0.unwrap_or_default().contains("sid=") {
            return OPEN_4.to_owned();
        }
        if let Ok(permit) = joined.acquire().await {
            permit.forget();
            joined.close(); // once
            return WORDS[0].to_owned();
        }
        refused.acquire().await.unwrap().forget();
        [r#"42["last"]"#, "1"].join("\u{1E}")
    });
    let post = move |body: String| async move {
        if body == "40" {
            asks.add_permits(1);
            return (axum::http::StatusCode::OK, "ok");
        }
        refuses.add_permits(1);
        (axum::http::StatusCode::BAD_REQUEST, r#"{"code":1,"message":"Session ID unknown"}"#)
    };
    let url = host(Router::new().route("/socket.io/", get.post(post))).await;
    let client =
        Client::builder(&url).transports([Transport::Polling]).no_reconnect().events(1).connect();
    let client = soon(client).await.unwrap();
    client.emit("late", ()).unwrap();
    assert_eq!(soon(client.next("last")).await.unwrap().event, "last");
    let ended = soon(client.closed()).await;
    assert!(is_lost(&ended, Reason::TransportClose), "{ended}");
}

async fn host(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

/// Our own server, whose bouncer waits behind the door.
#[tokio::test]
async fn of_our_own_server_by_any_transport() {
    for closes in [false, true] {
        let here = Arc::new(OnceLock::<Server>::new());
        let door = Arc::clone(&here);
        let greet = move || {
            let door = Arc::clone(&door);
            tokio::spawn(async move {
                let door = door.get().unwrap().of("/door");
                while door.local_count() == 0 {
                    tokio::task::yield_now().await;
                }
                door.emit("first", ()).unwrap();
                door.emit("last", ()).unwrap();
                if closes { door.close() } else { door.disconnect() }
            });
            ready(())
        };
        let server = Server::builder()
            .namespace("/", Namespace::new())
            .namespace("/door", Namespace::new().on_connect(greet))
            .build()
            .unwrap();
        let url = host(Router::new().route_service("/socket.io/", server.service())).await;
        here.set(server).unwrap();
        for transports in [
            &[Transport::WebSocket][..],
            &[Transport::Polling],
            &[Transport::Polling, Transport::WebSocket],
        ] {
            let client =
                || Client::builder(format!("{url}/door")).transports(transports.iter().copied());
            check(client, is_put_out, &format!("{transports:?}, closes: {closes}")).await;
        }
    }
}

/// Who is put out each time that he comes in is told of each time.
#[tokio::test]
async fn in_and_out_again_is_in() {
    let url = serve(|mut socket: WebSocket| async move {
        say(&mut socket, &[OPEN_4]).await;
        expect(&mut socket, "40").await;
        say(&mut socket, &WORDS).await;
    })
    .await;
    let client = Client::builder(&url).websocket_only().reconnect(super::server::QUICK).events(1);
    let client = soon(client.connect()).await.unwrap();
    for _ in 0..3 {
        for name in ["first", "last"] {
            assert_eq!(soon(client.events().unwrap().recv()).await.unwrap().event, name);
        }
        soon(client.joined()).await.unwrap();
    }
    assert!(!matches!(&*client.state().borrow(), ConnectionState::Closed { .. }));
}
