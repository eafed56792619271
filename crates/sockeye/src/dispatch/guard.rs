//! A handler's panic, caught: it costs one error ack and a log line, never the session.

use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use crate::event::{Refusal, Running};

/// A handler panicked; what it shared may be half-changed, which is its author's to know.
#[derive(Debug)]
pub(crate) struct Panicked {
    text: String,
}

impl Panicked {
    fn new(payload: &(dyn Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned());
        Self { text: text.unwrap_or_else(|| "a panic without text".to_owned()) }
    }

    /// What the panic said.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Logs it and gives what the peer is told.
    pub(crate) fn report(&self, namespace: &str, event: &str) -> Refusal {
        tracing::error!(namespace, event, panic = self.text, "a handler panicked");
        Refusal::new("internal error").code("internal")
    }
}

/// Runs user code that is not a future.
pub(crate) fn call<T>(f: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| Panicked::new(&*payload))
}

/// Runs user code from its start to its end.
pub(crate) async fn run<T>(start: impl FnOnce() -> Running<T>) -> Result<T, Panicked> {
    let mut running = call(start)?;
    poll_fn(|cx| poll(running.as_mut(), cx)).await
}

/// Polls user code.
pub(crate) fn poll<T>(
    future: Pin<&mut (dyn Future<Output = T> + Send)>,
    cx: &mut Context<'_>,
) -> Poll<Result<T, Panicked>> {
    match call(|| future.poll(cx)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panicked) => Poll::Ready(Err(panicked)),
    }
}
