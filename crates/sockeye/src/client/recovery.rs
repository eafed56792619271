//! Connection state recovery: what a server may be asked to restore after a lost connection.

use serde_json::{Map, Value};
use sockeye_proto::wire::payload::Payload;

/// The private id and the offset of the last event, as servers with `connectionStateRecovery` give them.
///
/// Never rely on it: a server restores only what it still has, and nothing if no event had arrived before.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    pid: Option<String>,
    offset: Option<String>,
}

impl Recovery {
    /// Adds to the auth payload what asks for it.
    pub(super) fn ask(&self, auth: &mut Map<String, Value>) {
        if let Some(pid) = &self.pid {
            auth.insert("pid".to_owned(), pid.as_str().into());
            let offset = self.offset.as_deref().map_or(Value::Null, Value::from);
            auth.insert("offset".to_owned(), offset);
        }
    }

    /// Notes what the server said when it let us in; `true` if it has restored what was.
    pub(super) fn connected(&mut self, pid: Option<&str>) -> bool {
        let recovered = pid.is_some() && self.pid.as_deref() == pid;
        if !recovered {
            self.offset = None;
        }
        self.pid = pid.map(str::to_owned);
        recovered
    }

    /// Notes an event: with recovery its last argument is its offset.
    pub(super) fn note(&mut self, payload: &Payload<'_>) {
        if self.pid.is_some()
            && let Some(offset) = payload.last_text()
        {
            self.offset = Some(offset.to_owned());
        }
    }

    /// There is nothing to restore after one side has left on purpose.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use sockeye_proto::wire::packet::Limits;

    use super::*;

    #[test]
    fn the_last_offset_is_what_a_server_is_asked_for() {
        let mut recovery = Recovery::default();
        let ask = |recovery: &Recovery| {
            let mut auth = Map::new();
            recovery.ask(&mut auth);
            Value::Object(auth).to_string()
        };
        let note = |recovery: &mut Recovery, data: &str| {
            let (_, payload) = Payload::event(data, &Limits::default()).unwrap();
            recovery.note(&payload);
        };
        note(&mut recovery, r#"["a","early"]"#);
        assert_eq!(ask(&recovery), "{}");
        assert!(!recovery.connected(Some("p1")));
        assert_eq!(ask(&recovery), r#"{"offset":null,"pid":"p1"}"#);
        note(&mut recovery, r#"["a",1,"o1"]"#);
        note(&mut recovery, r#"["a",2]"#);
        assert_eq!(ask(&recovery), r#"{"offset":"o1","pid":"p1"}"#);
        assert!(recovery.connected(Some("p1")));
        assert_eq!(ask(&recovery), r#"{"offset":"o1","pid":"p1"}"#);
        assert!(!recovery.connected(Some("p2")));
        assert_eq!(ask(&recovery), r#"{"offset":null,"pid":"p2"}"#);
        assert!(!recovery.connected(None));
        assert_eq!(ask(&recovery), "{}");
    }
}
