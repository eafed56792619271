//! What a client's connect handler comes to: whether the namespace is to stay joined.

use crate::event::Refusal;

/// What a connect handler comes to.
pub(super) type Verdict = Result<(), Refusal>;

/// What a client's connect handler may return.
#[diagnostic::on_unimplemented(
    message = "a client's connect handler can't return `{Self}`",
    note = "return `()`, or `Result<(), Refusal>`"
)]
pub trait IntoVerdict {
    /// Whether the namespace is to stay joined.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: it is left again.
    fn into_verdict(self) -> Result<(), Refusal>;
}

impl IntoVerdict for () {
    fn into_verdict(self) -> Verdict {
        Ok(())
    }
}

impl IntoVerdict for Verdict {
    fn into_verdict(self) -> Self {
        self
    }
}
