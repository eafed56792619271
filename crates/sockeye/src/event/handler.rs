//! Handlers: plain async functions whose parameters are extracted from an event.

use super::{Event, Function, Needs, Params, Reject};

/// An async function that can handle an event in the context `C`.
///
/// Implemented for functions of up to eight parameters, each a [`FromEvent`](super::FromEvent). `M` only tells these
/// implementations apart.
///
/// Async closures that capture variables are not `Fn`; share what they need through
/// [`State`](super::State) instead. A method works too: `State(this): State<Arc<Self>>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "not a handler",
    note = "a handler is an `async fn`, or an async closure that captures nothing, of up to eight parameters; it is given, \
            not called, and takes what it shares with others as `State<T>`",
    note = "`concurrent(…)` is for handlers of events alone: sockets come and go in order"
)]
pub trait Handler<C, M>: Send + Sync + 'static {
    /// What the handler returns.
    type Output;
    /// The running handler.
    type Future: Future<Output = Self::Output> + Send + 'static;

    /// Extracts the parameters and starts the handler.
    ///
    /// # Errors
    ///
    /// [`Reject`]: a parameter could not be extracted.
    fn start(&self, event: &Event<'_, C>) -> Result<Self::Future, Reject>;

    /// What must have been provided by the time of `build`.
    fn needs(needs: &mut Needs);
}

/// What an async function returns when it is called: any future.
#[diagnostic::on_unimplemented(
    message = "the function is not async: it returns `{Self}`, which is not a future",
    label = "not async",
    note = "write `async fn`, or `async |…|`; a function that blocks instead of awaiting is wrapped: `on_thread(function)`"
)]
pub trait Started: Future {}

#[diagnostic::do_not_recommend]
impl<F: Future> Started for F {}

// The only implementation, so that the compiler says which of its conditions a function fails, and not that it is none.
impl<C, F, P> Handler<C, (P,)> for F
where
    F: Function<P> + Send + Sync + 'static,
    F::Returned: Started + Send + 'static,
    P: Params<C>,
{
    type Output = <F::Returned as Future>::Output;
    type Future = F::Returned;

    fn start(&self, event: &Event<'_, C>) -> Result<Self::Future, Reject> {
        P::take(event).map(|params| self.call(params))
    }

    fn needs(needs: &mut Needs) {
        P::needs(needs);
    }
}
