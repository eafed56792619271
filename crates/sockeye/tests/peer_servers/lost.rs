//! Connections that are lost, and made again: by servers, by networks, by ourselves.

use std::{fs, time::Duration};

use sockeye::{
    client::{
        Attempt, Buffer, CallError, CallErrorKind, CloseReason, ConnectError, ConnectionState,
        Delays, EmitError, Membership, Reason,
    },
    event::Args,
};
use sockeye_testkit::{
    host_peer::Host,
    proxy::{Mode, Proxy},
};
use tokio::time::{Instant, timeout};

use super::ground::{Ground, PATIENCE, QUICK, call, next, rejoined, soon, until};

const fn is_reconnecting(state: &ConnectionState) -> bool {
    matches!(state, ConnectionState::Reconnecting { .. })
}

pub(crate) async fn closed_by_the_server(ground: Ground) {
    let client = ground.connect("/imchat").await;
    let id = client.id();
    client.emit("close-me", ()).unwrap();
    rejoined(&client, id).await;
    assert_eq!(call::<u8>(&client, "echo", (1,)).await, 1);
    soon(client.close()).await;
}

pub(crate) async fn reconnected_by_us(ground: Ground) {
    let client = ground.connect("").await;
    for number in 0..3 {
        let id = client.id();
        client.reconnect();
        rejoined(&client, id).await;
        assert_eq!(call::<u8>(&client, "echo", (number,)).await, number);
    }
    soon(client.close()).await;
}

pub(crate) async fn killed_and_started_again(ground: Ground) {
    let mut server = ground.launch(&[]);
    let client = soon(ground.client_of(&server.url, "/imchat").connect()).await.unwrap();
    ground.arrived(&client).await;
    server.kill();
    until(&client, is_reconnecting).await;
    let handles: Vec<_> = (0..200).map(|number| client.emit("say", (number,)).unwrap()).collect();
    server.start_again();
    until(&client, ConnectionState::is_connected).await;
    for number in 0..200 {
        assert_eq!(next(&client, "said").await, number.to_string());
    }
    for handle in handles {
        soon(handle.written()).await.unwrap();
    }
    soon(client.close()).await;
}

