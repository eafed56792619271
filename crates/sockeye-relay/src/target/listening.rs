//! What a target hears: its namespace joined and lost, and all that the server sends.

use std::{collections::BTreeMap, fmt, sync::Arc, time::SystemTime};

use parking_lot::Mutex;
use sockeye::{
    client::{
        Builder, Client, ConnectionState, Disconnect, Membership, Namespace, Reason, Socket,
        concurrent,
    },
    event::{AckSender, EventName, RawArgs, Refusal, State},
};
use tokio::sync::watch;

use super::{Gap, Receive, Received, Standing, Step, replies::Replies, script};

/// What the handlers of a target share.
pub(super) struct Listening {
    name: Arc<str>,
    pub(super) replies: Arc<Replies>,
    script: Vec<Step>,
    receive: Option<Arc<dyn Receive>>,
    standing: watch::Sender<Standing>,
    /// When the connection was lost, until it is there again.
    lost_at: Mutex<Option<SystemTime>>,
    /// How many times it was lost, by reason: those of the protocol, of which there are few.
    partings: Mutex<BTreeMap<&'static str, u64>>,
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Listening {
    pub(super) fn new(
        name: Arc<str>,
        replies: Arc<Replies>,
        script: Vec<Step>,
        receive: Option<Arc<dyn Receive>>,
    ) -> Self {
        let out = Standing::Out {
            since: SystemTime::now(),
            because: "not connected yet".into(),
            times: 0,
        };
        Self {
            name,
            replies,
            script,
            receive,
            standing: watch::Sender::new(out),
            lost_at: Mutex::default(),
            partings: Mutex::default(),
        }
    }

    pub(super) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    pub(super) fn partings(&self) -> BTreeMap<&'static str, u64> {
        self.partings.lock().clone()
    }

    /// Follows the client for as long as it lives.
    pub(super) fn watch(self: &Arc<Self>, client: &Client) {
        let (mut state, mut membership) = (client.state(), client.socket().membership());
        let this = Arc::clone(self);
        let namespace: Arc<str> = client.socket().namespace().into();
        tokio::spawn(async move {
            loop {
                this.look(
                    &namespace,
                    &state.borrow_and_update().clone(),
                    &membership.borrow_and_update().clone(),
                );
                let is_open = tokio::select! {
                    changed = state.changed() => changed.is_ok(),
                    changed = membership.changed() => changed.is_ok(),
                };
                if !is_open {
                    return;
                }
            }
        });
    }

    fn look(&self, namespace: &Arc<str>, state: &ConnectionState, membership: &Membership) {
        let why: Arc<str> = match (membership, state) {
            (Membership::Joined { recovered, .. }, ConnectionState::Connected { .. }) => {
                return self.joined(namespace, *recovered);
            }
            (Membership::Left(left) | Membership::Joining { last_failure: Some(left) }, _) => {
                left.to_string().into()
            }
            (
                _,
                ConnectionState::Connecting { last_error: Some(error), .. }
                | ConnectionState::Reconnecting { last_error: Some(error), .. },
            ) => error.to_string().into(),
            (_, ConnectionState::Reconnecting { because, .. }) => because.to_string().into(),
            (_, ConnectionState::Closed { reason }) => reason.to_string().into(),
            _ => "connecting".into(),
        };
        self.parted(&why);
    }

    fn joined(&self, namespace: &Arc<str>, recovered: bool) {
        let now = SystemTime::now();
        if let Some(from) = self.lost_at.lock().take()
            && let Some(receive) = &self.receive
        {
            let (target, namespace) = (Arc::clone(&self.name), Arc::clone(namespace));
            receive.gap(Gap { target, namespace, from, to: now, recovered });
        }
        self.standing.send_if_modified(|standing| match standing {
            Standing::In { .. } => false,
            Standing::Out { times, .. } => {
                *standing = Standing::In { since: now, times: *times + 1 };
                true
            }
        });
    }

    fn parted(&self, why: &Arc<str>) {
        let now = SystemTime::now();
        self.standing.send_if_modified(|standing| match standing {
            Standing::In { times, .. } => {
                self.lost_at.lock().get_or_insert(now);
                *standing = Standing::Out { since: now, because: Arc::clone(why), times: *times };
                true
            }
            Standing::Out { because, .. } if because == why => false,
            Standing::Out { because, .. } => {
                *because = Arc::clone(why);
                true
            }
        });
    }
}

/// Gives a client's own namespace the handlers.
pub(super) fn attach(builder: Builder, listening: &Arc<Listening>) -> Builder {
    builder
        .state(Arc::clone(listening))
        .on_connect(greet)
        .on_disconnect(lost)
        .on_any(concurrent(heard))
}

/// The same for another namespace, which has no script.
pub(super) fn handlers(namespace: Namespace, _: &Arc<Listening>) -> Namespace {
    namespace.on_any(concurrent(heard))
}

async fn greet(socket: Socket, State(this): State<Arc<Listening>>) -> Result<(), Refusal> {
    script::run(&this.script, &socket).await
}

async fn lost(State(this): State<Arc<Listening>>, because: Disconnect) {
    // Whoever closes it loses nothing.
    if because.reason != Reason::ClientDisconnect {
        *this.partings.lock().entry(because.reason.as_str()).or_default() += 1;
    }
    this.parted(&because.to_string().into());
}

/// Handlers that are concurrent begin in the order of their events, and this one does all that needs the order at once.
async fn heard(
    socket: Socket,
    State(this): State<Arc<Listening>>,
    EventName(event): EventName,
    args: RawArgs,
    ack: AckSender,
) {
    this.replies.tell(&event, &args);
    let Some(receive) = &this.receive else {
        // Nobody is there to keep it: an ack would say so.
        return ack.refuse(Refusal::new("nobody takes events here").code("unhandled"));
    };
    let received = receive.receive(Received {
        target: Arc::clone(&this.name),
        namespace: socket.namespace().into(),
        event: event.as_str().into(),
        args,
        ack_id: ack.id(),
    });
    if received.await {
        ack.send(());
    } else {
        ack.refuse(Refusal::new("dropped: no room for it").code("full"));
    }
}
