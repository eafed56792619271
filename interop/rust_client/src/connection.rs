//! One socket of rust_socketio as the scenarios use it: everything waited for has a deadline.

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use rust_socketio::client::Client;
use rust_socketio::{ClientBuilder, Event, Payload, TransportType};
use serde_json::Value;

/// What a scenario comes to.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(20);

/// Where to connect, and how.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) url: String,
    pub(crate) transport: TransportType,
}

impl Site {
    /// Whether the connection stays one of HTTP requests.
    pub(crate) fn polls(&self) -> bool {
        matches!(self.transport, TransportType::Polling | TransportType::Any)
    }

    /// Opens a connection and joins the namespace with it: this client has one for each.
    pub(crate) fn connect(&self, namespace: &str) -> Outcome<Connection> {
        self.open(namespace, None, false)?.joined()
    }

    /// [`Self::connect`] with an auth payload; `joined` is yet to be awaited.
    pub(crate) fn open(
        &self,
        namespace: &str,
        auth: Option<Value>,
        reconnect: bool,
    ) -> Outcome<Connection> {
        let (sender, came) = mpsc::channel();
        let mut builder = ClientBuilder::new(&self.url)
            .namespace(namespace)
            .transport_type(self.transport.clone())
            .reconnect(reconnect)
            .reconnect_delay(50, 50);
        if let Some(auth) = auth {
            builder = builder.auth(auth);
        }
        // The one for any event is not called for these.
        for (event, name) in
            [(Event::Connect, CONNECT), (Event::Close, CLOSE), (Event::Error, ERROR)]
        {
            let sender = sender.clone();
            builder = builder.on(event, move |payload, _| put(&sender, name, payload));
        }
        builder =
            builder.on_any(move |event, payload, _| put(&sender, &String::from(event), payload));
        Ok(Connection { client: builder.connect()?, came, kept: HashMap::new() })
    }
}

/// What came: a name, and what it came with.
type Came = (String, Payload);

fn put(to: &Sender<Came>, name: &str, payload: Payload) {
    // Nobody listens once the scenario is over.
    _ = to.send((name.to_owned(), payload));
}

/// Joined the namespace.
pub(crate) const CONNECT: &str = "(connect)";
/// Left the namespace, or lost the connection.
pub(crate) const CLOSE: &str = "(close)";
/// Was refused, or lost the connection.
pub(crate) const ERROR: &str = "(error)";

pub(crate) struct Connection {
    client: Client,
    came: Receiver<Came>,
    /// What came while something else was awaited.
    kept: HashMap<String, VecDeque<Payload>>,
}

impl Connection {
    /// Waits until the namespace is joined.
    pub(crate) fn joined(mut self) -> Outcome<Self> {
        self.next(CONNECT)?;
        Ok(self)
    }

    pub(crate) fn emit(&self, event: &str, payload: impl Into<Payload>) -> Outcome {
        Ok(self.client.emit(event, payload)?)
    }

    /// The arguments of the server's acknowledgement.
    pub(crate) fn call(&self, event: &str, args: Vec<Value>) -> Outcome<Vec<Value>> {
        let (sender, answer) = mpsc::channel();
        let keep = move |payload, _| _ = sender.send(payload);
        self.client.emit_with_ack(event, args, PATIENCE, keep)?;
        match answer.recv_timeout(PATIENCE) {
            // This client gives the list of arguments as if it were the one argument.
            Ok(Payload::Text(mut list)) if list.len() == 1 => match list.remove(0) {
                Value::Array(args) => Ok(args),
                other => Err(format!("an ack of {event} with {other}").into()),
            },
            other => Err(format!("waited for the ack of {event}: {other:?}").into()),
        }
    }

    /// What the next event of this name came with, whether it came already or not.
    pub(crate) fn next(&mut self, name: &str) -> Outcome<Payload> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(payload) = self.kept.get_mut(name).and_then(VecDeque::pop_front) {
                return Ok(payload);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let (came, payload) = self
                .came
                .recv_timeout(left)
                .map_err(|_| format!("waited {PATIENCE:?} for {name}, and got {:?}", self.kept))?;
            self.kept.entry(came).or_default().push_back(payload);
        }
    }

    /// The arguments of the next event of this name.
    pub(crate) fn args(&mut self, name: &str) -> Outcome<Vec<Value>> {
        match self.next(name)? {
            Payload::Text(args) => Ok(args),
            other => Err(format!("{name} came with {other:?}").into()),
        }
    }

    /// Whether an event of this name has come; true to what the server sent before `echo`'s ack.
    pub(crate) fn has(&mut self, name: &str) -> Outcome<bool> {
        self.call("echo", vec![Value::Null])?;
        while let Ok((came, payload)) = self.came.try_recv() {
            self.kept.entry(came).or_default().push_back(payload);
        }
        Ok(self.kept.get(name).is_some_and(|payloads| !payloads.is_empty()))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // One that is closed already has nothing to say.
        _ = self.client.disconnect();
    }
}
