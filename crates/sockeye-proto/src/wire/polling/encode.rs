//! Packets to a body.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;

use super::{SEPARATOR, utf16_units};
use crate::wire::{
    engine::{Kind, Version},
    prepared::Prepared,
};

/// The body of a GET's answer or of a POST.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Body {
    /// What is sent.
    pub bytes: Vec<u8>,
    /// The header `Content-Type` that belongs to it.
    pub content_type: &'static str,
}

const TEXT: &str = "text/plain; charset=UTF-8";
const OCTETS: &str = "application/octet-stream";

impl Body {
    /// One packet that is no more than its type, such as the noop that ends a waiting poll.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_proto::wire::{engine::{Kind, Version}, polling::Body};
    ///
    /// assert_eq!(Body::bare(Version::V4, Kind::Noop).bytes, b"6");
    /// assert_eq!(Body::bare(Version::V3, Kind::Close).bytes, b"1:1");
    /// ```
    #[must_use]
    pub fn bare(version: Version, kind: Kind) -> Self {
        let bytes = match version {
            Version::V3 => vec![b'1', b':', kind.digit()],
            Version::V4 => vec![kind.digit()],
        };
        Self { bytes, content_type: TEXT }
    }
}

/// Writes as many packets as fit in a body of `max_bytes`, and says how many these are.
///
/// The first goes in however large it is. A packet is never parted from its attachments. What is no packet, such as a
/// WebSocket's pong, counts and leaves no trace. A text must not contain U+001E in Engine.IO 4; JSON doesn't.
///
/// With `supports_binary` a body of Engine.IO 3 that has binary messages is itself binary; else they are in base64. It
/// makes no difference in Engine.IO 4.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::{engine::Version, packet::Kind, polling::encode, prepared::Prepared};
///
/// let event = |text: &str, attachments| Prepared::packet(Kind::Event, "/", None, text, attachments);
/// let queue = [event(r#"["€"]"#, Vec::new()), event(r#"["hi"]"#, vec![vec![1, 2, 3].into()])];
///
/// let (body, count) = encode(queue.iter(), Version::V4, true, 1_000);
/// assert_eq!(count, 2);
/// assert_eq!(body.bytes, "42[\"€\"]\u{1E}451-[\"hi\"]\u{1E}bAQID".as_bytes());
///
/// let (body, count) = encode(queue.iter(), Version::V3, true, 10);
/// assert_eq!(count, 1);
/// assert_eq!(body.bytes, r#"7:42["€"]"#.as_bytes());
/// ```
#[must_use]
pub fn encode<'p>(
    packets: impl Iterator<Item = &'p Prepared> + Clone,
    version: Version,
    supports_binary: bool,
    max_bytes: usize,
) -> (Body, usize) {
    encode_as(packets, version, supports_binary, false, max_bytes)
}

/// As [`encode`] in Engine.IO 3, but binary in any case.
///
/// There the lengths count bytes. In a text they count what JavaScript calls a character, two for one beyond U+FFFF; to
/// some servers (netty-socketio) that is one, and they misread the body.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::{packet::Kind, polling::encode_octets, prepared::Prepared};
///
/// let event = Prepared::packet(Kind::Event, "/", None, r#"["🦊"]"#, Vec::new());
/// let (body, count) = encode_octets([event].iter(), 1_000);
/// assert_eq!(count, 1);
/// assert_eq!(body.bytes, b"\x00\x01\x00\xFF42[\"\xF0\x9F\xA6\x8A\"]");
/// ```
#[must_use]
pub fn encode_octets<'p>(
    packets: impl Iterator<Item = &'p Prepared> + Clone,
    max_bytes: usize,
) -> (Body, usize) {
    encode_as(packets, Version::V3, true, true, max_bytes)
}

/// How long a body in text is that brings only this packet.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::{engine::Version, packet::Kind, polling::body_bytes, prepared::Prepared};
///
/// let photo = r#"["photo",{"_placeholder":true,"num":0}]"#;
/// let photo = Prepared::packet(Kind::Event, "/", None, photo, vec![vec![0; 750].into()]);
/// assert_eq!(body_bytes(&photo, Version::V4), photo.text().len() + 1 + "b".len() + 1_000);
/// ```
#[must_use]
pub fn body_bytes(packet: &Prepared, version: Version) -> usize {
    let bytes = parts(packet).map(|part| part.bytes_in_text(version)).sum::<usize>();
    match version {
        Version::V3 => bytes,
        Version::V4 => bytes.saturating_sub(1), // the first has no separator
    }
}

