//! HTTP connections, plain or TLS: accepted, guarded against clients that send slowly or too much, closed in good order.

use std::{convert::Infallible, io, pin::pin, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::units::Time;

/// What the headers of a request may take; the same as in Node.js. More is answered with 431.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Pause after the system had no file descriptor for a new connection; asking again at once would only burn CPU.
const PAUSE: Duration = Duration::from_secs(1);

/// The connections of a server.
pub(super) struct Connections {
    door: Door,
    /// Tells all connections to end; each holds a receiver as long as it lives.
    open: watch::Sender<()>,
}

/// What every connection passes through.
#[derive(Clone)]
struct Door {
    http: http1::Builder,
    app: Router,
    tls: Option<TlsAcceptor>,
    header_timeout: Duration,
}

impl Connections {
    pub(super) fn new(app: Router, tls: Option<TlsAcceptor>, header_timeout: Time) -> Self {
        let header_timeout = header_timeout.get();
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(header_timeout)
            .max_buf_size(MAX_HEADER_BYTES);
        Self { door: Door { http, app, tls, header_timeout }, open: watch::Sender::new(()) }
    }

    /// Accepts and serves; dropping the future stops accepting.
    pub(super) async fn accept(&self, listener: TcpListener) -> Infallible {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    tracing::trace!(%peer, "connection accepted");
                    tokio::spawn(self.door.clone().pass(stream, self.open.subscribe()));
                }
                // The client was gone before we came to it.
                Err(error) if is_of_client(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "no connection can be accepted; raise the limit of open files (ulimit -n)");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Ends idle connections, and the others when their responses are written, or after `drain`.
    pub(super) async fn close(self, drain: Duration) {
        // Without a receiver there is nobody to tell.
        let _ = self.open.send(());
        // Past its time a connection ends with the process.
        let _ = timeout(drain, self.open.closed()).await;
    }
}

impl Door {
    async fn pass(self, stream: TcpStream, open: watch::Receiver<()>) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let Some(tls) = &self.tls else {
            return self.serve(stream, open).await;
        };
        match timeout(self.header_timeout, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.serve(stream, open).await,
            Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
            Err(_) => tracing::debug!("TLS handshake took too long"),
        }
    }

    async fn serve<S>(self, stream: S, mut open: watch::Receiver<()>)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let service = TowerToHyperService::new(self.app);
        let connection = self.http.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            _ = open.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "HTTP connection ended early");
        }
    }
}

fn is_of_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}
