//! One link: opens, joins, answers pings, and notes what happens to it.

use std::{rc::Rc, sync::Arc, time::Duration};

use sockeye::{
    client::{Proxy, Tls},
    ws::{Connect, ConnectError, Options},
};
use sockeye_proto::{
    session::{Config, Output, Session},
    wire::{
        encoding::Encoding,
        engine::{self, Handshake, Version},
        msgpack,
        packet::{self, Kind, Limits},
        prepared::Prepared,
    },
};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::wire::{Incoming, Polling, Wire};
use crate::{
    doctor::{
        found::{
            Answer,
            life::{End, Life, Role},
        },
        link::{Pings, Prober},
        target::Target,
    },
    secrets::Secrets,
    values::printable,
};

/// How links are opened.
#[derive(Debug)]
pub(crate) struct Plan<'t> {
    pub(crate) target: &'t Target,
    pub(crate) secrets: &'t Secrets,
    pub(crate) tls: Option<Tls>,
    pub(crate) proxy: Proxy,
    pub(crate) encoding: Encoding,
    /// Whether they go over polling; else over WebSocket.
    pub(crate) by_polling: bool,
}

/// An open link.
pub(super) struct Link<'p> {
    plan: &'p Plan<'p>,
    wire: Wire<'p>,
    pub(super) handshake: Handshake,
    /// Whether the server speaks version 3, and we don't: it lets us in without an id.
    pub(super) is_mismatched: bool,
}

/// Why a link does not open.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Unopened {
    /// Nobody is there.
    Unreachable(String),
    /// Somebody is there, and says no.
    Refused(String),
}

/// What a message says, as far as a link has to know.
enum Heard {
    Open(Box<Handshake>),
    Ping(String),
    Pong,
    /// We are in; as in version 4, with an id?
    Joined {
        has_id: bool,
    },
    Left(String),
    Other,
}

/// How often a link that talks does so. The contract says at least once a second.
const PACE: Duration = Duration::from_millis(500);
/// How often an age is brought up to date.
const TICK: Duration = Duration::from_millis(100);
/// How long the server may take to end what it says it ends, or what we end.
const GOODBYE: Duration = Duration::from_millis(500);
/// The longest message that is read.
const MAX_MESSAGE: usize = 64 << 20;
/// How long a GET may wait: the heartbeat is to tell when that is too long.
const LONGEST_POLL: Duration = Duration::from_secs(24 * 3_600);
/// The id of an ack that nobody waits for: such may come late at any time, so every server ignores them, and no handler
/// ever sees them. What Engine.IO has for saying nothing won't do: socketioxide closes at a noop, and a pong would put off
/// the pings of npm's server.
const NOBODYS: u64 = 2_147_483_647;

impl<'p> Link<'p> {
    /// Opens the link and joins its namespace.
    pub(super) async fn open(plan: &'p Plan<'p>) -> Result<Self, Unopened> {
        let limit = plan.target.timeout;
        let silent =
            |_| Unopened::Unreachable(format!("no handshake of Engine.IO within {limit:?}"));
        let opening = async {
            if plan.by_polling {
                Self::by_polling(plan).await
            } else {
                Self::by_websocket(plan).await
            }
        };
        let mut link = timeout(limit, opening).await.map_err(silent)??;
        // Whoever does not answer may still keep the link.
        if let Ok(joined) = timeout(limit, link.join()).await {
            joined?;
        }
        Ok(link)
    }

    async fn by_polling(plan: &'p Plan<'p>) -> Result<Self, Unopened> {
        let version = plan.encoding.version;
        let prober = Rc::new(Prober::new(plan.target, plan.secrets, LONGEST_POLL));
        let answer = Answer::of_polling(prober.polling(version, None, None).await);
        let Some(opened) = answer.opened() else {
            let word = printable(&answer.note());
            return Err(match &answer {
                Answer::Http(front) if !is_nobody(front.status) => Unopened::Refused(word),
                Answer::Refused(..) => Unopened::Refused(word),
                _ => Unopened::Unreachable(word),
            });
        };
        let handshake = opened.handshake.clone();
        plan.secrets.add(&handshake.sid);
        let polling = Polling::new(prober, version, &handshake.sid, opened.rest.clone());
        Ok(Self { plan, wire: Wire::Polling(polling), handshake, is_mismatched: false })
    }

