//! What the judge says: one verdict, one cause, one fix.

use super::{language::Text, verdict::Verdict};

/// What is wrong, and what to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Diagnosis {
    pub(crate) verdict: Verdict,
    /// What is wrong, in one sentence.
    pub(crate) cause: Text,
    /// One thing to do: a flag, lines of a configuration, an option of the server by its name.
    pub(crate) fix: Text,
    /// The command line that works, or that shows whether the fix did.
    pub(crate) command: Option<String>,
    /// What is not as it should be, although it works.
    pub(crate) warnings: Vec<Self>,
}

impl Diagnosis {
    pub(crate) const fn new(verdict: Verdict, cause: Text, fix: Text) -> Self {
        Self { verdict, cause, fix, command: None, warnings: Vec::new() }
    }

    pub(crate) fn try_with(mut self, command: String) -> Self {
        self.command = Some(command);
        self
    }
}
