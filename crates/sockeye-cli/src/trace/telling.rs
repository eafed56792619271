//! What is told of each thing that passes, and from which `-v` on.

use std::{fmt::Write as _, net::IpAddr, time::Duration};

use http::{HeaderMap, Method, StatusCode, Uri};
use sockeye::client::{Direction, Parser, Seen};
use sockeye_proto::wire::{
    engine::Kind,
    ws::{self, Message},
};

use super::{
    certificate,
    packets::{Packets, Told},
    remark::{Layer, Remark},
};
use crate::secrets::Secrets;

/// From how many `-v` on a line is shown.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Depth {
    /// How it connects, and what goes wrong.
    Connection = 1,
    /// What is said: packets, and the messages of a raw WebSocket.
    Packets = 2,
    /// How that is carried.
    Frames = 3,
}

/// Turns what passes into lines.
#[derive(Debug)]
pub(crate) struct Teller {
    secrets: &'static Secrets,
    /// `None` on a raw WebSocket.
    packets: Option<Packets>,
    /// A session was asked for, and the answer is still to come.
    is_opening: bool,
}

type Lines = Vec<(Depth, Remark)>;

impl Teller {
    /// Of a client that speaks Socket.IO.
    pub(crate) fn packets(parser: Parser, secrets: &'static Secrets) -> Self {
        let packets = Some(Packets::new(parser, secrets));
        Self { secrets, packets, is_opening: false }
    }

    /// Of a raw WebSocket.
    pub(crate) const fn raw(secrets: &'static Secrets) -> Self {
        Self { secrets, packets: None, is_opening: false }
    }

    /// What there is to tell of it, in this order.
    pub(crate) fn tell(&mut self, seen: &Seen<'_>) -> Lines {
        match *seen {
            // Then there was nothing to look up.
            Seen::Resolved { host, .. } if host.parse::<IpAddr>().is_ok() => Vec::new(),
            Seen::Resolved { host, addresses, took } => {
                let addresses: Vec<_> =
                    addresses.iter().map(|address| address.ip().to_string()).collect();
                let text = format!("{host} is {} ({})", addresses.join(", "), shown(took));
                let line = Remark::new(Layer::Name, None, text).with("host", host);
                connection(line.with("addresses", addresses), took)
            }
            Seen::Connected { address, took } => {
                let text = format!("connected to {address} ({})", shown(took));
                let line = Remark::new(Layer::Tcp, None, text);
                connection(line.with("address", address.to_string()), took)
            }
            Seen::Proxied { proxy, host, port, took } => {
                let text = format!("{proxy} connected to {host}:{port} ({})", shown(took));
                let line = Remark::new(Layer::Proxy, None, text).with("proxy", proxy);
                connection(line.with("host", host).with("port", port), took)
            }
            Seen::Secured { host, version, protocol, certificate, took } => {
                connection(secured(host, version, protocol, certificate, took), took)
            }
            Seen::Request { method, target, headers, body } => {
                let is_opening = !has_sid(target);
                self.is_opening |= is_opening;
                let is_upgrade = headers.contains_key(http::header::UPGRADE);
                let line = self.request(method, target, headers, body);
                vec![(depth(is_opening || is_upgrade), line)]
            }
            Seen::Response { method, status, headers, body } => {
                let is_opening = std::mem::take(&mut self.is_opening);
                let is_told = is_opening || !status.is_success();
                vec![(depth(is_told), self.response(method, status, headers, body))]
            }
            Seen::Message { direction, message } => vec![self.message(direction, message)],
            Seen::Packet { direction, kind, body } => {
                let told = self.packets.as_mut().map(|packets| {
                    let is_carrier = kind == Kind::Message;
                    (packets.packet(Some(direction), kind, body), is_carrier)
                });
                told.map(|(told, is_carrier)| of_packet(told, is_carrier)).unwrap_or_default()
            }
            Seen::Binary { direction, data } => {
                let told =
                    self.packets.as_mut().map(|packets| packets.binary(Some(direction), data));
                told.map(|told| of_packet(told, true)).unwrap_or_default()
            }
            Seen::Unreadable { direction, bytes, error } => {
                let layer =
                    if error.is::<ws::DecodeError>() { Layer::WebSocket } else { Layer::EngineIo };
                let line = Remark::trouble(layer, Some(direction), &error.to_string());
                let found = self.secrets.redact(&String::from_utf8_lossy(bytes));
                vec![(Depth::Connection, line.carrying("found", found))]
            }
            Seen::Ended { error } => {
                let direction = Some(Direction::In);
                let line = match error {
                    None => Remark::new(Layer::Tcp, direction, "the server ended the stream"),
                    Some(error) => Remark::trouble(Layer::Tcp, direction, &error.to_string()),
                };
                vec![(Depth::Frames, line.with("ended", true))]
            }
            // Told by a later library.
            _ => Vec::new(),
        }
    }

