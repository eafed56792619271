//! The JSON array of an event or ack, kept as raw text until somebody asks for its types.

mod args;
mod error;
mod shape;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize, ser::Error as _};

pub use self::error::{ArgsError, EncodeError};
use self::shape::Shape;
use super::{
    attachment,
    json::{Cursor, Fault, unescape},
    packet::{DecodeError, Limits},
};

/// Names of events that only the library itself may raise, as in socket.io-parser.
const RESERVED_EVENT_NAMES: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// The arguments of an event or ack: checked JSON text that nobody has parsed yet, and its attachments.
///
/// A tuple is the list of arguments, `()` is no argument, and any other type is the one argument; that holds for
/// [`Payload::serialize`] and [`Payload::deserialize`] alike. (Rust's fixed-size arrays look like tuples to serde and
/// count as such; a `Vec` or slice is one argument that is an array.)
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::{packet::Limits, payload::Payload};
///
/// let (name, args) = Payload::event(r#"["say","hi",{"to":"all"}]"#, &Limits::default())?;
/// assert_eq!((&*name, args.len(), args.args_text()), ("say", 2, r#""hi",{"to":"all"}"#));
///
/// let text: String = args.deserialize()?; // surplus arguments are ignored
/// assert_eq!(text, "hi");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Payload<'a> {
    /// The whole array.
    text: Cow<'a, str>,
    /// Where the first argument begins and the last one ends; an empty range if there are none.
    args: (usize, usize),
    /// Number of arguments.
    len: usize,
    /// Whether the array begins with an event's name, which is no argument.
    named: bool,
    attachments: Vec<Bytes>,
}

impl<'a> Payload<'a> {
    /// Checks the data of an event; also returns the event's name. Copies nothing, unless the name has escapes.
    ///
    /// A number as the name stands for its text. Half of a surrogate pair in the name is replaced by U+FFFD.
    ///
    /// # Errors
    ///
    /// Every [`DecodeError`] is the peer's fault: close the connection, do not retry.
    pub fn event(data: &'a str, limits: &Limits) -> Result<(Cow<'a, str>, Self), DecodeError> {
        let to_error = |fault| DecodeError::from_fault(fault, limits);
        let mut cursor = Cursor::new(data);
        open_array(&mut cursor).map_err(to_error)?;
        let start = cursor.offset();
        let name = match cursor.peek() {
            Some(b'"') => {
                let escapes = cursor.skip_string().map_err(to_error)?;
                let quoted = &data[start..cursor.offset()];
                if escapes {
                    Cow::Owned(unescape(quoted))
                } else {
                    Cow::Borrowed(&quoted[1..quoted.len() - 1])
                }
            }
            Some(b'-' | b'0'..=b'9') => {
                cursor.skip_value(0).map_err(to_error)?;
                Cow::Borrowed(&data[start..cursor.offset()])
            }
            _ => return Err(DecodeError::NoEventName),
        };
        if RESERVED_EVENT_NAMES.contains(&&*name) {
            return Err(DecodeError::ReservedEventName { name: name.into_owned() });
        }
        cursor.skip_whitespace();
        let payload = if cursor.eat(b',') {
            cursor.skip_whitespace();
            Self::items(data, cursor, true, limits)?
        } else {
            Self::no_items(data, cursor, true).map_err(to_error)?
        };
        Ok((name, payload))
    }

    /// Checks the data of an ack. Copies nothing.
    ///
    /// # Errors
    ///
    /// Every [`DecodeError`] is the peer's fault: close the connection, do not retry.
    pub fn ack(data: &'a str, limits: &Limits) -> Result<Self, DecodeError> {
        let to_error = |fault| DecodeError::from_fault(fault, limits);
        let mut cursor = Cursor::new(data);
        open_array(&mut cursor).map_err(to_error)?;
        if cursor.peek() == Some(b']') {
            Self::no_items(data, cursor, false).map_err(to_error)
        } else {
            Self::items(data, cursor, false, limits)
        }
    }

