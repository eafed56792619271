//! A stream that remembers how the server's answer begins: when it is none in the end, that tells what it is.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use http::Request;
use hyper::ext::on_informational;
use sockeye::client::DialedStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Enough to tell protocols apart, and to show.
const KEPT_BYTES: usize = 256;

/// Most interim responses (1xx): a server that sends nothing else would keep hyper busy beyond every deadline.
const MAX_INTERIM: usize = 32;

/// What was read first; it outlives the stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beginning(Arc<Mutex<Read>>);

#[derive(Debug, Default)]
struct Read {
    first: Vec<u8>,
    interim: usize,
}

impl Beginning {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.read().first.clone()
    }

    /// Counts the interim responses to a request.
    pub(crate) fn count_interim<B>(&self, request: &mut Request<B>) {
        let counted = self.clone();
        on_informational(request, move |_| counted.read().interim += 1);
    }

    fn add(&self, bytes: &[u8]) {
        let first = &mut self.read().first;
        let free = KEPT_BYTES.saturating_sub(first.len()).min(bytes.len());
        first.extend_from_slice(&bytes[..free]);
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stream.
#[derive(Debug)]
pub(crate) struct Watched {
    stream: DialedStream,
    beginning: Beginning,
}

impl Watched {
    pub(crate) fn new(stream: DialedStream) -> (Self, Beginning) {
        let beginning = Beginning::default();
        (Self { stream, beginning: beginning.clone() }, beginning)
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.beginning.read().interim > MAX_INTERIM {
            return Poll::Ready(Err(io::Error::other(format!(
                "more than {MAX_INTERIM} interim responses (1xx) and none that is final"
            ))));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.beginning.add(&buffer.filled()[before..]);
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
