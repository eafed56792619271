//! Packets with JSON text and attachments to msgpack.

use bytes::Bytes;
use rmp::{Marker, encode as write, encode::ByteBuf};

use crate::wire::{
    attachment::placeholder,
    json::{Cursor, Fault, unescape},
    packet::{Kind, Packet},
};

/// Writes a packet as one binary message, with its attachments where their placeholders stand.
///
/// The keys come in npm's order: `type`, `data`, `id`, `nsp`. An empty `data` stands for none;
/// [`Packet::attachments`] is not read. A number in digits only becomes an integer if one of 64 bits holds it, every other
/// a float.
///
/// The text is our own, written by a serializer or checked when it came, so this can't fail. Data that is not JSON
/// all the same becomes nil, which makes the peer refuse the packet, instead of half of what was meant.
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use sockeye_proto::wire::{msgpack::encode, packet::{Kind, Packet}};
///
/// let data = Some(r#"["photo",{"_placeholder":true,"num":0}]"#);
/// let packet = Packet { kind: Kind::Event, attachments: 1, namespace: "/", id: None, data };
/// let bytes = encode(&packet, &[Bytes::from_static(b"\xFF\xD8")]);
/// assert_eq!(bytes, b"\x83\xA4type\x02\xA4data\x92\xA5photo\xC4\x02\xFF\xD8\xA3nsp\xA1/");
/// ```
#[must_use]
pub fn encode(packet: &Packet<'_>, attachments: &[Bytes]) -> Vec<u8> {
    let data = packet.data.filter(|data| !data.is_empty());
    let attachments_bytes = attachments.iter().map(Bytes::len).sum::<usize>();
    let capacity = 64 + packet.namespace.len() + data.map_or(0, str::len) + attachments_bytes;
    let mut writer = Writer { out: ByteBuf::with_capacity(capacity), attachments };
    writer.map(2 + u32::from(data.is_some()) + u32::from(packet.id.is_some()));
    writer.str("type");
    writer.uint(match packet.kind {
        Kind::Connect => 0,
        Kind::Disconnect => 1,
        Kind::Event => 2,
        Kind::Ack => 3,
        Kind::ConnectError => 4,
    });
    if let Some(data) = data {
        writer.str("data");
        writer.json_or_nil(data);
    }
    if let Some(id) = packet.id {
        writer.str("id");
        writer.uint(id);
    }
    writer.str("nsp");
    writer.str(packet.namespace);
    writer.out.into_vec()
}

/// Writes one JSON value as the whole message, with the attachments where their placeholders stand. As in [`encode`], what
/// is no JSON becomes nil.
pub(in crate::wire) fn from_json(text: &str, attachments: &[Bytes]) -> Vec<u8> {
    let attachments_bytes = attachments.iter().map(Bytes::len).sum::<usize>();
    let out = ByteBuf::with_capacity(text.len() + attachments_bytes);
    let mut writer = Writer { out, attachments };
    writer.json_or_nil(text);
    writer.out.into_vec()
}

struct Writer<'a> {
    /// Writing to it can't fail.
    out: ByteBuf,
    attachments: &'a [Bytes],
}

/// An array or object that is not yet complete.
struct Open {
    /// Where its header stands, one byte until its length is known.
    header: usize,
    /// How many items or entries it has so far.
    len: u32,
    is_object: bool,
}

impl<'a> Writer<'a> {
    fn json_or_nil(&mut self, text: &str) {
        let start = self.out.as_slice().len();
        // msgpack's lengths have 32 bits; no string and no list in a text of fewer bytes is longer.
        if u32::try_from(text.len()).is_err() || self.json(text).is_err() {
            self.out.as_mut_vec().truncate(start);
            self.nil();
        }
    }