    fn request(&self, method: &Method, target: &Uri, headers: &HeaderMap, body: &[u8]) -> Remark {
        let target = self.secrets.target(&target.to_string());
        let mut text = format!("{method} {target}");
        if !body.is_empty() {
            let _ = write!(text, " ({} B)", body.len()); // a String takes everything
        }
        let line = Remark::new(Layer::Http, Some(Direction::Out), text);
        let line = line.with("method", method.as_str()).with("target", target);
        self.with_head(line.with("bytes", body.len()), headers)
    }

    fn response(
        &self,
        method: &Method,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Remark {
        let text = format!("{status} ({method}, {} B)", body.len());
        let line = Remark::new(Layer::Http, Some(Direction::In), text);
        let line = line.with("method", method.as_str()).with("status", status.as_u16());
        let line = self.with_head(line.with("bytes", body.len()), headers);
        if status.is_success() || body.is_empty() {
            return line;
        }
        line.carrying("body", self.secrets.redact(String::from_utf8_lossy(body).trim()))
    }

    fn with_head(&self, mut line: Remark, headers: &HeaderMap) -> Remark {
        let mut all = serde_json::Map::new();
        for name in headers.keys() {
            let values: Vec<_> = headers
                .get_all(name)
                .iter()
                .map(|value| self.secrets.header(name, value))
                .collect();
            line.head.extend(values.iter().map(|value| format!("{name}: {value}")));
            all.insert(name.to_string(), values.join(", ").into());
        }
        line.with("headers", all)
    }

    fn message(&self, direction: Direction, message: Message<'_>) -> (Depth, Remark) {
        let line = |text: String| Remark::new(Layer::WebSocket, Some(direction), text);
        let data = |kind: &str, bytes: usize| {
            line(format!("{kind} {bytes} B")).with("kind", kind).with("bytes", bytes)
        };
        let line = match message {
            Message::Text(text) if self.packets.is_none() => {
                data("text", text.len()).carrying("data", self.secrets.redact(text))
            }
            Message::Text(text) => data("text", text.len()),
            Message::Binary(bytes) => data("binary", bytes.len()),
            Message::Ping(bytes) => data("ping", bytes.len()),
            Message::Pong(bytes) => data("pong", bytes.len()),
            Message::Close(None) => line("close".to_owned()).with("kind", "close"),
            Message::Close(Some(frame)) => {
                let (code, reason) = (frame.code.as_u16(), self.secrets.redact(frame.reason));
                let line = line(format!("close {code} {reason}").trim_end().to_owned());
                line.with("kind", "close").with("code", code).with("reason", reason)
            }
        };
        match self.packets {
            None => (Depth::Packets, line),
            Some(_) => (Depth::Frames, line),
        }
    }
}

/// The lines of a packet; that of a carrier says nothing that the one which it carries does not.
pub(crate) fn of_packet(told: Told, is_carrier: bool) -> Lines {
    let Told { engine, socket } = told;
    let depth = |line: &Remark, depth| if line.is_trouble { Depth::Connection } else { depth };
    let carrier = if is_carrier { Depth::Frames } else { Depth::Packets };
    let mut lines = vec![(carrier, engine)];
    lines.extend(socket.map(|line| (depth(&line, Depth::Packets), line)));
    lines
}

fn secured(
    host: &str,
    version: &str,
    protocol: Option<&[u8]>,
    certificate: Option<&[u8]>,
    took: Duration,
) -> Remark {
    let protocol = protocol.map(|name| String::from_utf8_lossy(name).into_owned());
    let name = certificate.and_then(certificate::common_name);
    let mut text = format!("{version} with {host}");
    if let Some(protocol) = &protocol {
        let _ = write!(text, ", {protocol}"); // a String takes everything, here and below
    }
    if let Some(name) = &name {
        let _ = write!(text, ", certificate of CN={name}");
    }
    let _ = write!(text, " ({})", shown(took));
    let line = Remark::new(Layer::Tls, None, text).with("host", host).with("version", version);
    line.with("protocol", protocol).with("common_name", name)
}

fn connection(line: Remark, took: Duration) -> Lines {
    vec![(Depth::Connection, line.with("ms", crate::output::milliseconds(took)))]
}

const fn depth(is_of_connection: bool) -> Depth {
    if is_of_connection { Depth::Connection } else { Depth::Packets }
}

/// Whether a request belongs to a session that is there already.
fn has_sid(target: &Uri) -> bool {
    target.query().is_some_and(|query| query.split('&').any(|field| field.starts_with("sid=")))
}

fn shown(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1_000.0)
}
