//! One link that is watched: opened, joined, and lived with, while it is noted what happens to it.

use std::time::Duration;

use sockeye_proto::wire::{
    encoding::{Encoding, Parser},
    engine::{Handshake, Version},
    packet::Kind,
    prepared::Prepared,
};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{
    doctor::{
        found::{
            End, Flood, Opened, Raw, Reception,
            life::{Death, Life, Role},
        },
        link::{Heard, Link, Polls, Prober, Wire},
        target::Target,
    },
    secrets::Secrets,
    values::printable,
};

/// How links are opened.
#[derive(Debug)]
pub(super) struct Plan<'t> {
    pub(super) target: &'t Target,
    pub(super) secrets: &'t Secrets,
    pub(super) encoding: Encoding,
    /// Whether they go over polling; else over WebSocket.
    pub(super) by_polling: bool,
}

/// A link under watch.
pub(super) struct Watching<'p> {
    plan: &'p Plan<'p>,
    link: Link<'p>,
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

/// How often a link that talks does so. The contract says at least once a second.
const PACE: Duration = Duration::from_millis(500);
/// How often an age is brought up to date.
const TICK: Duration = Duration::from_millis(100);
/// How long the server may take to end what it says it ends, or what we end.
const GOODBYE: Duration = Duration::from_millis(500);
/// How long a request may wait: the heartbeat is to tell when that is too long.
const LONGEST_POLL: Duration = Duration::from_secs(24 * 3_600);
/// The id of an ack that nobody waits for: such may come late at any time, so every server ignores them, and no handler
/// ever sees them. What Engine.IO has for saying nothing won't do: socketioxide closes at a noop, and a pong would put off
/// the pings of npm's server.
const NOBODYS: u64 = 2_147_483_647;

impl<'p> Watching<'p> {
    /// Opens a link and joins its namespace.
    pub(super) async fn open(plan: &'p Plan<'p>) -> Result<Self, Unopened> {
        let limit = plan.target.timeout;
        let silent =
            |_| Unopened::Unreachable(format!("no handshake of Engine.IO within {limit:?}"));
        let (wire, mut opened) = timeout(limit, wire(plan)).await.map_err(silent)??;
        plan.secrets.add(&opened.handshake.sid);
        opened.version = plan.encoding.version;
        let link = Link::new(wire, opened, plan.encoding.parser);
        let mut watching = Self { plan, link, is_mismatched: false };
        // Whoever does not answer may still keep the link.
        if let Ok(joined) = timeout(limit, watching.join()).await {
            joined?;
        }
        Ok(watching)
    }

    pub(super) fn handshake(&self) -> &Handshake {
        &self.link.opened.handshake
    }

    async fn join(&mut self) -> Result<(), Unopened> {
        let namespace = self.plan.namespace();
        self.link.ask(namespace, self.plan.target.auth.as_ref()).await;
        loop {
            match self.link.next(self.plan.target.timeout).await {
                Some(Heard::Joined { namespace: place, has_id }) if place == namespace => {
                    // Those of version 3 have no id either, but by that no other version is known.
                    let Encoding { version, parser, .. } = self.plan.encoding;
                    self.is_mismatched =
                        version == Version::V4 && parser == Parser::Json && !has_id;
                    return Ok(());
                }
                Some(Heard::End(end)) => {
                    return Err(Unopened::Unreachable(self.death(end).words()));
                }
                Some(heard) => {
                    if let Some(Death::Closed { reason, .. }) = self.farewell(&heard) {
                        return Err(Unopened::Refused(reason));
                    }
                }
                None => {}
            }
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
            if self.is_unread(&heart, until) {
                break Some(self.last_words(self.unread()).await);
            }
            if Instant::now() >= until {
                break None;
            }
            if heart.has_stopped() {
                break Some(Death::NoHeartbeat);
            }
            if let Some(flood) = self.link.flood() {
                break Some(Death::Flood(flood));
            }
            let by = heart.send_by(until) + TICK;
            let turn = async {
                self.beat(&mut heart, &note).await;
                self.link.next(TICK.min(until.saturating_duration_since(Instant::now()))).await
            };
            // On polling, what is sent must be taken in the time of a heartbeat, too.
            let Ok(heard) = timeout_at(by, turn).await else {
                break Some(self.last_words(self.unread()).await);
            };
            self.measure(&heart, &note);
            match heard {
                None => {}
                Some(Heard::End(end)) => break Some(self.death(end)),
                Some(heard) => {
                    self.hear(&heard, &mut heart, &note);
                    if let Some(end) = self.farewell(&heard) {
                        break Some(self.last_words(end).await);
                    }
                }
            }
        };
        note(&|life| life.end.clone_from(&end));
        if end.is_none() {
            // Past its time it ends with the process.
            let _ = timeout(GOODBYE, self.link.close()).await;
        }
    }