    async fn by_websocket(plan: &'p Plan<'p>) -> Result<Self, Unopened> {
        let target = plan.target;
        let version = plan.encoding.version;
        let request = target.query.target(&target.path, version, "websocket", None);
        let request = request.map_err(|error| Unopened::Unreachable(error.to_string()))?;
        let url = format!("{}{request}", target.origin.replacen("http", "ws", 1));
        let options = Options::default()
            .handshake_timeout(target.timeout)
            .close_timeout(GOODBYE)
            .max_message_bytes(MAX_MESSAGE);
        let mut connect = Connect::new(url).options(options).proxy(plan.proxy.clone());
        for (name, value) in &target.headers {
            connect = connect.header(name.clone(), value.clone());
        }
        if let Some(tls) = &plan.tls {
            connect = connect.tls(tls.clone());
        }
        let socket = connect.connect().await.map_err(unopened)?;
        let mut wire = Wire::WebSocket(Box::new(socket));
        loop {
            let message = wire.recv(version).await.map_err(ended)?;
            if let Heard::Open(handshake) = heard(&message, plan) {
                plan.secrets.add(&handshake.sid);
                return Ok(Self { plan, wire, handshake: *handshake, is_mismatched: false });
            }
        }
    }

    async fn join(&mut self) -> Result<(), Unopened> {
        let encoding = self.plan.encoding;
        if (encoding.version == Version::V4 || self.namespace() != "/")
            && let Some(packet) = self.connect_packet()
        {
            self.wire.send(packet, encoding).await.map_err(ended)?;
        }
        loop {
            let message = self.wire.recv(encoding.version).await.map_err(ended)?;
            match heard(&message, self.plan) {
                Heard::Joined { has_id } => {
                    self.is_mismatched = encoding.version == Version::V4 && !has_id;
                    return Ok(());
                }
                Heard::Left(word) => return Err(Unopened::Refused(word)),
                Heard::Ping(body) => {
                    self.wire.send(pong(&body), encoding).await.map_err(ended)?;
                }
                Heard::Open(_) | Heard::Pong | Heard::Other => {}
            }
        }
    }

    fn namespace(&self) -> &str {
        namespace(self.plan)
    }

    /// The request to join, as the machine of a client makes it.
    fn connect_packet(&self) -> Option<Prepared> {
        let auth = self.plan.target.auth.as_ref().map(serde_json::to_string);
        let auth = auth.and_then(Result::ok).unwrap_or_default();
        let now = std::time::Instant::now();
        let config = Arc::new(Config::default());
        let mut session = Session::<()>::client(now, config, self.plan.encoding, false);
        session.connect(self.namespace(), &auth);
        match session.poll_output() {
            Some(Output::Send(packet)) => Some(packet),
            _ => None,
        }
    }

    /// Lives until it ends, or its time is over; `note` changes what is known of it.
    pub(super) async fn live(
        mut self,
        role: Role,
        until: Instant,
        note: impl Fn(&dyn Fn(&mut Life)),
    ) {
        let mut heart = Heart::new(&self, role);
        let end = loop {
            let age = heart.age();
            note(&|life| life.age = age);
            if Instant::now() >= until {
                break None;
            }
            if heart.has_stopped() {
                break Some(End::NoHeartbeat);
            }
            if let Some(flood) = heart.pings.flood(Some(heart.interval), true) {
                break Some(End::Flood(flood));
            }
            let sent = timeout_at(heart.send_by(until), self.beat(&mut heart, &note)).await;
            if let Err(end) = sent.unwrap_or_else(|_| Err(heart.unread())) {
                // What the server said before counts more than that nothing can be sent any more.
                break Some(self.last_words(end).await);
            }
            let message = tokio::select! {
                message = self.wire.recv(self.plan.encoding.version) => message,
                () = sleep_until(Instant::now() + TICK) => continue,
            };
            let age = heart.age();
            note(&|life| life.age = age);
            let message = match message {
                Ok(message) => message,
                Err(end) => break Some(end),
            };
            note(&|life| life.last_heard = age);
            let heard =
                timeout_at(heart.send_by(until), self.hear(&message, &mut heart, &note)).await;
            if let Err(end) = heard.unwrap_or_else(|_| Err(heart.unread())) {
                break Some(self.last_words(end).await);
            }
        };
        note(&|life| life.end.clone_from(&end));
        if end.is_none() {
            // Past its time it ends with the process.
            let _ = timeout(GOODBYE, self.wire.close(self.plan.encoding)).await;
        }
    }

