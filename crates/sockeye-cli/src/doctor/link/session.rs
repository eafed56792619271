//! One session of Engine.IO, on whichever transport, and the way into its namespaces.

use std::{fmt, time::Duration};

use serde_json::{Map, Value};
use sockeye_proto::wire::{
    engine::{self, Version},
    msgpack,
    packet::{self, Kind, Limits, Packet},
    payload::Payload,
};
use tokio::time::Instant;

use super::{polling::Polls, websocket::Link};
use crate::{
    doctor::found::{Answer, End, Flood, Joined, Opened, Said, Violation, excerpt},
    reach::Encoding,
};

/// An open session.
#[derive(Debug)]
pub(crate) struct Session<'t> {
    pub(crate) line: Line<'t>,
    pub(crate) opened: Opened,
    parser: Encoding,
    /// Whether an event came.
    pub(crate) heard_event: bool,
    /// Whether the server has let us into `/`, which in version 3 it does once, unasked.
    is_in_root: bool,
    /// The first packet that can't be read.
    pub(crate) violation: Option<Violation>,
}

/// What it goes over.
#[derive(Debug)]
pub(crate) enum Line<'t> {
    Polling(Polls<'t>),
    WebSocket(Link),
}

/// A packet, as both parsers have it.
#[derive(Debug)]
struct Read {
    kind: Kind,
    namespace: String,
    data: Option<Value>,
}

impl<'t> Session<'t> {
    pub(crate) const fn new(line: Line<'t>, opened: Opened, parser: Encoding) -> Self {
        Self { line, opened, parser, heard_event: false, is_in_root: false, violation: None }
    }

    pub(crate) const fn transport(&self) -> &'static str {
        match self.line {
            Line::Polling(_) => "polling",
            Line::WebSocket(_) => "websocket",
        }
    }

    pub(crate) async fn send(&mut self, packet: &str) {
        match &mut self.line {
            Line::Polling(polls) => polls.send(packet).await,
            Line::WebSocket(link) => link.send(packet),
        }
    }

    async fn send_bytes(&mut self, bytes: &[u8]) {
        match (&mut self.line, self.opened.version) {
            (Line::Polling(polls), _) => polls.send_bytes(bytes).await,
            (Line::WebSocket(link), Version::V4) => link.send_bytes(bytes),
            (Line::WebSocket(link), Version::V3) => link.send_bytes(&[&[4], bytes].concat()),
        }
    }

    /// The next that is said within this time, pings of the server answered; `None` is silence.
    pub(crate) async fn next(&mut self, limit: Duration) -> Option<Said> {
        let said = match &mut self.line {
            Line::Polling(polls) => polls.next(limit).await,
            Line::WebSocket(link) => {
                link.next(limit).await.map(|said| as_polled(said, self.opened.version))
            }
        };
        if self.opened.version == Version::V4
            && let Some(Said::Text(text)) = &said
            && text.starts_with('2')
        {
            let pong = format!("3{}", &text[1..]);
            match &mut self.line {
                Line::Polling(polls) => polls.send(&pong).await,
                Line::WebSocket(link) => link.answer(&pong),
            }
        }
        match said.as_ref().and_then(|said| self.read(said)) {
            Some(Ok(read)) => {
                self.heard_event |= read.kind == Kind::Event;
                self.is_in_root |= read.kind == Kind::Connect && read.namespace == "/";
            }
            Some(Err(violation)) => _ = self.violation.get_or_insert(violation),
            None => {}
        }
        said
    }

    /// More pings than the server may send, if it does.
    pub(crate) fn flood(&self) -> Option<Flood> {
        let announced = Some(self.opened.handshake.ping_interval);
        match &self.line {
            // Answers are requests of their own there.
            Line::Polling(polls) => polls.pings.flood(announced, true),
            Line::WebSocket(link) => link.pings.flood(announced, link.is_read()),
        }
    }

    /// Asks for a namespace, and waits for the answer to that.
    pub(crate) async fn join(
        &mut self,
        namespace: &str,
        auth: Option<&Map<String, Value>>,
        limit: Duration,
    ) -> Joined {
        let until = Instant::now() + limit;
        if self.is_in_root && namespace == "/" {
            return Joined::In;
        }
        // In version 3 the server lets us into `/` unasked, and a query behind the name is all that goes along.
        if self.opened.version == Version::V4 || namespace != "/" {
            self.ask(namespace, auth).await;
        }
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.next(left).await {
                None => return Joined::NoReply,
                Some(Said::End(end)) => return self.ended(end),
                Some(Said::Ping) => {}
                Some(said) => {
                    let Some(Ok(read)) = self.read(&said) else { continue };
                    let place = read.namespace.split('?').next().unwrap_or("/");
                    match read.kind {
                        Kind::Connect if place == namespace => return Joined::In,
                        Kind::ConnectError if place == namespace => return refused(read.data),
                        _ => {}
                    }
                }
            }
        }
    }

    fn ended(&self, end: End) -> Joined {
        match &self.line {
            Line::Polling(Polls { refused: Some(answer), .. }) => {
                Joined::Lost(Box::new(answer.clone()))
            }
            _ => Joined::Ended(end),
        }
    }

    async fn ask(&mut self, namespace: &str, auth: Option<&Map<String, Value>>) {
        let auth = auth.filter(|auth| !auth.is_empty());
        let (namespace, data) = match (self.opened.version, auth) {
            (Version::V3, Some(auth)) => (with_query(namespace, auth), None),
            (_, auth) => {
                (namespace.to_owned(), auth.map(|auth| Value::Object(auth.clone()).to_string()))
            }
        };
        let packet = Packet {
            kind: Kind::Connect,
            attachments: 0,
            namespace: &namespace,
            id: None,
            data: data.as_deref(),
        };
        if self.parser == Encoding::MsgPack {
            let bytes = msgpack::encode(&packet, &[]);
            return self.send_bytes(&bytes).await;
        }
        let mut text = vec![b'4'];
        packet::encode_into(&packet, &mut text);
        self.send(&String::from_utf8_lossy(&text)).await;
    }

    /// The packet of Socket.IO that a message is; `None` if it is none in our parser.
    fn read(&self, said: &Said) -> Option<Result<Read, Violation>> {
        let limits = Limits::default();
        match (said, self.parser) {
            (Said::Text(text), Encoding::Json) => {
                let text = text.strip_prefix('4')?;
                let packet = match whole(text, &limits) {
                    Ok(packet) => packet,
                    Err(error) => {
                        return Some(old_error(text).ok_or_else(|| violation(&error, text)));
                    }
                };
                let data = packet.data.and_then(|data| serde_json::from_str(data).ok());
                Some(Ok(Read { kind: packet.kind, namespace: packet.namespace.to_owned(), data }))
            }
            (Said::Binary(bytes), Encoding::MsgPack) => {
                let packet = match msgpack::decode(bytes, &limits) {
                    Ok(packet) => packet,
                    Err(error) => return Some(Err(violation(&error, "bytes"))),
                };
                let data = match packet.data {
                    msgpack::Data::Value { text, .. } => serde_json::from_str(&text).ok(),
                    _ => None,
                };
                Some(Ok(Read { kind: packet.kind, namespace: packet.namespace, data }))
            }
            _ => None,
        }
    }

    /// Moves a session on polling to the WebSocket that offers itself: what the server says to `2probe`.
    ///
    /// # Errors
    ///
    /// What came instead.
    pub(crate) async fn probe(link: &mut Link, limit: Duration) -> Result<(), Option<Said>> {
        link.send("2probe");
        let until = Instant::now() + limit;
        loop {
            match link.next(until.saturating_duration_since(Instant::now())).await {
                Some(Said::Text(text)) if text == "3probe" => return Ok(()),
                Some(said) if said.is_ping() => {}
                said => return Err(said),
            }
        }
    }

    /// Says goodbye.
    pub(crate) async fn close(self) -> Option<Answer> {
        match self.line {
            Line::Polling(polls) => polls.close().await,
            Line::WebSocket(link) => {
                link.close().await;
                None
            }
        }
    }
}

