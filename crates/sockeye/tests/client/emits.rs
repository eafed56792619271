//! What is emitted: written, answered, kept while there is no connection, or failed with a reason.

use std::time::Duration;

use bytes::Bytes;
use sockeye::{
    client::{
        Buffer, CallError, CallErrorKind, Client, ConnectionState, EmitError, ResendReason,
        Retries, SendError, SendState, Transport, WhenFull,
    },
    event::{Args, RawArgs},
    ws::{Message, WebSocket},
};

use super::{
    odd_servers,
    server::{PATIENCE, Running, soon},
};

#[tokio::test]
async fn calls_end_with_their_reason() {
    let running = Running::start().await;
    let client = soon(running.client("").connect()).await.unwrap();
    let error = client.call::<()>("refuse", ()).timeout(PATIENCE).await.unwrap_err();
    assert!(
        matches!(&error.kind, CallErrorKind::Refused(error) if error.code == "busy"),
        "{error}"
    );
    let error = client.call::<u8>("echo", ("text",)).timeout(PATIENCE).await.unwrap_err();
    assert!(matches!(error.kind, CallErrorKind::Type(_)), "{error}");
    let brief = Duration::from_millis(50);
    let error = client.call::<()>("ignore", ()).timeout(brief).await.unwrap_err();
    assert!(matches!(error.kind, CallErrorKind::Timeout { written: true, .. }), "{error}");
    let waiting = client.clone();
    let call =
        tokio::spawn(async move { waiting.call::<()>("ignore", ()).timeout(PATIENCE).await });
    soon(client.call::<Args<()>>("echo", ()).timeout(PATIENCE)).await.unwrap();
    client.reconnect();
    let error = soon(call).await.unwrap().unwrap_err();
    assert!(matches!(error.kind, CallErrorKind::Disconnected { written: true }), "{error}");
    let error = client.emit("connect", ()).unwrap_err();
    assert!(matches!(error, EmitError::ReservedName { .. }), "{error}");
    soon(client.close()).await;
    let error = client.emit("late", ()).unwrap_err();
    assert!(matches!(error, EmitError::NotJoined { .. }), "{error}");
}

