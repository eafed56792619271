//! Handlers: plain async functions whose parameters are extracted from an event.

use super::{Event, FromArgs, FromEvent, Needs, Reject};

/// An async function that can handle an event in the context `C`.
///
/// Implemented for functions of up to eight parameters, each a [`FromEvent`], the last a [`FromArgs`]. `M` only
/// tells these implementations apart.
///
/// Async closures that capture variables are not `Fn`; share what they need through
/// [`State`](super::State) instead. A method works too: `State(this): State<Arc<Self>>`.
#[diagnostic::on_unimplemented(
    message = "this is not a handler for events in `{C}`",
    note = "a handler is an `async fn` (or a closure that captures nothing) whose parameters are extractors, \
            e.g. `async fn(Socket, Args((text,)): Args<(String,)>) -> Ack<u64>`"
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

impl<C, F, Fut> Handler<C, ()> for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future + Send + 'static,
{
    type Output = Fut::Output;
    type Future = Fut;

    fn start(&self, _event: &Event<'_, C>) -> Result<Fut, Reject> {
        Ok(self())
    }

    fn needs(_needs: &mut Needs) {}
}

macro_rules! handler {
    ($($A:ident),* ; $L:ident) => {
        #[allow(non_snake_case, reason = "a type parameter's name doubles as its variable's")]
        impl<C, F, Fut, M, $($A,)* $L> Handler<C, (M, $($A,)* $L)> for F
        where
            F: Fn($($A,)* $L) -> Fut + Send + Sync + 'static,
            Fut: Future + Send + 'static,
            $($A: FromEvent<C>,)*
            $L: FromArgs<C, M>,
        {
            type Output = Fut::Output;
            type Future = Fut;

            fn start(&self, event: &Event<'_, C>) -> Result<Fut, Reject> {
                $(let $A = $A::from_event(event)?;)*
                let $L = $L::from_args(event)?;
                Ok(self($($A,)* $L))
            }

            fn needs(needs: &mut Needs) {
                $($A::needs(needs);)*
                $L::needs(needs);
            }
        }
    };
}

handler!(; L);
handler!(A1; L);
handler!(A1, A2; L);
handler!(A1, A2, A3; L);
handler!(A1, A2, A3, A4; L);
handler!(A1, A2, A3, A4, A5; L);
handler!(A1, A2, A3, A4, A5, A6; L);
handler!(A1, A2, A3, A4, A5, A6, A7; L);
