//! Arguments as they are shown: compact JSON on one line, attachments in base64 or in files.

use std::{fmt::Write as _, path::PathBuf};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sockeye::event::RawArgs;

use super::saved::{self, Unsaved};

/// How attachments are shown.
#[derive(Clone, Debug)]
pub(crate) enum Binary {
    /// `{"$bin":"<base64>"}`.
    Base64,
    /// `{"$bin_file":"…","len":…,"sha256":"…"}`, the bytes in a file of this folder.
    Files(PathBuf),
}

impl Binary {
    /// With `--save-bin`, or without.
    ///
    /// # Errors
    ///
    /// The folder can't be made.
    pub(crate) fn new(folder: Option<PathBuf>) -> Result<Self, Unsaved> {
        folder.map_or(Ok(Self::Base64), |folder| saved::make(folder).map(Self::Files))
    }

    /// The array of the arguments, as JSON on one line.
    ///
    /// # Errors
    ///
    /// An attachment can't be written to its file.
    pub(crate) fn show(&self, args: &RawArgs) -> Result<String, Unsaved> {
        args.to_json_with(|bytes| self.attachment(bytes))
    }

    /// One attachment, as JSON.
    ///
    /// # Errors
    ///
    /// It can't be written to its file.
    pub(crate) fn attachment(&self, bytes: &[u8]) -> Result<String, Unsaved> {
        match self {
            Self::Base64 => Ok(format!(r#"{{"$bin":"{}"}}"#, BASE64_STANDARD.encode(bytes))),
            Self::Files(folder) => saved::save(folder, bytes),
        }
    }
}

/// What others have said, so that it can't rewrite the terminal: what is not printable is escaped, as JSON does it.
pub(crate) fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        if !c.is_control() && !is_unseen(c) {
            shown.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}"); // a String takes everything
            }
        }
        shown
    })
}

/// Characters that nobody sees, or that change the order in which others are shown. Joiners are none of them: scripts and
/// emoji are made with them.
const fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use bytes::Bytes;

    use super::*;

    #[test]
    fn arguments_are_one_line() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(json: &str, expect: &str) {
            let raw = serde_json::from_str::<Box<serde_json::value::RawValue>>(json).unwrap();
            let args = RawArgs::from_list(&[raw]).unwrap();
            assert_eq!(Binary::Base64.show(&args).unwrap(), expect);
        }
        check("{ \"b\" : 1,\n\"a\":\t[ \"x y\\\" \\n\" ] }", "[{\"b\":1,\"a\":[\"x y\\\" \\n\"]}]");
        check("\"{ é \"", "[\"{ é \"]");
        // Without an attachment it is an object like any other.
        check(r#"{"_placeholder":true,"num":3}"#, r#"[{"_placeholder":true,"num":3}]"#);
    }

    #[test]
    fn attachments_are_shown_in_place() {
        let (a, b) = (Bytes::from_static(b"a"), Bytes::from_static(b"\xff"));
        let value = sockeye::event::Value::from_iter([("x", a.clone()), ("y", b)]);
        let args = RawArgs::from_list(&[value, a.into()]).unwrap();
        assert_eq!(
            Binary::Base64.show(&args).unwrap(),
            r#"[{"x":{"$bin":"YQ=="},"y":{"$bin":"/w=="}},{"$bin":"YQ=="}]"#
        );
        let folder = std::env::temp_dir().join(format!("sockeye-shown-{}", std::process::id()));
        let binary = Binary::new(Some(folder.clone())).unwrap();
        let shown = binary.attachment(b"abc").unwrap();
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!((&shown["len"], &shown["sha256"]), (&3.into(), &hash.into()));
        let path = PathBuf::from(shown["$bin_file"].as_str().unwrap());
        assert_eq!((path.parent(), fs::read(&path).unwrap()), (Some(&*folder), b"abc".to_vec()));
        // Its name can't be guessed, and the same again is another file.
        assert!(!path.to_string_lossy().contains(hash));
        assert_ne!(binary.attachment(b"abc").unwrap(), shown.to_string());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn nothing_rewrites_the_terminal() {
        #[track_caller]
        fn check(text: &str, expect: &str) {
            assert_eq!(printable(text), expect);
            // In JSON it still means the same.
            let json = serde_json::to_string(text).unwrap();
            assert_eq!(serde_json::from_str::<String>(&printable(&json)).unwrap(), text);
        }
        check("é\u{1b}[2J\u{9b}\u{7f}", "é\\u001b[2J\\u009b\\u007f");
        check("a\u{202e}\u{2066}\u{200f}\u{61c}b", "a\\u202e\\u2066\\u200f\\u061cb");
        check("\u{feff}\u{200b}\u{2028}", "\\ufeff\\u200b\\u2028");
        check("\u{e0041}", "\\udb40\\udc41");
        check("कि 中文 👩\u{200d}🔬", "कि 中文 👩\u{200d}🔬");
    }
}
