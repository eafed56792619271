//! One link to the server, on whichever transport: the machine of a client, and a tap for servers that break its rules.
//!
//! ```text
//!            ┌▶ tap ─ pings, first words, what can't be read ─▶ checks
//!  wire ─ Said ┤
//!            └▶ sockeye_proto's Session ─ joined, refused, left ─▶ checks
//!               └─ CONNECT, pong ─▶ wire
//! ```
//!
//! A client ends at the first packet that it must not get. Here the machine is begun anew then, and the link goes on:
//! what else the server does is what the doctor wants to know. Of the heartbeat only the pongs are the machine's: it takes
//! any packet for a sign of life, while a verdict is about pings, and a link that talks pings when it likes.

mod beginning;
mod handshake;
mod http;
mod pings;
mod polling;
mod reading;
mod websocket;
mod wire;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Map, Value};
use sockeye_proto::{
    session::{self, Output, Received, Session},
    wire::{
        encoding::{Encoding, Parser},
        engine::{self, Version},
        packet::{self, Kind},
        prepared::Prepared,
    },
};
use tokio::time;

pub(crate) use self::{
    beginning::Watched, http::Prober, polling::Polls, websocket::RawWebSocket, wire::Wire,
};
use crate::doctor::found::{End, Flood, Joined, Opened, Reception, Said, Violation, excerpt};

/// An open session, and the way into its namespaces.
pub(crate) struct Link<'t> {
    pub(crate) wire: Wire<'t>,
    pub(crate) opened: Opened,
    parser: Parser,
    machine: Session<()>,
    /// The namespaces that were asked for, and whether we are in. In version 3 the server lets us into `/` unasked.
    places: Vec<(String, bool)>,
    /// Whether an event came.
    pub(crate) heard_event: bool,
    /// The first packet that can't be read.
    pub(crate) violation: Option<Violation>,
}

/// What was heard, as far as anybody has to know.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Heard {
    /// A ping of the server's, in version 3 its answer to ours.
    Beat,
    /// We are in, in the manner of version 4 with an id.
    Joined { namespace: String, has_id: bool },
    /// The server does not let us in.
    Refused { namespace: String, error: Option<Value> },
    /// The server sends us out of a namespace that we are in.
    Left { namespace: String },
    /// The server says that the session is over.
    Closed,
    /// Anything else.
    Other,
    /// No more comes.
    End(End),
}

impl<'t> Link<'t> {
    pub(crate) fn new(wire: Wire<'t>, opened: Opened, parser: Parser) -> Self {
        let mut link = Self {
            machine: machine(&wire, &opened, parser),
            wire,
            opened,
            parser,
            places: Vec::new(),
            heard_event: false,
            violation: None,
        };
        if link.opened.version == Version::V3 {
            link.places.push(("/".to_owned(), false));
        }
        link
    }

    pub(crate) fn encoding(&self) -> Encoding {
        Encoding::new(self.opened.version, self.parser)
    }

    /// Sends a packet. Whether it arrives, the answer shows.
    pub(crate) async fn send(&mut self, packet: Prepared) {
        self.wire.send(&packet.encoded_for(self.encoding()), self.opened.version).await;
    }

    /// Pings, as in version 3 the client does.
    pub(crate) async fn ping(&mut self) {
        self.send(Prepared::engine(engine::Kind::Ping, "")).await;
    }

    /// The next that is heard within this time, pings of the server answered; `None` is silence.
    pub(crate) async fn next(&mut self, limit: Duration) -> Option<Heard> {
        let said = self.wire.next(limit).await?;
        let heard = self.take_in(&said);
        self.send_due().await;
        Some(heard)
    }

