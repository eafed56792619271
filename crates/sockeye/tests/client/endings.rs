//! Whatever happens, a client comes to an end that all hear of who wait.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use sockeye::{
    client::{
        Attempt, Buffer, BuildError, Builder, CallError, CallErrorKind, Client, CloseReason,
        ConnectError, ConnectionState, Delays, Dialer, EmitError, Retries, Transport,
    },
    ws,
};

use super::server::{PATIENCE, Running, Warnings, soon};

#[tokio::test]
async fn times_that_no_deadline_holds_are_refused() {
    #[track_caller]
    fn check(change: impl FnOnce(Builder) -> Builder, expect: &str) {
        let error = change(Client::builder("http://h")).start().unwrap_err();
        assert!(matches!(error, BuildError::Time(_)), "{error}");
        assert!(error.to_string().starts_with(expect), "{error}");
    }
    let (max, zero) = (Duration::MAX, Duration::ZERO);
    for time in [max, zero] {
        check(|client| client.connect_timeout(time), "connect_timeout is");
        check(|client| client.write_timeout(time), "write_timeout is");
        let retries = Retries { ack_timeout: time, ..Retries::default() };
        check(|client| client.retries(retries), "retries ack_timeout is");
        let dialer = Dialer::builder("http://h").timeout(time).build();
        assert!(matches!(dialer, Err(BuildError::Time(_))));
    }
}

#[tokio::test]
async fn without_end_is_a_time_like_others() {
    let running = Running::start().await;
    let (delays, max) = (Delays::default(), Duration::MAX);
    let buffer = Buffer { max_age: Some(max), ..Buffer::default() };
    let client = running.client("").reconnect(Delays { first: max, max, ..delays }).buffer(buffer);
    let client = soon(client.connect()).await.unwrap();
    let call = client.call::<u8>("echo", (1,)).timeout(max);
    assert_eq!(soon(call).await.unwrap(), 1);
    let stopped = running.stop().await;
    let waits = |state: &ConnectionState| {
        matches!(state, ConnectionState::Reconnecting { next_delay: Some(_), .. })
    };
    soon(client.state().wait_for(waits)).await.unwrap();
    let sent = client.emit("keep", (2,)).unwrap();
    let running = stopped.start_again().await;
    client.reconnect();
    soon(sent.written()).await.unwrap();
    soon(client.close()).await;
    drop(running);
}

/// What has no `build` takes the longest time there is for them.
#[tokio::test]
async fn a_raw_websocket_takes_any_time() {
    let options = ws::Options::default().keep_alive(Duration::MAX).close_timeout(Duration::MAX);
    let (near, far) = tokio::io::duplex(1_000);
    let server = ws::WebSocket::from_stream(near, ws::Role::Server, &options).unwrap();
    let mut client = ws::WebSocket::from_stream(far, ws::Role::Client, &options).unwrap();
    let (mut server, said) = (server, client.send("hello"));
    let (said, heard) = tokio::join!(said, server.recv());
    said.unwrap();
    assert_eq!(heard.unwrap(), Some(ws::Message::from("hello")));
}

#[tokio::test]
async fn a_query_that_no_url_holds_is_refused() {
    let running = Running::start().await;
    for client in [running.client(""), running.client("").websocket_only()] {
        let error = soon(client.query("q", "x".repeat(70_000)).connect()).await.unwrap_err();
        assert!(error.to_string().contains("shorten the query"), "{error}");
    }
}

#[tokio::test]
async fn what_panics_for_the_application_costs_no_more_than_it_must() {
    fn boom<T>() -> T {
        panic!("boom")
    }
    let running = Running::start().await;

    async fn late(_: Attempt) -> Result<Attempt, std::io::Error> {
        boom()
    }
    let early = |_| -> std::future::Ready<Result<Attempt, std::io::Error>> { boom() };
    for client in
        [running.client("").before_attempt(late), running.client("").before_attempt(early)]
    {
        let error = soon(client.connect()).await.unwrap_err();
        assert!(matches!(error, ConnectError::Open(_)), "{error}");
        assert!(error.to_string().contains("boom"), "{error}");
    }

    let client = soon(running.client("").watch(|_| boom()).connect()).await.unwrap();
    assert_eq!(client.call::<u8>("echo", (1,)).timeout(PATIENCE).await.unwrap(), 1);
    assert!(matches!(soon(client.close()).await, CloseReason::Closed));

    let client = running.client("/guarded").rejoin_if(|_| boom());
    let error = soon(client.connect()).await.unwrap_err();
    assert!(matches!(error, ConnectError::NotJoined { .. }), "{error}");
}

/// It never comes to an end, and panics where nobody can catch that in its stead: when it is dropped.
struct Bomb;

impl Future for Bomb {
    type Output = Result<u8, std::io::Error>;

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Pending
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("boom");
    }
}

