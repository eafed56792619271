//! The first word of Engine.IO: a handshake, or one that can't be used and why.

use serde_json::{Map, Value};
use sockeye_proto::wire::engine::{Handshake, Version};

use crate::doctor::found::Broken;

/// The handshake that a first packet is; `None` if it is none, since it names nothing that one does.
pub(super) fn handshake(packet: &str, version: Version) -> Option<Result<Handshake, Broken>> {
    let error = match Handshake::decode_packet(packet) {
        Ok(handshake) => return Some(Ok(handshake)),
        Err(error) => error.to_string(),
    };
    let json = without_blanks(packet).strip_prefix('0')?;
    let object: Map<String, Value> = serde_json::from_str(json).unwrap_or_default();
    let is_like = if object.is_empty() {
        // It was cut, or is empty.
        json.starts_with('{') && FIELDS.iter().any(|field| json.contains(&format!("\"{field}\"")))
    } else {
        object.keys().any(|key| FIELDS.iter().any(|field| key.eq_ignore_ascii_case(field)))
    };
    let sid = object.iter().find(|(key, _)| key.eq_ignore_ascii_case("sid"));
    let sid = sid.and_then(|(_, sid)| sid.as_str()).map(str::to_owned);
    is_like.then_some(Err(Broken { version, error, sid }))
}

/// What a handshake has, and little else.
const FIELDS: [&str; 4] = ["sid", "pingInterval", "pingTimeout", "maxPayload"];

/// What some servers and editors put in front of everything they write.
fn without_blanks(text: &str) -> &str {
    text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace())
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
        // What stands before it, or how its names are written, makes it no other thing.
        let open = r#"0{"sid":"a","pingInterval":1,"pingTimeout":2}"#;
        for before in ["\u{feff}", " ", "\r\n"] {
            check(&format!("{before}{open}"), Some(Err("it begins with")));
        }
        check(&open.replace("sid", "SID"), Some(Err("sid is missing")));
        check(&open.replace("\"sid\":\"a\",", ""), Some(Err("sid is missing")));
        assert_eq!(handshake(soon, Version::V4).unwrap().unwrap_err().sid.as_deref(), Some("a"));
        // Without an id it is no session of Engine.IO.
        for other in [r#"0{"id":"a"}"#, "0{}", "0", "0hello", "40", r#"{"sid":"a"}"#] {
            check(other, None);
        }
    }
}
