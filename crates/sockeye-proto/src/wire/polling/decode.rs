//! A body to its packets, one at a time.

use std::borrow::Cow;

use super::{DecodeError, Format, Item, SEPARATOR, units_begun_by};
use crate::wire::engine::{self, Version};

/// A cursor over the packets of one body. It allocates nothing but the data behind base64.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::polling::{DecodeError, Format, Item, Packets};
///
/// let mut packets = Packets::new(Format::V4, b"451-[{\"_placeholder\":true,\"num\":0}]\x1EbAQID");
/// assert_eq!(packets.next()?, Some(Item::Text(r#"451-[{"_placeholder":true,"num":0}]"#)));
/// assert_eq!(packets.next()?, Some(Item::Binary(vec![1, 2, 3].into())));
/// assert_eq!(packets.next()?, None);
/// # Ok::<_, DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Packets<'b> {
    format: Format,
    body: &'b [u8],
    consumed: usize,
}

impl<'b> Packets<'b> {
    /// Starts at the first packet.
    #[must_use]
    pub const fn new(format: Format, body: &'b [u8]) -> Self {
        Self { format, body, consumed: 0 }
    }

    /// Goes on where another cursor over the same body has [`consumed`](Self::consumed) so many bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_proto::wire::polling::{DecodeError, Format, Item, Packets};
    ///
    /// let body = b"6:4hello1:3";
    /// let mut packets = Packets::new(Format::V3Text, body);
    /// packets.next()?;
    ///
    /// let mut later = Packets::resume(Format::V3Text, body, packets.consumed());
    /// assert_eq!(later.next()?, Some(Item::Text("3")));
    /// # Ok::<_, DecodeError>(())
    /// ```
    #[must_use]
    pub fn resume(format: Format, body: &'b [u8], offset: usize) -> Self {
        Self { format, body, consumed: offset.min(body.len()) }
    }

    /// Reads the next packet; `None` at the end of the body.
    ///
    /// # Errors
    ///
    /// Every [`DecodeError`] is the peer's fault: refuse the request and close the session. The cursor stays where it
    /// is, so the same error would come again.
    #[expect(clippy::should_implement_trait, reason = "it ends with an error, as a decoder does")]
    pub fn next(&mut self) -> Result<Option<Item<'b>>, DecodeError> {
        loop {
            let rest = &self.body[self.consumed..];
            // A body without any packet is an error, the end behind one is not.
            if rest.is_empty() && self.consumed > 0 {
                return Ok(None);
            }
            let (item, rest) = match self.format {
                Format::V4 => split_v4(rest, self.consumed == 0)?,
                Format::V3Text => split_v3_text(rest)?,
                Format::V3Binary => split_v3_binary(rest)?,
            };
            self.consumed = self.body.len() - rest.len();
            if item.is_some() {
                return Ok(item);
            }
        }
    }

    /// Number of bytes that the packets so far took.
    #[must_use]
    pub const fn consumed(&self) -> usize {
        self.consumed
    }
}

/// A packet, if the bytes hold one, and what follows it.
type Split<'b> = Result<(Option<Item<'b>>, &'b [u8]), DecodeError>;

fn split_v4(rest: &[u8], is_first: bool) -> Split<'_> {
    let rest = match rest {
        [SEPARATOR, rest @ ..] if !is_first => rest,
        rest => rest,
    };
    let end = rest.iter().position(|&byte| byte == SEPARATOR).unwrap_or(rest.len());
    let (packet, rest) = rest.split_at(end);
    Ok((Some(string(Version::V4, packet)?), rest))
}

fn split_v3_text(rest: &[u8]) -> Split<'_> {
    if rest.is_empty() {
        return Err(engine::DecodeError::Empty.into());
    }
    let (announced, rest) = split_length(rest, b'0', b':')?;
    let (packet, rest) = split_units(rest, announced)?;
    // npm writes `0:` where it has nothing to say, and reads over it.
    let item = (!packet.is_empty()).then(|| string(Version::V3, packet)).transpose()?;
    Ok((item, rest))
}

fn split_v3_binary(rest: &[u8]) -> Split<'_> {
    let (&mark, rest) = rest.split_first().ok_or(engine::DecodeError::Empty)?;
    if mark > 1 {
        return Err(DecodeError::UnknownMark { found: mark });
    }
    let (announced, rest) = split_length(rest, 0, 0xFF)?;
    let truncated = DecodeError::Truncated { announced, left: rest.len() };
    let bytes = usize::try_from(announced).map_err(|_| truncated)?;
    let (packet, rest) = rest.split_at_checked(bytes).ok_or(truncated)?;
    let item = match mark {
        0 => string(Version::V3, packet)?,
        _ => Item::Binary(Cow::Borrowed(engine::decode_binary(packet)?)),
    };
    Ok((Some(item), rest))
}

/// Reads a packet that is a string to JavaScript.
fn string(version: Version, packet: &[u8]) -> Result<Item<'_>, DecodeError> {
    match engine::decode_base64(version, packet)? {
        Some(data) => Ok(Item::Binary(Cow::Owned(data))),
        None if packet.is_empty() => Err(engine::DecodeError::Empty.into()),
        None => Ok(Item::Text(utf8(packet)?)),
    }
}

/// Splits decimal digits, the lowest of them `zero`, and the mark behind them from the rest.
fn split_length(bytes: &[u8], zero: u8, end_mark: u8) -> Result<(u64, &[u8]), DecodeError> {
    /// So many digits always fit; no body is that long.
    const MAX_DIGITS: usize = 19;

    let mut length = 0;
    for (index, &byte) in bytes.iter().take(MAX_DIGITS + 1).enumerate() {
        match byte.wrapping_sub(zero) {
            digit @ 0..=9 if index < MAX_DIGITS => length = length * 10 + u64::from(digit),
            _ if byte == end_mark && index > 0 => return Ok((length, &bytes[index + 1..])),
            _ => break,
        }
    }
    Err(DecodeError::IllegalLength)
}

/// Splits a text of so many UTF-16 units from the rest.
fn split_units(bytes: &[u8], announced: u64) -> Result<(&[u8], &[u8]), DecodeError> {
    let truncated = DecodeError::Truncated { announced, left: bytes.len() };
    // No character has more units than bytes.
    let units = usize::try_from(announced).map_err(|_| truncated)?;
    let shortest = bytes.get(..units).ok_or(truncated)?;
    if shortest.is_ascii() {
        return Ok(bytes.split_at(units));
    }
    let mut missing = units;
    for (index, &byte) in bytes.iter().enumerate() {
        match (units_begun_by(byte), missing) {
            (0, _) => {} // the rest of a character
            (_, 0) => return Ok(bytes.split_at(index)),
            (2, 1) => return Err(DecodeError::SplitCharacter { announced }),
            (units, _) => missing -= units,
        }
    }
    if missing == 0 { Ok((bytes, &[])) } else { Err(truncated) }
}

fn utf8(bytes: &[u8]) -> Result<&str, DecodeError> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| DecodeError::NotUtf8)
}
