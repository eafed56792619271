//! One thing that passed, as it is shown: a line for people, or an object for programs.

use serde_json::{Value, value::RawValue};
use sockeye::client::Direction;

use crate::values::printable;

/// Where something passed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Layer {
    /// A name that is looked up.
    Name,
    Tcp,
    Proxy,
    Tls,
    Http,
    WebSocket,
    EngineIo,
    SocketIo,
}

impl Layer {
    const fn name(self) -> &'static str {
        match self {
            Self::Name => "dns",
            Self::Tcp => "tcp",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Http => "http",
            Self::WebSocket => "ws",
            Self::EngineIo => "eio",
            Self::SocketIo => "sio",
        }
    }

    /// Each has a colour of its own, of the eight that every terminal has.
    const fn color(self) -> &'static str {
        match self {
            Self::Name | Self::Tcp | Self::Proxy | Self::Tls => "\x1b[2m",
            Self::Http => "\x1b[34m",
            Self::WebSocket => "\x1b[35m",
            Self::EngineIo => "\x1b[33m",
            Self::SocketIo => "\x1b[36m",
        }
    }
}

/// How much of a payload people get to see, in bytes.
const SHOWN_BYTES: usize = 400;
/// How much of one programs do.
const WRITTEN_BYTES: usize = 16 * 1024;

/// What is shown of one thing; its secrets are hidden already.
#[derive(Clone, Debug)]
pub(crate) struct Remark {
    pub(crate) layer: Layer,
    /// Which way, where there is one and it is known.
    pub(crate) direction: Option<Direction>,
    /// What it is, for people; a payload of any length may follow.
    pub(crate) text: String,
    payload: Option<String>,
    /// What programs get, in this order: names, and values in JSON.
    fields: Vec<(String, String)>,
    /// The rest of a head of HTTP, a line each.
    pub(crate) head: Vec<String>,
    /// Whether it says that something is wrong.
    pub(crate) is_trouble: bool,
}

impl Remark {
    pub(crate) fn new(layer: Layer, direction: Option<Direction>, text: impl Into<String>) -> Self {
        Self {
            layer,
            direction,
            text: text.into(),
            payload: None,
            fields: Vec::new(),
            head: Vec::new(),
            is_trouble: false,
        }
    }

    /// Something that is not as it should be.
    pub(crate) fn trouble(layer: Layer, direction: Option<Direction>, why: &str) -> Self {
        let line = Self::new(layer, direction, format!("✘ {why}"));
        Self { is_trouble: true, ..line.with("error", why) }
    }

    /// Tells programs one thing more.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.push((name.to_owned(), value.into().to_string()));
        self
    }

    /// What it carries: JSON, if it is some, else a text.
    pub(crate) fn carrying(mut self, name: &str, payload: String) -> Self {
        let as_text = |text: &str| Value::from(text).to_string();
        let value = match cut(&payload, WRITTEN_BYTES) {
            // Between the tokens of JSON, ends of lines are no more than spaces.
            None if serde_json::from_str::<&RawValue>(&payload).is_ok() => {
                payload.replace(['\n', '\r'], " ")
            }
            None => as_text(&payload),
            Some(cut) => {
                self = self.with(&format!("{name}_bytes"), payload.len());
                as_text(cut)
            }
        };
        self.fields.push((name.to_owned(), value));
        self.payload = Some(payload);
        self
    }

    /// For people: the time if there is one, the layer, which way, and what.
    pub(crate) fn for_people(&self, at: Option<&str>, colored: bool) -> String {
        let arrow = match self.direction {
            Some(Direction::In) => "←",
            Some(Direction::Out) => "→",
            None => " ",
        };
        let label = format!("{:<5}", self.layer.name().to_ascii_uppercase());
        let at = at.map(|at| format!("{at} ")).unwrap_or_default();
        let (begin, end) = match (colored, self.is_trouble) {
            (false, _) => ("", ""),
            (true, true) => ("\x1b[31m", "\x1b[0m"),
            (true, false) => (self.layer.color(), "\x1b[0m"),
        };
        let mut text = printable(&self.text);
        if let Some(payload) = &self.payload {
            text.push(' ');
            match cut(payload, SHOWN_BYTES) {
                None => text += &printable(payload),
                Some(cut) => text += &format!("{}… ({} B)", printable(cut), payload.len()),
            }
        }
        let mut shown = format!("{at}{begin}{label}{arrow}{end} {text}");
        let indent = " ".repeat(at.chars().count() + 7);
        for line in &self.head {
            shown += &format!("\n{indent}{}", printable(line));
        }
        shown
    }

    /// What is wrong, and what was found instead.
    pub(crate) fn trouble_text(&self) -> String {
        let why = self.text.trim_start_matches("✘ ");
        match self.payload.as_deref() {
            None | Some("") => why.to_owned(),
            Some(found) => {
                let found = cut(found, SHOWN_BYTES).unwrap_or(found);
                format!("{why}; found {}", printable(found))
            }
        }
    }

    /// For programs: an object on one line, which may begin with where or when that was.
    pub(crate) fn for_programs<'n>(
        &self,
        first: impl IntoIterator<Item = (&'n str, Value)>,
    ) -> String {
        let mut object = String::from("{");
        let mut put = |name: &str, value: &str| {
            let comma = if object.len() > 1 { "," } else { "" };
            object.push_str(&format!("{comma}\"{name}\":{value}"));
        };
        for (name, value) in first {
            put(name, &value.to_string());
        }
        put("layer", &Value::from(self.layer.name()).to_string());
        match self.direction {
            Some(Direction::In) => put("dir", "\"in\""),
            Some(Direction::Out) => put("dir", "\"out\""),
            None => {}
        }
        for (name, value) in &self.fields {
            put(name, value);
        }
        object.push('}');
        object
    }
}

/// The beginning of a text that is longer than this.
fn cut(text: &str, bytes: usize) -> Option<&str> {
    (text.len() > bytes).then(|| &text[..text.floor_char_boundary(bytes)])
}
