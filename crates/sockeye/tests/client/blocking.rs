//! The client for threads: the same, driven in the background.

use std::{sync::mpsc, thread, time::Duration};

use sockeye::{
    client::{CloseReason, ConnectionState, SendState},
    event::{Ack, Args, State, on_thread},
};

use super::server::{PATIENCE, Running};

/// A server on a runtime of its own thread.
fn with_server(test: impl FnOnce(&Running)) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
    let running = runtime.block_on(Running::start_with(|server| {
        server.ping_interval(Duration::from_millis(50)).ping_timeout(Duration::from_millis(500))
    }));
    test(&running);
}

#[test]
fn calls_wait_and_pings_are_answered_between_them() {
    with_server(|running| {
        let client = running.client("/imchat").connect_blocking().unwrap();
        let answer: u8 = client.call("echo", (1,)).wait().unwrap();
        assert_eq!(answer, 1);
        let id = client.id();
        thread::sleep(Duration::from_millis(900)); // longer than the server waits for a pong
        assert_eq!(client.call::<u8>("echo", (2,)).timeout(PATIENCE).unwrap(), 2);
        assert_eq!(client.id(), id, "it was the same connection");
        let handle = client.emit("keep", (3,)).unwrap();
        client.wait(handle.written()).unwrap();
        assert_eq!(handle.state(), SendState::Written);
        assert!(matches!(client.close(), CloseReason::Closed));
        assert!(running.client("/nowhere").connect_blocking().is_err());
    });
}

#[test]
fn events_are_taken_and_handlers_may_block() {
    fn question(
        State(said): State<mpsc::Sender<String>>,
        Args((text,)): Args<(String,)>,
    ) -> Ack<usize> {
        thread::sleep(Duration::from_millis(20));
        said.send(text.clone()).unwrap();
        Ack(text.len())
    }
    with_server(|running| {
        let (said, hears) = mpsc::channel::<String>();
        let builder = running.client("").state(said).on("question", on_thread(question)).events(10);
        let client = builder.connect_blocking().unwrap();
        let other = client.clone();
        let asks = thread::spawn(move || other.emit("ask", ("who?",)).map(drop).unwrap());
        let answered = client.next("answered").unwrap();
        assert_eq!(answered.args.text(), "4");
        assert_eq!(hears.recv_timeout(PATIENCE).unwrap(), "who?");
        asks.join().unwrap();
        let nothing = client.next_within("nothing", Duration::from_millis(20)).unwrap();
        assert!(nothing.is_none());
    });
}

/// As in a program that ends after its last `emit`.
#[test]
fn the_last_handle_waits_until_what_was_emitted_is_written() {
    with_server(|running| {
        let client = running.client("").connect_blocking().unwrap();
        let clone = client.clone();
        drop(client);
        let handles = (0..5).map(|i| clone.emit("keep", (i,)).unwrap()).collect::<Vec<_>>();
        let state = clone.state();
        drop(clone);
        let state = state.borrow();
        assert!(matches!(&*state, ConnectionState::Closed { .. }), "{state:?}");
        assert!(handles.iter().all(|handle| handle.state() == SendState::Written));
    });
}

#[tokio::test]
async fn it_may_be_used_within_a_runtime() {
    // The server needs a thread that is not blocked.
    tokio::task::spawn_blocking(|| {
        with_server(|running| {
            let url = running.client("");
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let answer = runtime.block_on(async move {
                let client = url.connect_blocking().unwrap();
                client.call::<u8>("echo", (5,)).timeout(PATIENCE).unwrap()
            });
            assert_eq!(answer, 5);
        });
    })
    .await
    .unwrap();
}
