//! What is waited for or expected: JSON that arguments hold, or a text that is found in them.

use std::{convert::Infallible, str::FromStr};

use serde_json::Value;

use super::unmarked;

/// JSON, else text.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    Json(Value),
    Text(String),
}

impl FromStr for Pattern {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let json = serde_json::from_str(unmarked(text));
        Ok(json.map_or_else(|_| Self::Text(text.to_owned()), Self::Json))
    }
}

impl Pattern {
    /// Whether the arguments, as shown, are these: the only one, or the list of all.
    pub(crate) fn is(&self, args: &str) -> bool {
        let all: Value = serde_json::from_str(args).unwrap_or_default();
        let wanted = match self {
            Self::Json(wanted) => wanted,
            Self::Text(text) => &Value::from(text.as_str()),
        };
        let only = all.as_array().filter(|all| all.len() == 1).and_then(|all| all.first());
        holds(&all, wanted) || only.is_some_and(|only| holds(only, wanted))
    }

    /// Whether an event has it: JSON as one of the arguments or all of them, a text anywhere in them or as its name.
    pub(crate) fn is_in(&self, event: &str, args: &str) -> bool {
        match self {
            Self::Text(text) => event == text || args.contains(text.as_str()),
            Self::Json(wanted) => {
                let all: Value = serde_json::from_str(args).unwrap_or_default();
                holds(&all, wanted)
                    || all.as_array().is_some_and(|all| all.iter().any(|arg| holds(arg, wanted)))
            }
        }
    }
}

/// Whether both are equal, but for keys of objects that were not asked for.
fn holds(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, wanted)| found.get(key).is_some_and(|found| holds(found, wanted))),
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len() && found.iter().zip(wanted).all(|(f, w)| holds(f, w))
        }
        // JavaScript does not tell 1 from 1.0.
        (Value::Number(found), Value::Number(wanted)) => {
            found == wanted || found.as_f64() == wanted.as_f64() && !both_integers(found, wanted)
        }
        (found, wanted) => found == wanted,
    }
}

/// Beyond 2^53 two of them may look the same as floats.
fn both_integers(a: &serde_json::Number, b: &serde_json::Number) -> bool {
    !a.is_f64() && !b.is_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(pattern: &str, args: &str, expect: bool) {
            assert_eq!(pattern.parse::<Pattern>().unwrap().is(args), expect, "{pattern} {args}");
        }
        check("1", "[1]", true);
        check("1", "[1.0]", true);
        check("9007199254740993", "[9007199254740992]", false);
        check("1", "[2]", false);
        check("1", "[1,2]", false);
        check("[1,2]", "[1,2]", true);
        check("[1,2]", "[[1,2]]", true);
        check(r#"{"ok":true}"#, r#"[{"ok":true,"id":7}]"#, true);
        check(r#"{"ok":true}"#, r#"[{"id":7}]"#, false);
        check("null", "[]", false);
        check("[]", "[]", true);
        check("hello", r#"["hello"]"#, true);
        check("hell", r#"["hello"]"#, false);
    }

    #[test]
    fn looked_for() {
        #[track_caller]
        fn check(pattern: &str, event: &str, args: &str, expect: bool) {
            let pattern: Pattern = pattern.parse().unwrap();
            assert_eq!(pattern.is_in(event, args), expect, "{pattern:?} {event} {args}");
        }
        check("end", "end", "[]", true);
        check("end", "chat", r#"["the end"]"#, true);
        check("end", "ending", "[]", false);
        check("3", "tick", "[1,3]", true);
        check("3", "tick", "[33]", false);
        check(r#"{"a":1}"#, "x", r#"[0,{"a":1,"b":2}]"#, true);
    }
}
