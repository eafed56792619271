//! The HTTP requests of a session on polling: they leave what they bring, and wait for what the driver says.
//!
//! A request never runs a handler, so a POST that carries an ack can't wait for the handler that waits for that ack.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use sockeye_proto::{
    session::Refused,
    wire::polling::{Body, Format},
};
use thiserror::Error;
use tokio::sync::oneshot;

use super::{Conn, Stream};

/// What requests have left for the driver to take.
#[derive(Default)]
pub(super) struct Requests {
    pub(super) get: Option<oneshot::Sender<Batch>>,
    /// Bodies that are there in whole, in the order in which they were; their clients wait.
    pub(super) posts: VecDeque<Posted>,
    /// A WebSocket that wants to take over.
    pub(super) offer: Option<Candidate>,
}

/// A WebSocket that may take over, its handshake done.
pub(crate) struct Candidate {
    /// Its stream, and what was read from that already.
    pub(crate) stream: (Stream, Bytes),
    /// Whether bytes are sent on it as text: each transport has its own word on that.
    pub(crate) base64: bool,
}

/// Bodies that wait to be read. Some clients send a pong while another POST of theirs is being answered.
const MAX_POSTS: usize = 4;

/// The body of a POST on its way through the driver.
pub(super) struct Posted {
    pub(super) format: Format,
    pub(super) body: Bytes,
    /// Where the next packet begins.
    pub(super) offset: usize,
    pub(super) reply: oneshot::Sender<Result<(), PostError>>,
}

/// What a GET is answered with.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) body: Body,
    pub(crate) delivery: Delivery,
}

/// Says whether an answer went out. Dropped before, its packets are lost, and the session with them.
pub(crate) struct Delivery(Option<Arc<Conn>>);

impl Delivery {
    pub(super) fn of(conn: &Arc<Conn>) -> Self {
        Self(Some(Arc::clone(conn)))
    }

    /// Of an answer without packets: nothing is lost with it.
    pub(super) const fn of_nothing() -> Self {
        Self(None)
    }

    /// The HTTP connection has taken the answer.
    pub(crate) fn done(mut self) {
        if let Some(conn) = self.0.take()
            && conn.outbox(|outbox| outbox.answered())
        {
            conn.wake();
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(conn) = self.0.take() {
            conn.command(|machine| machine.get_lost());
            conn.cut();
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Delivery")
    }
}

/// A GET that waits. Dropped while it does, the client has given up, and the session is over.
#[must_use = "dropping it ends the session"]
pub(crate) struct Get {
    conn: Arc<Conn>,
    answer: oneshot::Receiver<Batch>,
    is_over: bool,
}

impl Future for Get {
    type Output = Result<Batch, Refused>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(cx).map(|answer| {
            self.is_over = true;
            answer.map_err(|_| Refused::Closed)
        })
    }
}

impl Drop for Get {
    fn drop(&mut self) {
        if !self.is_over {
            self.conn.command(|machine| machine.get_lost());
        }
    }
}

/// A POST whose body is being read. Dropped before it is delivered, its packets are lost, and the session is over.
#[must_use = "dropping it ends the session"]
pub(crate) struct Post(Option<Arc<Conn>>);

/// Why the packets of a POST were not taken. The client's fault.
#[derive(Clone, Eq, Error, PartialEq)]
pub(crate) enum PostError {
    /// One of them can't be read, or is not allowed.
    #[error("{0}")]
    Malformed(String),
    /// The session ended before they were read.
    #[error("the session is closed")]
    Closed,
}

reads_as_text!(PostError);

impl Post {
    /// Hands the body over and waits until all its packets are read: as long as the session's handlers lag too far
    /// behind, the client waits, too.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, the packets are read all the same.
    pub(crate) async fn deliver(mut self, format: Format, body: Bytes) -> Result<(), PostError> {
        let Some(conn) = self.0.take() else { return Err(PostError::Closed) };
        let (reply, replied) = oneshot::channel();
        let posted = Posted { format, body, offset: 0, reply };
        let mut has_room = true;
        conn.put(|requests| {
            has_room = requests.posts.len() < MAX_POSTS;
            if has_room {
                requests.posts.push_back(posted);
            }
        });
        conn.command(|machine| {
            if !has_room {
                machine.post_lost();
            }
            // Its place among the others is certain now: the next may come.
            machine.post_done();
        });
        replied.await.unwrap_or(Err(PostError::Closed))
    }

    /// Refuses the body unread, as too large; the session lives on.
    pub(crate) fn give_back(mut self) {
        if let Some(conn) = self.0.take() {
            conn.command(|machine| machine.post_done());
        }
    }

    /// Refuses the body as one that can't be read; the session is over.
    pub(crate) fn malformed(mut self) {
        if let Some(conn) = self.0.take() {
            conn.command(|machine| machine.receive_garbage());
        }
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        if let Some(conn) = self.0.take() {
            conn.command(|machine| machine.post_lost());
        }
    }
}

impl Conn {
    /// A GET, which waits for packets.
    ///
    /// # Errors
    ///
    /// [`Refused`]; a second GET while one waits also ends the session.
    pub(crate) fn get(self: &Arc<Self>, now: Instant) -> Result<Get, Refused> {
        self.command(|machine| machine.get(now))?;
        let (sender, answer) = oneshot::channel();
        // Before the driver can answer it, or this would undo what the answer says.
        self.outbox(|outbox| outbox.set_polled(true));
        let get = Get { conn: Arc::clone(self), answer, is_over: false };
        // If that fails the sender is gone, and so the GET is refused at its first poll.
        self.leave(|requests| requests.get = Some(sender));
        Ok(get)
    }

    /// A POST, before its body is read.
    ///
    /// # Errors
    ///
    /// [`Refused`]; a second POST while one is under way also ends the session.
    pub(crate) fn begin_post(self: &Arc<Self>) -> Result<Post, Refused> {
        self.command(|machine| machine.post())?;
        Ok(Post(Some(Arc::clone(self))))
    }

    /// A WebSocket offers to take the session over; it comes back if it may not.
    pub(crate) fn offer(self: &Arc<Self>, now: Instant, offer: Candidate) -> Option<Candidate> {
        let mut offer = Some(offer);
        if self.command(|machine| machine.probe(now)) {
            self.leave(|requests| requests.offer = offer.take());
        }
        offer
    }

    /// Leaves something for the driver; `false` if the session takes no requests any more.
    fn leave(&self, leave: impl FnOnce(&mut Requests)) -> bool {
        let left = self.put(leave);
        self.wake();
        left
    }

    /// As [`Self::leave`], but it is the caller who wakes the driver.
    fn put(&self, put: impl FnOnce(&mut Requests)) -> bool {
        self.requests.lock().as_deref_mut().map(put).is_some()
    }
}
