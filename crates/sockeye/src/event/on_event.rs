//! Handlers without their types, as they are kept until events arrive, and what a handler of events may be.

use std::{fmt, pin::Pin};

use futures_util::FutureExt as _;

use super::{Answer, Event, Handler, IntoAnswer, Needs, Reject};

/// A handler at work.
pub(crate) type Running<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A handler without its types, for events in the context `C`.
pub(crate) type Start<C, T> =
    Box<dyn Fn(&Event<'_, C>) -> Result<Running<T>, Reject> + Send + Sync>;

/// A handler that does not keep later events of its socket waiting.
#[derive(Clone, Copy, Debug)]
pub struct Concurrent<H>(H);

/// Lets the socket's next event begin while this handler still waits: for slow handlers whose order does not matter.
pub const fn concurrent<H>(handler: H) -> Concurrent<H> {
    Concurrent(handler)
}

/// A handler of events in the context `C`: an async function, or one wrapped by [`concurrent`].
///
/// `M` only tells its implementations apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler of events",
    label = "not a handler",
    note = "a handler is an `async fn`, or an async closure that captures nothing, of up to eight parameters; it is given, \
            not called, and takes what it shares with others as `State<T>`",
    note = "what is wrong inside `concurrent(…)` is said once you leave it out"
)]
pub trait OnEvent<C, M> {
    /// Takes the types off the handler.
    #[doc(hidden)]
    fn into_parts(self) -> (EventHandler<C>, Needs);
}

/// What handles one event.
#[doc(hidden)]
pub struct EventHandler<C> {
    pub(crate) start: Start<C, Option<Answer>>,
    /// Whether the next event of the socket may begin before this one is done.
    pub(crate) concurrent: bool,
}

impl<C> fmt::Debug for EventHandler<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventHandler").field("concurrent", &self.concurrent).finish_non_exhaustive()
    }
}

// The markers differ, since other crates may make `Concurrent` a `Handler` for contexts of their own.
impl<C, M, H> OnEvent<C, (M,)> for H
where
    H: Handler<C, M>,
    H::Output: IntoAnswer,
{
    fn into_parts(self) -> (EventHandler<C>, Needs) {
        let start: Start<C, Option<Answer>> = Box::new(move |event| {
            let (running, asked) = (self.start(event)?, event.wants_answer());
            // Mapped, not awaited in a block of its own, which would make room for the handler twice.
            Ok(Box::pin(running.map(move |output| answer(output, asked))))
        });
        (EventHandler { start, concurrent: false }, Needs::of::<C, M, H>())
    }
}

/// The ack in what a handler returned, if the peer asked for one.
fn answer(output: impl IntoAnswer, asked: bool) -> Option<Answer> {
    if asked {
        return output.into_answer();
    }
    if let Some(refusal) = output.as_refusal() {
        tracing::debug!(refusal = refusal.message(), "a handler refused; no ack was asked for");
    }
    None
}

#[diagnostic::do_not_recommend]
impl<C, M, H: OnEvent<C, M>> OnEvent<C, (Concurrent<()>, M)> for Concurrent<H> {
    fn into_parts(self) -> (EventHandler<C>, Needs) {
        let (handler, needs) = self.0.into_parts();
        (EventHandler { concurrent: true, ..handler }, needs)
    }
}
