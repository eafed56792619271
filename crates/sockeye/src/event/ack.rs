//! The right to answer one event, taken out of the automatic answer's hands.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Answer, Event, FromEvent, Needs, Place, Refusal, Reject, ToArgs};

/// The way back to a peer that asked for an ack.
pub(crate) trait ReplyPath: Send + Sync + 'static {
    fn reply(&self, id: u64, answer: Answer);
}

/// An ack that the peer asked for and nobody has sent yet.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) path: Arc<dyn ReplyPath>,
    pub(crate) id: u64,
}

impl Reply {
    pub(crate) fn send(self, answer: Answer) {
        self.path.reply(self.id, answer);
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Answers an event later, or from elsewhere, instead of by the handler's return value.
///
/// A handler that takes it is no longer answered for. Dropped unused it answers an error, so the peer never
/// waits for nothing. If the peer asked for no ack, sending does nothing.
///
/// # Examples
///
/// ```
/// use sockeye::event::{AckSender, Args};
///
/// async fn slow(ack: AckSender, Args((number,)): Args<(u32,)>) {
///     tokio::spawn(async move { ack.send((number * 2,)) });
/// }
/// ```
pub struct AckSender {
    reply: Option<Reply>,
    /// Set once the handler has started: until then the failing start answers by itself.
    armed: Arc<AtomicBool>,
}

impl AckSender {
    /// Answers with these arguments.
    ///
    /// Arguments that can't be encoded are logged, and an error is answered.
    pub fn send(mut self, args: impl ToArgs) {
        if let Some(reply) = self.reply.take() {
            reply.send(Answer::from_args(args));
        }
    }

    /// Answers with a refusal; any error of yours is one too, as with `?` in a handler.
    pub fn refuse(mut self, refusal: impl Into<Refusal>) {
        if let Some(reply) = self.reply.take() {
            reply.send(Answer::refusal(&refusal.into()));
        }
    }

    /// Answers nothing, ever: the peer waits until its own deadline, as for a JavaScript client that has no listener.
    pub fn withhold(mut self) {
        self.reply = None;
    }

    /// The number that the peer knows the ack by, if it asked for one.
    pub fn id(&self) -> Option<u64> {
        self.reply.as_ref().map(|reply| reply.id)
    }

    /// Whether the peer asked for an ack at all.
    pub fn is_asked(&self) -> bool {
        self.reply.is_some()
    }
}

impl Drop for AckSender {
    fn drop(&mut self) {
        if self.armed.load(Ordering::Acquire)
            && let Some(reply) = self.reply.take()
        {
            let unanswered = Refusal::new("the handler dropped its ack").code("unanswered");
            reply.send(Answer::refusal(&unanswered));
        }
    }
}

impl fmt::Debug for AckSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AckSender").field("asked", &self.is_asked()).finish_non_exhaustive()
    }
}

impl<C> FromEvent<C> for AckSender {
    fn from_event(event: &Event<'_, C>) -> Result<Self, Reject> {
        let (reply, armed) = event.take_reply();
        Ok(Self { reply, armed })
    }

    fn needs(needs: &mut Needs) {
        let instead = "what that returns is the answer";
        needs.place("AckSender", &[Place::Event], instead);
    }
}
