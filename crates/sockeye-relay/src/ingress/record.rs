//! A record: one line of JSON about an event that was received, or about a gap.

use std::{
    convert::Infallible,
    fmt::Write as _,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use time::{
    OffsetDateTime,
    format_description::BorrowedFormatItem,
    macros::{datetime, format_description},
};

use super::{Gap, Received};

/// To the millisecond, whatever it is: lines are sorted as texts.
const FORM: &[BorrowedFormatItem<'_>] = format_description!(
    version = 2,
    "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
);

const LAST: OffsetDateTime = datetime!(9999-12-31 23:59:59.999 UTC);

/// What sinks are given.
///
/// Its line is `{"t":…,"dir":"in","nsp":…,"event":…,"args":[…],"ack_id":…,"target":…,"seq":…,"id":…}`, or
/// `{"t":…,"gap":{"from":…,"to":…,"recovered":…},"target":…,"seq":…,"id":…}`. Binary is `{"$bin":"<base64>"}`.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its number in its spool; later ones have greater numbers.
    pub seq: u64,
    /// What it is known by everywhere: the spool's name, `-` and the number.
    pub id: Arc<str>,
    /// When it came, in milliseconds since 1970.
    pub at_ms: u64,
    /// The namespace; empty for a gap.
    pub namespace: Arc<str>,
    /// The event's name; `None` for a gap.
    pub event: Option<Arc<str>>,
    /// The line of JSON, without its end.
    pub line: Bytes,
}

/// A record before it has a number: everything up to `"seq":`.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) at_ms: u64,
    pub(super) namespace: Arc<str>,
    pub(super) event: Option<Arc<str>>,
    /// Of a gap: whose, and when it ended, in milliseconds since 1970.
    pub(super) ends: Option<(Arc<str>, u64)>,
    pub(super) text: String,
}

impl Draft {
    pub(super) fn of(received: &Received, now: SystemTime) -> Self {
        let args = shown(received);
        let mut text = String::with_capacity(args.len() + 160);
        let (namespace, event) = (json(&received.namespace), json(&received.event));
        let _ = write!(
            text,
            r#"{{"t":"{}","dir":"in","nsp":{namespace},"event":{event},"args":{args},"#,
            rfc_3339(now)
        ); // a String takes everything
        if let Some(number) = received.ack_id {
            let _ = write!(text, r#""ack_id":{number},"#);
        }
        let _ = write!(text, r#""target":{},"#, json(&received.target));
        Self {
            at_ms: millis(now),
            namespace: received.namespace.clone(),
            event: Some(received.event.clone()),
            ends: None,
            text,
        }
    }

    pub(super) fn of_gap(gap: &Gap, now: SystemTime) -> Self {
        let text = format!(
            r#"{{"t":"{}","gap":{{"from":"{}","to":"{}","recovered":{}}},"target":{},"#,
            rfc_3339(now),
            rfc_3339(gap.from),
            rfc_3339(gap.to),
            gap.is_recovered,
            json(&gap.target)
        );
        let ends = Some((gap.target.clone(), millis(gap.to)));
        Self { at_ms: millis(now), namespace: "".into(), event: None, ends, text }
    }

    /// What a record's line was before it had a number; `None` if it is none. It comes now, and keeps the time that it first came.
    pub(super) fn of_line(line: &str, now_ms: u64) -> Option<Self> {
        #[derive(serde::Deserialize)]
        struct Line {
            nsp: Option<String>,
            event: Option<String>,
        }

        let Line { nsp, event } = serde_json::from_str(line).ok()?;
        let text = line[..line.rfind(r#""seq":"#)?].to_owned();
        Some(Self {
            at_ms: now_ms,
            namespace: nsp.unwrap_or_default().into(),
            event: event.map(Arc::from),
            ends: None,
            text,
        })
    }

    /// How much of the spool's bound it takes.
    pub(super) fn bytes(&self) -> u64 {
        (self.text.len() + self.event.as_ref().map_or(0, |name| name.len())) as u64
    }
}

impl Record {
    pub(super) fn new(spool: &str, seq: u64, draft: Draft) -> Self {
        let id = format!("{spool}-{seq}");
        let Draft { at_ms, namespace, event, mut text, .. } = draft;
        let _ = write!(text, r#""seq":{seq},"id":"{id}"}}"#);
        Self { seq, id: id.into(), at_ms, namespace, event, line: text.into() }
    }

    /// The spool's name and the number that an id is made of.
    pub(super) fn parts(id: &str) -> Option<(&str, u64)> {
        let (spool, seq) = id.rsplit_once('-')?;
        Some((spool, seq.parse().ok()?))
    }

    /// Whether a sink whose last record has this id has had this one too.
    pub(super) fn is_known_after(&self, last: &str) -> bool {
        match (Self::parts(&self.id), Self::parts(last)) {
            (Some((spool, seq)), Some((last_spool, last))) => spool == last_spool && seq <= last,
            _ => false,
        }
    }
}

/// The arguments as JSON.
pub(super) fn shown(received: &Received) -> String {
    let shown = received.args.to_json_with(|bytes| {
        Ok::<_, Infallible>(format!(r#"{{"$bin":"{}"}}"#, BASE64_STANDARD.encode(bytes)))
    });
    match shown {
        Ok(shown) => shown,
        Err(never) => match never {},
    }
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

pub(super) fn millis(time: SystemTime) -> u64 {
    let millis = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    u64::try_from(millis).unwrap_or(u64::MAX)
}

fn rfc_3339(time: SystemTime) -> String {
    let nanos = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().cast_signed();
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(LAST);
    time.format(&FORM).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sockeye::event::{RawArgs, Value};

    use super::*;

    #[test]
    fn a_record_is_a_line_of_the_contract() {
        let now = UNIX_EPOCH + Duration::from_millis(1_500);
        let args = [Value::from("a\n\"b"), Bytes::from_static(b"\xff").into()];
        let received = Received {
            target: "main".into(),
            namespace: "/im".into(),
            event: "a\"b".into(),
            args: RawArgs::from_list(&args).unwrap(),
            wants_ack: true,
            ack_id: Some(3),
        };
        let record = Record::new("s", 7, Draft::of(&received, now));
        assert_eq!(
            record.line,
            r#"{"t":"1970-01-01T00:00:01.500Z","dir":"in","nsp":"/im","event":"a\"b","args":["a\n\"b",{"$bin":"/w=="}],"ack_id":3,"target":"main","seq":7,"id":"s-7"}"#
        );
        let gap = Gap { target: "main".into(), from: UNIX_EPOCH, to: now, is_recovered: false };
        assert_eq!(
            Record::new("s", 8, Draft::of_gap(&gap, now)).line,
            r#"{"t":"1970-01-01T00:00:01.500Z","gap":{"from":"1970-01-01T00:00:00.000Z","to":"1970-01-01T00:00:01.500Z","recovered":false},"target":"main","seq":8,"id":"s-8"}"#
        );
        let again = Draft::of_line(std::str::from_utf8(&record.line).unwrap(), 9).unwrap();
        let again = Record::new("s", 12, again);
        assert_eq!((again.event.as_deref(), &*again.namespace), (Some("a\"b"), "/im"));
        let line = std::str::from_utf8(&record.line).unwrap();
        assert_eq!(again.line, line.replace("7,\"id\":\"s-7\"", "12,\"id\":\"s-12\""));
        assert!(record.is_known_after("s-7") && record.is_known_after("s-9"));
        assert!(!record.is_known_after("s-6") && !record.is_known_after("t-9"));
    }
}
