//! The three messages that the loads send, known by their first bytes.

/// A text of a client.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Message<'a> {
    /// Joins the namespace `/`.
    Connect,
    /// `echo` with an ack id.
    Echo {
        /// The digits of the ack id.
        id: &'a [u8],
        /// The arguments and the closing bracket.
        rest: &'a [u8],
    },
    /// `broadcast`: the text is also what every socket is sent.
    Broadcast,
}

pub(super) fn recognise(text: &[u8]) -> Option<Message<'_>> {
    if text.starts_with(b"42[\"broadcast\",") {
        return Some(Message::Broadcast);
    }
    if text == b"40" {
        return Some(Message::Connect);
    }
    let event = text.strip_prefix(b"42")?;
    let id_bytes = event.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (id, array) = event.split_at(id_bytes);
    let rest = array.strip_prefix(b"[\"echo\",")?;
    (!id.is_empty()).then_some(Message::Echo { id, rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<Message<'_>>) {
        assert_eq!(recognise(text.as_bytes()), expect, "recognising {text:?}");
    }

    #[test]
    fn only_what_the_loads_send_is_recognised() {
        check("40", Some(Message::Connect));
        check("40/custom,", None);
        check(r#"4217["echo","a"]"#, Some(Message::Echo { id: b"17", rest: b"\"a\"]" }));
        check(r#"42["echo","a"]"#, None); // nobody asked for the ack
        check(r#"42["broadcast",1]"#, Some(Message::Broadcast));
        check(r#"421["broadcast",1]"#, None);
        check("2", None);
        check("", None);
    }
}