    /// Asks for a namespace, and waits for the answer to that.
    pub(crate) async fn join(
        &mut self,
        namespace: &str,
        auth: Option<&Map<String, Value>>,
        limit: Duration,
    ) -> Joined {
        let until = time::Instant::now() + limit;
        if self.places.iter().any(|(name, is_in)| *is_in && name == namespace) {
            return Joined::In;
        }
        self.ask(namespace, auth).await;
        loop {
            let left = until.saturating_duration_since(time::Instant::now());
            match self.next(left).await {
                None => return Joined::NoReply,
                Some(Heard::End(end)) => {
                    return match self.wire.refused() {
                        Some(answer) => Joined::Lost(Box::new(answer.clone())),
                        None => Joined::Ended(end),
                    };
                }
                Some(Heard::Joined { namespace: place, .. }) if place == namespace => {
                    return Joined::In;
                }
                Some(Heard::Refused { namespace: place, error }) if place == namespace => {
                    return refused(error);
                }
                Some(_) => {}
            }
        }
    }

    /// Asks for a namespace.
    pub(crate) async fn ask(&mut self, namespace: &str, auth: Option<&Map<String, Value>>) {
        let auth = auth.filter(|auth| !auth.is_empty());
        let auth = auth.map(|auth| Value::Object(auth.clone()).to_string()).unwrap_or_default();
        self.machine.connect(namespace, &auth);
        if !self.places.iter().any(|(name, _)| name == namespace) {
            self.places.push((namespace.to_owned(), false));
        }
        self.send_due().await;
    }

    /// More pings than the server may send, if it does.
    pub(crate) fn flood(&self) -> Option<Flood> {
        self.wire.flood(Some(self.opened.handshake.ping_interval))
    }

    /// Says goodbye, and gives what the server said to that if it was no.
    pub(crate) async fn close(self) -> Option<Reception> {
        self.wire.close().await
    }

    fn take_in(&mut self, said: &Said) -> Heard {
        let now = Instant::now();
        let received = match said {
            Said::End(end) => return Heard::End(end.clone()),
            Said::Ping => return Heard::Other,
            Said::Text(text) => {
                if self.parser == Parser::Json
                    && let Some((namespace, error)) = old_refusal(text)
                {
                    return Heard::Refused { namespace, error: Some(error) };
                }
                self.machine.receive_text(now, text)
            }
            Said::Binary(bytes) => self.machine.receive_binary(now, bytes),
        };
        let heard = match received {
            Ok(Some(Received::Connected { namespace, data })) => {
                let has_id = data.contains("\"sid\"");
                Heard::Joined { namespace: namespace.into_owned(), has_id }
            }
            Ok(Some(Received::Refused { namespace, error })) => {
                let error = serde_json::from_str(&error).ok();
                Heard::Refused { namespace: namespace.into_owned(), error }
            }
            Ok(Some(Received::Disconnect { namespace })) => {
                Heard::Left { namespace: namespace.into_owned() }
            }
            Ok(Some(Received::Event { .. })) => {
                self.heard_event = true;
                Heard::Other
            }
            Ok(Some(_)) => Heard::Other,
            Ok(None) if self.machine.is_closed() => Heard::Closed,
            Ok(None) if self.is_beat(said) => Heard::Beat,
            Ok(None) => Heard::Other,
            Err(broken) => {
                if let Some(violation) = violation(&broken, said) {
                    self.violation.get_or_insert(violation);
                }
                Heard::Other
            }
        };
        if let Heard::Joined { namespace, .. } = &heard {
            let place = self.places.iter_mut().find(|(name, _)| name == namespace);
            place.into_iter().for_each(|(_, is_in)| *is_in = true);
        }
        if self.machine.is_closed() {
            self.begin_anew();
        }
        heard
    }

    fn is_beat(&self, said: &Said) -> bool {
        let beat = if self.opened.version == Version::V3 { '3' } else { '2' };
        matches!(said, Said::Text(text) if text.starts_with(beat))
    }

    /// The machine has ended at what the server sent: another one that has asked for the same takes its place.
    fn begin_anew(&mut self) {
        self.machine = machine(&self.wire, &self.opened, self.parser);
        for (name, is_in) in &self.places {
            self.machine.connect(name, "");
            if *is_in {
                let joined = Prepared::packet(Kind::Connect, name, None, "", Vec::new());
                let joined = joined.encoded_for(Encoding::new(self.opened.version, Parser::Json));
                let _ = self.machine.receive_text(Instant::now(), joined.text());
            }
        }
        while self.machine.poll_output().is_some() {}
    }