fn encode_as<'p>(
    packets: impl Iterator<Item = &'p Prepared> + Clone,
    version: Version,
    supports_binary: bool,
    mut is_binary: bool,
    max_bytes: usize,
) -> (Body, usize) {
    // Of both formats the length is kept: the first binary message changes what all that is before it takes.
    let mut text_bytes = 0;
    let mut octet_bytes = 0;
    let mut body_bytes = 0;
    let mut count = 0;
    for packet in packets.clone() {
        let will_be_binary = is_binary
            || version == Version::V3
                && supports_binary
                && !packet.attachments().is_empty()
                && !packet.is_base64();
        text_bytes += parts(packet).map(|part| part.bytes_in_text(version)).sum::<usize>();
        octet_bytes += parts(packet).map(Part::bytes_in_octets).sum::<usize>();
        let bytes = match version {
            _ if will_be_binary => octet_bytes,
            Version::V3 => text_bytes,
            Version::V4 => text_bytes.saturating_sub(1), // the first has no separator
        };
        if count > 0 && bytes > max_bytes {
            break;
        }
        (body_bytes, is_binary) = (bytes, will_be_binary);
        count += 1;
    }

    let mut bytes = Vec::with_capacity(body_bytes);
    for part in packets.take(count).flat_map(parts) {
        match version {
            _ if is_binary => part.write_octets(&mut bytes),
            Version::V3 => part.write_v3_text(&mut bytes),
            Version::V4 => part.write_v4(&mut bytes),
        }
    }
    debug_assert_eq!(bytes.len(), body_bytes, "counted another length than written");
    (Body { bytes, content_type: if is_binary { OCTETS } else { TEXT } }, count)
}

/// What becomes one Engine.IO packet.
#[derive(Clone, Copy)]
enum Part<'p> {
    /// A text with its digit.
    Text(&'p [u8]),
    /// The data of a binary message.
    Binary(&'p Bytes),
    /// The same, of a packet that is in base64 already.
    Base64(&'p Bytes),
}

fn parts(packet: &Prepared) -> impl Iterator<Item = Part<'_>> {
    let text = Some(packet.text_bytes()).filter(|text| !text.is_empty());
    let attachment = if packet.is_base64() { Part::Base64 } else { Part::Binary };
    text.map(Part::Text).into_iter().chain(packet.attachments().iter().map(attachment))
}

impl Part<'_> {
    fn bytes_in_text(self, version: Version) -> usize {
        match (version, self) {
            (Version::V4, Self::Text(text)) => 1 + text.len(),
            (Version::V3, Self::Text(text)) => digits(utf16_units(text)) + 1 + text.len(),
            (Version::V4, Self::Binary(_) | Self::Base64(_)) => 2 + self.base64_bytes(),
            (Version::V3, Self::Binary(_) | Self::Base64(_)) => {
                let bytes = 2 + self.base64_bytes();
                digits(bytes) + 1 + bytes
            }
        }
    }

    fn bytes_in_octets(self) -> usize {
        let bytes = match self {
            Self::Text(text) => text.len(),
            Self::Binary(data) => 1 + data.len(),
            Self::Base64(text) => 2 + text.len(),
        };
        1 + digits(bytes) + 1 + bytes
    }

    /// Of a binary message.
    fn base64_bytes(self) -> usize {
        match self {
            Self::Text(_) => 0,
            Self::Binary(data) => base64_bytes(data.len()),
            Self::Base64(text) => text.len(),
        }
    }

    fn push_base64(self, out: &mut Vec<u8>) {
        match self {
            Self::Text(_) => {}
            Self::Binary(data) => push_base64(data, out),
            Self::Base64(text) => out.extend_from_slice(text),
        }
    }

    fn write_v4(self, out: &mut Vec<u8>) {
        if !out.is_empty() {
            out.push(SEPARATOR);
        }
        match self {
            Self::Text(text) => out.extend_from_slice(text),
            Self::Binary(_) | Self::Base64(_) => {
                out.push(b'b');
                self.push_base64(out);
            }
        }
    }

    fn write_v3_text(self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => {
                push_length(utf16_units(text), b'0', b':', out);
                out.extend_from_slice(text);
            }
            Self::Binary(_) | Self::Base64(_) => {
                push_length(2 + self.base64_bytes(), b'0', b':', out);
                out.extend_from_slice(b"b4");
                self.push_base64(out);
            }
        }
    }

    fn write_octets(self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => {
                out.push(0);
                push_length(text.len(), 0, 0xFF, out);
                out.extend_from_slice(text);
            }
            Self::Binary(data) => {
                out.push(1);
                push_length(1 + data.len(), 0, 0xFF, out);
                out.push(4);
                out.extend_from_slice(data);
            }
            Self::Base64(text) => {
                out.push(0);
                push_length(2 + text.len(), 0, 0xFF, out);
                out.extend_from_slice(b"b4");
                out.extend_from_slice(text);
            }
        }
    }
}

/// How many bytes [`push_base64`] appends: four for three, the last three filled up.
const fn base64_bytes(data_bytes: usize) -> usize {
    data_bytes.div_ceil(3) * 4
}

fn push_base64(data: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + base64_bytes(data.len()), 0);
    let written = BASE64_STANDARD.encode_slice(data, &mut out[start..]);
    debug_assert_eq!(written, Ok(base64_bytes(data.len())), "the space was counted");
}

/// Number of decimal digits.
fn digits(length: usize) -> usize {
    length.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// Appends decimal digits, the lowest of them `zero`, and the mark behind them.
fn push_length(length: usize, zero: u8, end_mark: u8, out: &mut Vec<u8>) {
    let start = out.len();
    let mut left = length;
    loop {
        out.push(zero + (left % 10) as u8);
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out[start..].reverse();
    out.push(end_mark);
}
