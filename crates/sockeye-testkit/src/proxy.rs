//! A TCP proxy between a client and a server whose road can be made bad while they talk.
//!
//! ```text
//!  client ── accept ─┬─ Pass, Delay ── connect ── server     each direction: read → queue (due, bytes) → write
//!                    ├─ BlackHole: read, drop, say nothing
//!                    └─ Refuse: reset
//! ```

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    runtime,
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};

/// How much of one direction may be on its way before its sender is held up.
const QUEUE: usize = 256;

/// A proxy on a free port of the loopback interface, on a thread of its own; dropping it ends it and all connections.
///
/// Its time is the real one, whatever the test's runtime does with its own.
#[derive(Debug)]
pub struct Proxy {
    scheme: String,
    address: SocketAddr,
    road: watch::Sender<Road>,
    accepted: watch::Receiver<usize>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the proxy does with what it is sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Mode {
    /// Passes all on.
    #[default]
    Pass,
    /// Resets new connections as soon as they are accepted; those that live go on.
    Refuse,
    /// Swallows what comes, in both directions, and the end of a stream, too; connections stay open, new ones as well.
    /// One that has lost something is lost for good: what comes later would not fit.
    BlackHole,
    /// Passes all on, but later by so much, in each direction.
    Delay(Duration),
}

/// What every connection follows.
#[derive(Clone, Copy, Debug)]
struct Road {
    target: SocketAddr,
    mode: Mode,
    /// Connections accepted before the last cut are over.
    cuts: u64,
}

impl Proxy {
    /// Starts a proxy to `target`, a URL such as [`Peer::ready`](crate::Peer::ready) or `127.0.0.1:80`.
    ///
    /// # Panics
    ///
    /// If `target` has no port, or the system has none left for us.
    #[must_use]
    #[track_caller]
    pub fn start(target: &str) -> Self {
        let (scheme, target) = parse(target);
        match Self::bind(scheme, target) {
            Ok(proxy) => proxy,
            Err(error) => panic!("a proxy can't listen: {error}"),
        }
    }

    fn bind(scheme: String, target: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (road, follow) = watch::channel(Road { target, mode: Mode::Pass, cuts: 0 });
        let (count, accepted) = watch::channel(0);
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("proxy".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, &follow, &count) => {}
                    _ = stopped => {}
                }
            });
        })?;
        let (stop, thread) = (Some(stop), Some(thread));
        Ok(Self { scheme, address, road, accepted, stop, thread })
    }

    /// Changes what it does; live connections follow, but for [`Mode::Refuse`].
    pub fn set(&self, mode: Mode) {
        self.road.send_modify(|road| road.mode = mode);
    }

    /// Resets all live connections.
    pub fn cut(&self) {
        self.road.send_modify(|road| road.cuts += 1);
    }

    /// Leads connections of the future to another server.
    ///
    /// # Panics
    ///
    /// If `target` has no port.
    #[track_caller]
    pub fn retarget(&self, target: &str) {
        let (_, target) = parse(target);
        self.road.send_modify(|road| road.target = target);
    }

    /// Waits until it has accepted so many connections; the test's own time limit bounds this.
    ///
    /// # Panics
    ///
    /// If its thread has panicked.
    pub async fn accepted(&self, count: usize) {
        let seen = self.accepted.clone().wait_for(|accepted| *accepted >= count).await.is_ok();
        assert!(seen, "the proxy has ended");
    }

    /// How many connections it has accepted, refused ones included.
    #[must_use]
    pub fn connections(&self) -> usize {
        *self.accepted.borrow()
    }

    /// The server's URL, with the proxy's port in it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Where it listens on the loopback interface.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // If it panicked, the test has seen its connections end.
            let _ = thread.join();
        }
    }
}

/// Splits a URL into its scheme, `http` if it has none, and the address.
#[track_caller]
fn parse(target: &str) -> (String, SocketAddr) {
    let (scheme, rest) = target.split_once("://").unwrap_or(("http", target));
    let authority = rest.split('/').next().unwrap_or_default().replace("localhost", "127.0.0.1");
    match authority.parse() {
        Ok(address) => (scheme.to_owned(), address),
        Err(error) => panic!("{target:?} names no address with a port: {error}"),
    }
}