    /// Sends what the machine has to send.
    async fn send_due(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                // An answer that still waits to be sent does for this one, too.
                Output::Send(packet) if packet.text().starts_with('3') && !self.wire.is_read() => {}
                Output::Send(packet) => self.send(packet).await,
                Output::AckExpired(()) | Output::AckLost(()) | Output::Closed(_) => {}
            }
        }
    }
}

impl fmt::Debug for Link<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("wire", &self.wire).finish_non_exhaustive()
    }
}

/// A client's machine behind the handshake.
fn machine(wire: &Wire<'_>, opened: &Opened, parser: Parser) -> Session<()> {
    let (now, config) = (Instant::now(), Arc::new(session::Config::default()));
    let encoding = Encoding::new(opened.version, parser);
    let by_polling = matches!(wire, Wire::Polling(_));
    let mut machine = Session::client(now, config, encoding, by_polling);
    let handshake = serde_json::to_string(&opened.handshake).unwrap_or_default(); // it was read from JSON
    let _ = machine.receive_text(now, &format!("0{handshake}"));
    machine
}

/// What is wrong with a packet, if it is that it can't be read: the rest is no news to whoever looks for it.
fn violation(broken: &session::Violation, said: &Said) -> Option<Violation> {
    let (error, packet) = match (broken, said) {
        (session::Violation::Packet(error), Said::Text(text)) => {
            (error.to_string(), text.strip_prefix('4').unwrap_or(text))
        }
        (session::Violation::Packet(error), _) => (error.to_string(), "bytes"),
        (session::Violation::MsgPack(error), _) => (error.to_string(), "bytes"),
        _ => return None,
    };
    Some(Violation { error, packet: excerpt(packet) })
}

/// A refusal of version 3 whose text is no JSON, so that the machine can't read it: the namespace, and the text.
fn old_refusal(text: &str) -> Option<(String, Value)> {
    let body = text.strip_prefix("44")?;
    if packet::decode(&text[1..], &packet::Limits::default()).is_ok() {
        return None;
    }
    let (namespace, error) = match body.strip_prefix('/') {
        Some(_) => body.split_once(',').unwrap_or((body, "")),
        None => ("/", body),
    };
    let namespace = namespace.split('?').next().unwrap_or("/");
    Some((namespace.to_owned(), error.into()))
}

fn refused(error: Option<Value>) -> Joined {
    match error {
        Some(Value::Object(mut object)) => {
            let message = match object.get("message") {
                Some(Value::String(message)) => message.clone(),
                // Version 3 sends what the application has thrown, whatever it is.
                _ => {
                    return Joined::Refused {
                        message: Value::Object(object).to_string(),
                        data: None,
                    };
                }
            };
            let data = object.remove("data");
            Joined::Refused { message, data }
        }
        Some(Value::String(message)) => Joined::Refused { message, data: None },
        Some(other) => Joined::Refused { message: other.to_string(), data: None },
        None => Joined::Refused { message: String::new(), data: None },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn refusals_of_both_versions_are_read() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(data: Option<Value>, expect: (&str, Option<Value>)) {
            let Joined::Refused { message, data } = refused(data) else { panic!("a refusal") };
            assert_eq!((message.as_str(), data), expect);
        }
        check(
            Some(json!({ "message": "no", "data": { "code": 1 } })),
            ("no", Some(json!({ "code": 1 }))),
        );
        check(Some(json!("Invalid namespace")), ("Invalid namespace", None));
        check(Some(json!({ "code": 401 })), (r#"{"code":401}"#, None));
        check(None, ("", None));
    }

    #[test]
    fn a_refusal_that_is_no_json_is_one_all_the_same() {
        let known =
            |text| old_refusal(text).map(|(namespace, error)| (namespace, error.to_string()));
        let expect = |namespace: &str| Some((namespace.to_owned(), r#""not json""#.to_owned()));
        assert_eq!(known("44/imchat,not json"), expect("/imchat"));
        assert_eq!(known("44/imchat?token=a,not json"), expect("/imchat"));
        assert_eq!(known("44not json"), expect("/"));
        assert_eq!(known(r#"44"json""#), None);
        assert_eq!(known("40/imchat"), None);
    }
}
