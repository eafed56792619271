//! A HAR file as browsers export it: requests of polling, and what their WebSockets said.

use std::{
    collections::HashMap,
    time::{Duration, UNIX_EPOCH},
};

use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};
use sockeye::client::{Direction, Version};
use sockeye_proto::wire::{base64, engine, polling::Item};

use super::{
    Known, found,
    show::{Place, Show},
    texts::{packets_of, read_body},
};
use crate::{
    date::{of_rfc_3339, rfc_3339},
    failure::Failure,
    secrets::{BETWEEN_FIELDS, Secrets},
    trace::{Layer, Packets, Remark},
};

#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Box<RawValue>>,
}

/// One request; a WebSocket is one, too.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    started_date_time: Option<String>,
    request: Request,
    response: Response,
    #[serde(default, rename = "_webSocketMessages")]
    messages: Option<Vec<Box<RawValue>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: String,
    headers: Option<Vec<Header>>,
    post_data: Option<Content>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    /// Below 100 where the request failed.
    status: i64,
    status_text: Option<String>,
    headers: Option<Vec<Header>>,
    content: Option<Content>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct Content {
    text: Option<String>,
    encoding: Option<String>,
}

impl Content {
    fn bytes(&self) -> Option<Vec<u8>> {
        let text = self.text.as_ref()?;
        match self.encoding.as_deref() {
            Some("base64") => base64::decode(text).ok(),
            _ => Some(text.as_bytes().to_vec()),
        }
    }
}

/// A message, as Chrome writes it: binary ones in base64, the time in seconds since 1970. Others write it as a text, or
/// in milliseconds and less.
#[derive(Deserialize)]
struct Message {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    time: Value,
    opcode: Option<i64>,
    data: String,
}

impl Message {
    fn seconds(&self) -> Option<f64> {
        let time = match &self.time {
            Value::String(text) => text.parse().ok().or_else(|| since_1970(text)),
            time => time.as_f64(),
        };
        time.and_then(in_seconds)
    }
}

/// A time since 1970 whose unit nobody tells; `None` if it is none.
fn in_seconds(time: f64) -> Option<f64> {
    /// In the year 5138, or in 1973 if they are milliseconds.
    const LAST_SECOND: f64 = 1e11;

    let units = [1.0, 1e3, 1e6, 1e9];
    units.into_iter().map(|unit| time / unit).find(|seconds| seconds.abs() < LAST_SECOND)
}

/// What is wrong with a part of the file; where it stands in that part helps nobody.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

/// Shows what of it is Engine.IO, by its URL.
pub(super) fn read(known: Known, bytes: &[u8], show: &mut Show<'_>) -> Result<(), Failure> {
    let har: Har = serde_json::from_slice(bytes).map_err(|error| {
        let reason =
            format!("{error}; expected a HAR file, as a browser's network panel exports it");
        found(format!("line {}", error.line()), reason)
    })?;
    // Whatever can't be read is passed over, with a word.
    let mut entries = Vec::new();
    for (entry, number) in har.log.entries.iter().zip(1..) {
        match serde_json::from_str::<Entry>(entry.get()) {
            Ok(entry) => entries.push((number, entry)),
            Err(error) => {
                let reason = format!("it is passed over: {}", without_place(&error));
                show.trouble(&Place::Entry { number, time: None }, reason);
            }
        }
    }
    let (entries, others): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|(_, entry)| entry.is_ours());
    for (number, _) in others.iter().filter(|(_, entry)| entry.is_websocket()) {
        let why = "a WebSocket of something else, as its URL has no EIO= and transport=";
        show.note(&Place::Entry { number: *number, time: None }, why);
    }
    if entries.is_empty() {
        let reason = "no request of Engine.IO, which has EIO= and transport= in its URL; was the page recorded while it connected?";
        return Err(found(format!("{} entries", har.log.entries.len()), reason.to_owned()));
    }
    let mut parts = Vec::new();
    for (number, entry) in &entries {
        parts.extend(entry.parts(*number));
    }
    // Those without a time stay behind what they came behind.
    let mut last = 0.0;
    for part in &mut parts {
        last = *part.time.get_or_insert(last);
    }
    parts.sort_by(|a, b| a.time.unwrap_or(0.0).total_cmp(&b.time.unwrap_or(0.0)));
    // Attachments belong to what their own session has announced.
    let mut readers = HashMap::new();
    for part in &parts {
        let packets = readers
            .entry(part.session())
            .or_insert_with(|| Packets::new(known.parser, Secrets::of_process()));
        part.show(known, packets, show)?;
    }
    Ok(())
}

