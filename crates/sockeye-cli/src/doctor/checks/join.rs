//! The checks of Socket.IO: the way into the namespaces, the parser, the heartbeat.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sockeye_proto::wire::engine::Version;

use super::{Examination, in_time};
use crate::{
    doctor::{
        found::{Heartbeat, Joined, Reception, Violation, excerpt},
        link::{Heard, Link, Polls, Wire},
        report::Check,
    },
    failure::Failure,
    reach::Encoding,
};

/// Where to look for a server's events if it does not have the namespace that was asked for; the second is our own chat's.
const USUAL: [&str; 6] = ["/", sockeye_chat::NAMESPACE, "/im", "/ws", "/api", "/socket"];
/// How long is looked for a heartbeat that is not due; it shows a server that lets us in and cuts at once.
const LOOK: Duration = Duration::from_millis(400);
/// The longest heartbeat that is waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How long the other parser may take: whoever understands it answers at once.
const OTHER_PARSER: Duration = Duration::from_secs(3);

impl<'t> Examination<'t, '_> {
    /// Joins the namespaces, each in its turn, and those to be tried.
    pub(super) async fn connect(&mut self, link: &mut Link<'t>) -> Result<(), Failure> {
        self.found.joined_by = Some(link.wire.transport());
        let mut names = VecDeque::from(self.names());
        while let Some((name, is_asked)) = names.pop_front() {
            let (began, limit) = (Instant::now(), self.limit());
            let joining = link.join(&name, self.target.auth.as_ref(), limit);
            let joined = in_time(limit, joining).await.unwrap_or(Joined::NoReply);
            self.noticed(link);
            if let Joined::Lost(answer) = &joined {
                self.saw(answer);
            }
            let is_over = matches!(joined, Joined::Ended(_) | Joined::Lost(_));
            // Some say nothing to a namespace that they don't have, and let us into others all the same.
            self.was_silent |= matches!(joined, Joined::NoReply);
            let check_name = if is_asked { "connect" } else { "try-nsp" };
            let check = Check::since(check_name, began, joined.is_in());
            let check = described(check, &name, &joined, link.wire.transport());
            self.report.check(self.marked(check))?;
            let is_missing = is_asked && joined.is_unknown();
            if is_asked {
                self.found.joins.push((name, joined));
            } else {
                self.found.others.push((name, joined));
            }
            if is_missing {
                let waiting = names.iter().map(|(name, _)| name);
                let known: Vec<_> =
                    self.found.tried().map(|(name, _)| name).chain(waiting).cloned().collect();
                let is_new = |usual: &&str| !known.iter().any(|name| name == usual);
                names.extend(USUAL.into_iter().filter(is_new).map(|name| (name.to_owned(), false)));
            }
            if is_over {
                break;
            }
        }
        Ok(())
    }

    /// Takes note of what a session tells beside the answers that were waited for.
    fn noticed(&mut self, link: &Link<'t>) {
        self.found.flood = self.found.flood.or_else(|| link.flood());
        self.found.violation = self.found.violation.take().or_else(|| link.violation.clone());
        self.found.heard_event |= link.heard_event;
    }

    /// The check, which is none that is passed if the server does what it must not.
    fn marked(&self, mut check: Check) -> Check {
        if let Some(Violation { error, packet }) = &self.found.violation {
            check.ok = Some(false);
            let note = format!("{}; a packet that can't be read: {error}: {packet:?}", check.note);
            check =
                check.note(note).with("violation", error.clone()).with("packet", packet.clone());
        }
        if let Some(flood) = &self.found.flood {
            check.ok = Some(false);
            let note = format!("{}; the server {}", check.note, flood.note());
            check = check.note(note).with("pings", flood.pings).with("read", flood.is_read);
        }
        check
    }

    /// The namespaces that were asked for, and those to be tried.
    fn names(&self) -> Vec<(String, bool)> {
        let asked = self.target.namespaces.iter().map(|name| (name.clone(), true));
        let is_new = |name: &&String| !self.target.namespaces.contains(name);
        let others = self.target.others.iter().filter(is_new);
        asked.chain(others.map(|name| (name.clone(), false))).collect()
    }

    /// Whether the server lets us in that writes packets with the other parser.
    pub(super) async fn parser(&mut self) -> Result<(), Failure> {
        let (name, other) = match self.target.parser {
            Encoding::Json => ("parser-msgpack", Encoding::MsgPack),
            Encoding::MsgPack => ("parser-json", Encoding::Json),
        };
        let not_understood = |(_, joined): &&(String, Joined)| match joined {
            Joined::NoReply | Joined::Ended(_) => true,
            Joined::Lost(answer) => answer.code() != Some(1),
            Joined::In | Joined::Refused { .. } => false,
        };
        let is_known = self.found.flood.is_some() || self.found.violation.is_some();
        let asked = self.found.joins.iter().find(not_understood).filter(|_| !is_known);
        let Some((namespace, _)) = asked else {
            return self.skip(&[name], "the parser is not in question");
        };
        let namespace = namespace.clone();
        let began = Instant::now();
        let limit = self.limit().min(OTHER_PARSER);
        let joining = async {
            let Some(mut link) = self.link(other).await else { return Joined::NoReply };
            let joined = link.join(&namespace, self.target.auth.as_ref(), limit).await;
            link.close().await;
            joined
        };
        let joined = in_time(limit, joining).await.unwrap_or(Joined::NoReply);
        let is_answer = matches!(joined, Joined::In | Joined::Refused { .. });
        let check = Check::since(name, began, is_answer);
        let transport = self.found.joined_by.unwrap_or("polling");
        self.report.check(described(check, &namespace, &joined, transport))?;
        self.found.other_parser = Some(joined);
        Ok(())
    }

    /// One more link like that of the joins.
    async fn link(&self, parser: Encoding) -> Option<Link<'t>> {
        let (by, prober) = (self.found.joined_by?, self.prober());
        let known = if by == "polling" { &self.found.polling } else { &self.found.websocket };
        let version = known.opened().map_or(Version::V4, |opened| opened.version);
        if by == "polling" {
            let answer = Reception::of_polling(prober.polling(version, None, None).await);
            let opened = answer.opened()?.clone();
            self.secrets.add(&opened.handshake.sid);
            let polls = Polls::new(prober, &opened);
            return Some(Link::new(Wire::Polling(polls), opened, parser.parser()));
        }
        let mut socket = prober.websocket(version, None).await.ok()?;
        let opened = socket.open(version, self.limit()).await.opened()?.clone();
        self.secrets.add(&opened.handshake.sid);
        socket.tell(&opened.rest);
        Some(Link::new(Wire::WebSocket(socket), opened, parser.parser()))
    }

    /// Whether the session lives: its heartbeat, if it is due soon, or a short look.
    pub(super) async fn heartbeat(&mut self, link: &mut Link<'t>) -> Result<(), Failure> {
        if !self.found.joins.iter().any(|(_, joined)| joined.is_in()) {
            return self.skip(&["heartbeat"], "nothing is joined");
        }
        let handshake = &link.opened.handshake;
        let (interval, timeout) = (handshake.ping_interval, handshake.ping_timeout);
        let within = interval.saturating_add(timeout);
        let (is_due, wait) = match link.opened.version {
            // The watch has more time for it.
            _ if self.wishes.watch.is_some() => (false, LOOK),
            Version::V3 => (true, timeout.min(LONGEST_WAIT)),
            Version::V4 if within <= LONGEST_WAIT => (true, within),
            Version::V4 => (false, LOOK),
        };
        let began = Instant::now();
        if link.opened.version == Version::V3 {
            // There it is the client that asks.
            link.ping().await;
        }
        let missing = Heartbeat::Missing { within: wait };
        let heartbeat = in_time(wait, listen(link, is_due, wait)).await.unwrap_or(missing);
        self.noticed(link);
        let is_alive = matches!(heartbeat, Heartbeat::Seen | Heartbeat::NotDue);
        let seconds = |time: Duration| time.as_secs_f64();
        let note = match &heartbeat {
            Heartbeat::Seen if link.opened.version == Version::V3 => {
                "our ping is answered".to_owned()
            }
            Heartbeat::Seen => "the server's ping came".to_owned(),
            Heartbeat::NotDue => format!("the next ping is due within {} s", seconds(interval)),
            Heartbeat::Missing { within } => format!("no ping within {} s", seconds(*within)),
            Heartbeat::Disconnected => "the server let us in and sent us away".to_owned(),
            Heartbeat::Ended => "the session ended".to_owned(),
        };
        let check = Check::since("heartbeat", began, is_alive)
            .with("seen", heartbeat == Heartbeat::Seen)
            .with("due", is_due)
            .with("note", note.clone());
        self.report.check(self.marked(check.note(note)))?;
        self.found.heartbeat = Some(heartbeat);
        Ok(())
    }
}

