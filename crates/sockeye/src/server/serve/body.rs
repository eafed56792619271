//! The body of a request, which fails if its client sends it too slowly.

use std::{
    error::Error,
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use sockeye_proto::session::Pace;
use tokio::time::{self, Sleep};

/// The body of a request that [`serve`](super::serve) passes on.
///
/// It fails if the client, while it is waited for, sends less than [`Limits::progress`](super::Limits::progress) asks for.
pub struct RequestBody {
    body: Incoming,
    pace: Pace,
    /// How long the client may be waited for, from now on.
    left: Duration,
    /// Exists only while it is.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl RequestBody {
    pub(super) const fn new(body: Incoming, pace: Pace) -> Self {
        Self { body, pace, left: pace.within(), sleep: None }
    }

    /// What came ends the wait, and earns a part of the time back.
    fn came(&mut self, bytes: usize) {
        if let Some(sleep) = self.sleep.take() {
            let now = time::Instant::now().into_std();
            let until = self.pace.extend(sleep.deadline().into_std(), now, bytes);
            self.left = until.saturating_duration_since(now);
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                let bytes = match &frame {
                    Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
                    _ => 0,
                };
                this.came(bytes);
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                let sleep = this.sleep.get_or_insert_with(|| Box::pin(time::sleep(this.left)));
                ready!(sleep.as_mut().poll(cx));
                let error =
                    io::Error::new(io::ErrorKind::TimedOut, "the body of the request is too slow");
                Poll::Ready(Some(Err(error.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").field("size", &self.size_hint()).finish()
    }
}