/// What a WebSocket brought as polling would have: bytes that were written as text, or with a type before them. What is
/// neither stays as it is.
fn as_polled(said: Said, version: Version) -> Said {
    match said {
        Said::Text(text) => match engine::decode_base64(version, text.as_bytes()) {
            Ok(Some(bytes)) => Said::Binary(bytes),
            _ => Said::Text(text),
        },
        Said::Binary(bytes) if version == Version::V3 => match engine::decode_binary(&bytes) {
            Ok(data) => Said::Binary(data.to_vec()),
            Err(_) => Said::Binary(bytes),
        },
        said => said,
    }
}

fn refused(data: Option<Value>) -> Joined {
    match data {
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

/// A packet, its arguments looked at as well, as whoever uses it does.
fn whole<'t>(text: &'t str, limits: &Limits) -> Result<Packet<'t>, packet::DecodeError> {
    let packet = packet::decode(text, limits)?;
    let data = packet.data.unwrap_or_default();
    match packet.kind {
        Kind::Event => _ = Payload::event(data, limits)?,
        Kind::Ack => _ = Payload::ack(data, limits)?,
        Kind::Connect | Kind::Disconnect | Kind::ConnectError => {}
    }
    Ok(packet)
}

fn violation(error: &impl fmt::Display, packet: &str) -> Violation {
    Violation { error: error.to_string(), packet: excerpt(packet) }
}

/// An error of version 3 whose text is no JSON.
fn old_error(text: &str) -> Option<Read> {
    let rest = text.strip_prefix('4')?;
    let (namespace, data) = match rest.strip_prefix('/') {
        Some(_) => rest.split_once(',').unwrap_or((rest, "")),
        None => ("/", rest),
    };
    let data = Some(Value::from(data));
    Some(Read { kind: Kind::ConnectError, namespace: namespace.to_owned(), data })
}

fn with_query(namespace: &str, auth: &Map<String, Value>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in auth {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        query.append_pair(name, &value);
    }
    format!("{namespace}?{}", query.finish())
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
        let read = old_error("4/imchat,not json").unwrap();
        assert_eq!((read.namespace.as_str(), read.data), ("/imchat", Some(json!("not json"))));
    }
}
