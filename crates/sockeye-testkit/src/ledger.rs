//! A server that counts what it is sent and misbehaves as it is told: what the relay's promises are measured by.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
    sync::Mutex,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Peer, pinned};

/// How long a [`Ledger`] may live: five minutes.
const LIFETIME: Duration = Duration::from_mins(5);

/// A running ledger: npm's server, in which every namespace is there, with a book and a behaviour of its own.
///
/// The contract is at the top of `interop/js/ledger.mjs`. Dropping it kills it.
#[derive(Debug)]
pub struct Ledger {
    url: String,
    id: u32,
    /// Held for its end. A lock, so that threads can share the ledger.
    _peer: Mutex<Peer>,
}

/// How a namespace answers from now on; what is `None` stays as it is.
///
/// # Examples
///
/// ```
/// use sockeye_testkit::ledger::{Ack, Behaviour};
///
/// let slow = Behaviour { ack: Some(Ack::Late(300)), ..Behaviour::default() };
/// assert_eq!(serde_json::to_string(&slow)?, r#"{"ack":{"late":300}}"#);
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Behaviour {
    /// What becomes of an ack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack: Option<Ack>,
    /// Answers with an event of this name besides, `{"reqId": id, "code": 0}`; `Some(None)` no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Option<String>>,
    /// Resets the connection at some events; `Some(None)` no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<Option<Cut>>,
    /// Resets all connections each so many milliseconds; 0: no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_every: Option<u64>,
    /// Disconnects a socket from its namespace at every such event, once it is recorded; 0: no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disconnect_every: Option<u64>,
    /// Refuses so many that want to join, -1 for all, with "auth expired".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refuse: Option<i64>,
    /// Refuses whoever does not have this token; `Some(None)` nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Option<String>>,
    /// At every event, and now, reads nothing for so many milliseconds; 0: no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_reading: Option<u64>,
}

/// What becomes of an ack.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ack {
    /// Given at once.
    Yes,
    /// Not given.
    Never,
    /// Not given before the behaviour is another one.
    Hold,
    /// Given so many milliseconds later.
    Late(u64),
    /// Not given before an id has come so often.
    After(u64),
    /// This is given instead, the first `times` times that an id comes.
    #[serde(untagged)]
    Error {
        /// The answer.
        error: Value,
        /// `None`: each time.
        #[serde(skip_serializing_if = "Option::is_none")]
        times: Option<u64>,
    },
}

/// Where a connection is reset, and how often.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Cut {
    /// At which moment.
    pub at: At,
    /// At every such event of the namespace.
    pub every: u64,
}

/// A moment in the life of an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum At {
    /// It has come, and is not recorded.
    BeforeRecord,
    /// It is recorded.
    AfterRecord,
    /// It would be acknowledged now.
    BeforeAck,
    /// The ack has gone out.
    AfterAck,
}

/// What a namespace has seen.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct Book {
    /// By id: how often it came.
    pub counts: BTreeMap<String, u64>,
    /// By key: the `n` of all that came, in this order, copies included.
    pub orders: BTreeMap<String, Vec<u64>>,
    /// By event: how many came.
    pub events: BTreeMap<String, u64>,
    /// Events that came, copies included.
    pub records: u64,
    /// Sockets that ever joined.
    pub opened: u64,
    /// Sockets that are there.
    pub open: u64,
    /// Sockets that were refused.
    pub refused: u64,
    /// Acks that were given.
    pub acked: u64,
    /// Connections that were reset.
    pub cuts: u64,
    /// The auth payloads (on version 2 the queries) of the last ten that wanted to join.
    pub auths: Vec<Value>,
    /// Events that were sent, copies included.
    pub sent: u64,
    /// The `n` of those that were acknowledged, in this order.
    pub acks: Vec<u64>,
}

impl Ledger {
    /// Starts one; `version` is npm's, 4 or 2, and `flags` are such as `["--ping-interval", "300"]`.
    ///
    /// `None`, with the reason printed, if it is not installed.
    ///
    /// # Panics
    ///
    /// If it is not installed and `SOCKEYE_PEERS` is set, or if it does not start.
    #[must_use]
    #[track_caller]
    pub fn launch(version: u8, flags: &[&str]) -> Option<Self> {
        let mut command = pinned::node("js/ledger.mjs")?;
        command.args(["--version", &version.to_string()]).args(flags);
        match Peer::launch_for(LIFETIME, command, "listening on ") {
            Ok(peer) => {
                Some(Self { url: peer.ready().to_owned(), id: peer.id(), _peer: Mutex::new(peer) })
            }
            Err(error) => panic!("the ledger with {flags:?}: {error}"),
        }
    }

