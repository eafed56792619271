//! Where a scene plays: a server, how a client travels there, and what it needs on the way.

use std::{collections::HashMap, fs, path::Path, sync::Arc, time::Duration};

use parking_lot::Mutex;
use serde_json::Value;
use sockeye::{
    client::{Builder, Client, ConnectionState, Delays, Membership, Socket, Transport},
    event::ToArgs,
};
use sockeye_testkit::{Peer, host_peer::Host};
use tokio::time::timeout;

/// Whatever takes longer will not happen. A scene that waits for it twice is over before.
pub(crate) const PATIENCE: Duration = Duration::from_secs(12);

/// Delays between attempts that no test has to wait for.
pub(crate) const QUICK: Delays = Delays {
    first: Duration::from_millis(20),
    max: Duration::from_millis(100),
    factor: 2.0,
    jitter: 0.5,
    attempts: None,
};

/// How a client travels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Manner {
    /// Polling to the end.
    Polling,
    /// As a client does that is told nothing: from polling to WebSocket.
    Upgrade,
    /// WebSocket from the start.
    WebSocket,
}

impl Manner {
    fn travel(self, builder: Builder) -> Builder {
        match self {
            Self::Polling => builder.transports([Transport::Polling]).upgrade(false),
            Self::Upgrade => builder,
            Self::WebSocket => builder.websocket_only(),
        }
    }

    /// What the server says of it once all is in place.
    pub(crate) const fn arrives_on(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::Upgrade | Self::WebSocket => "websocket",
        }
    }
}

/// The servers of one test. Those that a scene leaves as they were serve the next one, too.
#[derive(Clone)]
pub(crate) struct Servers {
    host: Host,
    by_flags: Arc<Mutex<HashMap<Vec<String>, Peer>>>,
}

impl Servers {
    /// `None` if the host is not installed.
    pub(crate) fn start(host: Host) -> Option<Self> {
        let plain = host.launch(&flags_for(host, &[]))?;
        let by_flags = HashMap::from([(Vec::new(), plain)]);
        Some(Self { host, by_flags: Arc::new(Mutex::new(by_flags)) })
    }

    /// The URL of one with these flags.
    fn url(&self, flags: &[&str]) -> String {
        let mut servers = self.by_flags.lock();
        let server = servers.entry(flags.iter().map(ToString::to_string).collect());
        server.or_insert_with(|| launch(self.host, flags)).ready().to_owned()
    }
}

/// One scene's place.
pub(crate) struct Ground {
    pub(crate) host: Host,
    pub(crate) manner: Manner,
    servers: Servers,
}

impl Ground {
    pub(crate) fn new(host: Host, manner: Manner, servers: &Servers) -> Self {
        Self { host, manner, servers: servers.clone() }
    }

    /// The URL of a server with these flags that others use as well.
    pub(crate) fn url(&self, flags: &[&str]) -> String {
        tokio::task::block_in_place(|| self.servers.url(flags))
    }

    /// A server of this scene's own.
    pub(crate) fn launch(&self, flags: &[&str]) -> Server {
        let peer = tokio::task::block_in_place(|| launch(self.host, flags));
        let url = peer.ready().to_owned();
        let flags = flags.iter().map(ToString::to_string).collect();
        Server { host: self.host, flags, url, peer: Some(peer) }
    }

    /// A client of the plain server that keeps its events.
    pub(crate) fn client(&self, namespace: &str) -> Builder {
        self.client_of(&self.url(&[]), namespace)
    }

    /// A client of that server.
    pub(crate) fn client_of(&self, url: &str, namespace: &str) -> Builder {
        let builder = Client::builder(format!("{url}{namespace}"));
        self.manner.travel(builder).reconnect(QUICK).events(20_000)
    }

    /// One that is joined, and has got to where its manner takes it.
    pub(crate) async fn connect(&self, namespace: &str) -> Client {
        let client = soon(self.client(namespace).connect()).await.unwrap();
        self.arrived(&client).await;
        client
    }

    /// Waits until the client has got to where its manner takes it, if the server tells.
    pub(crate) async fn arrived(&self, client: &Socket) {
        if !self.host.tells_transport() {
            return;
        }
        let arrived = async {
            while call::<String>(client, "transport", ()).await != self.manner.arrives_on() {}
        };
        soon(arrived).await;
    }
}

/// A server that may be killed and started again.
pub(crate) struct Server {
    host: Host,
    flags: Vec<String>,
    pub(crate) url: String,
    peer: Option<Peer>,
}

impl Server {
    /// Kills it, without a chance to say anything.
    pub(crate) fn kill(&mut self) {
        tokio::task::block_in_place(|| self.peer = None);
    }

    /// Starts it again where it was.
    pub(crate) fn start_again(&mut self) {
        let port = self.url.rsplit(':').next().unwrap();
        let mut flags: Vec<_> = self.flags.iter().map(String::as_str).collect();
        flags.extend(["--port", port]);
        self.peer = Some(tokio::task::block_in_place(|| launch(self.host, &flags)));
    }
}

#[track_caller]
fn launch(host: Host, flags: &[&str]) -> Peer {
    host.launch(&flags_for(host, flags)).expect("it was there before")
}

/// Makes all take messages of a megabyte, unless the scene says otherwise.
fn flags_for<'f>(host: Host, flags: &[&'f str]) -> Vec<&'f str> {
    let mut flags = flags.to_vec();
    // Both take less of their own accord.
    if matches!(host, Host::Netty | Host::Oxide) && !flags.contains(&"--max-payload") {
        flags.extend(["--max-payload", "1000000"]);
    }
    flags
}

/// Waits, but not for ever.
pub(crate) async fn soon<F: IntoFuture>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("in time")
}

/// Calls, and has to be answered.
pub(crate) async fn call<R: sockeye::client::FromAck>(
    socket: &Socket,
    event: &str,
    args: impl ToArgs,
) -> R {
    match socket.call(event, args).timeout(PATIENCE).await {
        Ok(answer) => answer,
        Err(error) => panic!("{event:?} has no answer: {error}"),
    }
}

/// Waits until the client's state is as it should be.
pub(crate) async fn until(client: &Client, mut is_so: impl FnMut(&ConnectionState) -> bool) {
    soon(client.state().wait_for(|state| is_so(state))).await.unwrap();
}

/// The arguments of the next event of this name, as JSON without brackets.
pub(crate) async fn next(client: &Client, event: &str) -> String {
    soon(client.next(event)).await.unwrap().args.text().to_owned()
}

/// Waits until the namespace is joined by another session than that of `id`.
pub(crate) async fn rejoined(client: &Client, id: Option<Arc<str>>) {
    let again = |m: &Membership| matches!(m, Membership::Joined { id: new, .. } if Some(new) != id.as_ref());
    soon(client.membership().wait_for(again)).await.unwrap();
}

/// The file in which a server keeps what it was sent.
pub(crate) struct Record(String);

impl Record {
    /// An empty one for this scene; `name` tells it from others.
    pub(crate) fn new(ground: &Ground, name: &str) -> Self {
        let name = format!("{name}-{:?}-{:?}.jsonl", ground.host, ground.manner);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, "").unwrap();
        Self(path.to_str().unwrap().to_owned())
    }

    pub(crate) fn path(&self) -> &str {
        &self.0
    }

    /// The first arguments of the events, which are numbers. A line that death has cut short does not count.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        let text = fs::read_to_string(&self.0).unwrap();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.map(|line| line["args"][0].as_u64().unwrap()).collect()
    }
}
