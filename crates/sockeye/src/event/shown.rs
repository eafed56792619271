//! Arguments as JSON on one line, with something of the caller's in place of each attachment.

use serde::Deserialize;

use super::RawArgs;

impl RawArgs {
    /// The array of the arguments, as JSON on one line; each attachment stands as what `attachment` writes for it.
    ///
    /// # Errors
    ///
    /// What `attachment` returns.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use bytes::Bytes;
    /// use sockeye::event::{RawArgs, Value};
    ///
    /// let args = RawArgs::from_list(&[Value::from("a"), Bytes::from_static(b"\xff").into()])?;
    /// let json = args.to_json_with(|bytes| Ok::<_, Infallible>(format!("{{\"len\":{}}}", bytes.len())))?;
    /// assert_eq!(json, r#"["a",{"len":1}]"#);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_json_with<E>(
        &self,
        mut attachment: impl FnMut(&[u8]) -> Result<String, E>,
    ) -> Result<String, E> {
        let (text, attachments) = (self.text(), self.attachments());
        let mut shown = String::with_capacity(text.len() + 2);
        shown.push('[');
        let mut rest = text;
        while let Some(index) = rest.find(['"', '{', ' ', '\n', '\r', '\t']) {
            shown.push_str(&rest[..index]);
            rest = &rest[index..];
            let taken = match rest.as_bytes()[0] {
                b'"' => {
                    let end = string_end(rest);
                    shown.push_str(&rest[..end]);
                    end
                }
                b'{' => match placeholder(rest) {
                    Some((number, end)) if number < attachments.len() => {
                        shown.push_str(&attachment(&attachments[number])?);
                        end
                    }
                    _ => {
                        shown.push('{');
                        1
                    }
                },
                _ => 1,
            };
            rest = &rest[taken..];
        }
        shown.push_str(rest);
        shown.push(']');
        Ok(shown)
    }
}

/// Where the string ends that the text begins with.
fn string_end(text: &str) -> usize {
    let mut is_escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// The number and the end of the placeholder that the text begins with, if it does.
fn placeholder(text: &str) -> Option<(usize, usize)> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Placeholder {
        #[serde(rename = "_placeholder")]
        is_one: bool,
        num: usize,
    }
    /// None is longer, unless somebody fills it with white space.
    const LONGEST: usize = 200;

    let end = text.bytes().take(LONGEST).position(|byte| byte == b'}')? + 1;
    let read: Placeholder = serde_json::from_str(&text[..end]).ok()?;
    read.is_one.then_some((read.num, end))
}