    /// Sends what is due.
    async fn beat(&mut self, heart: &mut Heart, note: &impl Fn(&dyn Fn(&mut Life))) {
        let (now, age) = (Instant::now(), heart.age());
        let talks = heart.talk_at.is_some_and(|at| now >= at);
        if talks {
            heart.talk_at = Some(now + PACE);
        }
        if heart.version == Version::V3 {
            if heart.pinged.is_none() && (talks || now >= heart.ping_at) {
                (heart.pinged, heart.ping_at) = (Some(now), now + heart.interval);
                note(&|life| life.last_sent = age);
                self.link.ping().await;
            }
            return;
        }
        if !talks {
            return;
        }
        note(&|life| life.last_sent = age);
        let namespace = self.plan.namespace();
        let ack = Prepared::packet(Kind::Ack, namespace, Some(NOBODYS), "[]", Vec::new());
        self.link.send(ack).await;
        match &mut self.link.wire {
            Wire::WebSocket(socket) => socket.ping(),
            Wire::Polling(polls) if polls.refused.is_none() => {
                note(&|life| life.round_trips.push(now.elapsed()));
            }
            Wire::Polling(_) => {}
        }
    }

    /// Takes note of what a WebSocket brings that is no message.
    fn measure(&mut self, heart: &Heart, note: &impl Fn(&dyn Fn(&mut Life))) {
        if let Wire::WebSocket(socket) = &mut self.link.wire {
            let took = socket.round_trips();
            let last_heard = socket.last_heard.saturating_duration_since(heart.born);
            note(&|life| {
                life.round_trips.extend_from_slice(&took);
                life.last_heard = last_heard;
            });
        }
    }

    /// Takes note of what came.
    fn hear(&self, heard: &Heard, heart: &mut Heart, note: &impl Fn(&dyn Fn(&mut Life))) {
        let age = heart.age();
        note(&|life| life.last_heard = age);
        if *heard != Heard::Beat {
            return;
        }
        if heart.version == Version::V4 {
            heart.beat_by = Instant::now() + heart.interval + heart.timeout;
            // It was answered.
            note(&|life| {
                life.beats.push(age);
                life.last_sent = age;
            });
        } else if let Some(at) = heart.pinged.take() {
            note(&|life| {
                life.beats.push(age);
                life.round_trips.push(at.elapsed());
            });
        }
    }

    /// Whether the server has taken nothing of what was sent for as long as it may, or has not when the time is over.
    fn is_unread(&self, heart: &Heart, until: Instant) -> bool {
        let Wire::WebSocket(socket) = &self.link.wire else { return false };
        let limit = heart.interval + heart.timeout;
        socket.stuck_for().is_some_and(|stuck| stuck >= limit || Instant::now() >= until)
    }

    /// How a link ends whose server takes nothing of what we send.
    fn unread(&self) -> Death {
        match self.link.flood() {
            Some(flood) => Death::Flood(Flood { is_read: false, ..flood }),
            None => Death::Lost { code: None, word: "the server reads nothing".to_owned() },
        }
    }

    /// How a link ends whose server says that it does.
    fn farewell(&self, heard: &Heard) -> Option<Death> {
        let ours = self.plan.namespace();
        let reason = match heard {
            Heard::Closed => "the server closed the session".to_owned(),
            Heard::Refused { namespace, .. } if namespace == ours => {
                format!("the server does not let us into {ours}")
            }
            Heard::Left { namespace } if namespace == ours => {
                format!("the server disconnected us from {ours}")
            }
            _ => return None,
        };
        Some(Death::Closed { code: None, reason })
    }

