//! What a target hears: its namespace joined and lost, and all that the server sends.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use parking_lot::Mutex;
use sockeye::{
    client::{Builder, Client, ConnectionState, Disconnect, Membership, Namespace, Reason, Socket},
    event::{AckSender, EventName, RawArgs, Refusal, State},
};
use tokio::sync::{Notify, oneshot, watch};

use super::{Standing, Step, replies::Replies, script};
use crate::ingress::{Gap, Receipt, Received, Receiver};

/// Of so many events it is told that nobody takes them.
const MAX_UNTAKEN: usize = 64;
/// No name of an event is shown further than this, in characters.
const MAX_NAME: usize = 80;

/// What the handlers of a target share.
pub(super) struct Listening {
    name: Arc<str>,
    pub(super) replies: Arc<Replies>,
    script: Vec<Step>,
    receiver: Option<Arc<dyn Receiver>>,
    standing: watch::Sender<Standing>,
    /// When the connection was lost, until it is there again.
    lost_at: Mutex<Option<SystemTime>>,
    /// How many times it was lost, by reason: those of the protocol, of which there are few.
    partings: Mutex<BTreeMap<&'static str, u64>>,
    /// The events of which it was told that nobody takes them.
    untaken: Mutex<BTreeSet<String>>,
    /// Asks for the connection to be ended: there is no room for what it brings.
    hangs_up: Notify,
    /// The next time it is joined comes too early for there to be room.
    is_crammed: AtomicBool,
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
        receiver: Option<Arc<dyn Receiver>>,
    ) -> Self {
        let out = Standing::Out {
            since: SystemTime::now(),
            because: "not connected yet".into(),
            times: 0,
        };
        Self {
            replies,
            script,
            standing: watch::Sender::new(out),
            // What was sent since another process was here is missed, too.
            lost_at: Mutex::new(receiver.as_ref().and_then(|it| it.lost_at(&name))),
            name,
            receiver,
            partings: Mutex::default(),
            untaken: Mutex::default(),
            hangs_up: Notify::new(),
            is_crammed: AtomicBool::new(false),
        }
    }

    pub(super) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    pub(super) fn partings(&self) -> BTreeMap<&'static str, u64> {
        self.partings.lock().clone()
    }

    /// Follows the client until its target has ended.
    pub(super) fn watch(self: &Arc<Self>, client: Client, mut ended: oneshot::Receiver<()>) {
        let (mut state, mut membership) = (client.state(), client.socket().membership());
        let this = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                this.look(
                    &state.borrow_and_update().clone(),
                    &membership.borrow_and_update().clone(),
                );
                let is_open = tokio::select! {
                    changed = state.changed() => changed.is_ok(),
                    changed = membership.changed() => changed.is_ok(),
                    () = this.hangs_up.notified() => {
                        client.reconnect();
                        true
                    }
                    _ = &mut ended => false,
                };
                if !is_open {
                    return;
                }
            }
        });
    }

    fn look(&self, state: &ConnectionState, membership: &Membership) {
        let why: Arc<str> = match (membership, state) {
            (Membership::Joined { recovered, .. }, ConnectionState::Connected { .. }) => {
                return self.joined(*recovered);
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

    fn joined(&self, recovered: bool) {
        let now = SystemTime::now();
        self.note_gap(recovered);
        self.standing.send_if_modified(|standing| match standing {
            Standing::In { .. } => false,
            Standing::Out { times, .. } => {
                if let Some(receiver) = &self.receiver {
                    receiver.joined(&self.name);
                }
                *standing = Standing::In { since: now, times: *times + 1 };
                true
            }
        });
    }

    /// Notes the gap that ends now, if there is one.
    fn note_gap(&self, is_recovered: bool) {
        let Some(from) = self.lost_at.lock().take() else { return };
        let Some(receiver) = &self.receiver else { return };
        let (target, to) = (Arc::clone(&self.name), SystemTime::now());
        let noted = receiver.gap(Gap { target, from, to, is_recovered });
        tokio::spawn(async move {
            if let Err(error) = noted.await {
                tracing::warn!(target: "sockeye::relay", %error, "a gap in what the server sends was not noted");
            }
        });
    }

    /// Says that an event goes nowhere, once for each name.
    fn goes_nowhere(&self, event: &str) {
        let name: String = event.chars().take(MAX_NAME).collect();
        let mut untaken = self.untaken.lock();
        if untaken.len() < MAX_UNTAKEN && untaken.insert(name.clone()) {
            tracing::warn!(
                target: "sockeye::relay",
                "{}: the server sends events {name:?}, and nothing takes them; name a sink to keep them (--sink file:events.jsonl)",
                self.name
            );
        }
    }

    fn parted(&self, why: &Arc<str>) {
        let now = SystemTime::now();
        self.standing.send_if_modified(|standing| match standing {
            Standing::In { times, .. } => {
                let mut lost_at = self.lost_at.lock();
                if lost_at.is_none() {
                    *lost_at = Some(now);
                    if let Some(receiver) = &self.receiver {
                        receiver.parted(&self.name, now);
                    }
                }
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
    builder.state(Arc::clone(listening)).on_connect(greet).on_disconnect(lost).on_any(heard)
}

/// The same for another namespace, which has no script.
pub(super) fn handlers(namespace: Namespace, _: &Arc<Listening>) -> Namespace {
    namespace.on_any(heard_beside)
}

async fn greet(socket: Socket, State(this): State<Arc<Listening>>) -> Result<(), Refusal> {
    if this.is_crammed.swap(false, Ordering::Relaxed) {
        // It is tried again after the delay between attempts.
        return Err(Refusal::new("there is no room for what the server sends").code("full"));
    }
    script::run(&this.script, &socket).await
}

async fn lost(State(this): State<Arc<Listening>>, because: Disconnect) {
    // Whoever closes it loses nothing.
    if because.reason != Reason::ClientDisconnect {
        *this.partings.lock().entry(because.reason.as_str()).or_default() += 1;
    }
    this.parted(&because.to_string().into());
}

/// One runs after the other, so that events are stored in their order; none waits for that here, where it would hold up the
/// next. (Those that are concurrent begin in any order.)
async fn heard(
    socket: Socket,
    this: State<Arc<Listening>>,
    event: EventName,
    args: RawArgs,
    ack: AckSender,
) {
    if this.0.lost_at.lock().is_some()
        && let Membership::Joined { recovered, .. } = *socket.membership().borrow()
    {
        this.0.note_gap(recovered); // before what comes behind it
    }
    heard_beside(socket, this, event, args, ack).await;
}

/// In a namespace beside that of the URL: that such a one is joined says nothing of a gap.
async fn heard_beside(
    socket: Socket,
    State(this): State<Arc<Listening>>,
    EventName(event): EventName,
    args: RawArgs,
    ack: AckSender,
) {
    this.replies.tell(&event, &args);
    let Some(receiver) = &this.receiver else {
        if this.replies.are(&event) {
            return ack.send(());
        }
        this.goes_nowhere(&event);
        // Nobody is there to keep it: any ack would say that it is.
        return ack.withhold();
    };
    let received = receiver.receive(Received {
        target: Arc::clone(&this.name),
        namespace: socket.namespace().into(),
        event: event.as_str().into(),
        args,
        wants_ack: ack.is_asked(),
        ack_id: ack.id(),
    });
    tokio::spawn(async move {
        match received.await {
            Ok(receipt) if receipt.may_ack() => ack.send(()),
            // Programs take an ack of whatever content for a receipt: none says that it may be sent again.
            Ok(receipt) => {
                ack.withhold();
                if receipt == Receipt::Disconnect {
                    this.is_crammed.store(true, Ordering::Relaxed);
                    this.hangs_up.notify_one();
                }
            }
            // Whoever can't store it says so.
            Err(_) => ack.withhold(),
        }
    });
}
