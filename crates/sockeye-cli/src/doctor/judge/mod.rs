//! From what was found to one verdict: pure, so that every order of precedence can be tested.

mod network;

use super::{
    found::Found,
    target::{Checked, Target},
    verdict::Verdict,
};

/// What is wrong, and what to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Diagnosis {
    pub(crate) verdict: Verdict,
    /// What is wrong, in one sentence.
    pub(crate) cause: String,
    /// One thing to do: a flag, lines of a configuration, an option of the server by its name.
    pub(crate) fix: String,
    /// The command line that works, or that shows whether the fix did.
    pub(crate) command: Option<String>,
    /// What is not as it should be, although it works.
    pub(crate) warnings: Vec<Verdict>,
}

impl Diagnosis {
    pub(crate) fn new(verdict: Verdict, cause: impl Into<String>, fix: impl Into<String>) -> Self {
        let (cause, fix) = (cause.into(), fix.into());
        Self { verdict, cause, fix, command: None, warnings: Vec::new() }
    }

    pub(crate) fn try_with(mut self, command: String) -> Self {
        self.command = Some(command);
        self
    }
}

/// The verdict. What lies below comes first: a name without an address explains everything above it.
pub(crate) fn judge(checked: &Checked, found: &Found) -> Diagnosis {
    let target = match checked {
        Ok(target) => target,
        Err((error, command)) => return network::bad_url(error, command),
    };
    network::judge(target, found).unwrap_or_else(|| sound(target))
}

/// Nothing is wrong.
fn sound(target: &Target) -> Diagnosis {
    Diagnosis::new(Verdict::Ok, "", "").try_with(target.command.listen())
}
