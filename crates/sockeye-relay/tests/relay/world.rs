//! A queue in a file, a server that keeps a ledger, and the relay between them.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::Router;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use sockeye::{
    client::{Client, Delays},
    event::{AckSender, EventName, RawArgs, Refusal, State},
    server::{Namespace, Server, Socket},
};
use sockeye_relay::{
    delivery::{Confirm, Limits, Policy, Retry},
    queue::{
        NewTask, Queue, Stats,
        sqlite::{Options, Sqlite},
    },
    relay::{Control, Ended, Reader, Relay, Routes, Settings},
    target::{self, Target},
    task::Task,
};
use tokio::{net::TcpListener, task::JoinHandle, time};

/// No test waits longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What the server has got, and how it behaves.
#[derive(Default)]
pub(crate) struct Ledger {
    seen: Mutex<Vec<(String, Value)>>,
    /// What became of what it asked, in order.
    acks: Mutex<Vec<Result<(), String>>>,
    changed: tokio::sync::Notify,
    /// Keeps its acks to itself.
    pub(crate) is_mute: AtomicBool,
    /// Answers with a refusal so many times.
    pub(crate) refusals: AtomicU64,
}

impl Ledger {
    /// The first arguments of what has come, in order.
    pub(crate) fn seen(&self) -> Vec<Value> {
        self.seen.lock().unwrap().iter().map(|(_, value)| value.clone()).collect()
    }

    /// How many of its questions were answered.
    pub(crate) fn acks(&self) -> usize {
        self.acks.lock().unwrap().len()
    }

    /// What came of its question of this number.
    pub(crate) async fn ack(&self, number: usize) -> Result<(), String> {
        let told = async {
            loop {
                let changed = self.changed.notified();
                if let Some(told) = self.acks.lock().unwrap().get(number) {
                    return told.clone();
                }
                changed.await;
            }
        };
        time::timeout(PATIENCE, told).await.expect("it is answered in time")
    }

    pub(crate) async fn reach(&self, count: usize) {
        let reached = async {
            loop {
                let changed = self.changed.notified();
                if self.seen.lock().unwrap().len() >= count {
                    return;
                }
                changed.await;
            }
        };
        if time::timeout(PATIENCE, reached).await.is_err() {
            panic!("{} of {count} came", self.seen().len());
        }
    }
}

async fn any(
    socket: Socket,
    State(ledger): State<Arc<Ledger>>,
    EventName(name): EventName,
    args: RawArgs,
    ack: AckSender,
) {
    let first = serde_json::from_str::<Vec<Value>>(&format!("[{}]", args.text())).unwrap();
    let first = first.into_iter().next().unwrap_or_default();
    ledger.seen.lock().unwrap().push((name.clone(), first.clone()));
    ledger.changed.notify_waiters();
    if name == "question" {
        socket.emit("answer", (first.clone(),)).unwrap();
    }
    if name == "ask" {
        let (ledger, asked) = (Arc::clone(&ledger), socket.call("told", (first.clone(),)));
        tokio::spawn(async move {
            let told: Result<(), _> = asked.await;
            ledger.acks.lock().unwrap().push(told.map_err(|error| error.to_string()));
            ledger.changed.notify_waiters();
        });
    }
    let is_refused = ledger
        .refusals
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
        .is_ok();
    if ledger.is_mute.load(Ordering::SeqCst) {
        ack.withhold();
    } else if is_refused {
        ack.refuse(Refusal::new("not now"));
    } else {
        ack.send((first,));
    }
}

pub(crate) struct World {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) server: Server,
    pub(crate) url: String,
    pub(crate) queue: Arc<dyn Queue>,
    folder: PathBuf,
    serving: JoinHandle<()>,
}

