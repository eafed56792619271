//! Numbers of JSON, which have as many digits as one likes, as numbers of a language, which have not.

use super::Language;
use crate::reach::Encoding;

/// A number in a program.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Written {
    pub(super) literal: String,
    /// What is sent in its place, if that is another one.
    pub(super) sent: Option<String>,
}

/// Python neither reads nor writes longer ones.
const LONGEST_OF_PYTHON: usize = 4_300;
/// The servers of python-engineio don't read longer ones, which nobody has to meet unless they were written so.
const LONGEST_WRITTEN_OUT: usize = 100;

impl Written {
    /// Writes one. What `emit` itself sends is in JSON the text, and in msgpack a whole number of 64 bits or a float.
    pub(super) fn new(language: Language, parser: Encoding, text: &str) -> Self {
        let is_whole = !text.contains(['.', 'e', 'E']);
        let is_64 = text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
        // JSON's numbers are among those that Rust reads; one that is too large is infinite.
        let float: f64 = text.parse().unwrap_or_default();
        let is_packed = parser == Encoding::MsgPack;
        let exact = Decimal::of(text);
        let is_float = exact.as_ref().is_some_and(|exact| exact.is(float));
        let is_held = is_float || is_packed && !(is_whole && is_64);
        let as_text = || text.to_owned();
        match language {
            Language::JavaScript => {
                // It writes no sign before a zero.
                let is_held = is_held && !(float == 0.0 && text.starts_with('-'));
                let sent = if float == 0.0 { 0.0 } else { float };
                Self { literal: as_text(), sent: (!is_held).then(|| shown(sent)) }
            }
            Language::Rust => {
                let literal = match text.parse::<i64>() {
                    // A whole number is an `i32` unless it says otherwise.
                    Ok(number) if i32::try_from(number).is_ok() && text != "-0" => as_text(),
                    Ok(_) if text == "-0" => "-0.0".to_owned(),
                    Ok(number) => format!("{number}_i64"),
                    Err(_) if is_64 => format!("{text}_u64"),
                    Err(_) if !float.is_finite() => "null".to_owned(),
                    Err(_) if is_whole => format!("{text}.0"),
                    Err(_) => as_text(),
                };
                Self { literal, sent: (!is_64 && !is_held).then(|| shown(float)) }
            }
            Language::Python if is_packed && is_whole && !is_64 => {
                Self { literal: format!("{text}.0"), sent: None }
            }
            Language::Python if is_whole && text != "-0" && text.len() <= LONGEST_OF_PYTHON => {
                Self { literal: as_text(), sent: None }
            }
            Language::Python if is_held => {
                Self { literal: if is_whole { format!("{text}.0") } else { as_text() }, sent: None }
            }
            Language::Python => match exact.and_then(|exact| exact.whole()) {
                Some(literal) => Self { literal, sent: None },
                // Its JSON would have a word for it that nobody reads.
                None if !float.is_finite() => {
                    Self { literal: "None".to_owned(), sent: Some(shown(float)) }
                }
                None => Self { literal: as_text(), sent: Some(shown(float)) },
            },
        }
    }
}

/// A number that nobody has to read to its end.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 40;

    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A float as JSON has it.
fn shown(float: f64) -> String {
    match float.abs() {
        size if !size.is_finite() => "null".to_owned(),
        size if size >= 1e21 || size < 1e-6 && size > 0.0 => format!("{float:e}"),
        _ => float.to_string(),
    }
}

