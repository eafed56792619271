//! Deadlines that are set from elsewhere than the task that has to keep them.

use std::time::Duration;

use sockeye::{
    client::{Buffer, CallErrorKind, Client, ConnectionState, Delays, Retries, SendError},
    event::State,
    ws::WebSocket,
};
use tokio::{net::TcpListener, sync::mpsc};

use super::{
    odd_servers::{OPEN_4, expect, say, serve},
    server::soon,
};

const BRIEF: Duration = Duration::from_millis(50);

/// What a handler came to.
type Log = mpsc::UnboundedSender<String>;

/// A server that reads, and says nothing but each text it reads to `heard`.
async fn silent(heard: mpsc::UnboundedSender<String>) -> String {
    serve(move |mut socket: WebSocket| {
        let heard = heard.clone();
        async move {
            say(&mut socket, &[OPEN_4]).await;
            expect(&mut socket, "40").await;
            say(&mut socket, &[r#"40{"sid":"x"}"#]).await;
            while let Ok(Some(message)) = socket.recv().await {
                let _ = heard.send(format!("{message:?}"));
            }
        }
    })
    .await
}

/// A server that sends one event.
async fn once() -> String {
    serve(|mut socket: WebSocket| async move {
        say(&mut socket, &[OPEN_4]).await;
        expect(&mut socket, "40").await;
        say(&mut socket, &[r#"40{"sid":"x"}"#, r#"42["go"]"#]).await;
        while let Ok(Some(_)) = socket.recv().await {}
    })
    .await
}

// Of both servers the heartbeat is longer than any test waits, so that nothing else wakes their clients.

#[tokio::test]
async fn a_call_from_a_handler_of_another_session_ends_in_time() {
    async fn go(State(other): State<Client>, State(log): State<Log>) {
        let error = other.call::<()>("ask", ()).timeout(BRIEF).await.unwrap_err();
        assert!(matches!(error.kind, CallErrorKind::Timeout { written: true, .. }), "{error}");
        log.send(error.to_string()).unwrap();
    }
    let (heard, _hears) = mpsc::unbounded_channel();
    let builder = Client::builder(silent(heard).await).websocket_only();
    let other = soon(builder.connect()).await.unwrap();
    let (log, mut logged) = mpsc::unbounded_channel::<String>();
    let builder = Client::builder(once().await).websocket_only().state(other).state::<Log>(log);
    let client = soon(builder.on("go", go).connect()).await.unwrap();
    soon(logged.recv()).await.unwrap();
    soon(client.close()).await;
}

#[tokio::test]
async fn a_delivery_from_a_handler_of_another_session_is_sent_again_in_time() {
    async fn go(State(other): State<Client>) {
        other.deliver("take", ()).unwrap();
    }
    let (heard, mut hears) = mpsc::unbounded_channel();
    let retries = Retries { ack_timeout: BRIEF, ..Retries::default() };
    let builder = Client::builder(silent(heard).await).websocket_only().retries(retries);
    let other = soon(builder.connect()).await.unwrap();
    let builder = Client::builder(once().await).websocket_only().state(other.clone());
    let client = soon(builder.on("go", go).connect()).await.unwrap();
    for _ in 0..3 {
        assert!(soon(hears.recv()).await.unwrap().contains("take"));
    }
    for client in [client, other] {
        soon(client.close()).await;
    }
}

#[tokio::test]
async fn an_event_that_waits_for_a_connection_expires_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let hour = Duration::from_secs(3_600);
    let builder = Client::builder(url)
        .retry_first(true)
        .reconnect(Delays { first: hour, max: hour, ..Delays::default() })
        .buffer(Buffer { max_age: Some(BRIEF), ..Buffer::default() });
    let client = builder.start().unwrap();
    let rests = |state: &ConnectionState| {
        matches!(state, ConnectionState::Connecting { next_delay: Some(_), .. })
    };
    soon(client.state().wait_for(rests)).await.unwrap();
    for _ in 0..2 {
        let sent = client.emit("late", ()).unwrap();
        assert!(matches!(soon(sent.written()).await, Err(SendError::Expired { .. })));
    }
    let delivery = client.deliver("late", ()).unwrap();
    let error = soon(delivery.acked::<()>()).await.unwrap_err();
    assert!(error.to_string().contains("waited"), "{error}");
    soon(client.close()).await;
}
