//! Events: handled in order, answered, or taken one by one.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use sockeye::{
    client::{NextError, Socket},
    event::{Ack, Args, RawArgs, State},
};

use super::server::{PATIENCE, Running, Warnings, soon};

#[tokio::test]
async fn handlers_run_in_order_and_answer() {
    type Ticks = Arc<Mutex<Vec<u32>>>;
    async fn tick(State(ticks): State<Ticks>, Args((number,)): Args<(u32,)>) {
        if number % 3 == 0 {
            tokio::task::yield_now().await;
        }
        ticks.lock().unwrap().push(number);
    }
    async fn question(socket: Socket, args: RawArgs) -> Ack<RawArgs> {
        assert_eq!(socket.namespace(), "/imchat");
        Ack(args)
    }
    let running = Running::start().await;
    let ticks = Ticks::default();
    let client = running.client("/imchat").state(Arc::clone(&ticks)).on("tick", tick);
    let client = soon(client.on("question", question).events(10).connect()).await.unwrap();
    client.call::<Args<()>>("burst", (1_000,)).timeout(PATIENCE).await.unwrap();
    client.emit("ask", ("why", 1)).unwrap();
    let answered = soon(client.next("answered")).await.unwrap();
    assert_eq!(answered.args.text(), r#""why",1"#);
    assert_eq!(*ticks.lock().unwrap(), (0..1_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn methods_of_a_struct_are_handlers() {
    struct Program {
        name: String,
    }
    impl Program {
        async fn question(
            State(this): State<Arc<Self>>,
            Args((word,)): Args<(String,)>,
        ) -> Ack<String> {
            Ack(format!("{} says {word}", this.name))
        }
    }
    let running = Running::start().await;
    let program = Arc::new(Program { name: "Ada".to_owned() });
    let client = running.client("").state(program).on("question", Program::question).events(10);
    let client = soon(client.connect()).await.unwrap();
    client.emit("ask", ("yes",)).unwrap();
    let answered = soon(client.next("answered")).await.unwrap();
    assert_eq!(answered.args.parse::<(String,)>().unwrap().0, "Ada says yes");
}

#[tokio::test]
async fn an_ack_can_be_withheld() {
    let running = Running::start().await;
    let client = soon(running.client("").events(10).connect()).await.unwrap();
    client.emit("ask", ("first",)).unwrap();
    let first = soon(client.next("question")).await.unwrap();
    let id = first.ack_id().unwrap();
    first.withhold();
    client.emit("ask", ("second",)).unwrap();
    let second = soon(client.next("question")).await.unwrap();
    assert_ne!(second.ack_id(), Some(id));
    second.answer(("yes",));
    // Had the first been refused, the server would have said so before this.
    let answered = soon(client.next("answered")).await.unwrap();
    assert_eq!(answered.args.text(), r#""yes""#);
    assert_eq!(answered.ack_id(), None);
    client.emit("say", ()).unwrap();
    soon(client.next("said")).await.unwrap();
    assert!(client.next("unanswered").now_or_never().is_none());
}

#[tokio::test]
async fn a_burst_waits_until_it_is_taken() {
    let running = Running::start().await;
    let client = soon(running.client("").events(1).connect()).await.unwrap();
    // Past the bound at which reading would pause, were no ack outstanding.
    client.call::<Args<()>>("burst", (5_000,)).timeout(PATIENCE).await.unwrap();
    let events = client.events().unwrap();
    assert_eq!(soon(events.recv()).await.unwrap().event, "welcome");
    for number in 0..5_000 {
        let tick = soon(events.recv()).await.unwrap();
        assert_eq!(tick.args.parse::<(u32,)>().unwrap().0, number);
    }
}

#[tokio::test]
async fn events_are_taken_one_by_one() {
    let running = Running::start().await;
    let off = soon(running.client("").connect()).await.unwrap();
    assert_eq!(off.next("welcome").await.unwrap_err(), NextError::Off);
    soon(off.call::<Args<()>>("burst", (3,)).timeout(PATIENCE)).await.unwrap();
    assert_eq!(off.unhandled(), 4); // and the welcome

    let client = soon(running.client("").events(5).connect()).await.unwrap();
    let events = client.events().unwrap();
    client.emit("ask", ("first",)).unwrap();
    let question = soon(client.next("question")).await.unwrap();
    assert!(question.wants_answer());
    question.answer(("an answer",));
    let answered = soon(client.next("answered")).await.unwrap();
    assert_eq!(answered.args.text(), r#""an answer""#);
    assert_eq!(soon(events.recv()).await.unwrap().event, "welcome");

    // Nothing is dropped when it is full, and what does not come in is told.
    client.call::<Args<()>>("burst", (100,)).timeout(PATIENCE).await.unwrap();
    let full = soon(client.next("never")).await.unwrap_err();
    assert_eq!(full, NextError::Full { count: 5, first: "tick".to_owned() });
    for number in 0..100 {
        let tick = soon(events.recv()).await.unwrap();
        assert_eq!(tick.args.parse::<(u32,)>().unwrap().0, number);
    }
    client.emit("ask", ("dropped",)).unwrap();
    drop(soon(client.next("question")).await.unwrap());
    assert!(soon(client.next("unanswered")).await.unwrap().args.text().contains("dropped its ack"));
    soon(client.close()).await;
    assert!(events.recv().await.is_none());
}

#[test]
fn a_handler_of_other_types_than_the_server_sends_is_told_once() {
    let warnings = Warnings::of(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let running = Running::start().await;
            let wrong = async |Args((_,)): Args<(u64,)>| {};
            let client = running.client("/imchat").on("welcome", async || {}).on("said", wrong);
            let client = soon(client.connect()).await.unwrap();
            for _ in 0..3 {
                client.emit("say", ("a text",)).unwrap();
            }
            client.call::<RawArgs>("echo", ()).timeout(PATIENCE).await.unwrap();
            client.close().await;
        });
    });
    let told = warnings.iter().filter(|text| text.contains("was not run")).collect::<Vec<_>>();
    let expect = r#"the handler of "said" on "/imchat" was not run: argument 1: invalid type"#;
    assert!(matches!(&told[..], [told] if told.contains(expect)), "{warnings:?}");
}

#[test]
fn a_handler_that_blocks_its_connection_is_told() {
    let warnings = Warnings::of(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let running = Running::start().await;
            // Blocking is the fault.
            let blocks = async || std::thread::sleep(std::time::Duration::from_millis(1_010));
            let client = running.client("").on("said", blocks);
            let client = soon(client.connect()).await.unwrap();
            client.emit("say", ()).unwrap();
            client.call::<RawArgs>("echo", ()).timeout(PATIENCE).await.unwrap();
            client.close().await;
        });
    });
    assert!(warnings.iter().any(|text| text.contains("on_thread(")), "{warnings:?}");
}
