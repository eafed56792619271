//! Frames on their way out: written together, bounded, and no memory once they are gone.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use sockeye_proto::wire::ws::{Encoder, Message};
use tokio::io::AsyncWrite;

use crate::net::Keys;

/// The frames of one connection that the stream has not taken yet.
#[derive(Debug)]
pub(super) struct Outgoing {
    encoder: Encoder,
    /// A client's; a server does not mask.
    keys: Option<Keys>,
    frames: Vec<u8>,
    /// How much of `frames` is written already.
    written: usize,
    max_bytes: usize,
    /// Whether the stream has taken bytes that it may still hold.
    unflushed: bool,
    /// Whether nothing is kept any more.
    is_closed: bool,
    /// Why the stream failed, until somebody is told.
    failure: Option<io::Error>,
}

impl Outgoing {
    pub(super) fn new(encoder: Encoder, keys: Option<Keys>, max_bytes: usize) -> Self {
        Self {
            encoder,
            keys,
            frames: Vec::new(),
            written: 0,
            max_bytes,
            unflushed: false,
            is_closed: false,
            failure: None,
        }
    }

    /// Whether a client sends these.
    pub(super) const fn is_masked(&self) -> bool {
        self.keys.is_some()
    }

    /// Appends a message. A caller that respects the bound asks [`Self::is_full`] before.
    pub(super) fn push(&mut self, message: Message<'_>) {
        if self.is_closed {
            return;
        }
        // A stream that is never quite empty must not keep what it has taken.
        if self.written > self.frames.len() / 2 {
            self.frames.drain(..self.written);
            self.written = 0;
        }
        let key = self.keys.as_mut().map(Keys::next);
        self.encoder.encode(message, key, &mut self.frames);
    }

    /// Writes until nothing waits. A failure of the stream is kept for [`Self::take_failure`].
    pub(super) fn poll_write<S>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<()>
    where
        S: AsyncWrite + Unpin,
    {
        if let Err(error) = ready!(self.poll_write_all(stream, cx)) {
            tracing::debug!(target: "sockeye::ws", %error, "write failed");
            self.close();
            self.failure = Some(error);
        }
        Poll::Ready(())
    }

    /// Drops what waits, and whatever follows.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
        self.frames = Vec::new();
        self.written = 0;
        self.unflushed = false;
    }

    /// Why the stream failed, told once.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether as much waits as may wait.
    pub(super) fn is_full(&self) -> bool {
        self.frames.len() - self.written >= self.max_bytes
    }

    /// Whether the stream has taken everything.
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty() && !self.unflushed
    }

    fn poll_write_all<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.written < self.frames.len() {
            let rest = &self.frames[self.written..];
            let written = ready!(Pin::new(&mut *stream).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
            self.unflushed = true;
        }
        self.frames = Vec::new(); // an idle connection owns no buffer
        self.written = 0;
        if self.unflushed {
            ready!(Pin::new(stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}