#[tokio::test]
async fn a_panic_that_nobody_catches_closes_the_client_for_all_who_wait() {
    let running = Running::start().await;
    let builder = running.client("").auth_with(|| Bomb);
    let client = builder.connect_timeout(Duration::from_millis(50)).start().unwrap();
    let delivery = client.deliver("ignore", ()).unwrap();
    let call = client.call::<()>("ignore", ()).timeout(PATIENCE);
    let (call, reason) = soon(async { tokio::join!(call, client.closed()) }).await;
    assert!(matches!(reason, CloseReason::Panicked(text) if text == "boom"));
    assert!(matches!(call, Err(CallError { kind: CallErrorKind::Send(_), .. })), "{call:?}");
    assert!(soon(delivery.acked::<()>()).await.is_err());
    assert!(matches!(client.emit("late", ()), Err(EmitError::NotJoined { .. })));
    assert!(matches!(soon(client.close()).await, CloseReason::Panicked(_)));
}

#[test]
fn the_end_of_the_runtime_closes_its_clients() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (client, delivery) = runtime.block_on(async {
        let running = Running::start().await;
        let client = soon(running.client("").connect()).await.unwrap();
        let delivery = client.deliver("ignore", ()).unwrap();
        (client, delivery)
    });
    drop(runtime);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        soon(client.closed()).await;
        assert!(soon(delivery.acked::<()>()).await.is_err());
    });
}

/// As at the end of a `main`: nobody is left who asks what became of an event.
#[test]
fn what_is_lost_with_its_client_is_told_by_the_log() {
    #[track_caller]
    fn check(warnings: &[String], fields: Option<&str>) {
        let told =
            warnings.iter().filter(|text| text.contains("events are lost")).collect::<Vec<_>>();
        match (fields, &told[..]) {
            (None, []) => {}
            (Some(fields), [told]) => {
                let is_told = told.contains(fields) && told.contains("client.close().await");
                assert!(is_told && told.starts_with("sockeye::packet"), "{told}");
            }
            _ => panic!("{told:?}"),
        }
    }
    /// Runs it, and ends the runtime.
    fn run(main: impl Future<Output = ()>) -> Vec<String> {
        let builder = || tokio::runtime::Builder::new_current_thread();
        Warnings::of(|| builder().enable_all().build().unwrap().block_on(main))
    }
    // Before it has connected.
    let early = run(async {
        let running = Running::start().await;
        let client = running.client("/imchat").start().unwrap();
        client.emit("keep", (1,)).unwrap();
        client.emit("keep", (2,)).unwrap();
    });
    check(&early, Some(r#"namespace="/imchat" unsent=2 unread=0 unacknowledged=0"#));
    // By HTTP, which takes its time.
    let late = run(async {
        let running = Running::start().await;
        let client = running.client("").transports([Transport::Polling]).upgrade(false);
        let client = soon(client.connect()).await.unwrap();
        client.emit("keep", (1,)).unwrap();
    });
    check(&late, Some(r#"namespace="/" unsent=1 unread=0 unacknowledged=0"#));
    // The server's kernel throws away what it has not read when this side is cut.
    let cut = run(async {
        let running = Running::start().await;
        let client = soon(running.client("").connect()).await.unwrap();
        let first = client.emit("keep", (1,)).unwrap();
        let second = client.emit("keep", (2,)).unwrap();
        soon(first.written()).await.unwrap();
        soon(second.written()).await.unwrap();
    });
    check(&cut, Some(r#"namespace="/" unsent=0 unread=2 unacknowledged=0"#));
    let delivered = run(async {
        let running = Running::start().await;
        let client = soon(running.client("").connect()).await.unwrap();
        client.deliver("ignore", ()).unwrap();
        soon(client.call::<u8>("echo", (1,))).await.unwrap();
    });
    check(&delivered, Some(r#"namespace="/" unsent=0 unread=0 unacknowledged=1"#));
    let refused = run(async {
        let running = Running::start().await;
        let client = running.client("/nowhere").start().unwrap();
        client.emit("keep", (1,)).unwrap();
        soon(client.closed()).await;
    });
    check(
        &refused,
        Some(
            r#"namespace="/nowhere" unsent=1 unread=0 unacknowledged=0 because=the server refused"#,
        ),
    );
    let kept = run(async {
        let running = Running::start().await;
        let client = soon(running.client("").connect()).await.unwrap();
        client.emit("keep", (1,)).unwrap();
        soon(client.close()).await;
    });
    check(&kept, None);
    let left = run(async {
        let running = Running::start().await;
        let client = soon(running.client("").connect()).await.unwrap();
        client.deliver("ignore", ()).unwrap();
        client.leave();
        soon(client.closed()).await;
    });
    check(&left, None);
}
