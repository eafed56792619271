//! Lost connections: how they end, how long it takes, and what is left when a client is closed.

use std::time::Duration;

use sockeye::{
    client::{CloseReason, ConnectionState, Delays},
    server::Reason,
};

use super::server::{PATIENCE, Running, soon};

#[tokio::test]
async fn a_client_comes_back_and_tells_what_happened() {
    let running = Running::start().await;
    let client = soon(running.client("").connect()).await.unwrap();
    let mut state = client.state();
    assert!(state.borrow_and_update().is_connected());
    let stopped = running.stop().await;
    let because = {
        let lost = |state: &ConnectionState| matches!(state, ConnectionState::Reconnecting { .. });
        let state = soon(state.wait_for(lost)).await.unwrap();
        let ConnectionState::Reconnecting { because, .. } = &*state else { unreachable!() };
        because.clone()
    };
    assert_eq!(because.reason, Reason::TransportClose);
    assert!(because.last_heard.is_some_and(|silence| silence <= because.after));
    let failed = |state: &ConnectionState| {
        matches!(
            state,
            ConnectionState::Reconnecting {
                attempt: 3..,
                next_delay: Some(_),
                last_error: Some(_),
                ..
            }
        )
    };
    soon(state.wait_for(failed)).await.unwrap();
    let _running = stopped.start_again().await;
    soon(state.wait_for(ConnectionState::is_connected)).await.unwrap();
    assert_eq!(client.call::<u8>("echo", (1,)).timeout(PATIENCE).await.unwrap(), 1);
}

#[tokio::test]
async fn attempts_run_out() {
    let running = Running::start().await;
    let delays = Delays { first: Duration::from_millis(5), attempts: Some(3), ..Delays::default() };
    let client = soon(running.client("").reconnect(delays).connect()).await.unwrap();
    let once = soon(running.client("").no_reconnect().connect()).await.unwrap();
    let _stopped = running.stop().await;
    let reason = soon(client.closed()).await;
    assert!(matches!(reason, CloseReason::GaveUp(_)), "{reason}");
    let reason = soon(once.closed()).await;
    assert!(matches!(&reason, CloseReason::Lost(lost) if lost.reason == Reason::TransportClose));
}

#[tokio::test]
async fn closing_ends_reconnecting_and_leaves_nothing() {
    let running = Running::start().await;
    let client = soon(running.client("").connect()).await.unwrap();
    let slow =
        Delays { first: Duration::from_secs(3_600), max: Duration::MAX, ..Delays::default() };
    let sleeper = soon(running.client("").reconnect(slow).connect()).await.unwrap();
    let _stopped = running.stop().await;
    let mut state = sleeper.state();
    soon(state.wait_for(|state| !state.is_connected())).await.unwrap();
    for client in [client, sleeper] {
        assert!(matches!(soon(client.close()).await, CloseReason::Closed));
    }
}

#[tokio::test]
async fn a_dropped_client_is_closed() {
    let running = Running::start().await;
    let client = soon(running.client("").connect()).await.unwrap();
    let mut state = client.state();
    let socket = client.socket().clone();
    drop(client);
    soon(state.wait_for(|state| matches!(state, ConnectionState::Closed { .. }))).await.unwrap();
    assert!(socket.emit("x", ()).is_err());
    drop(running);
}

#[tokio::test]
async fn nobody_has_to_wait_for_the_next_attempt() {
    let running = Running::start().await;
    let slow =
        Delays { first: Duration::from_secs(3_600), max: Duration::MAX, ..Delays::default() };
    let client = soon(running.client("").reconnect(slow).connect()).await.unwrap();
    let stopped = running.stop().await;
    let mut state = client.state();
    let waits = |state: &ConnectionState| {
        matches!(state, ConnectionState::Reconnecting { next_delay: Some(_), .. })
    };
    soon(state.wait_for(waits)).await.unwrap();
    let _running = stopped.start_again().await;
    client.reconnect();
    soon(state.wait_for(ConnectionState::is_connected)).await.unwrap();
}

#[tokio::test]
async fn servers_take_turns() {
    let (one, two) = (Running::start().await, Running::start().await);
    let urls = [two.url.clone(), one.url.clone()];
    let rotate = move |attempt: sockeye::client::Attempt| {
        let url = urls[attempt.number() as usize % 2].clone();
        async move { Ok::<_, std::io::Error>(attempt.url(format!("{url}?from=rotation"))) }
    };
    let client = soon(one.client("").before_attempt(rotate).connect()).await.unwrap();
    client.call::<u8>("keep", (1,)).timeout(PATIENCE).await.unwrap();
    assert_eq!(one.kept().len(), 1);
    let _one = one.stop().await;
    client.call::<u8>("keep", (2,)).timeout(PATIENCE).await.unwrap();
    assert_eq!(two.kept(), [2]);
    let fails = |_| async { Err::<sockeye::client::Attempt, _>("no server today") };
    let error = soon(two.client("").before_attempt(fails).connect()).await.unwrap_err();
    assert!(error.to_string().contains("no server today"), "{error}");
}

#[tokio::test]
async fn a_call_that_ends_while_there_is_no_connection_says_why_there_is_none() {
    let running = Running::start().await;
    let client = soon(running.client("").connect()).await.unwrap();
    let _stopped = running.stop().await;
    let mut state = client.state();
    soon(state.wait_for(|state| !state.is_connected())).await.map(drop).unwrap();
    let error = client.call::<()>("echo", ()).timeout(Duration::from_millis(50)).await.unwrap_err();
    assert!(error.to_string().contains("not sent; there is no connection: "), "{error}");
}
