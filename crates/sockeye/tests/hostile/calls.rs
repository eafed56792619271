//! Attacks by silence: calls that nobody answers, of which an application may make any number.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sockeye::{
    event::{Ack, RawArgs, State},
    server::{CallError, CallErrorKind, Namespace, Server, Socket, concurrent},
};
use sockeye_testkit::client::Client;

use crate::{
    common::{Notes, serve, until},
    scene::{A_LITTLE, Memory},
};

const CALLS: usize = 100_000;
/// What `max_acks` is if nobody says otherwise.
const MAX_ACKS: usize = 10_000;
const LONG: Duration = Duration::from_secs(600);

/// How many calls came to what.
#[derive(Clone, Debug, Default)]
struct Outcomes(Arc<[AtomicUsize; 3]>);

impl Outcomes {
    fn count(&self, result: &Result<RawArgs, CallError>) {
        let which = match result.as_ref().map_err(|error| &error.kind) {
            Err(CallErrorKind::TooManyCalls) => 0,
            Err(CallErrorKind::Disconnected | CallErrorKind::Emit(_)) => 1,
            _ => 2,
        };
        self.0[which].fetch_add(1, Ordering::Relaxed);
    }

    /// Refused as too many, lost with the session, anything else.
    fn all(&self) -> [usize; 3] {
        std::array::from_fn(|which| self.0[which].load(Ordering::Relaxed))
    }
}

async fn echo(args: RawArgs) -> Ack<RawArgs> {
    Ack(args)
}

/// Calls back, as often as the client asks for, and waits for nothing.
async fn call_back(socket: Socket, State(outcomes): State<Outcomes>, args: RawArgs) {
    for _ in 0..CALLS {
        let (socket, outcomes, args) = (socket.clone(), outcomes.clone(), args.clone());
        tokio::spawn(async move {
            outcomes.count(&socket.call("question", args).timeout(LONG).await);
        });
        tokio::task::yield_now().await;
    }
}

/// Calls back once, and waits.
async fn ask(socket: Socket, State(outcomes): State<Outcomes>) {
    outcomes.count(&socket.call("question", ()).timeout(LONG).await);
}

async fn left(reason: sockeye::server::Reason, State(notes): State<Notes>) {
    notes.add(reason.to_string());
}

async fn scene() -> (Server, String, Outcomes, crate::common::Read, Client) {
    let outcomes = Outcomes::default();
    let (notes, read) = Notes::new();
    let namespace = Namespace::new()
        .on("echo", echo)
        .on("call-back", call_back)
        .on("ask", ask)
        .on("ask-concurrently", concurrent(ask))
        .on_disconnect(left);
    let server = Server::builder().state(outcomes.clone()).state(notes);
    let server = server.namespace("/", namespace).build().unwrap();
    let url = serve(&server).await;
    let witness = Client::connect(&url, "/", ()).await.unwrap();
    (server, url, outcomes, read, witness)
}

/// The client reads every question, and answers none.
#[tokio::test]
async fn a_hundred_thousand_of_the_application() {
    let (server, url, outcomes, mut read, mut witness) = scene().await;
    let mut hostile = Client::connect(&url, "/", ()).await.unwrap();
    let memory = Memory::now();
    hostile.emit("call-back", "").await.unwrap();
    for _ in 0..MAX_ACKS {
        assert_eq!(hostile.event().await.unwrap().name, "question");
    }
    until(|| outcomes.all() == [CALLS - MAX_ACKS, 0, 0]).await;
    assert_eq!(witness.call::<u8>("echo", &7).await.unwrap(), 7);
    // An ack that does come makes room for one more, and no more than one.
    hostile.send_text("430[]").await.unwrap();
    until(|| outcomes.all() == [CALLS - MAX_ACKS, 0, 1]).await;
    drop(hostile);
    assert_eq!(read.next().await, "transport close");
    until(|| outcomes.all() == [CALLS - MAX_ACKS, MAX_ACKS - 1, 1]).await;
    assert_eq!(witness.call::<u8>("echo", &7).await.unwrap(), 7);
    assert_eq!(server.sessions(), 1);
    memory.grown_at_most(2 * A_LITTLE);
}

/// Each handler waits for an ack, so reading can't pause; but not for ever.
#[tokio::test]
async fn a_hundred_thousand_that_the_client_makes_the_server_make() {
    for event in ["ask", "ask-concurrently"] {
        let (server, url, outcomes, mut read, mut witness) = scene().await;
        let memory = Memory::now();
        let mut hostile = Client::connect(&url, "/", ()).await.unwrap();
        let mut asked = 0;
        while asked < CALLS && hostile.emit(event, &()).await.is_ok() {
            asked += 1;
        }
        assert_eq!(read.next().await, "overload", "{event}");
        assert_eq!(witness.call::<u8>("echo", &7).await.unwrap(), 7, "{event}");
        drop(hostile);
        assert!(outcomes.all()[1] <= 257, "{event}: {:?}", outcomes.all());
        until(|| server.sessions() == 1).await;
        memory.grown_at_most(A_LITTLE);
    }
}
