//! A connection that tasks are emitted to, through all its sessions.
//!
//! What the server says about a task comes back as an [`Outcome`]; what else it sends goes to a [`Receive`].

mod confirm;
mod listening;
mod replies;
mod script;
mod standing;

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use sockeye::{
    client::{BuildError, Builder, Client, Delays, Namespace, Socket},
    event::RawArgs,
};
use tokio::sync::watch;

pub use confirm::{Judge, Judgement, Reply};
pub use script::Step;
pub use standing::Standing;

use crate::{
    delivery::{Confirm, Outcome, Policy},
    task::Task,
};
use listening::Listening;
use replies::Replies;

/// An event that the server has sent.
#[derive(Clone, Debug)]
pub struct Received {
    /// The connection, by its name.
    pub target: Arc<str>,
    /// The namespace.
    pub namespace: Arc<str>,
    /// The event's name.
    pub event: Arc<str>,
    /// Its arguments.
    pub args: RawArgs,
    /// The number that the server knows the ack by, if it asked for one.
    pub ack_id: Option<u64>,
}

/// A time in which the server may have sent what nobody has got.
#[derive(Clone, Debug)]
pub struct Gap {
    /// The connection, by its name.
    pub target: Arc<str>,
    /// The namespace.
    pub namespace: Arc<str>,
    /// When the connection was lost.
    pub from: std::time::SystemTime,
    /// When it was there again.
    pub to: std::time::SystemTime,
    /// Whether the server has restored what was, so that nothing was missed.
    pub recovered: bool,
}

/// Takes what a server sends.
pub trait Receive: Send + Sync {
    /// Takes an event. Called in the order in which events came; ready once the event is safe, and only then is it
    /// acknowledged. `false`: it was dropped.
    fn receive(&self, event: Received) -> BoxFuture<'static, bool>;

    /// Takes note of a gap, between the events before and those behind it.
    fn gap(&self, gap: Gap);
}

/// How a target is used.
#[derive(Clone, Default)]
pub struct Options {
    /// What is emitted each time it has been joined, before any task.
    pub script: Vec<Step>,
    /// What an ack means.
    pub judge: Option<Judge>,
    /// Which event answers a task that waits for one.
    pub reply: Option<Reply>,
    /// Who takes what the server sends.
    pub receive: Option<Arc<dyn Receive>>,
    /// The delays between attempts to connect, and to join. Default: 1 s to 30 s.
    pub delays: Option<Delays>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("script", &self.script).finish_non_exhaustive()
    }
}

/// Namespaces that tasks may name, beside that of the URL.
const MAX_NAMESPACES: usize = 64;

/// One connection.
#[derive(Debug)]
pub struct Target {
    name: Arc<str>,
    client: Client,
    listening: Arc<Listening>,
    judge: Option<Judge>,
    /// Namespaces beside that of the URL, each joined at its first task.
    others: Mutex<HashMap<Arc<str>, Socket>>,
}

impl Target {
    /// Begins to connect. It is tried without end, whatever the server says: a token may be renewed, a server come back.
    ///
    /// # Errors
    ///
    /// [`BuildError`]: the builder's options can't work.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn start(
        name: impl Into<Arc<str>>,
        builder: Builder,
        options: Options,
    ) -> Result<Self, BuildError> {
        let name = name.into();
        let Options { script, judge, reply, receive, delays } = options;
        let listening =
            Arc::new(Listening::new(Arc::clone(&name), Replies::new(reply), script, receive));
        let delays = delays.unwrap_or_else(|| Delays {
            first: Duration::from_secs(1),
            max: Duration::from_secs(30),
            ..Delays::default()
        });
        let builder = builder.reconnect(delays).retry_first(true).rejoin_if(|_| true);
        let client = listening::attach(builder, &listening).start()?;
        listening.watch(&client);
        Ok(Self { name, client, listening, judge, others: Mutex::default() })
    }

    /// The name by which the configuration knows it.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whether its namespace is joined, and why not.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.listening.standing()
    }

    /// Emits a task, and waits for what its policy wants. It is emitted when this is called, not when it is polled.
    ///
    /// Dropped before it is ready, the task may have been sent.
    pub fn emit(
        self: &Arc<Self>,
        task: &Arc<Task>,
        policy: &Policy,
    ) -> BoxFuture<'static, Outcome> {
        let sent = self.socket(task).map(|socket| match policy.confirm {
            Confirm::None | Confirm::Written => confirm::by_writing(&socket, task),
            Confirm::Ack => {
                confirm::by_ack(&socket, task, policy.confirm_timeout, self.judge.clone())
            }
            Confirm::Event => {
                confirm::by_event(&socket, task, policy.confirm_timeout, &self.listening.replies)
            }
        });
        sent.unwrap_or_else(|outcome| Box::pin(std::future::ready(outcome)))
    }

    /// The membership that a task goes out by.
    fn socket(&self, task: &Task) -> Result<Socket, Outcome> {
        let own = self.client.socket();
        let Some(name) = task.namespace.as_ref().filter(|name| ***name != *own.namespace()) else {
            return Ok(own.clone());
        };
        let mut others = self.others.lock();
        if let Some(socket) = others.get(name) {
            return Ok(socket.clone());
        }
        if others.len() >= MAX_NAMESPACES {
            return Err(Outcome::Invalid {
                error: format!(
                    "the namespace {name:?} would be one more than {MAX_NAMESPACES}, as many as a connection may join; \
                     give it a connection of its own"
                ),
            });
        }
        let joined =
            self.client.join(&**name, listening::handlers(Namespace::new(), &self.listening));
        let socket = joined.map_err(|error| Outcome::Invalid { error: error.to_string() })?;
        others.insert(Arc::clone(name), socket.clone());
        Ok(socket)
    }

    /// Ends the connection, once what was emitted has gone out.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it closes all the same.
    pub async fn close(&self) {
        self.client.close().await;
    }
}