async fn accept(
    listener: std::net::TcpListener,
    road: &watch::Receiver<Road>,
    count: &watch::Sender<usize>,
) {
    // Both fail only if the system has no descriptors left; the test then sees no connection.
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((client, _)) = listener.accept().await {
        let road = road.clone();
        count.send_modify(|count| *count += 1);
        tokio::spawn(serve(client, road));
    }
}

/// One connection, until both its directions have ended or it is cut.
async fn serve(mut client: TcpStream, mut road: watch::Receiver<Road>) {
    let Road { target, mode, cuts } = *road.borrow();
    // A stream that refuses an option is closed already, here and below.
    let _ = client.set_nodelay(true);
    if mode == Mode::Refuse {
        let _ = client.set_zero_linger();
        return;
    }
    let mut server = None;
    if mode != Mode::BlackHole {
        server = TcpStream::connect(target).await.ok();
        if server.is_none() {
            // Nobody is there: without a proxy the client would be refused.
            let _ = client.set_zero_linger();
            return;
        }
    }
    let follow = road.clone();
    tokio::select! {
        () = pass(&mut client, server.as_mut(), follow) => return,
        _ = road.wait_for(|road| road.cuts != cuts) => {}
    }
    for stream in [Some(client), server].into_iter().flatten() {
        let _ = stream.set_zero_linger(); // so that dropping it resets it
    }
}

async fn pass(client: &mut TcpStream, server: Option<&mut TcpStream>, road: watch::Receiver<Road>) {
    let (mut read, write) = client.split();
    let Some(server) = server else {
        swallow(&mut read).await;
        return std::future::pending().await; // the client's own end is not answered
    };
    let _ = server.set_nodelay(true);
    let (server_read, server_write) = server.split();
    let is_lost = AtomicBool::new(false);
    let up = direction(read, server_write, &road, &is_lost);
    let down = direction(server_read, write, &road, &is_lost);
    tokio::join!(up, down);
}

/// Carries one direction to its end.
async fn direction(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    road: &watch::Receiver<Road>,
    is_lost: &AtomicBool,
) {
    let (queue, mut due) = mpsc::channel::<(Instant, Vec<u8>)>(QUEUE);
    let read = async move {
        let mut bytes = vec![0; 16 * 1024];
        loop {
            let read = from.read(&mut bytes).await.unwrap_or(0);
            let mode = road.borrow().mode;
            if mode == Mode::BlackHole || is_lost.load(Ordering::Relaxed) {
                is_lost.store(true, Ordering::Relaxed);
                swallow(&mut from).await;
                // Kept, for the other end must not hear of this end.
                return Some(queue);
            }
            let delay = if let Mode::Delay(delay) = mode { delay } else { Duration::ZERO };
            // The end of the stream is the empty chunk that `read` makes of it.
            let chunk = bytes.get(..read).unwrap_or_default().to_vec();
            if queue.send((Instant::now() + delay, chunk)).await.is_err() || read == 0 {
                return None;
            }
        }
    };
    let write = async move {
        while let Some((at, chunk)) = due.recv().await {
            sleep_until(at).await;
            if chunk.is_empty() || to.write_all(&chunk).await.is_err() {
                break;
            }
        }
        let _ = to.shutdown().await;
    };
    let (_kept, ()) = tokio::join!(read, write);
}

async fn swallow(from: &mut ReadHalf<'_>) {
    let mut bytes = vec![0; 16 * 1024];
    while from.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
}

