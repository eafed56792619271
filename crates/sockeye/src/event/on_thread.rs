//! Handlers that block: each call gets a thread of the runtime's pool.

use std::{fmt, pin::Pin, sync::Arc};

use super::Function;

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

#[diagnostic::do_not_recommend]
impl<F, P> Function<P> for OnThread<F>
where
    F: Function<P> + Send + Sync + 'static,
    F::Returned: Send + 'static,
    P: Send + 'static,
{
    type Returned = OnItsThread<F::Returned>;

    fn call(&self, params: P) -> Self::Returned {
        let function = Arc::clone(&self.0);
        run(move || function.call(params))
    }
}
