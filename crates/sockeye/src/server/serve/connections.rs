//! All connections of a listener: accepted, counted, refused past a bound, told to end.

use std::{
    collections::HashMap, convert::Infallible, error::Error, io, net::SocketAddr, sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use hyper::body::Body;
use parking_lot::Mutex;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore, watch},
    time::{Instant, sleep, timeout},
};

use super::{
    Limits,
    connection::{Acceptor, App, Connection},
};
use crate::server::address::{Household, Network, is_one_client};

/// After the system had no descriptor for a new connection, when to ask again, if none of ours ends before.
const PAUSE: Duration = Duration::from_millis(50);
/// So long after the last such moment it is told anew.
const CALM: Duration = Duration::from_secs(10);
/// Connections that are told why they are refused, at a time; past that they are closed without a word.
const MAX_REFUSALS: usize = 64;
/// How long such a connection may take to go.
const REFUSAL: Duration = Duration::from_secs(1);

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
const TOO_MANY: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 5\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// The connections of a listener.
pub(super) struct Connections<A> {
    app: A,
    tls: Option<Acceptor>,
    places: Arc<Places>,
    refusals: Arc<Semaphore>,
    /// Tells all connections to end; each holds a receiver as long as it lives.
    open: watch::Sender<()>,
}

impl<A, B> Connections<A>
where
    A: App<Body = B>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    pub(super) fn new(app: A, tls: Option<Acceptor>, proxies: Vec<Network>) -> Self {
        Self {
            app,
            tls,
            places: Arc::new(Places { proxies, ..Places::default() }),
            refusals: Arc::new(Semaphore::new(MAX_REFUSALS)),
            open: watch::Sender::new(()),
        }
    }

    /// Accepts and serves; dropping the future stops accepting.
    pub(super) async fn accept(
        &mut self,
        listener: TcpListener,
        limits: impl Fn() -> Limits,
    ) -> Infallible {
        let mut scarce_at: Option<Instant> = None;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.begin(stream, peer, limits()),
                // The client was gone before we came to it.
                Err(error) if is_of_client(&error) => {}
                Err(error) => {
                    if scarce_at.replace(Instant::now()).is_none_or(|at| at.elapsed() > CALM) {
                        let open = self.places.open();
                        tracing::error!(
                            %error, open,
                            "no further connection can be accepted until one ends; raise the limit of open files (ulimit -n)"
                        );
                    }
                    tokio::select! {
                        () = self.places.freed.notified() => {}
                        () = sleep(PAUSE) => {}
                    }
                }
            }
        }
    }

    fn begin(&self, stream: TcpStream, peer: SocketAddr, limits: Limits) {
        tracing::trace!(%peer, "connection accepted");
        let place = match Places::take(&self.places, peer, &limits) {
            Ok(place) => place,
            Err(refusal) => return self.refuse(stream, refusal),
        };
        let (app, tls, stop) = (self.app.clone(), self.tls.clone(), self.open.subscribe());
        let connection = Connection { app, tls, limits, peer, stop };
        tokio::spawn(async move {
            connection.run(stream).await;
            drop(place);
        });
    }

    /// Says why, as well as that goes without waiting; over TLS nobody would understand it.
    fn refuse(&self, stream: TcpStream, refusal: &'static [u8]) {
        let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() else { return };
        if self.tls.is_some() || stream.try_write(refusal).is_err() {
            return;
        }
        tokio::spawn(async move {
            // Closed with bytes unread, it would be reset, and the client might not see why.
            let _ = timeout(REFUSAL, read_to_end(stream)).await;
            drop(permit);
        });
    }

    /// Ends idle connections, and the others when their responses are written, or after `drain`.
    pub(super) async fn close(self, drain: Duration) {
        // Without a receiver there is nobody to tell.
        let _ = self.open.send(());
        // Past its time a connection ends with the process.
        let _ = timeout(drain, self.open.closed()).await;
    }
}

/// The places that connections take.
#[derive(Default)]
struct Places {
    /// Those in front; behind each are many.
    proxies: Vec<Network>,
    taken: Mutex<Taken>,
    /// Told when a place is free again, and with it a descriptor.
    freed: Notify,
}

#[derive(Default)]
struct Taken {
    all: usize,
    /// Kept only where there is a bound.
    by_address: HashMap<Household, usize>,
}

impl Places {
    fn take(this: &Arc<Self>, peer: SocketAddr, limits: &Limits) -> Result<Place, &'static [u8]> {
        let is_shared_out = limits.max_connections_per_address != usize::MAX;
        let is_counted = is_shared_out && is_one_client(peer.ip(), &this.proxies);
        let household = Household::of(peer.ip()).filter(|_| is_counted);
        let mut taken = this.taken.lock();
        if taken.all >= limits.max_connections {
            return Err(FULL);
        }
        if let Some(household) = household {
            let count = taken.by_address.entry(household).or_default();
            if *count >= limits.max_connections_per_address {
                return Err(TOO_MANY);
            }
            *count += 1;
        }
        taken.all += 1;
        Ok(Place { places: Arc::clone(this), household })
    }

    fn open(&self) -> usize {
        self.taken.lock().all
    }
}

/// The place of one connection; dropped, it is free again.
struct Place {
    places: Arc<Places>,
    household: Option<Household>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.all -= 1;
        if let Some(household) = self.household
            && let Some(count) = taken.by_address.get_mut(&household)
        {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&household);
            }
        }
        drop(taken);
        self.places.freed.notify_one();
    }
}

async fn read_to_end(stream: TcpStream) -> io::Result<()> {
    let mut sink = [0; 1_024];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut sink) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
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
