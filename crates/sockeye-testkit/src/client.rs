//! A Socket.IO client for tests of servers: the real machines on a TCP stream, driven only while the test waits.

use std::{
    collections::VecDeque,
    fmt,
    time::{Duration, Instant},
};

use http::{HeaderName, HeaderValue, Request, Response};
use serde::{Serialize, de::DeserializeOwned};
use sockeye_proto::{
    session::{Config, Reason},
    wire::{
        encoding::Encoding,
        payload::{ArgsError, EncodeError, Payload},
        ws::{
            Message,
            handshake::{Offer, ResponseError},
        },
    },
};
use thiserror::Error;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time,
};

use crate::{End, Heard};

/// How long a client waits for anything before the test fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client that is in one namespace, or in several after [`Self::join`].
///
/// It has no task of its own: pings are answered, and the stream is read, only inside of its methods. So a test that
/// does not call any is a client that has stopped reading.
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> Result<(), sockeye_testkit::client::ClientError> {
/// use sockeye_testkit::client::Client;
///
/// let mut client = Client::connect("http://127.0.0.1:3000", "/chat", ()).await?;
/// client.emit("say", &("lobby", "hello")).await?;
/// let sum: i64 = client.call("add", &(1, 2)).await?;
/// let said = client.event().await?;
/// assert_eq!((said.name.as_str(), said.text()), ("said", r#""lobby","hello""#));
/// # Ok(())
/// # }
/// ```
pub struct Client {
    stream: TcpStream,
    end: End,
    namespace: String,
    /// What was heard while something else was waited for.
    kept: VecDeque<Heard>,
    buffer: Vec<u8>,
    sid: String,
}

/// An event that the server sent.
#[derive(Clone, Debug)]
pub struct Event {
    /// The namespace.
    pub namespace: String,
    /// The event's name.
    pub name: String,
    /// Set if the server asks for an ack; see [`Client::ack`].
    pub id: Option<u64>,
    /// The arguments.
    pub payload: Payload<'static>,
}

impl Event {
    /// The arguments without brackets.
    pub fn text(&self) -> &str {
        self.payload.args_text()
    }
}

impl Client {
    /// Opens a session and joins a namespace. `auth` is anything that becomes a JSON object; `()` is none.
    ///
    /// # Errors
    ///
    /// [`ClientError`], in particular [`ClientError::Refused`].
    pub async fn connect(
        url: &str,
        namespace: &str,
        auth: impl Serialize,
    ) -> Result<Self, ClientError> {
        let mut client = Self::open(url).await?;
        client.join(namespace, auth).await?;
        Ok(client)
    }

    /// Opens a session and joins nothing. The path is `/socket.io/` unless the URL has one.
    ///
    /// # Errors
    ///
    /// [`ClientError`], in particular [`ClientError::NotOpened`].
    pub async fn open(url: &str) -> Result<Self, ClientError> {
        let (stream, rest) = upgrade(url).await?;
        let config = Config { connect_timeout: Duration::from_secs(3600), ..Config::default() };
        let end = End::client(now(), Encoding::default(), config, 1);
        let mut client = Self {
            stream,
            end,
            namespace: "/".to_owned(),
            kept: VecDeque::new(),
            buffer: rest,
            sid: String::new(),
        };
        let mut early = std::mem::take(&mut client.buffer);
        client.end.read(now(), &mut early);
        client.wait_for(|heard| matches!(heard, Heard::Opened).then_some(())).await?;
        Ok(client)
    }

    /// Joins a further namespace, which becomes the one that the other methods mean, and gives the server's JSON.
    ///
    /// # Errors
    ///
    /// [`ClientError`], in particular [`ClientError::Refused`].
    pub async fn join(
        &mut self,
        namespace: &str,
        auth: impl Serialize,
    ) -> Result<String, ClientError> {
        let auth = serde_json::to_string(&auth).map_err(EncodeError::Json)?;
        self.end.connect(namespace, if auth == "null" { "" } else { &auth });
        namespace.clone_into(&mut self.namespace);
        let joined = self.wait_for(|heard| match heard {
            Heard::Connected { namespace: joined, data } if joined == namespace => {
                Some(Ok(data.clone()))
            }
            Heard::Refused { namespace: refused, error } if refused == namespace => {
                Some(Err(ClientError::Refused { error: error.clone() }))
            }
            _ => None,
        });
        let data = joined.await??;
        self.sid = serde_json::from_str(&data).map_or_else(|_| String::new(), |Sid { sid }| sid);
        Ok(data)
    }

    /// Chooses which of the joined namespaces the other methods mean.
    pub fn of(&mut self, namespace: &str) -> &mut Self {
        namespace.clone_into(&mut self.namespace);
        self
    }

    /// Leaves the namespace.
    ///
    /// # Errors
    ///
    /// [`ClientError::Io`].
    pub async fn leave(&mut self) -> Result<(), ClientError> {
        let namespace = self.namespace.clone();
        self.end.leave(now(), &namespace);
        self.flush().await
    }

    /// Sends an event; `args` is a tuple, or one value.
    ///
    /// # Errors
    ///
    /// [`ClientError::Encode`], [`ClientError::Io`].
    pub async fn emit(
        &mut self,
        event: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Result<(), ClientError> {
        self.end.emit(&self.namespace, event, args)?;
        self.flush().await
    }

    /// Sends an event and waits for the ack's first argument; what else arrives is kept for [`Self::next`].
    ///
    /// # Errors
    ///
    /// [`ClientError`], in particular [`ClientError::Type`] with the ack's text, which shows an error ack.
    pub async fn call<R: DeserializeOwned>(
        &mut self,
        event: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Result<R, ClientError> {
        let answer = self.call_raw(event, args).await?;
        let read: Result<(R,), _> = answer.deserialize();
        let (first,) = read
            .map_err(|source| ClientError::Type { source, text: answer.args_text().to_owned() })?;
        Ok(first)
    }

    /// As [`Self::call`], with all arguments of the ack.
    ///
    /// # Errors
    ///
    /// As [`Self::call`], but for the types.
    pub async fn call_raw(
        &mut self,
        event: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Result<Payload<'static>, ClientError> {
        let token = self.begin_call(event, args).await?;
        self.answer(token).await
    }

    /// Sends an event that asks for an ack and does not wait for it; see [`Self::answer`].
    ///
    /// # Errors
    ///
    /// [`ClientError::Encode`], [`ClientError::Io`].
    pub async fn begin_call(
        &mut self,
        event: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Result<u64, ClientError> {
        let token = self.end.call((now(), PATIENCE), &self.namespace, event, args)?;
        self.flush().await?;
        Ok(token)
    }

    /// Waits for the ack of [`Self::begin_call`].
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn answer(&mut self, token: u64) -> Result<Payload<'static>, ClientError> {
        self.wait_for(|heard| match heard {
            Heard::Ack { token: answered, payload } if *answered == token => {
                Some(Ok(payload.clone()))
            }
            Heard::AckExpired { token: gone } | Heard::AckLost { token: gone }
                if *gone == token =>
            {
                Some(Err(ClientError::NoAnswer))
            }
            _ => None,
        })
        .await?
    }

    /// Answers an event of the server that asks for an ack.
    ///
    /// # Errors
    ///
    /// [`ClientError::Encode`], [`ClientError::Io`].
    pub async fn ack(
        &mut self,
        event: &Event,
        args: &(impl Serialize + ?Sized),
    ) -> Result<(), ClientError> {
        if let Some(id) = event.id {
            self.end.ack(&event.namespace, id, args)?;
        }
        self.flush().await
    }

    /// Waits for the next thing, whatever it is; one that the server's end of the stream brings is the last.
    ///
    /// # Errors
    ///
    /// [`ClientError::Patience`] after ten seconds, [`ClientError::Closed`] if nothing can follow any more.
    pub async fn next(&mut self) -> Result<Heard, ClientError> {
        match self.kept.pop_front() {
            Some(heard) => Ok(heard),
            None => self.hear().await,
        }
    }

    /// Waits for the next event; anything else that comes first is the test's failure.
    ///
    /// # Errors
    ///
    /// As [`Self::next`], and [`ClientError::Unexpected`].
    pub async fn event(&mut self) -> Result<Event, ClientError> {
        match self.next().await? {
            Heard::Event { namespace, name, id, payload } => {
                Ok(Event { namespace, name, id, payload })
            }
            heard => Err(ClientError::Unexpected(Box::new(heard))),
        }
    }

    /// Reads until the session is over and the stream has ended, and gives this side's reason.
    ///
    /// # Errors
    ///
    /// [`ClientError::Patience`] after ten seconds.
    pub async fn closed(&mut self) -> Result<Reason, ClientError> {
        loop {
            match self.hear().await {
                Ok(heard) => self.kept.push_back(heard),
                Err(ClientError::Closed { reason }) => return Ok(reason),
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends any text message, such as `42["event"]`.
    ///
    /// # Errors
    ///
    /// [`ClientError::Io`].
    pub async fn send_text(&mut self, text: &str) -> Result<(), ClientError> {
        self.end.send_message(Message::Text(text));
        self.flush().await
    }

    /// Sends any WebSocket message.
    ///
    /// # Errors
    ///
    /// [`ClientError::Io`].
    pub async fn send_message(&mut self, message: Message<'_>) -> Result<(), ClientError> {
        self.end.send_message(message);
        self.flush().await
    }

    /// Sends any bytes.
    ///
    /// # Errors
    ///
    /// [`ClientError::Io`].
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.flush().await?;
        let written = time::timeout(PATIENCE, self.stream.write_all(bytes)).await;
        Ok(written.map_err(|_| ClientError::Patience)??)
    }

    /// Closes with a WebSocket close frame and waits for the server to end the stream.
    ///
    /// # Errors
    ///
    /// [`ClientError::Io`], [`ClientError::Patience`].
    pub async fn close(mut self) -> Result<(), ClientError> {
        self.end.close(now(), Reason::TransportClose);
        self.flush().await?;
        self.closed().await.map(drop)
    }

    /// Resets the TCP connection.
    ///
    /// # Errors
    ///
    /// The system does not allow it.
    pub fn abort(self) -> Result<(), ClientError> {
        Ok(self.stream.set_zero_linger()?)
    }

    /// The public id that the server gave in the namespace joined last.
    pub fn id(&self) -> &str {
        &self.sid
    }

    /// Code and reason of the server's close frame.
    pub fn close_frame(&self) -> Option<(u16, &str)> {
        self.end.close_frame()
    }

    /// The stream below, for its options.
    pub const fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Waits until `pick` finds something; all else is kept for [`Self::next`].
    async fn wait_for<T>(
        &mut self,
        mut pick: impl FnMut(&Heard) -> Option<T>,
    ) -> Result<T, ClientError> {
        loop {
            let heard = self.hear().await?;
            match pick(&heard) {
                Some(found) => return Ok(found),
                None => self.kept.push_back(heard),
            }
        }
    }

    /// The next thing from the stream.
    async fn hear(&mut self) -> Result<Heard, ClientError> {
        let patience = time::Instant::now() + PATIENCE;
        loop {
            // If the server has ended the stream, what it said before is still to be read.
            let _ = self.flush().await;
            if let Some(heard) = self.end.heard() {
                return Ok(heard);
            }
            if self.end.is_ended()
                && let Some(reason) = self.end.closed()
            {
                return Err(ClientError::Closed { reason });
            }
            let due = self.end.next_deadline().map_or(patience, |due| patience.min(due.into()));
            self.buffer.resize(64 * 1024, 0);
            match time::timeout_at(due, self.stream.read(&mut self.buffer)).await {
                Ok(Ok(0) | Err(_)) => self.end.handle_eof(now()),
                Ok(Ok(read)) => self.end.read(now(), &mut self.buffer[..read]),
                Err(_) if due == patience => return Err(ClientError::Patience),
                Err(_) => self.end.handle_timeout(now()),
            }
        }
    }

    async fn flush(&mut self) -> Result<(), ClientError> {
        let bytes = self.end.transmit();
        if bytes.is_empty() {
            return Ok(());
        }
        let written = time::timeout(PATIENCE, self.stream.write_all(&bytes)).await;
        Ok(written.map_err(|_| ClientError::Patience)??)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// Asks a server for the plain answer to any request: status line, headers, and body until the end of the stream.
///
/// # Errors
///
/// [`ClientError::Io`], [`ClientError::Patience`].
pub async fn request(url: &str, head: &str) -> Result<String, ClientError> {
    let (address, _) = address_and_path(url);
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    let read = time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.map_err(|_| ClientError::Patience)??;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Makes the WebSocket handshake; also gives what came behind it.
async fn upgrade(url: &str) -> Result<(TcpStream, Vec<u8>), ClientError> {
    let (address, path) = address_and_path(url);
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let offer = Offer::new(*b"a test's nonce..");
    let mut request = Request::new(());
    offer.write_headers(request.headers_mut());
    let mut head = format!("GET {path}?EIO=4&transport=websocket HTTP/1.1\r\nhost: {address}\r\n");
    for (name, value) in request.headers() {
        head += &format!("{name}: {}\r\n", value.to_str().unwrap_or_default());
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    let end = loop {
        if let Some(at) = answer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        let read = time::timeout(PATIENCE, stream.read_buf(&mut answer)).await;
        if read.map_err(|_| ClientError::Patience)?? == 0 {
            break answer.len();
        }
    };
    let rest = answer.split_off(end);
    let head = String::from_utf8_lossy(&answer);
    let not_opened = |source| ClientError::NotOpened { source, answer: head.clone().into_owned() };
    offer.check(&response(&head)).map_err(|error| not_opened(Some(error)))?;
    Ok((stream, rest))
}

/// Reads status and headers, as far as a handshake has them.
fn response(head: &str) -> Response<()> {
    let mut response = Response::new(());
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    *response.status_mut() = status.unwrap_or(http::StatusCode::BAD_GATEWAY);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

fn address_and_path(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    match rest.find('/') {
        Some(at) if rest.len() > at + 1 => rest.split_at(at),
        Some(at) => (&rest[..at], "/socket.io/"),
        None => (rest, "/socket.io/"),
    }
}

fn now() -> Instant {
    time::Instant::now().into_std()
}

/// The server's reply to a CONNECT.
#[derive(serde::Deserialize)]
struct Sid {
    sid: String,
}

/// Why a client could not do what the test asked.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum ClientError {
    /// The server did not open a WebSocket.
    #[error("no session was opened; the server answered:\n{answer}")]
    NotOpened {
        /// What is wrong with the answer.
        source: Option<ResponseError>,
        /// The answer's head.
        answer: String,
    },
    /// The server refused to let us into the namespace.
    #[error("refused: {error}")]
    Refused {
        /// The JSON of its CONNECT_ERROR.
        error: String,
    },
    /// The session is over.
    #[error("the session is over: {reason}")]
    Closed {
        /// Why, as this side sees it.
        reason: Reason,
    },
    /// Something else came first.
    #[error("expected an event, heard {0:?}")]
    Unexpected(Box<Heard>),
    /// The ack will not come.
    #[error("no ack came")]
    NoAnswer,
    /// The ack is of other types.
    #[error("the ack reads {text}: {source}")]
    Type {
        /// What does not fit.
        source: ArgsError,
        /// The ack.
        text: String,
    },
    /// Ten seconds passed.
    #[error("nothing came within {PATIENCE:?}")]
    Patience,
    /// The arguments have no JSON form.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The stream broke.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
