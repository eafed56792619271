//! Listening, in the clear or over TLS, until standard input closes.

use std::{
    io::{self, Read as _},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use axum::{Router, serve::Listener};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
    server::TlsStream,
};

/// How long a client may take for its part of the TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn serve(
    router: Router,
    port: u16,
    tls: Option<&[PathBuf]>,
    ready: impl FnOnce(String),
) -> io::Result<()> {
    let tls = match tls {
        Some([cert, key]) => Some(acceptor(cert, key)?),
        _ => None,
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    ready(format!("{}://{address}", if tls.is_some() { "https" } else { "http" }));
    let serving = async {
        match tls {
            None => axum::serve(listener, router).await,
            Some(tls) => axum::serve(Secured::new(listener, tls, address), router).await,
        }
    };
    tokio::select! {
        served = serving => served,
        () = end_of_input() => Ok(()),
    }
}

/// Whoever launched us holds our standard input open; when it closes, nobody needs us.
async fn end_of_input() {
    let (ended, end) = oneshot::channel::<()>();
    // A thread of its own: a runtime would wait for one of its blocking threads when it ends.
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        drop(ended);
    });
    let _ = end.await;
}

fn acceptor(cert: &Path, key: &Path) -> io::Result<TlsAcceptor> {
    let certs = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect);
    let key = PrivateKeyDer::from_pem_file(key).map_err(io::Error::other)?;
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(certs.map_err(io::Error::other)?, key);
    Ok(TlsAcceptor::from(Arc::new(config.map_err(io::Error::other)?)))
}

/// Connections whose TLS handshake is done; one that takes its time holds up no other.
struct Secured {
    streams: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

impl Secured {
    fn new(listener: TcpListener, tls: TlsAcceptor, address: SocketAddr) -> Self {
        let (secured, streams) = mpsc::channel(64);
        tokio::spawn(async move {
            let mut listener = listener;
            loop {
                let (stream, peer) = Listener::accept(&mut listener).await;
                let (tls, secured) = (tls.clone(), secured.clone());
                tokio::spawn(async move {
                    // Who fails at it has no more to say to us.
                    if let Ok(Ok(stream)) = timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
                        let _ = secured.send((stream, peer)).await;
                    }
                });
            }
        });
        Self { streams, address }
    }
}

impl Listener for Secured {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.streams.recv().await {
            Some(accepted) => accepted,
            None => std::future::pending().await, // only while the runtime ends
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
