//! Whether an expression holds.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::{
    Subject,
    syntax::{Comparison, Logic, Operand, Step},
};

/// Whether it holds for these arguments and this task.
pub(super) fn holds(logic: &Logic, args: &Value, task: Option<Subject<'_>>) -> bool {
    match logic {
        Logic::Or(parts) => parts.iter().any(|part| holds(part, args, task)),
        Logic::And(parts) => parts.iter().all(|part| holds(part, args, task)),
        Logic::Not(part) => !holds(part, args, task),
        Logic::Bare(operand) => {
            let found = found(operand, args, task);
            found.iter().any(|value| !matches!(value, Value::Null | Value::Bool(false)))
        }
        Logic::Compare(left, comparison, right) => {
            let are_equal = if is_id(left) || is_id(right) { are_same_id } else { are_equal };
            let (left, right) = (found(left, args, task), found(right, args, task));
            let any = |fits: fn(&Value, &Value) -> bool| {
                left.iter().any(|left| right.iter().any(|right| fits(left, right)))
            };
            match comparison {
                Comparison::Equal => any(are_equal),
                Comparison::Unequal => !any(are_equal),
                Comparison::Less => any(|a, b| order(a, b) == Some(Ordering::Less)),
                Comparison::LessOrEqual => any(|a, b| order(a, b).is_some_and(Ordering::is_le)),
                Comparison::Greater => any(|a, b| order(a, b) == Some(Ordering::Greater)),
                Comparison::GreaterOrEqual => any(|a, b| order(a, b).is_some_and(Ordering::is_ge)),
            }
        }
    }
}

/// What an operand finds.
fn found<'v>(operand: &'v Operand, args: &'v Value, task: Option<Subject<'v>>) -> Vec<&'v Value> {
    match operand {
        Operand::Args(path) => path.query(args).all(),
        Operand::Literal(value) => vec![value],
        Operand::Task(steps) => {
            let walk = |value: &'v Value, step: &Step| match step {
                Step::Member(name) => value.get(name),
                Step::Index(index) => value.get(index),
            };
            let found = task.and_then(|task| {
                let named = match steps.first() {
                    Some(Step::Member(name)) => task.named.and_then(|named| named.get(name)),
                    _ => None,
                };
                match named {
                    Some(named) => steps[1..].iter().try_fold(named, walk),
                    None => steps.iter().try_fold(task.whole, walk),
                }
            });
            found.into_iter().collect()
        }
    }
}

/// Whether it is what a task is called by: a text, or a number that stands for its digits.
fn is_id(operand: &Operand) -> bool {
    matches!(operand, Operand::Task(steps)
        if matches!(&**steps, [Step::Member(name)] if name == "id" || name == "key"))
}

/// As others, but that `"7"` and `7` are one id: a server may answer with the one where it was asked with the other.
fn are_same_id(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(text), Value::Number(number))
        | (Value::Number(number), Value::String(text)) => *text == number.to_string(),
        _ => are_equal(left, right),
    }
}

fn are_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            number_order(left, right) == Some(Ordering::Equal)
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(a, b)| are_equal(a, b))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, value)| right.get(key).is_some_and(|it| are_equal(value, it)))
        }
        _ => left == right,
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => number_order(left, right),
        // UTF-8 sorts as its code points do.
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

/// Whole numbers exactly, others as doubles.
fn number_order(left: &Number, right: &Number) -> Option<Ordering> {
    let whole = |number: &Number| {
        let signed = number.as_i64().map(i128::from);
        signed.or_else(|| number.as_u64().map(i128::from))
    };
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}