async fn listen(link: &mut Link<'_>, is_due: bool, wait: Duration) -> Heartbeat {
    let began = Instant::now();
    let (mut until, mut is_seen) = (began + wait, false);
    loop {
        match link.next(until.saturating_duration_since(Instant::now())).await {
            None if is_seen => return Heartbeat::Seen,
            None if is_due => return Heartbeat::Missing { within: wait },
            None => return Heartbeat::NotDue,
            Some(Heard::End(_)) => return Heartbeat::Ended,
            Some(Heard::Beat) => {
                // What else comes right behind a join is seen, too.
                (is_seen, until) = (true, until.min(began + LOOK));
            }
            Some(Heard::Left { .. }) => return Heartbeat::Disconnected,
            Some(_) => {}
        }
    }
}

fn described(check: Check, namespace: &str, joined: &Joined, transport: &str) -> Check {
    let check = check.with("namespace", namespace).with("transport", transport);
    match joined {
        Joined::In => check.note(format!("{namespace} joined over {transport}")),
        Joined::Refused { message, data } => {
            let shown = data.as_ref().map_or_else(String::new, |data| format!(" {data}"));
            check
                .note(excerpt(&format!("{namespace} refused: {message}{shown}")))
                .with("message", excerpt(message))
                .with("data", data.clone().unwrap_or(Value::Null))
        }
        Joined::NoReply => check.note(format!("{namespace}: no answer")).with("error", "no answer"),
        Joined::Ended(end) => check
            .note(format!("{namespace}: the session ended instead"))
            .with("error", json!(format!("{end:?}"))),
        Joined::Lost(answer) => {
            let mut check = check.note(format!("{namespace}: {}", answer.note()));
            check.evidence.extend(answer.evidence());
            check
        }
    }
}
