//! A TCP stream below HTTP, and below TLS, which is cut if its peer reads too slowly.

use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, ready},
    time::Instant,
};

use parking_lot::Mutex;
use sockeye_proto::session::Pace;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{self, Sleep},
};

use super::Conn;

/// A stream that fails once its peer has taken too little for too long of what it was to be sent.
///
/// The kernel says when it takes no more; what lies above, TLS or HTTP, says by a flush that nothing waits any more.
pub(crate) struct Guarded {
    stream: TcpStream,
    /// `None` once somebody else sees to it.
    watch: Option<Box<Watch>>,
    is_cut: bool,
}

struct Watch {
    pace: Pace,
    /// Since when something waits, but for what was forgiven.
    stalled_since: Option<Instant>,
    /// Exists only while something waits.
    sleep: Option<Pin<Box<Sleep>>>,
    answered: Answered,
}

/// The session on polling whose packets a connection carried last: they are lost if the client does not take them.
#[derive(Clone, Default)]
pub(crate) struct Answered(Arc<Mutex<Weak<Conn>>>);

impl Guarded {
    pub(crate) fn new(stream: TcpStream, pace: Pace, answered: Answered) -> Self {
        let watch = Watch { pace, stalled_since: None, sleep: None, answered };
        Self { stream, watch: Some(Box::new(watch)), is_cut: false }
    }

    /// The bare stream, for who has a watch of its own.
    pub(crate) fn into_inner(self) -> TcpStream {
        self.stream
    }

    /// Ends the watch, for who has one of its own.
    #[cfg(feature = "tls")]
    pub(crate) fn release(&mut self) {
        self.watch = None;
    }

    fn watch(
        &mut self,
        written: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let Some(watch) = &mut self.watch else { return written };
        match written {
            Poll::Ready(Ok(bytes)) => watch.forgive(bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                ready!(watch.poll_stalled(cx));
                watch.answered.lost();
                tracing::debug!("a connection is cut: its client reads too slowly, or not at all");
                self.is_cut = true;
                // Else the kernel would keep what is unsent for who does not read.
                if let Err(error) = self.stream.set_zero_linger() {
                    tracing::debug!(%error, "SO_LINGER could not be set");
                }
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        written
    }
}

impl Watch {
    fn forgive(&mut self, bytes: usize) {
        let now = now();
        self.stalled_since = self.stalled_since.map(|since| self.pace.forgive(since, now, bytes));
    }

    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.stalled_since.get_or_insert_with(now);
        let until = time::Instant::from_std(since + self.pace.within());
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(time::sleep_until(until)));
        if sleep.deadline() != until {
            sleep.as_mut().reset(until);
        }
        sleep.as_mut().poll(cx)
    }

    fn settle(&mut self) {
        self.stalled_since = None;
        self.sleep = None;
    }
}

impl Answered {
    /// From now on it is this session's packets.
    pub(crate) fn set(&self, conn: &Arc<Conn>) {
        *self.0.lock() = Arc::downgrade(conn);
    }

    fn lost(&self) {
        let conn = self.0.lock().upgrade();
        if let Some(conn) = conn {
            conn.command(|machine| machine.get_lost());
            conn.cut();
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_cut {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.watch(written, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.watch(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(watch) = &mut this.watch {
            watch.settle();
        }
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guarded").field(&self.stream).finish()
    }
}

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answered")
    }
}

/// By tokio's clock, which tests may stop.
fn now() -> Instant {
    time::Instant::now().into_std()
}
