//! A stream that remembers how what it read began: whether it was TLS, only its bytes tell.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes are remembered.
const BEGINNING: usize = 128;

#[derive(Debug)]
pub(super) struct Overheard<S> {
    stream: S,
    beginning: Vec<u8>,
}

impl<S> Overheard<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, beginning: Vec::new() }
    }

    pub(super) fn beginning(&self) -> &[u8] {
        &self.beginning
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Overheard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let wanted = BEGINNING.saturating_sub(self.beginning.len());
        let new = buffer.filled().get(before..).unwrap_or_default();
        self.beginning.extend(new.iter().take(wanted));
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Overheard<S> {
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