    /// Where it listens, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The process id, for who stops or kills it.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// One of its namespaces, such as `/imchat`.
    #[must_use]
    pub fn room(&self, namespace: &str) -> Room {
        Room { url: self.url().to_owned(), namespace: namespace.to_owned() }
    }
}

/// A namespace of a [`Ledger`], to be asked from any thread.
///
/// Every method panics if the ledger does not answer, or does not like what it is asked: a test can't go on then.
#[derive(Clone, Debug)]
pub struct Room {
    url: String,
    namespace: String,
}

impl Room {
    /// Where clients connect to, such as `http://127.0.0.1:40123/imchat`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}{}", self.url, self.namespace)
    }

    /// Its server, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.url
    }

    /// Its name, such as `/imchat`.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What it has seen so far.
    #[must_use]
    #[track_caller]
    pub fn book(&self) -> Book {
        self.ask("GET", "/ledger", "", "").1
    }

    /// Waits until a number of the book, such as `distinct` or `acked`, is `least` or more.
    ///
    /// # Errors
    ///
    /// The book as it is after `patience`, if it is not by then.
    #[track_caller]
    pub fn reaches(&self, what: &str, least: u64, patience: Duration) -> Result<Book, Box<Book>> {
        let query = format!("&{what}={least}&ms={}", patience.as_millis());
        match self.ask("GET", "/wait", &query, "") {
            (200, book) => Ok(book),
            (_, book) => Err(Box::new(book)),
        }
    }

    /// As [`Self::reaches`], for half a minute.
    ///
    /// # Panics
    ///
    /// If it takes longer; the message has the book.
    #[track_caller]
    pub fn until(&self, what: &str, least: u64) -> Book {
        match self.reaches(what, least, Duration::from_secs(30)) {
            Ok(book) => book,
            Err(book) => {
                let Book { records, opened, open, refused, acked, cuts, sent, .. } = *book;
                panic!(
                    "{}: {what} is not {least} by now: {} distinct in {records} records, {opened} sockets ({open} \
                     open, {refused} refused), {acked} acked, {cuts} cuts, {} of {sent} sent were acked",
                    self.namespace,
                    book.counts.len(),
                    book.acks.len(),
                )
            }
        }
    }

    /// Changes how it answers.
    #[track_caller]
    pub fn behave(&self, behaviour: &Behaviour) {
        let body = serde_json::to_string(behaviour);
        self.ask("POST", "/behave", "", &body.unwrap_or_default());
    }

    /// Resets the connections of all who are there.
    #[track_caller]
    pub fn cut(&self) {
        self.ask("POST", "/cut", "", "");
    }

    /// Sends so many numbered events `told`, `{"id", "n"}`; with an ack, those that get none are repeated at the next socket.
    #[track_caller]
    pub fn send(&self, count: u64, is_acked: bool) {
        let ack = if is_acked { "&ack=yes" } else { "" };
        self.ask("POST", "/send", &format!("&count={count}{ack}"), "");
    }

    /// Forgets all, and behaves well again.
    #[track_caller]
    pub fn forget(&self) {
        self.ask("POST", "/forget", "", "");
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, query: &str, body: &str) -> (u16, Book) {
        let path = format!("{path}?nsp={}{query}", self.namespace);
        let answer = exchange(&self.url, method, &path, body);
        let (status, body) = match answer {
            Ok(answer) => answer,
            Err(error) => panic!("the ledger does not answer {method} {path}: {error}"),
        };
        match serde_json::from_str(&body) {
            Ok(book) if status == 200 || status == 408 => (status, book),
            _ => panic!("the ledger answers {method} {path} with {status}: {body}"),
        }
    }
}

/// One request on a connection of its own; the ledger closes it behind the answer, which is not chunked then.
fn exchange(url: &str, method: &str, path: &str, body: &str) -> std::io::Result<(u16, String)> {
    let authority = url.strip_prefix("http://").unwrap_or(url);
    let mut stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(Some(LIFETIME))?;
    // HTTP/1.0: the answer is not chunked.
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nhost: {authority}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    Ok((status, body))
}