impl World {
    pub(crate) async fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("sockeye-relay-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let ledger = Arc::new(Ledger::default());
        let server = Server::builder()
            .state(Arc::clone(&ledger))
            .namespace("/imchat", Namespace::new().on_any(any))
            .namespace("/other", Namespace::new().on_any(any))
            .build()
            .unwrap();
        let app = Router::new().route_service("/socket.io/", server.service());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/imchat", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            sockeye::server::serve(listener, app).await.unwrap();
        });
        let queue = Arc::new(Sqlite::open(folder.join("queue.db"), Options::default()).unwrap());
        Self { ledger, server, url, queue, folder, serving }
    }

    pub(crate) async fn put(&self, tasks: impl IntoIterator<Item = (&str, Option<&str>, u64)>) {
        let tasks = tasks.into_iter().map(|(event, key, n)| NewTask {
            key: key.map(Into::into),
            body: serde_json::json!({"event": event, "key": key, "args": [n]}).to_string().into(),
            ..NewTask::default()
        });
        self.queue.put(tasks.collect()).await.unwrap();
    }

    pub(crate) async fn stats(&self) -> Stats {
        self.queue.stats().await.unwrap()
    }

    /// Waits until the queue is like this.
    pub(crate) async fn until(&self, is_so: impl Fn(&Stats) -> bool) {
        let start = time::Instant::now();
        loop {
            let stats = self.stats().await;
            if is_so(&stats) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{stats:?}");
            time::sleep(Duration::from_millis(5)).await; // a store tells nobody what it holds
        }
    }

    /// Starts a relay with this policy.
    pub(crate) fn relay(
        &self,
        policy: Policy,
        options: target::Options,
    ) -> (Control, JoinHandle<Ended>) {
        let relay = self.built(policy, vec![target("only", &self.url, options)], Routes::single());
        (relay.control(), tokio::spawn(relay.run()))
    }

    /// A relay with this policy to these.
    pub(crate) fn built(&self, policy: Policy, targets: Vec<Arc<Target>>, routes: Routes) -> Relay {
        let settings = Settings { routes, ..settings(policy) };
        Relay::new(Arc::clone(&self.queue), targets, settings).unwrap()
    }

    pub(crate) async fn end((control, running): (Control, JoinHandle<Ended>)) -> Ended {
        control.stop();
        time::timeout(PATIENCE, running).await.expect("it ends").unwrap()
    }
}

/// What a relay to a single server with this policy goes by.
pub(crate) fn settings(policy: Policy) -> Settings {
    Settings {
        limits: Limits::new(64),
        routes: Routes::single(),
        reader: reader(policy),
        dedupes: true,
        grace: Duration::from_secs(5),
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.serving.abort();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A connection to this URL that comes back quickly.
pub(crate) fn target(name: &str, url: &str, options: target::Options) -> Arc<Target> {
    let first = Duration::from_millis(5);
    let delays = options.delays.or_else(|| Some(Delays { first, max: first, ..Delays::default() }));
    let options = target::Options { delays, ..options };
    Arc::new(Target::start(name, Client::builder(url).websocket_only(), options).unwrap())
}

/// Attempts follow each other quickly.
pub(crate) fn policy(confirm: Confirm) -> Policy {
    let first = Duration::from_millis(5);
    Policy {
        confirm,
        confirm_timeout: Duration::from_millis(300),
        retry: Retry { max_attempts: 3, first, max: first },
        ..Policy::default()
    }
}

pub(crate) fn reader(policy: Policy) -> Reader {
    #[derive(Deserialize)]
    struct Envelope {
        id: Option<Arc<str>>,
        nsp: Option<Arc<str>>,
        key: Option<Arc<str>>,
        event: Arc<str>,
        args: Vec<Box<RawValue>>,
    }
    let policy = Arc::new(policy);
    Reader::new(move |body| {
        let read: Envelope = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let task = Task {
            id: read.id,
            key: read.key,
            namespace: read.nsp,
            event: read.event,
            args: RawArgs::from_list(&read.args).map_err(|error| error.to_string())?,
            not_before: None,
            deadline: None,
            confirm: None,
            max_attempts: None,
            reply_to: None,
            traceparent: None,
            whole: Default::default(),
        };
        Ok((task, Arc::clone(&policy)))
    })
}
