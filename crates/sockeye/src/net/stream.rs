//! The byte stream below a WebSocket, as plain TCP where it can be recovered.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

#[cfg(all(feature = "server", feature = "tls"))]
use tokio_rustls::server::TlsStream;

#[cfg(feature = "server")]
use hyper_util::server::conn::auto;

#[cfg(feature = "server")]
use super::Guarded;
use super::{
    outbox::{Flushed, Outbox, copy_together},
    scratch,
};

/// Anything that carries bytes both ways.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// The byte stream of one connection.
pub(crate) enum Stream {
    /// Plain TCP. Its two halves can be used from two places, so whoever has something to send may write.
    Tcp(TcpStream),
    /// TLS, or whatever else: read and written by the driver only.
    Other(Box<dyn Duplex>),
}

impl Stream {
    /// Takes the stream back from hyper, with the bytes that hyper had read beyond the handshake. Whoever gets it sees to
    /// it that its peer reads.
    pub(crate) fn recover(upgraded: Upgraded) -> (Self, Bytes) {
        #[cfg(feature = "server")]
        let upgraded = match upgraded.downcast::<TokioIo<Guarded>>() {
            Ok(parts) => return (Self::tcp(parts.io.into_inner().into_inner()), parts.read_buf),
            Err(upgraded) => upgraded,
        };
        #[cfg(all(feature = "server", feature = "tls"))]
        let upgraded = match upgraded.downcast::<TokioIo<TlsStream<Guarded>>>() {
            Ok(parts) => {
                let mut stream = parts.io.into_inner();
                stream.get_mut().0.release();
                return (Self::Other(Box::new(stream)), parts.read_buf);
            }
            Err(upgraded) => upgraded,
        };
        Self::recover_guarded(upgraded)
    }

    /// As [`Self::recover`], but a stream that is watched already stays so.
    pub(crate) fn recover_guarded(upgraded: Upgraded) -> (Self, Bytes) {
        #[cfg(feature = "server")]
        let upgraded = match upgraded.downcast::<TokioIo<Guarded>>() {
            Ok(parts) => return (Self::Other(Box::new(parts.io.into_inner())), parts.read_buf),
            Err(upgraded) => upgraded,
        };
        // axum serves through hyper-util's `auto` connection, which has a wrapper of its own.
        #[cfg(feature = "server")]
        let upgraded = match auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded) {
            Ok(parts) => return (Self::tcp(parts.io.into_inner()), parts.read_buf),
            Err(upgraded) => upgraded,
        };
        match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => (Self::tcp(parts.io.into_inner()), parts.read_buf),
            Err(upgraded) => (Self::Other(Box::new(TokioIo::new(upgraded))), Bytes::new()),
        }
    }

    /// Plain TCP, each write sent at once: frames are coalesced before, waiting in the kernel only adds latency.
    pub(crate) fn tcp(stream: TcpStream) -> Self {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        Self::Tcp(stream)
    }

    /// The driver's part, and the outbox's if it can write by itself.
    pub(super) fn split(self) -> (Io, Option<OwnedWriteHalf>) {
        match self {
            Self::Tcp(stream) => {
                let (read, write) = stream.into_split();
                (Io::Tcp(read), Some(write))
            }
            Self::Other(stream) => (Io::Other(stream), None),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Other(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Other(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Other(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Other(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp(_) => "Tcp",
            Self::Other(_) => "Other",
        })
    }
}

/// The driver's part of a stream.
pub(super) enum Io {
    Tcp(OwnedReadHalf),
    Other(Box<dyn Duplex>),
}

impl Io {
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut read = ReadBuf::new(buffer);
        let result = match self {
            Self::Tcp(half) => Pin::new(half).poll_read(cx, &mut read),
            Self::Other(stream) => Pin::new(stream).poll_read(cx, &mut read),
        };
        result.map_ok(|()| read.filled().len())
    }

    /// Writes what waits; if that blocks, `cx` is woken when it goes on.
    pub(super) fn flush(
        &mut self,
        outbox: &mut Outbox,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> Flushed {
        match self {
            Self::Tcp(_) => outbox.poll_flush_direct(cx, now),
            Self::Other(stream) => flush_stream(outbox, stream.as_mut(), cx, now),
        }
    }
}

/// Writes to a stream that may not know vectored writes: then small frames are copied together first.
fn flush_stream(
    outbox: &mut Outbox,
    stream: &mut dyn Duplex,
    cx: &mut Context<'_>,
    now: Instant,
) -> Flushed {
    let flushed = outbox.flush(now, |slices| {
        if slices.len() == 1 || stream.is_write_vectored() {
            return Pin::new(&mut *stream).poll_write_vectored(cx, slices);
        }
        scratch::with(|buffer| {
            let copied = copy_together(slices, buffer);
            Pin::new(&mut *stream).poll_write(cx, &buffer[..copied])
        })
    });
    match Pin::new(stream).poll_flush(cx) {
        Poll::Ready(Err(error)) if flushed != Flushed::Failed => {
            tracing::debug!(target: "sockeye::ws", %error, "flush failed");
            outbox.fail();
            Flushed::Failed
        }
        _ => flushed,
    }
}

#[cfg(all(test, feature = "server"))]
mod tests {
    use std::convert::Infallible;

    use http::{Request, Response, StatusCode};
    use hyper::{body::Incoming, server::conn::http1, service::service_fn};
    use sockeye_proto::session::Pace;
    use tokio::{io::AsyncWriteExt as _, net::TcpListener, sync::mpsc};

    use super::{super::Answered, *};

    #[tokio::test]
    async fn plain_tcp_is_recovered_from_below_the_guard() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (served, _) = listener.accept().await.unwrap();
        let served = Guarded::new(served, Pace::default(), Answered::default());
        let (upgrades, mut upgraded) = mpsc::unbounded_channel();
        let service = service_fn(move |mut request: Request<Incoming>| {
            upgrades.send(hyper::upgrade::on(&mut request)).unwrap();
            let mut response = Response::new(String::new());
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            std::future::ready(Ok::<_, Infallible>(response))
        });
        tokio::spawn(
            http1::Builder::new().serve_connection(TokioIo::new(served), service).with_upgrades(),
        );
        let request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nearly";
        client.write_all(request.as_bytes()).await.unwrap();
        let upgraded = upgraded.recv().await.unwrap().await.unwrap();
        let (stream, early) = Stream::recover(upgraded);
        assert!(matches!(stream, Stream::Tcp(_)), "so that whoever pushes may write");
        assert_eq!(early, "early");
    }
}
