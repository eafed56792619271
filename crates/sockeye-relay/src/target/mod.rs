//! A connection that tasks are emitted to, through all its sessions.
//!
//! What the server says about a task comes back as an [`Outcome`]; what else it sends goes to a [`Receiver`].

mod confirm;
mod listening;
mod replies;
mod script;
mod standing;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use sockeye::client::{
    Buffer, BuildError, Builder, Client, Delays, Left, Membership, Namespace, Socket,
};
use tokio::{
    sync::{oneshot, watch},
    time,
};

pub use confirm::{Judge, Judgement, Reply};
pub use script::Step;
pub use standing::Standing;

use crate::{
    delivery::{Confirm, Outcome, Policy},
    ingress::Receiver,
    task::Task,
};
use listening::Listening;
use replies::Replies;

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
    pub receiver: Option<Arc<dyn Receiver>>,
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
    /// Dropped, it ends what follows the client, and with that the client.
    _alive: oneshot::Sender<()>,
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
        let Options { script, judge, reply, receiver, delays } = options;
        let listening =
            Arc::new(Listening::new(Arc::clone(&name), Replies::new(reply), script, receiver));
        let delays = delays.unwrap_or_else(|| Delays {
            first: Duration::from_secs(1),
            max: Duration::from_secs(30),
            ..Delays::default()
        });
        // The queue is where tasks wait: what meets no connection comes back at once, and its time does not run meanwhile.
        let buffer = Buffer { max_age: Some(Duration::ZERO), ..Buffer::default() };
        let builder =
            builder.reconnect(delays).retry_first(true).rejoin_if(|_| true).buffer(buffer);
        let client = listening::attach(builder, &listening).start()?;
        let (alive, ended) = oneshot::channel();
        listening.watch(client.clone(), ended);
        Ok(Self { name, client, listening, judge, others: Mutex::default(), _alive: alive })
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

    /// How many times its namespace was joined and lost, by reason: the words of Socket.IO, such as `ping timeout`.
    #[must_use]
    pub fn partings(&self) -> BTreeMap<&'static str, u64> {
        self.listening.partings()
    }

    /// How many events have come that are of the name of a [`Reply`] and answered no task that waited.
    #[must_use]
    pub fn late_replies(&self) -> u64 {
        self.listening.replies.late()
    }

    /// Emits a task, and waits for what its policy wants. It is emitted at the first poll, or before.
    ///
    /// Without a connection it comes back at once, as [`Outcome::Unwritten`]; one that wants no confirmation waits here, since
    /// it has left the queue. A namespace beside that of the URL is joined first, within the time that the policy gives
    /// for the confirmation.
    ///
    /// Dropped before it is ready, the task may have been sent.
    pub fn emit(
        self: &Arc<Self>,
        task: &Arc<Task>,
        policy: &Policy,
    ) -> BoxFuture<'static, Outcome> {
        let socket = match self.socket(task) {
            Ok(socket) => socket,
            Err(outcome) => return Box::pin(std::future::ready(outcome)),
        };
        let (confirm, timeout) = (policy.confirm, policy.confirm_timeout);
        let is_own = *socket.namespace() == *self.client.socket().namespace();
        if is_own || socket.is_joined() || confirm == Confirm::None {
            return self.send(&socket, task, confirm, timeout);
        }
        let (this, task) = (Arc::clone(self), Arc::clone(task));
        Box::pin(async move {
            match time::timeout(timeout, let_in(&socket)).await {
                Ok(Ok(())) => this.send(&socket, &task, confirm, timeout).await,
                Ok(Err(left)) => {
                    let error = format!("{:?} was not joined: {left}", socket.namespace());
                    Outcome::Refused { error, is_retryable: true }
                }
                Err(_) => {
                    let namespace = socket.namespace();
                    let error = format!("{namespace:?} was not joined within {timeout:?}");
                    Outcome::Unwritten { error }
                }
            }
        })
    }

    fn send(
        &self,
        socket: &Socket,
        task: &Arc<Task>,
        confirm: Confirm,
        timeout: Duration,
    ) -> confirm::Sending {
        match confirm {
            Confirm::None => confirm::by_nothing(socket, task),
            Confirm::Written => confirm::by_writing(socket, task),
            Confirm::Ack => confirm::by_ack(socket, task, timeout, self.judge.clone()),
            Confirm::Event => confirm::by_event(socket, task, timeout, &self.listening.replies),
        }
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
            // Those that the server does not have take no place from those that it has.
            others.retain(|_, socket| {
                let is_refused = is_refused(&socket.membership().borrow());
                if is_refused {
                    socket.leave();
                }
                !is_refused
            });
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

/// Whether the server has said that it does not want us there.
const fn is_refused(membership: &Membership) -> bool {
    match membership {
        // It was in, and will be again.
        Membership::Joining { last_failure: Some(Left::ServerDisconnect) } => false,
        Membership::Joining { last_failure: Some(_) } | Membership::Left(_) => true,
        _ => false,
    }
}

/// Waits until a namespace is joined.
///
/// # Errors
///
/// The server does not want us there.
async fn let_in(socket: &Socket) -> Result<(), Left> {
    let is_decided = |membership: &Membership| {
        is_refused(membership) || matches!(membership, Membership::Joined { .. })
    };
    let mut membership = socket.membership();
    match membership.wait_for(is_decided).await.as_deref() {
        Ok(Membership::Joining { last_failure: Some(left) } | Membership::Left(left)) => {
            Err(left.clone())
        }
        Ok(_) => Ok(()),
        Err(_) => Err(Left::Closed), // never: the socket holds its member
    }
}