#[cfg(test)]
mod tests {
    use tokio::{sync::mpsc::UnboundedReceiver, time::timeout};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// A server that answers each byte with itself plus `plus`, and tells how each of its connections ended.
    async fn server(plus: u8) -> (String, UnboundedReceiver<io::Result<()>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (ended, ends) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let ended = ended.clone();
                tokio::spawn(async move {
                    let end = loop {
                        match stream.read_u8().await {
                            Ok(byte) => stream.write_u8(byte + plus).await.unwrap(),
                            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                                break Ok(());
                            }
                            Err(error) => break Err(error),
                        }
                    };
                    let _ = ended.send(end);
                });
            }
        });
        (url, ends)
    }

    async fn connect(proxy: &Proxy) -> TcpStream {
        TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap()
    }

    async fn ask(stream: &mut TcpStream, byte: u8) -> io::Result<u8> {
        stream.write_u8(byte).await?;
        timeout(PATIENCE, stream.read_u8()).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_sent_comes_and_so_does_the_end() {
        let (url, mut ends) = server(1).await;
        let proxy = Proxy::start(&url);
        assert_eq!(proxy.url(), format!("http://127.0.0.1:{}", proxy.port()));
        let mut stream = connect(&proxy).await;
        assert_eq!(ask(&mut stream, 5).await.unwrap(), 6);
        assert_eq!(proxy.connections(), 1);
        stream.shutdown().await.unwrap();
        timeout(PATIENCE, ends.recv()).await.unwrap().unwrap().unwrap();
        let end = timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn a_cut_resets_both_ends_and_spares_what_comes_later() {
        let (url, mut ends) = server(1).await;
        let proxy = Proxy::start(&url);
        let mut stream = connect(&proxy).await;
        assert_eq!(ask(&mut stream, 5).await.unwrap(), 6);
        proxy.cut();
        let end = timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::ConnectionReset);
        let end = timeout(PATIENCE, ends.recv()).await.unwrap().unwrap().unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(ask(&mut connect(&proxy).await, 7).await.unwrap(), 8);
    }

    #[tokio::test]
    async fn who_is_refused_is_counted_and_reset() {
        let (url, _ends) = server(1).await;
        let proxy = Proxy::start(&url);
        let mut before = connect(&proxy).await;
        assert_eq!(ask(&mut before, 1).await.unwrap(), 2);
        proxy.set(Mode::Refuse);
        // The reset may come while the system still tells us of the connection.
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", proxy.port())).await {
            let end = timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap_err();
            assert_eq!(end.kind(), io::ErrorKind::ConnectionReset);
        }
        timeout(PATIENCE, proxy.accepted(2)).await.unwrap();
        assert_eq!(ask(&mut before, 3).await.unwrap(), 4);
        proxy.set(Mode::Pass);
        assert_eq!(ask(&mut connect(&proxy).await, 5).await.unwrap(), 6);
    }

    #[tokio::test]
    async fn a_black_hole_answers_nobody_and_lets_nobody_go() {
        let (url, mut ends) = server(1).await;
        let proxy = Proxy::start(&url);
        let mut before = connect(&proxy).await;
        assert_eq!(ask(&mut before, 1).await.unwrap(), 2);
        proxy.set(Mode::BlackHole);
        let mut after = connect(&proxy).await;
        for stream in [&mut before, &mut after] {
            stream.write_u8(3).await.unwrap();
            let silence = timeout(Duration::from_millis(50), stream.read_u8()).await;
            assert!(silence.is_err(), "{silence:?}");
        }
        before.shutdown().await.unwrap();
        proxy.set(Mode::Pass);
        after.write_u8(4).await.unwrap();
        for stream in [&mut before, &mut after] {
            let silence = timeout(Duration::from_millis(50), stream.read_u8()).await;
            assert!(silence.is_err(), "what is lost is lost: {silence:?}");
        }
        assert!(ends.try_recv().is_err(), "the server was told of the end");
        assert_eq!(ask(&mut connect(&proxy).await, 5).await.unwrap(), 6);
    }

    #[tokio::test]
    async fn a_delay_counts_in_each_direction() {
        let (url, _ends) = server(1).await;
        let proxy = Proxy::start(&url);
        let delay = Duration::from_millis(40);
        proxy.set(Mode::Delay(delay));
        let start = Instant::now();
        let mut stream = connect(&proxy).await;
        assert_eq!(ask(&mut stream, 1).await.unwrap(), 2);
        assert!(start.elapsed() >= 2 * delay, "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn connections_of_the_future_go_to_a_new_target() {
        let (first, _ends) = server(1).await;
        let (second, _more_ends) = server(2).await;
        let proxy = Proxy::start(&first);
        let mut before = connect(&proxy).await;
        assert_eq!(ask(&mut before, 0).await.unwrap(), 1);
        proxy.retarget(&second);
        assert_eq!(ask(&mut connect(&proxy).await, 0).await.unwrap(), 2);
        assert_eq!(ask(&mut before, 0).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn nothing_is_left_when_it_is_dropped() {
        let (url, _ends) = server(1).await;
        let proxy = Proxy::start(&url);
        let port = proxy.port();
        let mut stream = connect(&proxy).await;
        assert_eq!(ask(&mut stream, 0).await.unwrap(), 1);
        drop(proxy);
        let end = timeout(PATIENCE, stream.read_u8()).await.unwrap();
        assert!(end.is_err(), "{end:?}");
        assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
    }
}