    /// Writes the arguments of an ack: a tuple, or the one argument.
    ///
    /// `Bytes` and `serde_bytes` values at any depth become attachments.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Json`] if the value has no JSON form, as a map with keys that are neither text nor numbers;
    /// [`EncodeError::FalsePlaceholder`] if it has bytes, and something that looks like a placeholder for bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::Bytes;
    /// use sockeye_proto::wire::payload::Payload;
    ///
    /// let payload = Payload::serialize(&("photo", Bytes::from_static(b"\xFF\xD8")))?;
    /// assert_eq!(payload.text(), r#"["photo",{"_placeholder":true,"num":0}]"#);
    /// assert_eq!(payload.attachments().len(), 1);
    /// # Ok::<_, sockeye_proto::wire::payload::EncodeError>(())
    /// ```
    pub fn serialize<T: Serialize + ?Sized>(args: &T) -> Result<Payload<'static>, EncodeError> {
        Payload::write(None, args, Shape::of_serialize(args))
    }

    /// Writes an event: its name, then its arguments as [`Payload::serialize`] does.
    ///
    /// # Errors
    ///
    /// [`EncodeError::ReservedEventName`] if only the library itself may raise the event; else as
    /// [`Payload::serialize`].
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_proto::wire::payload::Payload;
    ///
    /// assert_eq!(Payload::serialize_event("move", &(1, 2))?.text(), r#"["move",1,2]"#);
    /// # Ok::<_, sockeye_proto::wire::payload::EncodeError>(())
    /// ```
    pub fn serialize_event<T: Serialize + ?Sized>(
        name: &str,
        args: &T,
    ) -> Result<Payload<'static>, EncodeError> {
        check_name(name)?;
        Payload::write(Some(name), args, Shape::of_serialize(args))
    }

    /// Writes each item of a list as one argument of an ack.
    ///
    /// # Errors
    ///
    /// As [`Payload::serialize`].
    pub fn serialize_all<T: Serialize>(args: &[T]) -> Result<Payload<'static>, EncodeError> {
        Payload::write(None, args, Shape::Arguments { len: args.len() })
    }

    /// The same arguments and attachments as an event of this name.
    ///
    /// # Errors
    ///
    /// [`EncodeError::ReservedEventName`] if only the library itself may raise the event;
    /// [`EncodeError::FalsePlaceholder`] as in [`Payload::serialize`]: a peer with another parser can have sent such.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_proto::wire::{packet::Limits, payload::Payload};
    ///
    /// let (_, args) = Payload::event(r#"["say","hi"]"#, &Limits::default())?;
    /// assert_eq!(args.to_event("said")?.text(), r#"["said","hi"]"#);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_event(&self, name: &str) -> Result<Payload<'static>, EncodeError> {
        check_name(name)?;
        check_marks(&self.text, &self.attachments)?;
        let mut event = Payload::write(Some(name), &(), Shape::Arguments { len: 0 })?;
        if !self.is_empty() {
            let text = event.text.to_mut();
            text.pop();
            text.push(',');
            let start = text.len();
            text.push_str(self.args_text());
            event.args = (start, text.len());
            text.push(']');
        }
        Ok(Payload { len: self.len, attachments: self.attachments.clone(), ..event })
    }

    /// Adds one more argument behind the others, a text.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_proto::wire::payload::Payload;
    ///
    /// let event = Payload::serialize_event("say", &("hi",))?.and_text("id-1");
    /// assert_eq!((event.text(), event.len()), (r#"["say","hi","id-1"]"#, 2));
    /// # Ok::<_, sockeye_proto::wire::payload::EncodeError>(())
    /// ```
    #[must_use]
    pub fn and_text(self, argument: &str) -> Payload<'static> {
        let mut payload = self.into_owned();
        let text = payload.text.to_mut();
        text.truncate(text.trim_end().len());
        text.pop();
        if payload.named || payload.len > 0 {
            text.push(',');
        }
        let start = if payload.len == 0 { text.len() } else { payload.args.0 };
        text.push_str(&serde_json::Value::from(argument).to_string());
        payload.args = (start, text.len());
        text.push(']');
        payload.len += 1;
        payload
    }

    /// The last argument, if that is a text without escapes.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_proto::wire::{packet::Limits, payload::Payload};
    ///
    /// let (_, args) = Payload::event(r#"["say",{"a":"b"},"c"]"#, &Limits::default())?;
    /// assert_eq!(args.last_text(), Some("c"));
    /// let (_, args) = Payload::event(r#"["say","c",1]"#, &Limits::default())?;
    /// assert_eq!(args.last_text(), None);
    /// # Ok::<_, sockeye_proto::wire::packet::DecodeError>(())
    /// ```
    #[must_use]
    pub fn last_text(&self) -> Option<&str> {
        let before = self.args_text().strip_suffix('"')?;
        let text = &before[before.rfind('"')? + 1..];
        // With an escape, what was found might be a quote inside the text.
        let opening = before[..before.len() - text.len() - 1].trim_end();
        (!text.contains('\\') && (opening.is_empty() || opening.ends_with(','))).then_some(text)
    }

    /// Adds the attachments that arrived behind the packet's text.
    ///
    /// # Errors
    ///
    /// [`DecodeError::IllegalPlaceholder`] if the text asks for an attachment that is not there, or twice for one: the
    /// peer's fault.
    pub fn with_attachments(self, attachments: Vec<Bytes>) -> Result<Self, DecodeError> {
        attachment::check_placeholders(&self.text, &attachments)?;
        Ok(Self { attachments, ..self })
    }

    /// Adds attachments whose placeholders this side wrote, which need no check.
    pub(super) fn with_own_attachments(self, attachments: Vec<Bytes>) -> Self {
        Self { attachments, ..self }
    }

    /// Copies the text, so that the payload outlives the message that carried it.
    #[must_use]
    pub fn into_owned(self) -> Payload<'static> {
        Payload { text: Cow::Owned(self.text.into_owned()), ..self }
    }

    /// The whole array, and the attachments.
    #[must_use]
    pub fn into_parts(self) -> (String, Vec<Bytes>) {
        (self.text.into_owned(), self.attachments)
    }

    /// Reads the arguments as a tuple, or the first one as a value; an attachment wherever its placeholder stands.
    ///
    /// As in JavaScript, a missing argument is `null` (an [`Option`] reads it as `None`) and surplus ones are ignored.
    ///
    /// # Errors
    ///
    /// [`ArgsError`] if the arguments are not of these types; its text names the argument.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_proto::wire::{packet::Limits, payload::Payload};
    ///
    /// let args = Payload::ack(r#"["a"]"#, &Limits::default())?;
    /// assert_eq!(args.deserialize::<(&str, Option<u8>)>()?, ("a", None));
    /// assert!(args.deserialize::<u8>().is_err());
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn deserialize<'d, T: Deserialize<'d>>(&'d self) -> Result<T, ArgsError> {
        match Shape::of_deserialize::<T>() {
            Shape::Arguments { .. } => args::read(self),
            Shape::Argument => args::read(self).map(|(argument,)| argument),
        }
    }

    /// Reads every argument as the same type, as `Value` is one for all.
    ///
    /// # Errors
    ///
    /// [`ArgsError::Mismatch`] if an argument is not of this type.
    pub fn deserialize_all<'d, T: Deserialize<'d>>(&'d self) -> Result<Vec<T>, ArgsError> {
        args::read(self)
    }

    /// The whole array as JSON, with an event's name.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The arguments as JSON, without the brackets and an event's name: `"a",{"b":1}`.
    #[must_use]
    pub fn args_text(&self) -> &str {
        &self.text[self.args.0..self.args.1]
    }

    /// Number of arguments; an event's name is none.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no arguments.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The attachments, in the order of their numbers.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// Reads arguments up to the end of the text; the first begins at the cursor.
    fn items(
        data: &'a str,
        mut cursor: Cursor<'a>,
        named: bool,
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        let to_error = |fault| DecodeError::from_fault(fault, limits);
        let start = cursor.offset();
        let mut len = 0;
        loop {
            if len == limits.max_args {
                return Err(DecodeError::TooManyArgs { limit: limits.max_args });
            }
            cursor.skip_value(limits.max_depth.saturating_sub(1)).map_err(to_error)?;
            len += 1;
            let end = cursor.offset();
            cursor.skip_whitespace();
            if cursor.eat(b',') {
                cursor.skip_whitespace();
                continue;
            }
            cursor.expect(b']').and_then(|()| cursor.end()).map_err(to_error)?;
            return Ok(Self {
                text: Cow::Borrowed(data),
                args: (start, end),
                len,
                named,
                attachments: Vec::new(),
            });
        }
    }

    /// Reads the end of an array that has no arguments.
    fn no_items(data: &'a str, mut cursor: Cursor<'a>, named: bool) -> Result<Self, Fault> {
        let args = (cursor.offset(), cursor.offset());
        cursor.expect(b']')?;
        cursor.end()?;
        Ok(Self { text: Cow::Borrowed(data), args, len: 0, named, attachments: Vec::new() })
    }

    fn write<T: Serialize + ?Sized>(
        name: Option<&str>,
        args: &T,
        shape: Shape,
    ) -> Result<Payload<'static>, EncodeError> {
        let mut text = Vec::with_capacity(128);
        let mut attachments = Vec::new();
        if let Some(name) = name {
            text.push(b'[');
            attachment::write(name, &mut text, &mut attachments)?;
        }
        let open = text.len();
        let len = match shape {
            Shape::Arguments { len: 0 } => {
                text.extend_from_slice(b"[]");
                0
            }
            Shape::Arguments { len } => {
                attachment::write(args, &mut text, &mut attachments)?;
                len
            }
            Shape::Argument => {
                attachment::write(&(args,), &mut text, &mut attachments)?;
                1
            }
        };
        let mut first = open + 1;
        if name.is_some() {
            // `["name"[1,2]` is in the text: the inner bracket becomes a comma, or goes if nothing is in it.
            if len == 0 {
                text.remove(open);
                first = open;
            } else {
                text[open] = b',';
            }
        }
        let args = (first, text.len() - 1);
        let text = String::from_utf8(text).map_err(serde_json::Error::custom)?;
        check_marks(&text, &attachments)?;
        Ok(Payload { text: Cow::Owned(text), args, len, named: name.is_some(), attachments })
    }
}

fn check_name(name: &str) -> Result<(), EncodeError> {
    if RESERVED_EVENT_NAMES.contains(&name) {
        return Err(EncodeError::ReservedEventName { name: name.to_owned() });
    }
    Ok(())
}

/// Checks that the peer will find our placeholders, and no others.
fn check_marks(text: &str, attachments: &[Bytes]) -> Result<(), EncodeError> {
    attachment::check_placeholders(text, attachments).map_err(|_| EncodeError::FalsePlaceholder)
}

/// Reads an array's bracket, up to its first item.
fn open_array(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    cursor.skip_whitespace();
    cursor.expect(b'[')?;
    cursor.skip_whitespace();
    Ok(())
}
