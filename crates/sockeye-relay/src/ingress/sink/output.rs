//! Records as lines of standard output, or of any other stream.

use std::{fmt, io};

use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::{Record, Sink, SinkError};

/// Writes each record as a line, and flushes each batch. Once nobody reads any more it has ended.
pub struct OutputSink<W> {
    stream: W,
    /// What was not written of the batch before: its end comes first, or lines would be torn.
    rest: Vec<u8>,
}

impl<W: AsyncWrite + Send + Unpin> OutputSink<W> {
    /// Writes to a stream, such as `tokio::io::stdout()`.
    pub const fn new(stream: W) -> Self {
        Self { stream, rest: Vec::new() }
    }

    async fn write_rest(&mut self) -> io::Result<()> {
        while !self.rest.is_empty() {
            let count = self.stream.write(&self.rest).await?;
            if count == 0 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.rest.drain(..count);
        }
        self.stream.flush().await
    }
}

impl<W: AsyncWrite + Send + Unpin> Sink for OutputSink<W> {
    fn deliver<'a>(&'a mut self, batch: &'a [Record]) -> BoxFuture<'a, Result<usize, SinkError>> {
        async move {
            if self.rest.is_empty() {
                for record in batch {
                    self.rest.extend_from_slice(&record.line);
                    self.rest.push(b'\n');
                }
            }
            match self.write_rest().await {
                Ok(()) => Ok(batch.len()),
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    Err(SinkError::Ended { reason: "nobody reads what it writes".to_owned() })
                }
                // The same batch comes again, and what is left of it is written.
                Err(error) => Err(SinkError::unreachable(error)),
            }
        }
        .boxed()
    }
}

impl<W> fmt::Debug for OutputSink<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputSink")
            .field("unwritten_bytes", &self.rest.len())
            .finish_non_exhaustive()
    }
}
