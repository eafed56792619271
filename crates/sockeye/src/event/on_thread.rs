//! Handlers that block: each call gets a thread of the runtime's pool.

use std::{fmt, pin::Pin, sync::Arc};

use super::{Event, FromArgs, FromEvent, Handler, Needs, Reject};

/// A handler that is an ordinary function, and may block.
pub struct OnThread<F>(Arc<F>);

/// Makes a handler of an ordinary function, which may block: it runs on a thread of the runtime's pool. Later events of the
/// socket wait for it, as for any handler; heartbeats and other sockets do not.
///
/// # Examples
///
/// ```
/// use sockeye::{event::{Ack, Args, on_thread}, server::Namespace};
///
/// fn read(Args((path,)): Args<(String,)>) -> Ack<Option<String>> {
///     Ack(std::fs::read_to_string(path).ok())
/// }
/// let files = Namespace::new().on("read", on_thread(read));
/// ```
pub fn on_thread<F>(function: F) -> OnThread<F> {
    OnThread(Arc::new(function))
}

impl<F> fmt::Debug for OnThread<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnThread")
    }
}

/// A function at work on a thread.
type OnItsThread<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Runs a function there; what it says by a panic is passed on.
fn run<T: Send + 'static>(function: impl FnOnce() -> T + Send + 'static) -> OnItsThread<T> {
    Box::pin(async move {
        let done = tokio::task::spawn_blocking(function).await;
        done.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => panic!("the runtime is shutting down: {error}"),
        })
    })
}

impl<C, F, T> Handler<C, ()> for OnThread<F>
where
    F: Fn() -> T + Send + Sync + 'static,
    T: Send + 'static,
{
    type Output = T;
    type Future = OnItsThread<T>;

    fn start(&self, _event: &Event<'_, C>) -> Result<Self::Future, Reject> {
        let function = Arc::clone(&self.0);
        Ok(run(move || function()))
    }

    fn needs(_needs: &mut Needs) {}
}

macro_rules! on_thread {
    ($($A:ident),* ; $L:ident) => {
        #[allow(non_snake_case, reason = "a type parameter's name doubles as its variable's")]
        impl<C, F, T, M, $($A,)* $L> Handler<C, (M, $($A,)* $L)> for OnThread<F>
        where
            F: Fn($($A,)* $L) -> T + Send + Sync + 'static,
            T: Send + 'static,
            $($A: FromEvent<C> + Send + 'static,)*
            $L: FromArgs<C, M> + Send + 'static,
        {
            type Output = T;
            type Future = OnItsThread<T>;

            fn start(&self, event: &Event<'_, C>) -> Result<Self::Future, Reject> {
                $(let $A = $A::from_event(event)?;)*
                let $L = $L::from_args(event)?;
                let function = Arc::clone(&self.0);
                Ok(run(move || function($($A,)* $L)))
            }

            fn needs(needs: &mut Needs) {
                $($A::needs(needs);)*
                $L::needs(needs);
            }
        }
    };
}

on_thread!(; L);
on_thread!(A1; L);
on_thread!(A1, A2; L);
on_thread!(A1, A2, A3; L);
on_thread!(A1, A2, A3, A4; L);
on_thread!(A1, A2, A3, A4, A5; L);
on_thread!(A1, A2, A3, A4, A5, A6; L);
on_thread!(A1, A2, A3, A4, A5, A6, A7; L);