    /// How the transport ended.
    fn death(&self, end: End) -> Death {
        match (&self.link.wire, end) {
            (Wire::Polling(polls), end) => match (&polls.refused, end) {
                (Some(answer), _) => {
                    let word = printable(&answer.note());
                    if answer.front().is_some() {
                        Death::Closed { code: None, reason: word }
                    } else {
                        Death::Lost { code: None, word }
                    }
                }
                (None, End::Broken(error)) => Death::Lost { code: None, word: printable(&error) },
                (None, _) => {
                    let reason = "the server closed the session".to_owned();
                    Death::Closed { code: None, reason }
                }
            },
            (Wire::WebSocket(_), End::Closed { code, reason }) => {
                Death::Closed { code: code.or(NO_CODE), reason: printable(&reason) }
            }
            (Wire::WebSocket(_), End::Broken(error)) => {
                Death::Lost { code: ABNORMAL, word: printable(&error) }
            }
            (Wire::WebSocket(socket), End::Cut) => {
                let word = socket.error.as_deref().unwrap_or("no close frame");
                Death::Lost { code: ABNORMAL, word: printable(word) }
            }
        }
    }

    /// What the server still says at the end: its close frame knows the code. What it said before counts more than that
    /// nothing can be sent any more.
    async fn last_words(&mut self, end: Death) -> Death {
        let closing = async {
            loop {
                if let Some(Heard::End(end)) = self.link.next(GOODBYE).await {
                    break end;
                }
            }
        };
        let Ok(said) = timeout(GOODBYE, closing).await else { return end };
        let said @ Death::Closed { code: Some(_), .. } = self.death(said) else { return end };
        match (said, end) {
            (Death::Closed { code, reason }, Death::Closed { reason: before, .. })
                if reason.is_empty() =>
            {
                Death::Closed { code, reason: before }
            }
            (said, _) => said,
        }
    }
}

impl Plan<'_> {
    fn namespace(&self) -> &str {
        self.target.namespaces.first().map_or("/", String::as_str)
    }
}

/// What a link goes over, and the handshake.
async fn wire<'p>(plan: &'p Plan<'p>) -> Result<(Wire<'p>, Opened), Unopened> {
    let version = plan.encoding.version;
    let (answer, wire) = if plan.by_polling {
        let prober = Prober::new(plan.target, plan.secrets, LONGEST_POLL);
        let answer = Reception::of_polling(prober.polling(version, None, None).await);
        let polls = answer.opened().map(|opened| Polls::new(prober, opened));
        (answer, polls.map(Wire::Polling))
    } else {
        let prober = Prober::new(plan.target, plan.secrets, plan.target.timeout);
        match prober.websocket(version, None).await {
            Ok(mut socket) => {
                let answer = socket.handshake(version, plan.target.timeout).await;
                (answer, Some(Wire::WebSocket(socket)))
            }
            Err(answer) => (answer, None),
        }
    };
    match (answer, wire) {
        (Reception::Open(_, opened), Some(wire)) => Ok((wire, opened)),
        (answer, _) => Err(unopened(&answer)),
    }
}

/// Whether somebody is there.
fn unopened(answer: &Reception) -> Unopened {
    let word = printable(&answer.note());
    match answer {
        // A proxy says that there is nobody behind it.
        Reception::Http(front) if matches!(front.status, 502..=504) => Unopened::Unreachable(word),
        Reception::Http(_) | Reception::Refused(..) | Reception::Raw(_, Raw::WrongHandshake(_)) => {
            Unopened::Refused(word)
        }
        _ => Unopened::Unreachable(word),
    }
}

/// What browsers say where there was no code, and where there was no close frame (RFC 6455 §7.4.1).
const NO_CODE: Option<u16> = Some(1005);
const ABNORMAL: Option<u16> = Some(1006);

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
}

impl Heart {
    fn new(watching: &Watching<'_>, role: Role) -> Self {
        let born = Instant::now();
        let version = watching.plan.encoding.version;
        let &Handshake { ping_interval: interval, ping_timeout: timeout, .. } =
            watching.handshake();
        Self {
            born,
            version,
            interval,
            timeout,
            is_owed: !watching.is_mismatched,
            beat_by: born + interval + timeout,
            ping_at: born + interval,
            pinged: None,
            talk_at: (role == Role::Talking).then_some(born + PACE),
        }
    }

    /// When what is sent now must have been taken.
    fn send_by(&self, until: Instant) -> Instant {
        until.min(Instant::now() + self.interval + self.timeout)
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
