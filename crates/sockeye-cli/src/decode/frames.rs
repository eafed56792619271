//! Frames of WebSocket, of both directions one behind the other, perhaps behind the heads of HTTP.

use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use sockeye::client::{Direction, Version};
use sockeye_proto::wire::{
    engine,
    ws::{
        Decoder, FrameHeader, Input, Limits, Message, Opcode, Role,
        deflate::{Agreement, Config},
        handshake::{Offer, accept_key},
    },
};

use super::{
    Known, MAX_FILE_BYTES,
    show::{Place, Show},
};
use crate::{
    failure::Failure,
    secrets::Secrets,
    trace::{Layer, Packets, Remark},
};

/// Reads frames as they come. Those of a client are masked, those of a server are not.
#[derive(Debug)]
pub(super) struct Frames {
    packets: Packets,
    version: Option<Version>,
    /// A frame whose end is not there yet.
    begun: Vec<u8>,
    incoming: Decoder,
    outgoing: Decoder,
}

/// Longer frames can't be held.
const MAX_FRAME_BYTES: usize = MAX_FILE_BYTES as usize;

impl Frames {
    pub(super) fn new(known: Known) -> Self {
        Self {
            packets: Packets::new(known.parser, Secrets::of_process()),
            version: known.version,
            begun: Vec::new(),
            incoming: decoder(Role::Client),
            outgoing: decoder(Role::Server),
        }
    }

    /// Takes the next bytes, and shows the frames that they complete.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        place: &Place,
        show: &mut Show<'_>,
    ) -> Result<(), Failure> {
        self.begun.extend_from_slice(bytes);
        loop {
            let (frame, bytes) = match FrameHeader::decode(&self.begun) {
                Ok(None) => return Ok(()),
                Ok(Some((frame, head))) => match usize::try_from(frame.payload_bytes) {
                    Ok(payload) if payload <= MAX_FRAME_BYTES => (frame, head + payload),
                    _ => {
                        let reason = format!("a frame of {} bytes", frame.payload_bytes);
                        show.trouble(place, format!("{reason}; at most 256 MiB can be read"));
                        self.forget();
                        return Ok(());
                    }
                },
                Err(error) => {
                    let found = self.begun[..self.begun.len().min(20)].escape_ascii().to_string();
                    show.trouble(place, format!("no frame of WebSocket: {error}; found {found}"));
                    self.forget();
                    return Ok(());
                }
            };
            if self.begun.len() < bytes {
                return Ok(());
            }
            let rest = self.begun.split_off(bytes);
            let begun = std::mem::replace(&mut self.begun, rest);
            self.frame(&frame, begun, place, show)?;
        }
    }

    /// Gives up on a frame whose end can't be found any more.
    pub(super) fn forget(&mut self) {
        self.begun = Vec::new();
    }

    /// Nothing more follows.
    pub(super) fn end(self, place: &Place, show: &mut Show<'_>) -> Result<(), Failure> {
        if !self.begun.is_empty() {
            let found = self.begun[..self.begun.len().min(20)].escape_ascii();
            show.trouble(place, format!("the last frame has no end; it begins with {found}"));
        }
        Ok(())
    }

    /// A head of HTTP tells the version, if nobody else did.
    fn learn_version(&mut self, target: &str) {
        if self.version.is_none() && target.contains("EIO=3") {
            self.version = Some(Version::V3);
        }
    }

    fn frame(
        &mut self,
        frame: &FrameHeader,
        mut bytes: Vec<u8>,
        place: &Place,
        show: &mut Show<'_>,
    ) -> Result<(), Failure> {
        let direction = if frame.mask.is_some() { Direction::Out } else { Direction::In };
        let Self { packets, version, incoming, outgoing, .. } = self;
        let decoder = if direction == Direction::In { incoming } else { outgoing };
        let mut input = Input::new(&mut bytes);
        let message = decoder.decode(&mut input);
        show.line(place, &shown(direction, frame, message.as_ref().ok().copied().flatten()))?;
        let told = match message {
            Ok(Some(Message::Text(text))) => packets.text(*version, Some(direction), text),
            Ok(Some(Message::Binary(data))) => {
                let data = match version {
                    Some(Version::V3) => engine::decode_binary(data),
                    _ => Ok(data),
                };
                match data {
                    Ok(data) => Ok(packets.binary(Some(direction), data)),
                    Err(error) => {
                        Err(Remark::trouble(Layer::EngineIo, Some(direction), &error.to_string()))
                    }
                }
            }
            Ok(_) => return Ok(()),
            Err(error) => {
                let line = Remark::trouble(Layer::WebSocket, Some(direction), &error.to_string());
                *decoder = self::decoder(match direction {
                    Direction::In => Role::Client,
                    Direction::Out => Role::Server,
                });
                Err(line)
            }
        };
        show.told(place, told)
    }
}

