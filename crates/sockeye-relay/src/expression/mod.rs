//! A small language that matches reply events with tasks, and judges acks: `$[0].reqId == task.id and $[0].code == 0`.
//!
//! | what | for example |
//! |---|---|
//! | a JSONPath (RFC 9535) of the list of arguments | `$[0].code`, `$..id`, `$[0].items[?@.ok == true]` |
//! | a member of the task's envelope | `task.id`, `task.args[0].reqId`, `task["odd name"]` |
//! | a literal | `"ok"`, `'ok'`, `200`, `-1.5`, `true`, `false`, `null` |
//! | a comparison | `==`, `!=`, `<`, `<=`, `>`, `>=` |
//! | logic, from the loosest on | `or`, `and`, `not`, parentheses |
//!
//! A bare operand holds if it is there, and neither `false` nor `null`. What is not there is equal to nothing, not even to `null`
//! or to something else that is not there, and so unequal to everything. A path that finds several compares as any of them: `==` and the orders hold if one
//! of them does, `!=` if none of them is equal. Numbers compare by value, whole ones exactly; texts by code points; `<` and its
//! like between other types, or different ones, never hold.

mod compare;
mod parse;
mod syntax;
#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use serde_json::Value;

pub use parse::ExpressionError;
use syntax::Logic;

/// A parsed expression.
///
/// # Examples
///
/// ```
/// use serde_json::json;
/// use sockeye_relay::expression::Expression;
///
/// let answers = Expression::parse("$[0].reqId == task.id and $[0].code < 400")?;
/// let task = json!({"id": "7", "event": "message"});
/// assert!(answers.is_true(&json!([{"reqId": "7", "code": 200}]), Some(&task)));
/// assert!(!answers.is_true(&json!([{"reqId": "8", "code": 200}]), Some(&task)));
///
/// let error = Expression::parse("$[0].code = 0").unwrap_err();
/// assert_eq!(error.column(), 11);
/// # Ok::<_, sockeye_relay::expression::ExpressionError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
    logic: Logic,
}

impl Expression {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// [`ExpressionError`]: what was found at which column, and what was expected.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        parse::parse(text).map(|logic| Self { text: text.to_owned(), logic })
    }

    /// Whether it holds for these arguments, a list, and this task's envelope. Without a task nothing of it is there.
    #[must_use]
    pub fn is_true(&self, args: &Value, task: Option<&Value>) -> bool {
        compare::holds(&self.logic, args, task)
    }
}

/// As it was written.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        Self::parse(text)
    }
}