    /// Sends what is due.
    async fn beat(
        &mut self,
        heart: &mut Heart,
        note: &impl Fn(&dyn Fn(&mut Life)),
    ) -> Result<(), End> {
        let encoding = self.plan.encoding;
        let (now, age) = (Instant::now(), heart.age());
        let talks = heart.talk_at.is_some_and(|at| now >= at);
        if talks {
            heart.talk_at = Some(now + PACE);
        }
        if encoding.version == Version::V3 {
            if heart.pinged.is_none() && (talks || now >= heart.ping_at) {
                (heart.pinged, heart.ping_at) = (Some(now), now + heart.interval);
                note(&|life| life.last_sent = age);
                let ping = Prepared::engine(engine::Kind::Ping, "");
                self.wire.send(ping, encoding).await?;
            }
            return Ok(());
        }
        if !talks {
            return Ok(());
        }
        note(&|life| life.last_sent = age);
        let ack = Prepared::packet(Kind::Ack, self.namespace(), Some(NOBODYS), "[]", Vec::new());
        self.wire.send(ack, encoding).await?;
        if self.wire.is_polling() {
            note(&|life| life.round_trips.push(now.elapsed()));
        } else if heart.probed.is_none() {
            let number = heart.probes;
            (heart.probed, heart.probes) = (Some((now, number)), number + 1);
            self.wire.ping(number.to_be_bytes().to_vec().into()).await?;
        }
        Ok(())
    }

    /// Takes in what came.
    async fn hear(
        &mut self,
        message: &Incoming,
        heart: &mut Heart,
        note: &impl Fn(&dyn Fn(&mut Life)),
    ) -> Result<(), End> {
        let age = heart.age();
        if matches!(message, Incoming::Ping) {
            heart.pings.add();
        }
        if let (Incoming::Pong(payload), Some((at, number))) = (message, heart.probed)
            && **payload == number.to_be_bytes()
        {
            heart.probed = None;
            note(&|life| life.round_trips.push(at.elapsed()));
        }
        match heard(message, self.plan) {
            Heard::Ping(body) => {
                heart.pings.add();
                heart.beat_by = Instant::now() + heart.interval + heart.timeout;
                note(&|life| life.beats.push(age));
                self.wire.send(pong(&body), self.plan.encoding).await?;
                note(&|life| life.last_sent = age);
            }
            Heard::Pong => {
                if let Some(at) = heart.pinged.take() {
                    note(&|life| {
                        life.beats.push(age);
                        life.round_trips.push(at.elapsed());
                    });
                }
            }
            Heard::Left(reason) => return Err(End::Closed { code: None, reason }),
            Heard::Open(_) | Heard::Joined { .. } | Heard::Other => {}
        }
        Ok(())
    }

    /// What the server still says at the end: its close frame knows the code.
    async fn last_words(&mut self, end: End) -> End {
        let version = self.plan.encoding.version;
        let closing = async {
            loop {
                match self.wire.recv(version).await {
                    Ok(_) => {}
                    Err(end) => break end,
                }
            }
        };
        let said = timeout(GOODBYE, closing).await;
        let Ok(said @ End::Closed { code: Some(_), .. }) = said else { return end };
        match (said, end) {
            (End::Closed { code, reason }, End::Closed { reason: before, .. })
                if reason.is_empty() =>
            {
                End::Closed { code, reason: before }
            }
            (said, _) => said,
        }
    }
}

/// When a link has to say something, and when the server.
struct Heart {
    born: Instant,
    version: Version,
    interval: Duration,
    timeout: Duration,
    /// Whether the server owes us pings: one of the other version does not.
    is_owed: bool,
    /// When the next ping must have come.
    beat_by: Instant,
    /// When we ping next, and when we did: in version 3.
    ping_at: Instant,
    pinged: Option<Instant>,
    /// When a link that talks does so next.
    talk_at: Option<Instant>,
    /// The ping of the WebSocket that is not answered yet, and how many there were.
    probed: Option<(Instant, u32)>,
    probes: u32,
    /// The pings that came, of the WebSocket and of Engine.IO.
    pings: Pings,
}

