//! The first word of Engine.IO: a handshake, or one that can't be used and why.

use serde_json::{Map, Value};
use sockeye_proto::wire::engine::{self, Handshake, Kind, Version};

/// A handshake that can't be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Broken {
    pub(crate) version: Version,
    /// Which field, what was found and what was expected.
    pub(crate) error: String,
    pub(crate) sid: Option<String>,
}

/// The handshake that a first packet is; `None` if it is none, which has no `sid`.
pub(super) fn handshake(packet: &str, version: Version) -> Option<Result<Handshake, Broken>> {
    let Ok((Kind::Open, text)) = engine::decode(packet) else { return None };
    let error = match Handshake::decode(text) {
        Ok(handshake) => return Some(Ok(handshake)),
        Err(error) => error.to_string(),
    };
    let object = serde_json::from_str::<Map<String, Value>>(text);
    let has_sid = match &object {
        Ok(object) => object.contains_key("sid"),
        // It was cut.
        Err(_) => text.starts_with('{') && text.contains("\"sid\""),
    };
    let sid = object.unwrap_or_default().get("sid").and_then(Value::as_str).map(str::to_owned);
    has_sid.then_some(Err(Broken { version, error, sid }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_can_not_be_used_is_told_from_what_is_none() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(packet: &str, expect: Option<Result<(), &str>>) {
            let found = handshake(packet, Version::V4);
            match (&found, expect) {
                (Some(Ok(_)), Some(Ok(()))) | (None, None) => {}
                (Some(Err(broken)), Some(Err(text))) if broken.error.contains(text) => {}
                _ => panic!("{packet}: {found:?}"),
            }
        }
        check(r#"0{"sid":"a","pingInterval":"25000","pingTimeout":2e4}"#, Some(Ok(())));
        let soon = r#"0{"sid":"a","pingInterval":"soon","pingTimeout":2}"#;
        check(soon, Some(Err(r#"pingInterval is "soon"; expected milliseconds"#)));
        check(r#"0{"sid":"a","pingInterval":1}"#, Some(Err("pingTimeout is missing")));
        check(r#"0{"sid":"a","pingInt"#, Some(Err("no JSON object")));
        assert_eq!(handshake(soon, Version::V4).unwrap().unwrap_err().sid.as_deref(), Some("a"));
        // Without an id it is no session of Engine.IO.
        for other in [r#"0{"id":"a"}"#, "0{}", "0", "0hello", "40", r#"{"sid":"a"}"#] {
            check(other, None);
        }
    }
}
