//! Opens a session: by the transports in their order, in the version that the server turns out to speak.

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use sockeye_proto::{
    session::{Config, websocket},
    wire::{
        encoding::{Encoding, Parser},
        engine::{self, Handshake, Kind, Version},
        polling::{Format, Item, Packets},
        ws::deflate,
    },
};
use tokio::time;

use super::{OpenError, Transport, TransportError, auth::BoxError, error::Tried};
use crate::{
    dispatch::guard,
    event::Running,
    net::{
        Address, Bounds, Conn, Cookies, Deadline, Id, KeepAlive, Keys, Offered, OwnHeader, Proxy,
        Query, Remote, RequestLimits, Requesting, Route, Start, Tap, Tls, refusal, version_of,
    },
};

/// Largest answer to a request for a session; a refusal may be a page.
const MAX_OPENING_BYTES: usize = 1024 * 1024;

/// Asked before each attempt.
pub(super) type Prepare = Box<dyn Fn(Attempt) -> Running<Result<Attempt, BoxError>> + Send + Sync>;

/// One attempt to connect, as the function sees and changes it that is asked before each:
/// [`Builder::before_attempt`](super::Builder::before_attempt).
#[derive(Clone, Debug)]
pub struct Attempt {
    number: u32,
    url: String,
    headers: HeaderMap,
    query: Query,
}

impl Attempt {
    /// Which attempt this is, from 1; it counts anew after each connection.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Goes to another server, such as `https://second.example?zone=b`. Its path names no namespace; those stay.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = url.into();
        self
    }

    /// Sets a header of all requests of this connection, instead of those of its name that were given before.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Adds a field to the query of all requests of this connection.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push(&name.into(), &value.into());
        self
    }
}

/// The way to the server, fixed when the client is built.
pub(super) struct Way {
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    pub(super) query: Query,
    pub(super) path: Uri,
    pub(super) tls: Option<Tls>,
    pub(super) proxy: Proxy,
    pub(super) tap: Option<Tap>,
    pub(super) cookies: Option<Cookies>,
    /// What is offered for WebSockets.
    pub(super) deflate: Option<deflate::Config>,
    pub(super) keep_alive: KeepAlive,
    pub(super) prepare: Option<Prepare>,
    /// In the order in which they are tried.
    pub(super) transports: Vec<Transport>,
    /// `None` is found out.
    pub(super) version: Option<Version>,
    pub(super) parser: Parser,
    /// How long one attempt may take, all transports together.
    pub(super) timeout: Duration,
    pub(super) config: Arc<Config>,
    pub(super) websocket: websocket::Config,
    pub(super) outbox: Bounds,
    pub(super) limits: RequestLimits,
    pub(super) write_timeout: Duration,
}

/// Opens sessions, and remembers what got through.
pub(super) struct Opener {
    way: Way,
    /// The transport that got through last; it is tried first.
    remembered: Option<Transport>,
    /// What the server speaks, as far as it is known.
    version: Option<Version>,
}

/// A session that waits for its driver.
pub(super) struct Opened {
    pub(super) conn: Arc<Conn>,
    pub(super) start: Start,
    pub(super) transport: Transport,
}

impl Opener {
    pub(super) fn new(way: Way) -> Self {
        let version = way.version;
        Self { way, remembered: None, version }
    }

    /// The server has shown that it speaks version 3; `false` if we must speak another.
    pub(super) fn speak_v3(&mut self) -> bool {
        let may = self.way.version.is_none();
        if may {
            self.version = Some(Version::V3);
        }
        may
    }

    pub(super) const fn websocket(&self) -> &websocket::Config {
        &self.way.websocket
    }

    pub(super) const fn write_timeout(&self) -> Duration {
        self.way.write_timeout
    }

    /// Tries the transports until one gets through.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: none did; what was found out about the server is kept for the next attempt.
    pub(super) async fn open(&mut self, number: u32) -> Result<Opened, OpenError> {
        let mut error = OpenError { tried: Vec::new(), attempt: None };
        let (remote, mut transports) = match self.remote(number).await {
            Ok(remote) => (remote, self.way.transports.clone()),
            Err(refusal) => {
                error.attempt = Some(refusal.to_string());
                return Err(error);
            }
        };
        transports.sort_by_key(|transport| Some(*transport) != self.remembered);
        let tries = u32::try_from(transports.len()).unwrap_or(1).max(1);
        for transport in transports {
            // Each has its share: a proxy that swallows one must not use up the time of the other.
            let deadline = Deadline::new(self.way.timeout / tries);
            let asks = self.version.unwrap_or_default();
            let mut opened = self.open_by(transport, asks, &remote, deadline).await;
            let may_be_v3 = self.way.version.is_none() && asks == Version::V4;
            if may_be_v3 && opened.as_ref().is_err_and(TransportError::is_unsupported_version) {
                opened = self.open_by(transport, Version::V3, &remote, deadline).await;
            }
            match opened {
                Ok(opened) => {
                    if let Some(tap) = &self.way.tap {
                        tap.speaks(opened.conn.encoding.version);
                    }
                    self.remembered = Some(transport);
                    if self.way.version.is_none() {
                        self.version = Some(opened.conn.encoding.version);
                    }
                    return Ok(opened);
                }
                Err(failure) => {
                    let is_final = self.way.version.is_some() && failure.is_of_version();
                    error.tried.push(Tried { transport, version: asks, error: failure });
                    // By WebSocket some servers let it in all the same, and then do not understand it.
                    if is_final {
                        break;
                    }
                }
            }
        }
        // Another server may have taken its place.
        self.version = self.way.version;
        Err(error)
    }