/// Whose packets follow each other.
#[derive(Eq, Hash, PartialEq)]
enum SessionKey {
    /// Of all transports with this id.
    Id(String),
    /// Of one entry without an id.
    Entry(usize),
}

/// Something of an entry that has a time of its own.
struct Part<'h> {
    time: Option<f64>,
    number: usize,
    entry: &'h Entry,
    what: What,
}

enum What {
    Exchange,
    Message(serde_json::Result<Message>),
}

impl Entry {
    fn parts(&self, number: usize) -> Vec<Part<'_>> {
        let part = |time, what| Part { time, number, entry: self, what };
        let began = self.started_date_time.as_deref().and_then(since_1970);
        let mut parts = vec![part(began, What::Exchange)];
        for message in self.messages.iter().flatten() {
            let message = serde_json::from_str::<Message>(message.get());
            let time = message.as_ref().ok().and_then(Message::seconds);
            parts.push(part(time, What::Message(message)));
        }
        parts
    }

    fn is_websocket(&self) -> bool {
        let url = &self.request.url;
        url.starts_with("ws:") || url.starts_with("wss:") || self.messages.is_some()
    }

    /// Whether it is of Engine.IO. Pages have other WebSockets as well, such as that of their development server.
    fn is_ours(&self) -> bool {
        self.field("EIO").is_some() && self.field("transport").is_some()
    }

    /// The id of the session: it stands in the URL, or in the answer that opens it.
    fn sid(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Open {
            sid: String,
        }

        if let Some(sid) = self.field("sid") {
            return Some(sid.to_owned());
        }
        let body = self.response.content.as_ref().and_then(Content::bytes)?;
        let Some(Item::Text(first)) = packets_of(&body).next().ok()? else { return None };
        let Ok((engine::Kind::Open, handshake)) = engine::decode(first) else { return None };
        serde_json::from_str(handshake).ok().map(|Open { sid }| sid)
    }

    /// A field of the URL's query.
    fn field(&self, name: &str) -> Option<&str> {
        let (_, query) = self.request.url.split_once('?')?;
        let query = query.split('#').next()?;
        let mut fields = query.split(BETWEEN_FIELDS).filter_map(|field| field.split_once('='));
        fields.find_map(|(known, value)| (known == name).then_some(value))
    }

    fn version(&self, known: Known) -> Option<Version> {
        known.version.or_else(|| (self.field("EIO") == Some("3")).then_some(Version::V3))
    }
}

