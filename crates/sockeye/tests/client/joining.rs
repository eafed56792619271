//! Namespaces: joined together, later, again; left, refused, disconnected.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use serde_json::json;
use sockeye::{
    client::{CloseReason, ConnectError, EmitError, Left, Membership, Namespace, Socket},
    event::{Args, State},
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::server::{PATIENCE, Running, soon};

#[tokio::test]
async fn namespaces_share_one_connection() {
    let running = Running::start().await;
    let builder = running.client("").namespace("/imchat", Namespace::new());
    let client = soon(builder.connect()).await.unwrap();
    let chat = client.of("/imchat").unwrap();
    assert!(chat.is_joined() && client.is_joined());
    assert_ne!(chat.id(), client.id());
    let guarded = client.join("/guarded", Namespace::new().auth(json!({"token": "no"}))).unwrap();
    let refused = soon(guarded.joined()).await.unwrap_err();
    assert!(matches!(refused, Left::Refused { .. }), "{refused}");
    let error = guarded.emit("x", ()).unwrap_err();
    let EmitError::NotJoined { joined, .. } = &error else { panic!("{error}") };
    assert_eq!(joined, &["/", "/imchat"]);
    let guarded =
        client.join("/guarded", Namespace::new().auth(json!({"token": "secret"}))).unwrap();
    soon(guarded.joined()).await.unwrap();
    assert!(client.join("/guarded", Namespace::new()).is_err());
    guarded.leave();
    let mut membership = guarded.membership();
    soon(membership.wait_for(|m| matches!(m, Membership::Left(Left::ClientDisconnect))))
        .await
        .unwrap();
    chat.leave();
    assert_eq!(client.call::<u8>("echo", (1,)).timeout(PATIENCE).await.unwrap(), 1);
    client.leave();
    let reason = soon(client.closed()).await;
    assert!(matches!(reason, CloseReason::NothingJoined(Left::ClientDisconnect)), "{reason}");
}

#[tokio::test]
async fn auth_is_asked_for_each_time() {
    let running = Running::start().await;
    let asked = Arc::new(AtomicU32::new(0));
    let counts = Arc::clone(&asked);
    let auth = move || {
        let number = counts.fetch_add(1, Ordering::Relaxed);
        async move { if number == 1 { Err("no token now") } else { Ok(json!({ "number": number })) } }
    };
    let client = soon(running.client("").auth_with(auth).events(10).connect()).await.unwrap();
    let welcome = soon(client.next("welcome")).await.unwrap();
    assert_eq!(welcome.args.text(), r#"{"number":0}"#);
    client.reconnect();
    // The second answer fails, so it is asked a third time.
    let welcome = soon(client.next("welcome")).await.unwrap();
    assert_eq!(welcome.args.text(), r#"{"number":2}"#);
    soon(client.close()).await;

    let fails = || async { Err::<(), _>("no token at all") };
    let error = soon(running.client("").auth_with(fails).connect()).await.unwrap_err();
    let ConnectError::NotJoined { because: Left::Auth(text), .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(text, "no token at all");
}

#[tokio::test]
async fn a_connect_handler_goes_before_what_waits() {
    type Said = UnboundedSender<String>;
    async fn joined(socket: Socket) {
        let answer: String = socket.call("echo", ("login",)).timeout(PATIENCE).await.unwrap();
        socket.emit("keep", (answer,)).unwrap().written().await.unwrap();
    }
    async fn lost(State(said): State<Said>, because: sockeye::client::Disconnect) {
        said.send(because.reason.to_string()).unwrap();
    }
    let (said, mut hears) = unbounded_channel::<String>();
    let running = Running::start().await;
    let client = running.client("").on_connect(joined).on_disconnect(lost).state(said);
    let client = client.start().unwrap();
    let early = client.emit("keep", ("early",)).unwrap();
    soon(early.written()).await.unwrap();
    client.reconnect();
    let mut membership = client.membership();
    soon(membership.wait_for(|m| matches!(m, sockeye::client::Membership::Joining { .. })))
        .await
        .unwrap();
    let again = client.emit("keep", ("again",)).unwrap();
    soon(again.written()).await.unwrap();
    soon(client.call::<Args<()>>("echo", ()).timeout(PATIENCE)).await.unwrap();
    assert_eq!(running.kept(), ["login", "early", "login", "again"]);
    assert_eq!(soon(hears.recv()).await.unwrap(), "client namespace disconnect");
}

#[tokio::test]
async fn a_server_that_disconnects_decides_unless_told_otherwise() {
    let running = Running::start().await;
    let client = soon(running.client("").connect()).await.unwrap();
    client.emit("disconnect-me", ()).unwrap();
    let reason = soon(client.closed()).await;
    assert!(matches!(reason, CloseReason::NothingJoined(Left::ServerDisconnect)), "{reason}");

    let client = running.client("").rejoin_if(|left| matches!(left, Left::ServerDisconnect));
    let client = soon(client.connect()).await.unwrap();
    let id = client.id();
    client.emit("disconnect-me", ()).unwrap();
    let mut membership = client.membership();
    let again = |m: &Membership| matches!(m, Membership::Joined { id: new, .. } if Some(new) != id.as_ref());
    soon(membership.wait_for(again)).await.unwrap();
    soon(client.close()).await;
}

#[tokio::test]
async fn an_auth_payload_that_never_comes_is_not_waited_for() {
    let running = Running::start().await;
    let never = || std::future::pending::<Result<(), std::io::Error>>();
    let brief = std::time::Duration::from_millis(200);
    let connecting = running.client("").connect_timeout(brief).auth_with(never).connect();
    let error = soon(connecting).await.unwrap_err();
    assert!(error.to_string().contains("no auth payload: not given within 200ms"), "{error}");
}

/// In version 3 the server lets us into `/` unasked, perhaps while the handler of the session before is at work.
#[tokio::test]
async fn connect_handlers_run_one_after_the_other() {
    type Gate = Arc<tokio::sync::Semaphore>;
    async fn joined(State((gate, running, most)): State<(Gate, Arc<AtomicU32>, Arc<AtomicU32>)>) {
        let now = running.fetch_add(1, Ordering::SeqCst) + 1;
        most.fetch_max(now, Ordering::SeqCst);
        gate.acquire().await.unwrap().forget();
        running.fetch_sub(1, Ordering::SeqCst);
    }
    let running = Running::start().await;
    for version in [sockeye::client::Version::V3, sockeye::client::Version::V4] {
        let gate = Gate::new(tokio::sync::Semaphore::new(1));
        let (at_work, most) = <(Arc<AtomicU32>, Arc<AtomicU32>)>::default();
        let state = (Arc::clone(&gate), Arc::clone(&at_work), Arc::clone(&most));
        let builder = running.client("").version(version).state(state).on_connect(joined);
        let client = soon(builder.connect()).await.unwrap();
        client.reconnect();
        // The handler of the second session is at work when the third has its answer, if it gets one.
        let at_most = std::time::Duration::from_millis(300);
        let is_at_work = || at_work.load(Ordering::SeqCst) > 0;
        soon(until(is_at_work)).await;
        let before = running.joins.load(Ordering::SeqCst);
        client.reconnect();
        let has_joined = || running.joins.load(Ordering::SeqCst) > before;
        let _ = tokio::time::timeout(at_most, until(has_joined)).await; // version 4 does not ask
        for _ in 0..2_000 {
            tokio::task::yield_now().await; // the answer's way back, of which nothing tells
        }
        gate.add_permits(10);
        let again = client.call::<u8>("echo", (1,)).timeout(PATIENCE).await.unwrap();
        assert_eq!((again, most.load(Ordering::SeqCst)), (1, 1), "{version:?}");
        soon(client.close()).await;
    }
}

async fn until(is_true: impl Fn() -> bool) {
    while !is_true() {
        tokio::task::yield_now().await;
    }
}