    async fn open_by(
        &self,
        transport: Transport,
        asks: Version,
        remote: &Remote,
        deadline: Deadline,
    ) -> Result<Opened, TransportError> {
        match transport {
            Transport::Polling => self.poll(asks, remote, deadline).await,
            Transport::WebSocket => self.connect(asks, remote, deadline).await,
        }
    }

    /// Opens a session on polling. Servers of version 3 answer in their own way, whatever they are asked.
    async fn poll(
        &self,
        asks: Version,
        remote: &Remote,
        deadline: Deadline,
    ) -> Result<Opened, TransportError> {
        let keys = Keys::new().map_err(TransportError::Randomness)?;
        let answer = remote.get(asks, None, MAX_OPENING_BYTES, deadline).await?;
        if !answer.status.is_success() {
            return Err(TransportError::of_polling(&answer));
        }
        let (version, format) = match Format::of_opening(&answer.body) {
            Some((version, format)) if self.way.version.is_none_or(|forced| forced == version) => {
                (version, format)
            }
            Some((found, _)) => return Err(TransportError::OtherVersion { found }),
            None => return Err(TransportError::of_polling(&answer)),
        };
        check_handshake(format, &answer.body)?;
        let requesting = Requesting::new(
            remote.clone(),
            version,
            self.way.limits,
            self.way.websocket.clone(),
            (answer.body, format),
        );
        let conn = self.conn(version, true, keys);
        let start = Start::Polling(Box::new(requesting));
        Ok(Opened { conn, start, transport: Transport::Polling })
    }

    /// Opens a session on WebSocket.
    async fn connect(
        &self,
        asks: Version,
        remote: &Remote,
        deadline: Deadline,
    ) -> Result<Opened, TransportError> {
        let offered = remote.clone().websocket(asks, None, deadline).await?;
        let Offered { stream: (mut stream, early), keys, deflate } = offered;
        let broken = |error: std::io::Error| TransportError::Http(error.to_string());
        let step = crate::net::Step::Handshake;
        let early = if self.way.version == Some(Version::V3) {
            let said = deadline.within(step, refusal(&mut stream, early)).await?.map_err(broken)?;
            said.map_err(|(status, body)| TransportError::of_answer(status, "", &body))?
        } else {
            early
        };
        let known = match self.way.version {
            Some(Version::V3) => Some(asks),
            _ if self.version.is_some() && self.remembered.is_some() => Some(asks),
            _ => None, // the server shows it when it lets us in
        };
        let said = deadline.within(step, version_of(&mut stream, early, known)).await?;
        let (version, early) = said.map_err(broken)??;
        // It might answer in another way than that shows, or not at all.
        if self.way.version.is_some_and(|forced| forced != version) {
            return Err(TransportError::OtherVersion { found: version });
        }
        let conn = self.conn(version, false, keys);
        let start = Start::WebSocket { stream: (stream, early), deflate };
        Ok(Opened { conn, start, transport: Transport::WebSocket })
    }

    fn conn(&self, version: Version, on_polling: bool, mut keys: Keys) -> Arc<Conn> {
        let id = Id::of(keys.next()); // for logs alone
        let encoding = Encoding::new(version, self.way.parser);
        let config = Arc::clone(&self.way.config);
        let now = time::Instant::now().into_std();
        Conn::client(now, config, (id, encoding, on_polling), self.way.outbox, keys)
    }

    /// The server of this attempt, and the way there.
    async fn remote(&self, number: u32) -> Result<Remote, BoxError> {
        let Way { url, headers, query, path, tls, proxy, tap, prepare, .. } = &self.way;
        let mut attempt =
            Attempt { number, url: url.clone(), headers: headers.clone(), query: query.clone() };
        if let Some(prepare) = prepare {
            let prepared = guard::run(|| prepare(attempt)).await;
            attempt = prepared.map_err(|panicked| panicked.text().to_owned())??;
        }
        OwnHeader::check_all(&attempt.headers)?;
        let address = Address::parse(&attempt.url)?;
        if attempt.url != *url {
            // That of the client's own URL is in the query already.
            attempt.query.extend(&Query::of(&address));
        }
        let route = Route::new(&address, tls.as_ref(), proxy)?;
        let route = route.named(&attempt.headers).watched(tap.clone());
        let Way { cookies, keep_alive, deflate, .. } = &self.way;
        let headers = (attempt.headers, cookies.clone(), keep_alive.clone());
        Ok(Remote::new(address, route, headers, path, attempt.query, *deflate))
    }
}

/// The session would end with what is wrong with it; here it can be told.
fn check_handshake(format: Format, body: &[u8]) -> Result<(), engine::HandshakeError> {
    if let Ok(Some(Item::Text(first))) = Packets::new(format, body).next()
        && let Ok((Kind::Open, json)) = engine::decode(first)
    {
        Handshake::decode(json)?;
    }
    Ok(())
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").field("remembered", &self.remembered).finish_non_exhaustive()
    }
}