/// Digits without zeros on either side, and the power of ten that they are to be multiplied by.
#[derive(Debug, Eq, PartialEq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// `None` if nobody could write its exponent down.
    fn of(text: &str) -> Option<Self> {
        let (is_negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let exponent: i64 = exponent.parse().ok()?;
        let all = format!("{whole}{fraction}");
        let digits = all.trim_end_matches('0');
        let zeros = i64::try_from(all.len() - digits.len()).ok()?;
        let digits = digits.trim_start_matches('0').to_owned();
        let exponent = match digits.is_empty() {
            true => 0,
            false => {
                exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?.checked_add(zeros)?
            }
        };
        Some(Self { is_negative, digits, exponent })
    }

    /// Whether the shortest text for a float is this.
    fn is(&self, float: f64) -> bool {
        float.is_finite() && Self::of(&format!("{float:e}")).is_some_and(|other| *self == other)
    }

    /// As a whole number of Python, if it is one.
    fn whole(&self) -> Option<String> {
        let zeros = usize::try_from(self.exponent).ok()?;
        let is_short = self.digits.len().checked_add(zeros)? <= LONGEST_WRITTEN_OUT;
        let sign = if self.is_negative { "-" } else { "" };
        let power = if zeros > 0 { format!(" * 10 ** {zeros}") } else { String::new() };
        is_short.then(|| format!("{sign}{}{power}", self.digits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_that_were_written() {
        use Language::{JavaScript, Python, Rust};
        #[track_caller] // a failure points at the row, not at this function
        fn check(language: Language, text: &str, literal: &str, sent: Option<&str>) {
            check_packed(language, Encoding::Json, text, literal, sent);
        }
        #[track_caller]
        fn check_packed(
            language: Language,
            parser: Encoding,
            text: &str,
            literal: &str,
            sent: Option<&str>,
        ) {
            let expect = Written { literal: literal.to_owned(), sent: sent.map(str::to_owned) };
            assert_eq!(Written::new(language, parser, text), expect, "{text}");
        }
        for text in ["0", "-7", "1.50", "1e2", "0.1", "1E-7", "5e+3", "9007199254740992", "1e23"] {
            check(JavaScript, text, text, None);
            check(Python, text, text, None);
        }
        check(JavaScript, "9007199254740993", "9007199254740993", Some("9007199254740992"));
        check(JavaScript, "1e400", "1e400", Some("null"));
        check(JavaScript, "1e-400", "1e-400", Some("0"));
        check(JavaScript, "-0", "-0", Some("0"));
        check(
            JavaScript,
            "0.12345678901234567891",
            "0.12345678901234567891",
            Some("0.12345678901234568"),
        );
        check(Python, "12345678901234567890123", "12345678901234567890123", None);
        check(Python, "-1.23456789012345678901e50", "-123456789012345678901 * 10 ** 30", None);
        check(Python, "1e400", "None", Some("null"));
        check(Python, "12345678901234567890123.0", "12345678901234567890123", None);
        check(Python, "-0", "-0.0", None);
        check(Python, "1e99999", "None", Some("null"));
        check(Python, "1e99999999999999999999", "None", Some("null"));
        check(
            Python,
            "0.12345678901234567891",
            "0.12345678901234567891",
            Some("0.12345678901234568"),
        );
        let long = "9".repeat(5_000);
        check(Python, &long, "None", Some("null"));
        check(Rust, "7", "7", None);
        check(Rust, "5000000000", "5000000000_i64", None);
        check(Rust, "18446744073709551615", "18446744073709551615_u64", None);
        check(Rust, "1e400", "null", Some("null"));
        check(Rust, "18446744073709551616", "18446744073709551616.0", Some("18446744073709552000"));
        // What has no 64 bits is a float there, too.
        let packed = Encoding::MsgPack;
        check_packed(JavaScript, packed, "1e400", "1e400", None);
        check_packed(
            JavaScript,
            packed,
            "12345678901234567890123",
            "12345678901234567890123",
            None,
        );
        check_packed(
            JavaScript,
            packed,
            "9007199254740993",
            "9007199254740993",
            Some("9007199254740992"),
        );
        check_packed(Python, packed, "12345678901234567890123", "12345678901234567890123.0", None);
        check_packed(Python, packed, "9007199254740993", "9007199254740993", None);
        check_packed(Python, packed, "1e400", "1e400", None);
    }
}