/// And one on `/`, which servers let everybody into, where to look next if nothing ever came there.
#[tokio::test]
async fn an_error_names_its_event_and_namespace() {
    let running = Running::start().await;
    let brief = Duration::from_millis(20);
    let retries = Retries { ack_timeout: brief, max_attempts: Some(1), ..Retries::default() };
    for namespace in ["/", "/imchat"] {
        let client = soon(running.client(namespace).retries(retries).connect()).await.unwrap();
        soon(client.call::<Args<()>>("echo", ())).await.unwrap();
        let error = client.call::<()>("ignore", ()).timeout(brief).await.unwrap_err();
        assert_eq!(error.to_string(), format!(r#""ignore" on "{namespace}": no ack after 20ms"#));
        assert_eq!(format!("{error:?}"), error.to_string());
        assert_eq!((error.event(), error.namespace()), ("ignore", namespace));
        let error = client.call::<()>("disconnect", ()).await.unwrap_err();
        assert!(error.to_string().starts_with(r#""disconnect" on "/"#), "{error}");
        let error = soon(client.deliver("ignore", ()).unwrap().acked::<()>()).await.unwrap_err();
        let expect = format!(r#""ignore" on "{namespace}": sent 1 times and never acknowledged"#);
        assert_eq!(error.to_string(), expect);
    }
}

#[tokio::test]
async fn a_call_on_the_root_where_nothing_ever_came_is_sent_to_other_namespaces() {
    #[track_caller]
    fn check(error: &CallError, is_silent: bool) {
        assert_eq!(error.to_string().contains("another namespace"), is_silent, "{error}");
    }
    for (namespace, says, is_silent) in
        [("", None, true), ("", Some(r#"42["news"]"#), false), ("/chat", None, false)]
    {
        let url = odd_servers::serve(move |mut socket: WebSocket| async move {
            odd_servers::say(&mut socket, &[odd_servers::OPEN_4]).await;
            let connect = soon(socket.recv()).await.unwrap().unwrap();
            let Message::Text(connect) = connect else { panic!("{connect:?}") };
            odd_servers::say(&mut socket, &[&format!(r#"{}{{"sid":"x"}}"#, connect.as_str())])
                .await;
            odd_servers::say(&mut socket, says.as_slice()).await;
            while let Ok(Some(_)) = socket.recv().await {}
        })
        .await;
        let builder = Client::builder(format!("{url}{namespace}")).websocket_only().events(1);
        let client = soon(builder.connect()).await.unwrap();
        if says.is_some() {
            soon(client.next("news")).await.unwrap();
        }
        let brief = Duration::from_millis(20);
        let error = client.call::<()>("ask", ()).timeout(brief).await.unwrap_err();
        check(&error, is_silent);
    }
}

#[tokio::test]
async fn a_call_waits_as_long_as_the_builder_says_unless_it_says() {
    let running = Running::start().await;
    let (brief, briefer) = (Duration::from_millis(40), Duration::from_millis(10));
    let client = soon(running.client("").call_timeout(brief).connect()).await.unwrap();
    let error = soon(client.call::<()>("ignore", ())).await.unwrap_err();
    assert!(
        matches!(error.kind, CallErrorKind::Timeout { after, .. } if after == brief),
        "{error}"
    );
    let error = soon(client.call::<()>("ignore", ()).timeout(briefer)).await.unwrap_err();
    assert!(
        matches!(error.kind, CallErrorKind::Timeout { after, .. } if after == briefer),
        "{error}"
    );
    let client = soon(running.client("").call_timeout(Duration::MAX).connect()).await.unwrap();
    let answer: u8 = soon(client.call("echo", (1,))).await.unwrap();
    assert_eq!(answer, 1);
}

#[tokio::test]
async fn what_is_emitted_without_a_connection_goes_out_in_order() {
    let running = Running::start().await;
    let client = soon(running.client("").connect()).await.unwrap();
    client.emit("keep", (0,)).unwrap().written().await.unwrap();
    soon(client.call::<Args<()>>("echo", ()).timeout(PATIENCE)).await.unwrap();
    let stopped = running.stop().await;
    let mut state = client.state();
    soon(state.wait_for(|state| !state.is_connected())).await.unwrap();
    let handles: Vec<_> = (1..500).map(|n| client.emit("keep", (n,)).unwrap()).collect();
    let waits = client.clone();
    let call = tokio::spawn(async move { waits.call::<u8>("echo", (7,)).timeout(PATIENCE).await });
    assert_eq!(handles[0].state(), SendState::Queued);
    assert!(matches!(client.emit_volatile("keep", (-1,)), Err(EmitError::Busy)));
    let running = stopped.start_again().await;
    for handle in handles {
        soon(handle.written()).await.unwrap();
        assert_eq!(handle.state(), SendState::Written);
    }
    assert_eq!(soon(call).await.unwrap().unwrap(), 7);
    let kept: Vec<u64> = running.kept().iter().map(|value| value.as_u64().unwrap()).collect();
    assert_eq!(kept, (0..500).collect::<Vec<_>>());
    assert_eq!(client.unsent(), 0);
}

#[tokio::test]
async fn a_buffer_has_bounds_and_is_cleared() {
    let running = Running::start().await;
    let url = running.url.clone();
    let stopped = running.stop().await;
    let buffer = Buffer { max_events: 3, ..Buffer::default() };
    let builder = |buffer| {
        sockeye::client::Client::builder(&url)
            .retry_first(true)
            .reconnect(super::server::QUICK)
            .buffer(buffer)
            .start()
            .unwrap()
    };
    let client = builder(buffer);
    let handles: Vec<_> = (0..3).map(|n| client.emit("keep", (n,)).unwrap()).collect();
    assert!(matches!(client.emit("keep", (3,)), Err(EmitError::BufferFull { events: 3 })));
    assert_eq!((client.clear(), client.unsent()), (3, 0));
    for handle in handles {
        assert!(matches!(handle.failure(), Some(SendError::Cleared)));
        assert!(matches!(soon(handle.written()).await, Err(SendError::Cleared)));
    }
    let oldest = builder(Buffer { when_full: WhenFull::DropOldest, ..buffer });
    let first = oldest.emit("keep", (0,)).unwrap();
    let others: Vec<_> = (1..4).map(|n| oldest.emit("keep", (n,)).unwrap()).collect();
    assert!(matches!(soon(first.written()).await, Err(SendError::Dropped)));
    let brief = Buffer { max_age: Some(Duration::from_millis(30)), ..buffer };
    let brief = builder(brief);
    let expires = brief.emit("keep", (9,)).unwrap();
    assert!(matches!(soon(expires.written()).await, Err(SendError::Expired { .. })));
    let call = client.call::<()>("echo", ()).timeout(Duration::from_millis(30)).await;
    assert!(
        matches!(call, Err(CallError { kind: CallErrorKind::Timeout { written: false, .. }, .. })),
        "{call:?}"
    );
    assert_eq!(client.unsent(), 0);

    let running = stopped.start_again().await;
    for handle in others {
        soon(handle.written()).await.unwrap();
    }
    soon(oldest.call::<Args<()>>("echo", ()).timeout(PATIENCE)).await.unwrap();
    assert_eq!(running.kept(), [1, 2, 3]);
    for client in [client, oldest, brief] {
        soon(client.close()).await;
    }
}

#[tokio::test]
async fn deliveries_are_sent_until_they_are_acknowledged() {
    let running = Running::start().await;
    let retries = Retries { ack_timeout: Duration::from_millis(40), ..Retries::default() };
    let client = soon(running.client("").retries(retries).connect()).await.unwrap();
    let delivery = client.deliver("keep", (1,)).unwrap();
    assert_eq!(soon(delivery.acked::<u8>()).await.unwrap(), 1);
    assert_eq!(delivery.state(), SendState::Acked);
    let refused = client.deliver("refuse", ()).unwrap();
    let error = soon(refused.acked::<()>()).await.unwrap_err();
    assert!(error.to_string().contains("not today"), "{error}");
    soon(client.close()).await;

    let retries = Retries { max_attempts: Some(3), ..retries };
    let client = soon(running.client("").retries(retries).connect()).await.unwrap();
    let ignored = client.deliver("ignore", ()).unwrap();
    let error = soon(ignored.acked::<()>()).await.unwrap_err();
    assert!(error.to_string().contains("sent 3 times"), "{error}");
    soon(client.close()).await;
}

#[tokio::test]
async fn a_delivery_has_the_arguments_it_was_given_and_an_id_only_if_asked() {
    let running = Running::start().await;
    for send_id in [false, true] {
        let retries =
            if send_id { Retries { send_id, ..Retries::default() } } else { Retries::default() };
        let client = soon(running.client("").retries(retries).connect()).await.unwrap();
        let delivery = client.deliver("echo", ("text",)).unwrap();
        let args: Args<(String, Option<String>)> = soon(delivery.acked()).await.unwrap();
        assert_eq!(args.0, ("text".to_owned(), send_id.then(|| delivery.id().to_owned())));
    }
}

#[tokio::test]
async fn a_delivery_that_is_sent_again_is_told_with_how_often_and_why() {
    let running = Running::start().await;
    let start = async |ack_timeout| {
        let (sender, resent) = tokio::sync::mpsc::unbounded_channel();
        let builder = running
            .client("/imchat")
            .retries(Retries { ack_timeout, ..Retries::default() })
            .on_resend(move |resent| sender.send(resent.clone()).unwrap());
        (soon(builder.connect()).await.unwrap(), resent)
    };

    let brief = Duration::from_millis(30);
    let (client, mut resent) = start(brief).await;
    soon(client.deliver("keep", (1,)).unwrap().acked::<u8>()).await.unwrap();
    let ignored = client.deliver("ignore", ()).unwrap();
    for attempts in 2..5 {
        let resent = soon(resent.recv()).await.unwrap();
        assert_eq!((&*resent.namespace, &*resent.event), ("/imchat", "ignore"));
        assert_eq!((&*resent.id, resent.attempts), (ignored.id(), attempts));
        assert_eq!(resent.because, ResendReason::NoAck { after: brief });
    }

    let (client, mut resent) = start(PATIENCE).await;
    let ignored = client.deliver("ignore", ()).unwrap();
    soon(async {
        while ignored.state() != SendState::Written {
            tokio::task::yield_now().await;
        }
    })
    .await;
    client.reconnect();
    let resent = soon(resent.recv()).await.unwrap();
    assert_eq!((resent.attempts, resent.because), (2, ResendReason::Disconnected));
}

#[tokio::test]
async fn deliveries_survive_the_server() {
    let mut running = Running::start().await;
    let client = soon(running.client("").connect()).await.unwrap();
    let mut deliveries = Vec::new();
    for round in 0..5 {
        for number in 0..100 {
            deliveries.push(client.deliver("keep", (round * 100 + number,)).unwrap());
        }
        let stopped = running.stop().await;
        deliveries.push(client.deliver("keep", (round + 1_000,)).unwrap());
        running = stopped.start_again().await;
    }
    for delivery in &deliveries {
        soon(delivery.acked::<u64>()).await.unwrap();
    }
    // What was sent twice came again behind what came first.
    let mut seen = std::collections::HashSet::new();
    let mut kept = running.kept();
    kept.retain(|value| seen.insert(value.as_u64()));
    let mut expect = Vec::new();
    for round in 0..5 {
        expect.extend(round * 100..(round + 1) * 100);
        expect.push(round + 1_000);
    }
    assert_eq!(kept, expect);
}

#[tokio::test]
async fn closing_sends_what_the_connection_has_and_fails_the_rest() {
    for upgrade in [true, false] {
        let running = Running::start().await;
        let client = soon(running.client("").upgrade(upgrade).connect()).await.unwrap();
        let handles: Vec<_> = (0..100).map(|n| client.emit("keep", (n,)).unwrap()).collect();
        soon(client.close()).await;
        let written = handles.iter().filter(|handle| handle.state() == SendState::Written).count();
        for handle in &handles[written..] {
            assert_eq!(handle.state(), SendState::Failed);
            assert!(
                matches!(soon(handle.written()).await, Err(error) if !error.may_have_arrived())
            );
        }
        soon(async {
            while running.kept().len() < written {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(running.kept(), (0..written).collect::<Vec<_>>());
        assert!(written > 0);
    }
}

#[tokio::test]
async fn reconnecting_neither_loses_nor_doubles() {
    let running = Running::start().await;
    let client = soon(running.client("").connect()).await.unwrap();
    let mut handles = Vec::new();
    for round in 0..20 {
        for number in 0..50 {
            handles.push(client.emit("keep", (round * 50 + number,)).unwrap());
        }
        client.reconnect();
        tokio::task::yield_now().await;
    }
    for handle in handles {
        soon(handle.written()).await.unwrap();
    }
    soon(client.call::<Args<()>>("echo", ()).timeout(PATIENCE)).await.unwrap();
    assert_eq!(running.kept(), (0..1_000).collect::<Vec<_>>());
}

/// In base64 it is a third longer, and a body has more than one message.
#[tokio::test]
async fn what_is_too_large_is_told_by_what_goes_over_the_wire() {
    let running = Running::start_with(|server| server.max_payload_bytes(1_000)).await;
    let builder = running.client("").transports([Transport::Polling]).upgrade(false);
    let client = soon(builder.connect()).await.unwrap();
    let id = client.id();
    let mut refused = 0;
    for bytes in (600..1_010).step_by(7) {
        let data = Bytes::from(vec![7_u8; bytes]);
        match soon(client.call::<RawArgs>("echo", (data,)).timeout(PATIENCE)).await {
            Ok(_) => {}
            Err(CallError {
                kind: CallErrorKind::Emit(EmitError::TooLarge { bytes: found, max_bytes: 1_000 }),
                ..
            }) => {
                assert!(found > 1_000 && found < bytes * 4 / 3 + 60, "{found} of {bytes}");
                refused += 1;
            }
            Err(error) => panic!("{bytes}: {error}"),
        }
    }
    assert!(refused > 30, "{refused}");
    assert_eq!(client.id(), id, "the session lives on");
    soon(client.close()).await;
}

/// Until the WebSocket is there, it would be too large.
#[tokio::test]
async fn what_fits_only_a_websocket_waits_for_it_and_keeps_its_place() {
    let running = Running::start_with(|server| server.max_payload_bytes(1_000)).await;
    for _ in 0..20 {
        let builder = running.client("").transports([Transport::Polling]).events(100);
        let client = soon(builder.connect()).await.unwrap();
        let id = client.id();
        let sizes = [10, 900, 20, 800];
        for size in sizes {
            client.emit("say", (size, Bytes::from(vec![7; size]))).unwrap();
            client.emit("say", (size, ())).unwrap();
        }
        for size in sizes {
            let said = soon(client.next("said")).await.unwrap();
            assert_eq!(said.args.parse::<(usize, Bytes)>().unwrap(), (size, vec![7; size].into()));
            let said = soon(client.next("said")).await.unwrap();
            assert_eq!(said.args.parse::<(usize, ())>().unwrap(), (size, ()));
        }
        assert_eq!(client.id(), id, "by the same session");
        soon(client.close()).await;
    }
}

#[tokio::test]
async fn the_state_tells_when_the_connection_moves_to_a_websocket() {
    let running = Running::start().await;
    let client = soon(running.client("").connect()).await.unwrap();
    let moved = |state: &ConnectionState| {
        matches!(state, ConnectionState::Connected { transport: Transport::WebSocket, .. })
    };
    soon(client.state().wait_for(moved)).await.unwrap();
    soon(client.close()).await;
}