pub(crate) async fn a_first_connection_that_waits(ground: Ground) {
    let mut server = ground.launch(&[]);
    server.kill();
    let refused = soon(ground.client_of(&server.url, "").connect()).await.unwrap_err();
    let ConnectError::Open(error) = &refused else { panic!("{refused}") };
    assert!(error.to_string().contains("refused"), "{error}");
    let client = ground.client_of(&server.url, "").retry_first(true).start().unwrap();
    let early = client.emit("say", ("early",)).unwrap();
    until(&client, |state| matches!(state, ConnectionState::Connecting { attempt: 3.., .. })).await;
    server.start_again();
    soon(client.joined()).await.unwrap();
    soon(early.written()).await.unwrap();
    assert_eq!(next(&client, "said").await, r#""early""#);
    soon(client.close()).await;
}

pub(crate) async fn for_good(ground: Ground) {
    let mut server = ground.launch(&[]);
    let delays = Delays { first: Duration::from_millis(5), attempts: Some(3), ..QUICK };
    let tries = ground.client_of(&server.url, "").reconnect(delays);
    let tries = soon(tries.connect()).await.unwrap();
    let once = soon(ground.client_of(&server.url, "").no_reconnect().connect()).await.unwrap();
    let patient = soon(ground.client_of(&server.url, "").connect()).await.unwrap();
    server.kill();
    let reason = soon(tries.closed()).await;
    assert!(matches!(reason, CloseReason::GaveUp(_)), "{reason}");
    let reason = soon(once.closed()).await;
    assert!(matches!(reason, CloseReason::Lost(_)), "{reason}");
    until(&patient, is_reconnecting).await;
    let waits = patient.emit("say", ("never",)).unwrap();
    assert!(matches!(soon(patient.close()).await, CloseReason::Closed));
    assert!(!soon(waits.written()).await.unwrap_err().may_have_arrived());
}

pub(crate) async fn what_waits_has_bounds(ground: Ground) {
    let mut server = ground.launch(&[]);
    let buffer = Buffer { max_events: 3, ..Buffer::default() };
    let client = ground.client_of(&server.url, "/imchat").buffer(buffer);
    let client = soon(client.connect()).await.unwrap();
    server.kill();
    until(&client, is_reconnecting).await;
    for number in 0..3 {
        client.emit("say", (number,)).unwrap();
    }
    let refused = client.emit("say", (3,));
    assert!(matches!(refused, Err(EmitError::BufferFull { events: 3 })), "{refused:?}");
    let call = client.call::<()>("echo", ()).timeout(Duration::from_millis(10)).await;
    assert!(
        matches!(
            call,
            Err(CallError { kind: CallErrorKind::Emit(EmitError::BufferFull { .. }), .. })
        ),
        "{call:?}"
    );
    server.start_again();
    for number in 0..3 {
        assert_eq!(next(&client, "said").await, number.to_string());
    }
    soon(client.close()).await;
}

pub(crate) async fn cut_on_the_way(ground: Ground) {
    let proxy = Proxy::start(&ground.url(&[]));
    let client = soon(ground.client_of(&proxy.url(), "/imchat").connect()).await.unwrap();
    ground.arrived(&client).await;
    let calling = client.clone();
    let call = async move { calling.call::<()>("ignore", ()).timeout(PATIENCE).await };
    let call = tokio::spawn(call);
    call_until_written(&client).await;
    let id = client.id();
    // On polling a cut may hit nothing, between two requests.
    let mut pause = tokio::time::interval(Duration::from_millis(20));
    loop {
        pause.tick().await;
        // Right before the cut, which would hit the next connection.
        if call.is_finished() {
            break;
        }
        proxy.cut();
    }
    let error = soon(call).await.unwrap().unwrap_err();
    assert!(matches!(error.kind, CallErrorKind::Disconnected { written: true }), "{error}");
    rejoined(&client, id).await;
    assert_eq!(super::ground::call::<u8>(&client, "echo", (1,)).await, 1);
    soon(client.close()).await;
}

/// What was sent before is written when this is answered.
async fn call_until_written(client: &sockeye::client::Client) {
    while client.unsent() > 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..2 {
        call::<Args<()>>(client, "echo", ()).await;
    }
}

pub(crate) async fn slow_on_the_way(ground: Ground) {
    let proxy = Proxy::start(&ground.url(&[]));
    proxy.set(Mode::Delay(Duration::from_millis(100)));
    let client = soon(ground.client_of(&proxy.url(), "/imchat").connect()).await.unwrap();
    for number in 0..100 {
        client.emit("say", (number,)).unwrap();
    }
    let start = Instant::now();
    assert_eq!(call::<u8>(&client, "echo", (1,)).await, 1);
    assert!(start.elapsed() >= Duration::from_millis(200));
    for number in 0..100 {
        assert_eq!(next(&client, "said").await, number.to_string());
    }
    ground.arrived(&client).await;
    soon(client.close()).await;
}

pub(crate) async fn refused_on_the_way(ground: Ground) {
    let proxy = Proxy::start(&ground.url(&[]));
    proxy.set(Mode::Refuse);
    let client = ground.client_of(&proxy.url(), "").retry_first(true).start().unwrap();
    soon(proxy.accepted(4)).await;
    proxy.set(Mode::Pass);
    soon(client.joined()).await.unwrap();
    assert_eq!(call::<u8>(&client, "echo", (1,)).await, 1);
    soon(client.close()).await;
}

/// Its heartbeat in milliseconds, such as `["--ping-interval", "300", …]`, and how long both times are together.
fn heartbeat(host: Host) -> ([&'static str; 4], Duration) {
    let (time, both) = match host {
        // They announce whole seconds.
        Host::PythonAsyncio | Host::PythonThreads => ("1000", Duration::from_secs(2)),
        _ => ("300", Duration::from_millis(600)),
    };
    (["--ping-interval", time, "--ping-timeout", time], both)
}

pub(crate) async fn idle_but_alive(ground: Ground) {
    let (flags, both) = heartbeat(ground.host);
    let client = ground.client_of(&ground.url(&flags), "/imchat");
    let client = soon(client.connect()).await.unwrap();
    ground.arrived(&client).await;
    let id = client.id();
    assert!(timeout(both * 3 / 2, client.closed()).await.is_err());
    assert_eq!(call::<u8>(&client, "echo", (1,)).await, 1);
    assert_eq!(client.id(), id);
    soon(client.close()).await;
}

pub(crate) async fn silent_and_dead(ground: Ground) {
    let (flags, both) = heartbeat(ground.host);
    let proxy = Proxy::start(&ground.url(&flags));
    let client = soon(ground.client_of(&proxy.url(), "").connect()).await.unwrap();
    ground.arrived(&client).await;
    proxy.set(Mode::BlackHole);
    let start = Instant::now();
    let mut state = client.state();
    let lost = soon(state.wait_for(is_reconnecting)).await.unwrap().clone();
    let took = start.elapsed();
    let ConnectionState::Reconnecting { because, .. } = lost else { unreachable!() };
    assert_eq!(because.reason, Reason::PingTimeout, "{because}");
    assert!(took < both + Duration::from_millis(1_500), "{took:?}");
    assert!(because.last_heard.is_some_and(|silence| silence <= both * 2), "{because}");
    proxy.set(Mode::Pass);
    // What was under way in the hole stays there until its time is over.
    assert!(matches!(soon(client.close()).await, CloseReason::Closed));
}

pub(crate) async fn another_server_takes_over(ground: Ground) {
    let mut first = ground.launch(&[]);
    let second = ground.url(&[]);
    let urls = [first.url.clone(), second];
    let rotate = move |attempt: Attempt| {
        let url = urls[(attempt.number() as usize + 1) % urls.len()].clone();
        async move { Ok::<_, std::io::Error>(attempt.url(url)) }
    };
    let builder = ground.client_of(&first.url, "/imchat").before_attempt(rotate);
    let client = soon(builder.connect()).await.unwrap();
    let id = client.id();
    first.kill();
    rejoined(&client, id).await;
    assert_eq!(call::<u8>(&client, "echo", (1,)).await, 1);
    let joined = client.membership().borrow().clone();
    assert!(matches!(joined, Membership::Joined { recovered: false, .. }), "{joined:?}");
    soon(client.close()).await;
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

pub(crate) async fn nothing_is_kept_of_failures(ground: Ground) {
    let url = ground.url(&[]);
    let mut dead = ground.launch(&[]);
    dead.kill();
    let before = descriptors();
    for _ in 0..10 {
        soon(ground.client_of(&dead.url, "").connect()).await.unwrap_err();
        soon(ground.client_of(&url, "/nowhere").connect()).await.unwrap_err();
    }
    // Other scenes' connections may end meanwhile, but ours have ended already.
    assert!(descriptors() <= before, "{} after {before}", descriptors());
}
