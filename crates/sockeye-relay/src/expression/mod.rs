//! A small language that matches reply events with tasks, and judges acks: `$[0].reqId == task.id and $[0].code == 0`.
//!
//! | what | for example |
//! |---|---|
//! | a JSONPath (RFC 9535) of the list of arguments | `$[0].code`, `$..id`, `$[0].items[?@.ok == true]` |
//! | a member of the task | `task.id`, `task.args[0].reqId`, `task["odd name"]` |
//! | a literal | `"ok"`, `'ok'`, `200`, `-1.5`, `true`, `false`, `null` |
//! | a comparison | `==`, `!=`, `<`, `<=`, `>`, `>=` |
//! | logic, from the loosest on | `or`, `and`, `not`, parentheses |
//!
//! The arguments are a list, also if there is one alone: `$[0].ok` is a member of the first. A path that begins with a name, such as
//! `$.ok`, would never find anything, and is refused.
//!
//! `task.event`, `task.id`, `task.key`, `task.nsp` and `task.args` are what was read of the task, wherever a mapping found them;
//! any other name is a member of the JSON that its producer wrote (`task.data.reqId`). `task.id` and `task.key` are texts, and
//! equal to a number that is written with the same digits: `"7"` is `7` there, and there alone.
//!
//! A bare operand holds if it is there, and neither `false` nor `null`: the codes `0` and `""` of an answer hold. What is not there is equal to nothing, not even to `null`
//! or to something else that is not there, and so unequal to everything. A path that finds several compares as any of them: `==` and the orders hold if one
//! of them does, `!=` if none of them is equal. Numbers compare by value, whole ones exactly; texts by code points; `<` and its
//! like between other types, or different ones, never hold.

mod compare;
mod parse;
mod syntax;
#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use serde_json::{Map, Value};

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
/// assert!(answers.is_true(&json!([{"reqId": "7", "code": 200}]), Some((&task).into())));
/// assert!(!answers.is_true(&json!([{"reqId": "8", "code": 200}]), Some((&task).into())));
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

    /// Whether it holds for these arguments, a list, and this task. Without a task nothing of it is there.
    #[must_use]
    pub fn is_true(&self, args: &Value, task: Option<Subject<'_>>) -> bool {
        compare::holds(&self.logic, args, task)
    }
}

/// A task as expressions see it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'v> {
    /// Its members by these names, before all others.
    named: Option<&'v Map<String, Value>>,
    /// What its producer wrote.
    whole: &'v Value,
}

impl<'v> Subject<'v> {
    /// What a producer wrote, and by which names some of it is known.
    #[must_use]
    pub const fn new(named: &'v Map<String, Value>, whole: &'v Value) -> Self {
        Self { named: Some(named), whole }
    }
}

impl<'v> From<&'v Value> for Subject<'v> {
    fn from(whole: &'v Value) -> Self {
        Self { named: None, whole }
    }
}

/// What a path of arguments that begins with a name should have been: arguments are a list, in which nothing has a name.
#[must_use]
pub fn path_in_first(path: &str) -> Option<String> {
    let rest = path.trim_start().strip_prefix('$')?.trim_start();
    let is_named = rest.strip_prefix('.').is_some_and(|rest| !rest.starts_with(['.', '*']));
    let is_quoted = rest.strip_prefix('[').is_some_and(|rest| {
        rest.trim_start().starts_with(['\'', '"'])
            && rest.split_once(']').is_some_and(|(one, _)| !one.contains(','))
    });
    (is_named || is_quoted).then(|| format!("$[0]{rest}"))
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
