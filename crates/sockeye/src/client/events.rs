//! Events that are taken one by one instead of being handled: a bounded inbox.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, Waker},
};

use futures_util::Stream;
use parking_lot::Mutex;
use thiserror::Error;

use super::{Context, Socket};
use crate::event::{AckSender, EventName, NoAnswer, OnEvent, RawArgs, ToArgs};

/// One event that arrived, for whoever takes it.
///
/// If the server asked for an ack, [`Self::answer`] sends it; dropped without, an error is answered.
#[derive(Debug)]
#[non_exhaustive]
pub struct Incoming {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The event's name.
    pub event: String,
    /// Its arguments; [`RawArgs::parse`] makes types of them.
    pub args: RawArgs,
    ack: AckSender,
}

impl Incoming {
    /// Whether the server asked for an ack.
    pub fn wants_answer(&self) -> bool {
        self.ack.is_asked()
    }

    /// The number that the server knows the ack by, if it asked for one.
    pub fn ack_id(&self) -> Option<u64> {
        self.ack.id()
    }

    /// Never sends the ack, if the server asked for one: it is left to its own deadline.
    pub fn withhold(self) {
        self.ack.withhold();
    }

    /// Sends the ack that the server asked for; does nothing if it did not.
    pub fn answer(self, args: impl ToArgs) {
        self.ack.send(args);
    }
}

/// Events that no handler takes, in the order in which they arrived. Clones take from the same inbox: each event is
/// taken once.
///
/// When it is full, events wait for the one before them, as they wait for a slow handler: nothing is dropped. If that
/// goes on, the connection ends with the reason `overload`, since a server can't be asked to send less.
#[derive(Clone, Debug)]
pub struct Events(pub(super) Inbox);

impl Events {
    /// Waits for the next event; `None` once the client is closed and all are taken.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no event.
    pub async fn recv(&self) -> Option<Incoming> {
        poll_fn(|cx| self.0.poll_take(None, cx)).await.ok()
    }

    /// Waits for the next event of this name. Others stay, for later.
    ///
    /// # Errors
    ///
    /// [`NextError`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no event.
    pub async fn next(&self, event: &str) -> Result<Incoming, NextError> {
        poll_fn(|cx| self.0.poll_take(Some(event), cx)).await
    }
}

impl Stream for Events {
    type Item = Incoming;

    fn poll_next(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Incoming>> {
        self.0.poll_take(None, cx).map(Result::ok)
    }
}

/// Why there is no next event.
#[non_exhaustive]
#[derive(Clone, Eq, Error, PartialEq)]
pub enum NextError {
    /// The client does not keep events.
    #[error("this client keeps no events; build it with `.events(capacity)`")]
    Off,
    /// The client is closed, and no such event is left.
    #[error("the client is closed")]
    Closed,
    /// The inbox is full of other events, so that the one that is waited for can't come in.
    #[error(
        "the inbox is full of {count} other events, the first is {first:?}; take those, or give it more room"
    )]
    Full {
        /// How many.
        count: usize,
        /// The name of the first.
        first: String,
    },
}

reads_as_text!(NextError);

/// Tells the inbox's handler apart, as each handler's parameters do.
type Parameters = (((Socket, EventName, AckSender, RawArgs),),);

/// What both ends of the inbox share.
#[derive(Clone)]
pub(super) struct Inbox(Arc<Mutex<Inner>>);

struct Inner {
    queue: VecDeque<Incoming>,
    capacity: usize,
    is_closed: bool,
    /// Who still has events to put into it, closed or not.
    sources: usize,
    /// Whoever waits for an event.
    takers: Vec<Waker>,
    /// Namespaces that wait for room.
    putters: Vec<Waker>,
}

impl Inbox {
    pub(super) fn new(capacity: usize) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            queue: VecDeque::new(),
            capacity: capacity.max(1),
            is_closed: false,
            sources: 0,
            takers: Vec::new(),
            putters: Vec::new(),
        })))
    }

    /// The handler that fills it. It waits while the inbox is full, and with it its namespace.
    pub(super) fn handler(&self) -> impl OnEvent<Context, Parameters> + use<> {
        let inbox = self.clone();
        move |socket: Socket, EventName(event): EventName, ack: AckSender, args: RawArgs| {
            let inbox = inbox.clone();
            async move {
                let namespace = socket.namespace().into();
                let mut incoming = Some(Incoming { namespace, event, args, ack });
                let mut source = None;
                poll_fn(|cx| inbox.poll_put(&mut incoming, &mut source, cx)).await;
                NoAnswer
            }
        }
    }

    /// Until it is dropped, the inbox has no end.
    pub(super) fn source(&self) -> Source {
        self.0.lock().sources += 1;
        Source(self.clone())
    }

    /// Nothing more will come, but for what its sources still have.
    pub(super) fn close(&self) {
        let (takers, putters) = {
            let mut inner = self.0.lock();
            inner.is_closed = true;
            (std::mem::take(&mut inner.takers), std::mem::take(&mut inner.putters))
        };
        takers.into_iter().chain(putters).for_each(Waker::wake);
    }

    fn poll_put(
        &self,
        incoming: &mut Option<Incoming>,
        source: &mut Option<Source>,
        cx: &TaskContext<'_>,
    ) -> Poll<()> {
        let takers = {
            let mut inner = self.0.lock();
            if inner.queue.len() >= inner.capacity && !inner.is_closed {
                if source.is_none() {
                    inner.sources += 1;
                    *source = Some(Source(self.clone()));
                }
                wait(&mut inner.putters, cx);
                return Poll::Pending;
            }
            if let Some(incoming) = incoming.take() {
                inner.queue.push_back(incoming);
            }
            std::mem::take(&mut inner.takers)
        };
        takers.into_iter().for_each(Waker::wake);
        Poll::Ready(())
    }

    fn poll_take(
        &self,
        name: Option<&str>,
        cx: &TaskContext<'_>,
    ) -> Poll<Result<Incoming, NextError>> {
        let (taken, putters) = {
            let mut inner = self.0.lock();
            let wanted = |incoming: &Incoming| name.is_none_or(|name| incoming.event == name);
            let index = inner.queue.iter().position(wanted);
            let Some(taken) = index.and_then(|index| inner.queue.remove(index)) else {
                if inner.is_closed && inner.sources == 0 {
                    return Poll::Ready(Err(NextError::Closed));
                }
                if let Some(first) = inner.queue.front()
                    && !inner.is_closed
                    && inner.queue.len() >= inner.capacity
                {
                    let (count, first) = (inner.queue.len(), first.event.clone());
                    return Poll::Ready(Err(NextError::Full { count, first }));
                }
                wait(&mut inner.takers, cx);
                return Poll::Pending;
            };
            (taken, std::mem::take(&mut inner.putters))
        };
        putters.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(taken))
    }
}

/// Somebody who still has events for an inbox.
pub(super) struct Source(Inbox);

impl Drop for Source {
    fn drop(&mut self) {
        let takers = {
            let mut inner = self.0.0.lock();
            inner.sources -= 1;
            if inner.sources > 0 {
                return;
            }
            std::mem::take(&mut inner.takers)
        };
        takers.into_iter().for_each(Waker::wake);
    }
}

/// Notes who waits, once.
fn wait(wakers: &mut Vec<Waker>, cx: &TaskContext<'_>) {
    if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
        wakers.push(cx.waker().clone());
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("waiting", &self.0.lock().queue.len()).finish_non_exhaustive()
    }
}
