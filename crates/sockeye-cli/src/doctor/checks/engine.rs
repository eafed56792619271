//! The checks of Engine.IO: a session on each transport in each version, and the way from one to the other.

use std::time::{Duration, Instant};

use sockeye_proto::wire::engine::Version;

use super::{Examination, in_time};
use crate::{
    doctor::{
        found::{ByVersion, Opened, Raw, Reception, Said, Stranger, Upgrade},
        link::{Link, Polls, Prober, RawWebSocket, Wire},
        report::Check,
    },
    failure::Failure,
    reach::{Eio, Transports},
};

/// How long a WebSocket may take to say its first word. A session begins at once, or does not.
const FIRST_WORD: Duration = Duration::from_secs(3);

/// How many sessions are tried to see whether they stay with one server.
const SESSIONS: u32 = 2;

/// The sessions that are open after the checks of the transports.
#[derive(Debug, Default)]
pub(super) struct Sessions<'t> {
    pub(super) polling: Option<(Polls<'t>, Opened)>,
    pub(super) websocket: Option<(RawWebSocket, Opened)>,
}

impl<'t> Examination<'t, '_> {
    /// Asks for a session on each transport that may be used, in each version that may be spoken.
    pub(super) async fn transports(&mut self) -> Result<Sessions<'t>, Failure> {
        let mut sessions = Sessions::default();
        // What was not asked for is looked at only if what was does not work: that tells why.
        if self.target.transports == Transports::WebSocket {
            self.websocket(&mut sessions).await?;
            if sessions.websocket.is_some() {
                self.skip(&["polling-eio4", "polling-eio3"], "--transport websocket")?;
            } else {
                self.polling(&mut sessions).await?;
            }
            return Ok(sessions);
        }
        self.polling(&mut sessions).await?;
        if self.target.transports == Transports::Polling && sessions.polling.is_some() {
            self.skip(&["websocket-eio4", "websocket-eio3"], "--transport polling")?;
        } else {
            self.websocket(&mut sessions).await?;
        }
        Ok(sessions)
    }

    async fn polling(&mut self, sessions: &mut Sessions<'t>) -> Result<(), Failure> {
        for (name, version) in [("polling-eio4", Version::V4), ("polling-eio3", Version::V3)] {
            if let Some(why) = self.needless(&self.found.polling, version) {
                self.skip(&[name], why)?;
                continue;
            }
            let began = Instant::now();
            let prober = self.prober();
            let answer = Reception::of_polling(prober.polling(version, None, None).await);
            self.saw(&answer);
            if let Reception::Open(_, opened) = &answer {
                let polls = Polls::new(prober, opened);
                let before = sessions.polling.replace((polls, opened.clone()));
                in_time(self.limit(), self.leave(before)).await;
            }
            self.answered(name, began, version, &answer)?;
            self.found.polling.set(version, answer);
        }
        Ok(())
    }

    async fn websocket(&mut self, sessions: &mut Sessions<'t>) -> Result<(), Failure> {
        for (name, version) in [("websocket-eio4", Version::V4), ("websocket-eio3", Version::V3)] {
            if let Some(why) = self.needless(&self.found.websocket, version) {
                self.skip(&[name], why)?;
                continue;
            }
            let began = Instant::now();
            let limit = self.limit();
            let opening = async {
                let mut socket = match self.prober().websocket(version, None).await {
                    Ok(socket) => socket,
                    Err(answer) => return (answer, None),
                };
                let answer = socket.open(version, limit.min(FIRST_WORD)).await;
                (answer, Some(socket))
            };
            let (answer, socket) =
                in_time(limit, opening).await.unwrap_or((Reception::Silent, None));
            if let (Some(mut socket), Reception::Open(_, opened)) = (socket, &answer) {
                socket.tell(&opened.rest);
                if let Some((before, _)) = sessions.websocket.replace((socket, opened.clone())) {
                    before.close().await;
                }
            }
            self.saw(&answer);
            self.answered(name, began, version, &answer)?;
            self.found.websocket.set(version, answer);
        }
        Ok(())
    }

    /// Why a version need not be asked for, after what is known of the transport.
    fn needless(&self, known: &ByVersion, version: Version) -> Option<&'static str> {
        if version == Version::V4 || self.target.eio == Eio::V3 {
            return None;
        }
        match known.v4.as_ref()? {
            answer if answer.speaks(Version::V4) => Some("the server speaks EIO=4"),
            // Older servers answer everybody in their own version, or say that they don't speak ours.
            answer if answer.speaks(Version::V3) || answer.code() == Some(5) => None,
            _ => Some("it is not the version that is wrong"),
        }
    }

    fn answered(
        &self,
        name: &'static str,
        began: Instant,
        version: Version,
        answer: &Reception,
    ) -> Result<(), Failure> {
        let mut check = Check::since(name, began, answer.speaks(version)).note(answer.note());
        check.evidence = answer.evidence();
        self.report.check(check)
    }

    /// Whether a session stays with one server: some begin and end, each request on a connection of its own.
    pub(super) async fn sticky(&mut self) -> Result<(), Failure> {
        let version = match self.found.polling.opened() {
            Some(opened) if self.target.transports != Transports::WebSocket => opened.version,
            _ => return self.skip(&["sticky"], "there is no session on polling"),
        };
        let (began, mut begun, mut lost) = (Instant::now(), 0, 0);
        in_time(self.limit(), async {
            for _ in 0..SESSIONS {
                let prober = self.prober();
                let answer = Reception::of_polling(prober.polling(version, None, None).await);
                self.saw(&answer);
                let Reception::Open(_, opened) = &answer else { continue };
                begun += 1;
                let refused = Polls::new(prober, opened).close().await;
                // netty-socketio has no number for it.
                let is_lost = |answer: &Reception| {
                    answer.code() == Some(1)
                        || version == Version::V3
                            && answer.front().is_some_and(|front| front.status == 500)
                };
                lost += u32::from(refused.is_some_and(|answer| is_lost(&answer)));
            }
        })
        .await;
        self.found.lost_session |= lost > 0;
        let note = match lost {
            0 => "each session is known at its next request".to_owned(),
            lost => format!("{lost} of {begun} sessions unknown at their next request"),
        };
        let check = Check::since("sticky", began, lost == 0).note(note);
        self.report.check(check.with("sids", begun).with("lost", lost))
    }

    /// Moves the session on polling to a WebSocket, as clients do; the session to go on with.
    pub(super) async fn upgrade(
        &mut self,
        sessions: Sessions<'t>,
    ) -> Result<Option<Link<'t>>, Failure> {
        let Sessions { polling, websocket } = sessions;
        let parser = self.target.parser.parser();
        let by_websocket = |(socket, opened)| Link::new(Wire::WebSocket(socket), opened, parser);
        let Some((polls, opened)) = polling else {
            self.skip(&["upgrade"], "there is no session on polling")?;
            return Ok(websocket.map(by_websocket));
        };
        let offers = opened.handshake.upgrades.iter().any(|name| name == "websocket");
        let why = match self.target.transports {
            Transports::Polling => Some("--transport polling"),
            Transports::WebSocket => Some("--transport websocket"),
            Transports::Auto if !offers => Some("the server offers none"),
            Transports::Auto => None,
        };
        if let Some(why) = why {
            self.skip(&["upgrade"], why)?;
            if let Some((socket, _)) = websocket {
                socket.close().await;
            }
            return Ok(Some(Link::new(Wire::Polling(polls), opened, parser)));
        }
        let began = Instant::now();
        let limit = self.limit();
        let moving = async {
            let mut socket =
                polls.offer().await.map_err(|answer| Upgrade::Refused(Box::new(answer)))?;
            let probed = socket.probe(limit).await;
            let announced = Some(opened.handshake.ping_interval);
            self.found.flood = socket.pings.flood(announced, socket.is_read());
            probed.map(|()| socket).map_err(Upgrade::NotProbed)
        };
        let moved = in_time(limit, moving).await.unwrap_or(Err(Upgrade::NotProbed(None)));
        match moved {
            Ok(mut socket) => {
                socket.send("5");
                socket.tell(&polls.heard());
                self.report.check(Check::since("upgrade", began, true).note("probed and moved"))?;
                self.found.upgrade = Some(Upgrade::Done);
                if let Some((unused, _)) = websocket {
                    unused.close().await;
                }
                Ok(Some(Link::new(Wire::WebSocket(socket), opened, parser)))
            }
            Err(upgrade) => {
                let mut check = Check::since("upgrade", began, false).note(upgrade.note());
                if let Upgrade::Refused(answer) = &upgrade {
                    self.saw(answer);
                    check.evidence = answer.evidence();
                } else {
                    check = check.with("error", upgrade.note());
                }
                self.report.check(check)?;
                self.found.upgrade = Some(upgrade);
                let Some(pair) = websocket.filter(|_| self.found.lost_session) else {
                    return Ok(Some(Link::new(Wire::Polling(polls), opened, parser)));
                };
                // Only what stays on one connection gets further.
                Ok(Some(by_websocket(pair)))
            }
        }
    }

    /// Whether the port speaks TLS, although the URL says that it does not.
    pub(super) async fn looks_like_tls(&mut self) -> Result<(), Failure> {
        let strangers = self.found.polling.answers().chain(self.found.websocket.answers());
        let is_strange = |answer: &Reception| {
            matches!(answer, Reception::Stranger(Stranger::Cut | Stranger::Tls))
        };
        if self.target.is_secure || !strangers.into_iter().any(is_strange) {
            return Ok(());
        }
        self.found.speaks_tls = self.target.speaks_tls(self.limit()).await;
        Ok(())
    }

    /// Leaves a session that is not needed any more, and notes whether the server still knew it.
    pub(super) async fn leave(&mut self, session: Option<(Polls<'t>, Opened)>) {
        if let Some((polls, _)) = session
            && let Some(answer) = polls.close().await
        {
            self.saw(&answer);
        }
    }

    /// Takes note of what any answer tells.
    pub(super) fn saw(&mut self, answer: &Reception) {
        if let Some(sid) = answer.sid() {
            self.secrets.add(sid);
        }
        if let Reception::Raw(_, Raw::Floods(flood)) = answer {
            self.found.flood = Some(*flood);
        }
        self.found.lost_session |= answer.code() == Some(1);
        if matches!(answer, Reception::Silent) {
            self.was_silent = true;
        }
    }

    pub(super) fn prober(&self) -> Prober<'t> {
        Prober::new(self.target, self.secrets, self.limit())
    }
}

impl Upgrade {
    fn note(&self) -> String {
        match self {
            Self::Done => "probed and moved".to_owned(),
            Self::Refused(answer) => answer.note(),
            Self::NotProbed(None) => "no answer to the probe".to_owned(),
            Self::NotProbed(Some(Said::End(_))) => "cut during the probe".to_owned(),
            Self::NotProbed(Some(_)) => "a wrong answer to the probe".to_owned(),
        }
    }
}
