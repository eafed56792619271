//! Values as JavaScript sees them.

use sockeye_proto::wire::attachment::Value;

/// Whether two values are one to JavaScript, whose numbers are doubles.
///
/// A text on our side may also be a number on the other: the name of an event that is a number stands for its text.
pub fn same_in_javascript(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(ours, theirs)| same_in_javascript(ours, theirs))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            let mut both = ours.iter().zip(theirs);
            ours.len() == theirs.len()
                && both.all(|(ours, theirs)| {
                    ours.0 == theirs.0 && same_in_javascript(ours.1, theirs.1)
                })
        }
        (Value::Number(_), Value::Number(_)) => ours.as_f64() == theirs.as_f64(),
        (Value::String(name), Value::Number(_)) => name.parse().ok() == theirs.as_f64(),
        // A number beyond the doubles is infinite, and JSON has null for that.
        (Value::String(name), Value::Null) => name.parse().is_ok_and(f64::is_infinite),
        _ => ours == theirs,
    }
}