    /// Writes one JSON value. The open brackets are a list, not calls on the stack: no depth is too deep.
    fn json(&mut self, text: &str) -> Result<(), Fault> {
        let mut open: Vec<Open> = Vec::new();
        let mut cursor = Cursor::new(text);
        cursor.skip_whitespace();
        loop {
            if let Some(innermost) = open.last_mut() {
                innermost.len += 1;
            }
            let start = cursor.offset();
            match cursor.peek() {
                Some(b'{') if let Some(bytes) = self.attachment_at(text, start) => {
                    cursor.skip_value(1)?;
                    self.bin(bytes);
                }
                Some(bracket @ (b'[' | b'{')) => {
                    cursor.expect(bracket)?;
                    cursor.skip_whitespace();
                    let (header, is_object) = (self.out.as_slice().len(), bracket == b'{');
                    self.out.as_mut_vec().push(0);
                    open.push(Open { header, len: 0, is_object });
                    match cursor.peek() {
                        Some(b']' | b'}') => {} // empty: the loop below closes it
                        _ if is_object => {
                            self.key(text, &mut cursor)?;
                            continue;
                        }
                        _ => continue,
                    }
                }
                Some(b'"') => self.string(text, &mut cursor)?,
                first => {
                    cursor.skip_value(0)?;
                    self.scalar(first, &text[start..cursor.offset()]);
                }
            }
            // A value has just ended: close what ends with it, then go to its next sibling.
            loop {
                cursor.skip_whitespace();
                let Some(innermost) = open.last() else { return cursor.end() };
                let is_object = innermost.is_object;
                if cursor.eat(if is_object { b'}' } else { b']' }) {
                    self.close(innermost);
                    open.pop();
                    continue;
                }
                cursor.expect(b',')?;
                cursor.skip_whitespace();
                if is_object {
                    self.key(text, &mut cursor)?;
                }
                break;
            }
        }
    }

    /// Reads and writes `"key"`, and reads the colon.
    fn key(&mut self, text: &str, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        self.string(text, cursor)?;
        cursor.skip_whitespace();
        cursor.expect(b':')?;
        cursor.skip_whitespace();
        Ok(())
    }

    fn string(&mut self, text: &str, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        let start = cursor.offset();
        let has_escapes = cursor.skip_string()?;
        let quoted = &text[start..cursor.offset()];
        if has_escapes {
            self.str(&unescape(quoted));
        } else {
            self.str(&quoted[1..quoted.len() - 1]);
        }
        Ok(())
    }

    /// Writes a number, a truth value or `null`.
    fn scalar(&mut self, first: Option<u8>, text: &str) {
        match first {
            Some(b'n') => self.nil(),
            Some(first @ (b't' | b'f')) => {
                let Ok(()) = write::write_bool(&mut self.out, first == b't');
            }
            _ => {
                if let Ok(number) = text.parse() {
                    self.uint(number);
                } else if let Ok(number) = text.parse() {
                    let Ok(_) = write::write_sint(&mut self.out, number);
                } else {
                    // JSON's numbers are among those that Rust reads; one that is too large is infinite.
                    let Ok(()) = write::write_f64(&mut self.out, text.parse().unwrap_or_default());
                }
            }
        }
    }

    /// The attachment for which the object at an offset stands; `None` if it is an ordinary one.
    fn attachment_at(&self, text: &str, brace: usize) -> Option<&'a Bytes> {
        if self.attachments.is_empty() {
            return None;
        }
        let mut cursor = Cursor::at(text, brace + 1);
        cursor.skip_whitespace();
        self.attachments.get(placeholder::read(text, cursor.offset())?.ok()?)
    }

    /// Writes the header of an array or object whose items are there, and moves them if it needs more than a byte.
    fn close(&mut self, open: &Open) {
        let (short, marker16, marker32): (fn(u8) -> Marker, _, _) = if open.is_object {
            (Marker::FixMap, Marker::Map16, Marker::Map32)
        } else {
            (Marker::FixArray, Marker::Array16, Marker::Array32)
        };
        let out = self.out.as_mut_vec();
        let behind = open.header + 1;
        if let Ok(len @ 0..16) = u8::try_from(open.len) {
            out[open.header] = short(len).to_u8();
        } else if let Ok(len) = u16::try_from(open.len) {
            out[open.header] = marker16.to_u8();
            out.splice(behind..behind, len.to_be_bytes());
        } else {
            out[open.header] = marker32.to_u8();
            out.splice(behind..behind, open.len.to_be_bytes());
        }
    }

    fn map(&mut self, entries: u32) {
        let Ok(_) = write::write_map_len(&mut self.out, entries);
    }

    fn uint(&mut self, number: u64) {
        let Ok(_) = write::write_uint(&mut self.out, number);
    }

    fn str(&mut self, text: &str) {
        let Ok(()) = write::write_str(&mut self.out, text);
    }

    fn bin(&mut self, bytes: &[u8]) {
        if u32::try_from(bytes.len()).is_err() {
            return self.nil();
        }
        let Ok(()) = write::write_bin(&mut self.out, bytes);
    }

    fn nil(&mut self) {
        let Ok(()) = write::write_nil(&mut self.out);
    }
}