impl Heart {
    fn new(link: &Link<'_>, role: Role) -> Self {
        let born = Instant::now();
        let version = link.plan.encoding.version;
        let Handshake { ping_interval: interval, ping_timeout: timeout, .. } = link.handshake;
        Self {
            born,
            version,
            interval,
            timeout,
            is_owed: !link.is_mismatched,
            beat_by: born + interval + timeout,
            ping_at: born + interval,
            pinged: None,
            talk_at: (role == Role::Talking).then_some(born + PACE),
            probed: None,
            probes: 0,
            pings: Pings::default(),
        }
    }

    /// When what is sent now must have been taken.
    fn send_by(&self, until: Instant) -> Instant {
        until.min(Instant::now() + self.interval + self.timeout)
    }

    /// How a link ends whose server takes nothing of what we send.
    fn unread(&self) -> End {
        match self.pings.flood(Some(self.interval), false) {
            Some(flood) => End::Flood(flood),
            None => End::Lost { code: None, word: "the server reads nothing".to_owned() },
        }
    }

    fn age(&self) -> Duration {
        self.born.elapsed()
    }

    fn has_stopped(&self) -> bool {
        match self.version {
            Version::V4 => self.is_owed && Instant::now() >= self.beat_by,
            Version::V3 => self.pinged.is_some_and(|at| at.elapsed() >= self.timeout),
        }
    }
}

fn namespace<'p>(plan: &Plan<'p>) -> &'p str {
    plan.target.namespaces.first().map_or("/", String::as_str)
}

fn heard(message: &Incoming, plan: &Plan<'_>) -> Heard {
    let limits = Limits::default();
    match message {
        Incoming::Text(text) => match engine::decode(text) {
            Ok((engine::Kind::Open, body)) => {
                Handshake::decode(body).map_or(Heard::Other, |read| Heard::Open(Box::new(read)))
            }
            Ok((engine::Kind::Ping, body)) => Heard::Ping(body.to_owned()),
            Ok((engine::Kind::Pong, _)) => Heard::Pong,
            Ok((engine::Kind::Close, _)) => Heard::Left("the server closed the session".to_owned()),
            Ok((engine::Kind::Message, body)) => {
                packet::decode(body, &limits).map_or(Heard::Other, |packet| {
                    let has_id = packet.data.is_some_and(|data| data.contains("\"sid\""));
                    of_packet(packet.kind, packet.namespace, has_id, plan)
                })
            }
            _ => Heard::Other,
        },
        // Those of version 3 have no id either, but by that no other version is known.
        Incoming::Binary(bytes) => msgpack::decode(bytes, &limits)
            .map_or(Heard::Other, |packet| of_packet(packet.kind, &packet.namespace, true, plan)),
        Incoming::Ping | Incoming::Pong(_) => Heard::Other,
    }
}

fn of_packet(kind: Kind, found: &str, has_id: bool, plan: &Plan<'_>) -> Heard {
    let namespace = namespace(plan);
    // In version 3 a query may stand behind the name.
    if found.split('?').next() != Some(namespace) {
        return Heard::Other;
    }
    match kind {
        Kind::Connect => Heard::Joined { has_id },
        Kind::ConnectError => Heard::Left(format!("the server does not let us into {namespace}")),
        Kind::Disconnect => Heard::Left(format!("the server disconnected us from {namespace}")),
        Kind::Event | Kind::Ack => Heard::Other,
    }
}

fn pong(body: &str) -> Prepared {
    Prepared::engine(engine::Kind::Pong, body)
}

/// The end of a link that was not yet open.
fn ended(end: End) -> Unopened {
    Unopened::Unreachable(end.words())
}

/// Whether a proxy says that there is nobody behind it.
const fn is_nobody(status: u16) -> bool {
    matches!(status, 502..=504)
}

/// Whether somebody is there.
fn unopened(error: ConnectError) -> Unopened {
    let word = printable(&error.to_string());
    match error {
        ConnectError::Dial(_) | ConnectError::Http(_) => Unopened::Unreachable(word),
        ConnectError::Status(response) if is_nobody(response.status().as_u16()) => {
            Unopened::Unreachable(word)
        }
        _ => Unopened::Refused(word),
    }
}