/// A decoder that inflates whatever is compressed: the largest window, kept, reads all that smaller ones and fresh ones
/// have written.
fn decoder(role: Role) -> Decoder {
    let limits = Limits { max_message_bytes: MAX_FRAME_BYTES, max_empty_fragments: u32::MAX };
    let decoder = Decoder::new(role, limits);
    match compression() {
        Some(agreement) => decoder.with_deflate(agreement.inflater(role)),
        None => decoder,
    }
}

/// What comes of a handshake in which both sides leave everything at its default.
fn compression() -> Option<Agreement> {
    const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAA==";

    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept_key(KEY).parse().ok()?);
    let agreed = HeaderValue::from_static("permessage-deflate");
    headers.insert(header::SEC_WEBSOCKET_EXTENSIONS, agreed);
    Offer::new([0; 16]).deflate(Config::default()).check(&response).ok()?.deflate
}

fn shown(direction: Direction, frame: &FrameHeader, message: Option<Message<'_>>) -> Remark {
    let kind = match frame.opcode {
        Opcode::Continuation => "continuation",
        Opcode::Text => "text",
        Opcode::Binary => "binary",
        Opcode::Close => "close",
        Opcode::Ping => "ping",
        Opcode::Pong => "pong",
    };
    let mut text = format!("{kind} {} B", frame.payload_bytes);
    if !frame.fin {
        text += ", to be continued";
    }
    if frame.rsv1 {
        text += ", compressed";
    }
    let mut close = None;
    if let Some(Message::Close(Some(frame))) = message {
        let reason = Secrets::of_process().redact(frame.reason);
        text += &format!(": {} {reason}", frame.code.as_u16());
        close = Some((frame.code.as_u16(), reason));
    }
    let line = Remark::new(Layer::WebSocket, Some(direction), text.trim_end().to_owned());
    let line = line.with("kind", kind).with("bytes", frame.payload_bytes);
    let line = line.with("fin", frame.fin).with("compressed", frame.rsv1);
    match close {
        Some((code, reason)) => line.with("code", code).with("reason", reason),
        None => line,
    }
}

/// Reads a recording: heads of HTTP, as long as there are some, then frames.
pub(super) fn read(mut frames: Frames, bytes: &[u8], show: &mut Show<'_>) -> Result<(), Failure> {
    let mut offset = 0;
    while let Some((head, end)) = head(&bytes[offset..]) {
        let place = Place::Byte(offset);
        if head.direction == Some(Direction::Out) {
            frames.learn_version(&head.text);
        }
        show.line(&place, &head)?;
        offset += end;
    }
    // One after the other, so that each has its place.
    while offset < bytes.len() {
        let place = Place::Byte(offset);
        let rest = &bytes[offset..];
        let end = match FrameHeader::decode(rest) {
            Ok(Some((frame, head))) => usize::try_from(frame.payload_bytes)
                .ok()
                .and_then(|payload| head.checked_add(payload))
                .map_or(rest.len(), |end| end.min(rest.len())),
            _ => rest.len(),
        };
        frames.push(&rest[..end], &place, show)?;
        offset += end;
    }
    frames.end(&Place::Byte(bytes.len()), show)
}

/// The head of HTTP that the bytes begin with, as a line, and where it ends.
fn head(bytes: &[u8]) -> Option<(Remark, usize)> {
    const END: &[u8] = b"\r\n\r\n";

    let direction = match bytes {
        [b'H', b'T', b'T', b'P', b'/', ..] => Direction::In,
        [b'G', b'E', b'T', b' ', ..] | [b'P', b'O', b'S', b'T', b' ', ..] => Direction::Out,
        _ => return None,
    };
    let end = bytes.windows(END.len()).position(|window| window == END)?;
    let text = String::from_utf8_lossy(&bytes[..end]);
    let secrets = Secrets::of_process();
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let first = match direction {
        Direction::In => secrets.redact(first),
        // The target stands between two spaces.
        Direction::Out => {
            first.split(' ').map(|word| secrets.target(word)).collect::<Vec<_>>().join(" ")
        }
    };
    let mut line = Remark::new(Layer::Http, Some(direction), first.clone()).with("head", first);
    let mut headers = serde_json::Map::new();
    for header in lines {
        let (name, value) = header.split_once(':').unwrap_or((header, ""));
        let shown = match (name.trim().parse::<HeaderName>(), HeaderValue::from_str(value.trim())) {
            (Ok(name), Ok(value)) => secrets.header(&name, &value),
            _ => secrets.redact(value.trim()),
        };
        line.head.push(format!("{name}: {shown}"));
        headers.insert(name.to_ascii_lowercase(), shown.into());
    }
    Some((line.with("headers", headers), end + END.len()))
}
