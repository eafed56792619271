//! What an expression is made of.

use serde_json::Value;
use serde_json_path::JsonPath;

/// What holds or does not.
#[derive(Clone, Debug)]
pub(super) enum Logic {
    Or(Vec<Self>),
    And(Vec<Self>),
    Not(Box<Self>),
    Compare(Box<Operand>, Comparison, Box<Operand>),
    /// Whether it is there, and neither `false` nor `null`.
    Bare(Box<Operand>),
}

/// What is compared.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    /// Of the arguments.
    Args(JsonPath),
    /// Of the task's envelope.
    Task(Vec<Step>),
    Literal(Value),
}

/// A step into the task's envelope.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Member(String),
    Index(usize),
}

/// How two operands are compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// All of them, the longer ones first, so that none is taken for the beginning of another.
    pub(super) const ALL: [(&'static str, Self); 6] = [
        ("==", Self::Equal),
        ("!=", Self::Unequal),
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("<", Self::Less),
        (">", Self::Greater),
    ];
}
