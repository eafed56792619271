//! A server in a process of its own, whose memory can be read, and a bystander who asks it all the time.

use std::{fs, time::Duration};

use sockeye::ws::WebSocket;
use sockeye_testkit::{Peer, client::Client, pinned};
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{self, Instant},
};

use crate::{
    common::http::{Answer, Http},
    msgpack,
};

pub(crate) const UNKNOWN_SESSION: (u16, &str) =
    (400, r#"{"code":1,"message":"Session ID unknown"}"#);
pub(crate) const BAD_REQUEST: (u16, &str) = (400, r#"{"code":3,"message":"Bad request"}"#);
pub(crate) const TOO_LARGE: (u16, &str) = (413, r#"{"code":3,"message":"Payload too large"}"#);
pub(crate) const OK: (u16, &str) = (200, "ok");

/// How much memory an attack may cost at its peak, unless its test says otherwise: a few messages of the largest size.
pub(crate) const A_LITTLE: u64 = 32;
/// The longest that the bystander may wait for an answer; the machine runs other tests, too.
const PATIENCE: Duration = Duration::from_secs(5);

/// The server under attack.
pub(crate) struct Scene {
    pub(crate) url: String,
    peer: Peer,
    stop: oneshot::Sender<()>,
    bystander: JoinHandle<u64>,
    kibibytes_before: u64,
    files_before: usize,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With options of the interop server.
    pub(crate) async fn with(options: &[&str]) -> Self {
        let mut command = pinned::example("interop_server");
        command.args(options);
        let peer = Peer::launch(command, "listening on ").unwrap();
        let url = peer.ready().to_owned();
        let mut bystander = if options.contains(&"msgpack") {
            Bystander::MsgPack(Box::new(msgpack::join(&url).await))
        } else {
            Bystander::Json(Box::new(Client::connect(&url, "/", ()).await.unwrap()))
        };
        bystander.ask(0).await;
        let kibibytes_before = kibibytes(&peer, "VmRSS:");
        let files_before = files(&peer);
        let (stop, stopped) = oneshot::channel();
        let bystander = tokio::spawn(bystander.stand_by(stopped));
        Self { url, peer, stop, bystander, kibibytes_before, files_before }
    }

    /// The attack is over and its connections are dropped: the server has let go of them, has at no time used more
    /// than this much more memory, and the bystander has had every answer.
    pub(crate) async fn unharmed(self, mebibytes: u64) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while files(&self.peer) > self.files_before {
            assert!(Instant::now() < deadline, "the server keeps connections of the attacker");
            time::sleep(Duration::from_millis(5)).await; // another process says it only if asked
        }
        self.stop.send(()).expect("the bystander had every answer");
        let answers = self.bystander.await.unwrap();
        assert!(answers >= 2, "before and after");
        let peak = kibibytes(&self.peer, "VmHWM:");
        let grown = peak.saturating_sub(self.kibibytes_before) / 1024;
        assert!(grown <= mebibytes, "the server grew by {grown} MiB, of {mebibytes}");
    }
}

/// A client that does nothing wrong.
enum Bystander {
    Json(Box<Client>),
    MsgPack(Box<WebSocket>),
}

impl Bystander {
    /// Asks without end, until told to stop; then once more. Gives the number of answers.
    async fn stand_by(mut self, mut stopped: oneshot::Receiver<()>) -> u64 {
        for answers in 1.. {
            let is_last = stopped.try_recv() != Err(oneshot::error::TryRecvError::Empty);
            self.ask(answers % 100).await;
            if is_last {
                return answers;
            }
            time::sleep(Duration::from_millis(5)).await; // else it would be a flood itself
        }
        0
    }

    async fn ask(&mut self, number: u64) {
        let asked = async {
            match self {
                Self::Json(client) => client.call::<u64>("echo", &number).await.unwrap(),
                Self::MsgPack(socket) => msgpack::ask(socket, number).await,
            }
        };
        let answer = time::timeout(PATIENCE, asked).await;
        assert_eq!(answer.expect("the bystander waits too long"), number);
    }
}

fn kibibytes(peer: &Peer, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", peer.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn files(peer: &Peer) -> usize {
    fs::read_dir(format!("/proc/{}/fd", peer.id())).unwrap().count()
}

/// What the test's own process, which has server and attacker in it, uses at its peak.
pub(crate) struct Memory(u64);

impl Memory {
    pub(crate) fn now() -> Self {
        Self(Self::peak())
    }

    #[track_caller]
    pub(crate) fn grown_at_most(&self, mebibytes: u64) {
        let grown = Self::peak() - self.0;
        assert!(grown <= mebibytes, "the process grew by {grown} MiB, of {mebibytes}");
    }

    fn peak() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }
}

/// A session on polling, request by request.
pub(crate) struct Poller {
    url: String,
    query: String,
    pub(crate) sid: String,
    http: Http,
}

impl Poller {
    /// Opens a session in version 4 and joins `/`.
    pub(crate) async fn open(url: &str) -> Self {
        let mut poller = Self::begin(url, 4).await;
        assert_eq!(poller.post("40").await.brief(), OK);
        let joined = poller.get().await;
        assert!(joined.text().starts_with(r#"40{"sid":""#), "{joined:?}");
        if !joined.text().contains("42[\"auth\"") {
            assert!(poller.get().await.text().contains("auth"));
        }
        poller
    }

    /// Opens a session, no more.
    pub(crate) async fn begin(url: &str, version: u8) -> Self {
        let mut http = Http::connect(url).await;
        let query = format!("/socket.io/?EIO={version}&transport=polling");
        http.send(&format!("GET {query}"), "", b"").await;
        let answer = http.read().await;
        let text = answer.text();
        assert_eq!(answer.status, 200, "{text}");
        let sid = text.split(r#""sid":""#).nth(1).unwrap().split('"').next().unwrap().to_owned();
        let query = format!("{query}&sid={sid}");
        Self { url: url.to_owned(), query, sid, http }
    }

    pub(crate) fn line(&self, method: &str) -> String {
        format!("{method} {}", self.query)
    }

    /// Asks for packets on a connection of its own.
    pub(crate) async fn get(&mut self) -> Answer {
        let line = self.line("GET");
        self.http.send(&line, "", b"").await;
        self.http.read().await
    }

    /// Brings packets.
    pub(crate) async fn post(&mut self, body: &str) -> Answer {
        self.post_as("text/plain;charset=UTF-8", body.as_bytes()).await
    }

    pub(crate) async fn post_as(&mut self, content_type: &str, body: &[u8]) -> Answer {
        let mut http = Http::connect(&self.url).await;
        http.send(&self.line("POST"), &format!("content-type: {content_type}\r\n"), body).await;
        http.read().await
    }

    /// The session goes on.
    pub(crate) async fn is_alive(&mut self) {
        assert_eq!(self.post(r#"420["echo",7]"#).await.brief(), OK);
        assert_eq!(self.get().await.brief(), (200, "430[7]"));
    }

    /// The session is over; a GET that comes in its last moment may be told so by a CLOSE packet.
    pub(crate) async fn is_over(&self, what: &str) {
        let mut told = 0;
        loop {
            let mut http = Http::connect(&self.url).await;
            http.send(&self.line("GET"), "", b"").await;
            match http.read().await.brief() {
                UNKNOWN_SESSION => return,
                (200, "1" | "1:1") | BAD_REQUEST if told < 100 => told += 1,
                other => panic!("{what}: {other:?}"),
            }
        }
    }
}
