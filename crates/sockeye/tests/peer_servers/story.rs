//! A program that hands out tasks, by servers of version 3 that die: what is told as delivered was delivered.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use serde_json::Value;
use sockeye::client::{CallError, CallErrorKind, Client, Delivery, Tls};
use sockeye_testkit::host_peer::Host;
use tokio::{task::JoinSet, time::Duration};

use super::{
    ground::{Ground, Manner, PATIENCE, Record, soon},
    secure::Certificate,
};

/// How often the server dies.
const DEATHS: u32 = 10;

/// What the program knows of its tasks in the end.
#[derive(Default)]
struct Books {
    deliveries: Vec<(u64, Delivery)>,
    calls: JoinSet<(u64, Result<Value, CallError>)>,
}

/// Hands out tasks until it is told to end: every third by a call.
async fn work(client: Client, is_over: Arc<AtomicBool>, given: Arc<AtomicU64>) -> Books {
    let mut books = Books::default();
    let mut pause = tokio::time::interval(Duration::from_millis(2));
    while !is_over.load(Ordering::Relaxed) {
        pause.tick().await;
        let task = given.fetch_add(1, Ordering::Relaxed);
        if !task.is_multiple_of(3) {
            books.deliveries.push((task, client.deliver("message", (task, "do it")).unwrap()));
            continue;
        }
        let client = client.clone();
        let call =
            async move { (task, client.call("action", (task, "do it")).timeout(PATIENCE).await) };
        books.calls.spawn(call);
    }
    books
}

pub(crate) async fn of_tasks(ground: Ground) {
    let (record, certificate) = (Record::new(&ground, "story"), Certificate::new(&ground, "story"));
    let heartbeat = ["--ping-interval", "5000", "--record", record.path()];
    let flags = [&heartbeat[..], &certificate.flags()].concat();
    let mut server = ground.launch(&flags);
    let tls = Tls::builder().add_pem(certificate.pem.as_str()).build().unwrap();
    let builder = ground.client_of(&server.url, "/imchat").tls(tls);
    let client = soon(builder.connect()).await.unwrap();
    let (is_over, given) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let working = tokio::spawn(work(client.clone(), Arc::clone(&is_over), Arc::clone(&given)));
    for _ in 0..DEATHS {
        // It has to have taken some of the latest, so that its death comes in the middle of something.
        let (before, mut pause) =
            (given.load(Ordering::Relaxed), tokio::time::interval(Duration::from_millis(5)));
        let taken = async {
            while !record.numbers().iter().any(|task| *task >= before) {
                pause.tick().await;
            }
        };
        soon(taken).await;
        server.kill();
        server.start_again();
    }
    is_over.store(true, Ordering::Relaxed);
    let Books { deliveries, mut calls } = soon(working).await.unwrap();
    for (task, delivery) in &deliveries {
        let answer: Value = soon(delivery.acked()).await.unwrap();
        assert_eq!(answer["id"], *task);
    }
    let (mut done, mut unsent, mut unknown) = (Vec::new(), Vec::new(), 0);
    while let Some(outcome) = soon(calls.join_next()).await {
        match outcome.unwrap() {
            (task, Ok(answer)) => {
                assert_eq!(answer["id"], task);
                done.push(task);
            }
            (_, Err(CallError { kind: CallErrorKind::Disconnected { written: true }, .. })) => {
                unknown += 1;
            }
            (task, Err(_)) => unsent.push(task),
        }
    }
    assert_eq!(client.unsent(), 0);
    soon(client.close()).await;
    let recorded: HashSet<_> = record.numbers().into_iter().collect();
    for task in deliveries.iter().map(|(task, _)| task).chain(&done) {
        assert!(recorded.contains(task), "task {task} was told to be done, and is not");
    }
    for task in &unsent {
        assert!(!recorded.contains(task), "task {task} was told not to be sent, and is done");
    }
    assert!(deliveries.len() > 100 && done.len() > 50, "{} {}", deliveries.len(), done.len());
    println!(
        "     {} delivered, {} called, {} not, {unknown} unknown",
        deliveries.len(),
        done.len(),
        unsent.len()
    );
}

pub(crate) fn no_version_3(host: Host, _: Manner) -> Option<&'static str> {
    (host.version() != 3).then_some("the story is told of servers of version 3")
}