impl Part<'_> {
    fn session(&self) -> SessionKey {
        self.entry.sid().map_or(SessionKey::Entry(self.number), SessionKey::Id)
    }

    fn show(
        &self,
        known: Known,
        packets: &mut Packets,
        show: &mut Show<'_>,
    ) -> Result<(), Failure> {
        let time = self.time.filter(|time| *time > 0.0).and_then(|time| {
            // To the millisecond that is nearest: hardly any tenth of a second is there exactly.
            let since = Duration::try_from_secs_f64(time + 0.000_5).ok()?;
            UNIX_EPOCH.checked_add(since).map(rfc_3339)
        });
        let place = Place::Entry { number: self.number, time };
        match &self.what {
            What::Exchange => self.exchange(packets, &place, show),
            What::Message(Ok(message)) => self.message(message, known, packets, &place, show),
            What::Message(Err(error)) => {
                let reason = without_place(error);
                show.trouble(&place, format!("a message is passed over: {reason}"));
                Ok(())
            }
        }
    }

    fn exchange(
        &self,
        packets: &mut Packets,
        place: &Place,
        show: &mut Show<'_>,
    ) -> Result<(), Failure> {
        let Entry { request, response, .. } = self.entry;
        let (out, into) = (Some(Direction::Out), Some(Direction::In));
        let target = Secrets::of_process().target(&request.url);
        let line = Remark::new(Layer::Http, out, format!("{} {target}", request.method));
        let line = line.with("method", request.method.as_str()).with("target", target);
        show.line(place, &with_headers(line, request.headers.as_deref()))?;
        let body = request.post_data.as_ref().and_then(Content::bytes);
        if let Some(body) = body.filter(|body| !body.is_empty()) {
            read_body(packets, out, &body, place, show)?;
        }
        if response.status < 100 {
            show.line(place, &Remark::new(Layer::Http, into, "no answer").with("status", 0))?;
            return Ok(());
        }
        let status_text = response.status_text.as_deref().unwrap_or_default();
        let text = format!("{} {status_text}", response.status);
        let line = Remark::new(Layer::Http, into, text.trim_end());
        let line = line.with("status", response.status);
        let line = with_headers(line, response.headers.as_deref());
        let body = response.content.as_ref().and_then(Content::bytes).unwrap_or_default();
        let brings_packets = request.method == "GET" && response.status == 200;
        if body.is_empty() || response.status == 101 {
            return show.line(place, &line);
        }
        if brings_packets {
            show.line(place, &line)?;
            return read_body(packets, into, &body, place, show);
        }
        let body = Secrets::of_process().redact(&String::from_utf8_lossy(&body));
        show.line(place, &line.carrying("body", body))
    }

    fn message(
        &self,
        message: &Message,
        known: Known,
        packets: &mut Packets,
        place: &Place,
        show: &mut Show<'_>,
    ) -> Result<(), Failure> {
        let direction = match message.kind.as_str() {
            "send" => Direction::Out,
            "receive" => Direction::In,
            other => {
                show.trouble(
                    place,
                    format!("a message of type {other:?}; expected send or receive"),
                );
                return Ok(());
            }
        };
        let line = |kind: &str, bytes: usize| {
            let text = format!("{kind} {bytes} B");
            let line = Remark::new(Layer::WebSocket, Some(direction), text);
            line.with("kind", kind).with("bytes", bytes)
        };
        if message.opcode != Some(2) {
            show.line(place, &line("text", message.data.len()))?;
            let version = self.entry.version(known);
            return show.told(place, packets.text(version, Some(direction), &message.data));
        }
        let Ok(bytes) = base64::decode(&message.data) else {
            show.trouble(place, "a binary message that is no base64");
            return Ok(());
        };
        show.line(place, &line("binary", bytes.len()))?;
        let data = match self.entry.version(known) {
            Some(Version::V3) => engine::decode_binary(&bytes),
            _ => Ok(&bytes[..]),
        };
        match data {
            Ok(data) => show.told(place, Ok(packets.binary(Some(direction), data))),
            Err(error) => {
                show.trouble(place, error.to_string());
                Ok(())
            }
        }
    }
}

fn with_headers(mut line: Remark, headers: Option<&[Header]>) -> Remark {
    let secrets = Secrets::of_process();
    let mut all = Map::new();
    for Header { name, value } in headers.unwrap_or_default() {
        // Chrome writes those of HTTP/2 with a colon before them, which says nothing here.
        let Ok(known) = name.parse::<HeaderName>() else { continue };
        let shown = match HeaderValue::from_str(value) {
            Ok(value) => secrets.header(&known, &value),
            Err(_) => secrets.redact(value),
        };
        line.head.push(format!("{known}: {shown}"));
        all.insert(known.to_string(), shown.into());
    }
    line.with("headers", all)
}

/// The seconds since 1970 of a time in RFC 3339.
fn since_1970(text: &str) -> Option<f64> {
    let since = of_rfc_3339(text)?.duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_secs_f64())
}
