//! What a handler returns, as the ack that the peer asked for.

use super::{Payload, Refusal, ToArgs};

/// The encoded argument list of an ack.
#[derive(Clone, Debug)]
pub struct Answer(pub(crate) Payload<'static>);

impl Answer {
    /// An ack with these arguments; if they can't be encoded, an error ack and a log line.
    pub fn from_args(args: impl ToArgs) -> Self {
        args.into_payload().map_or_else(
            |error| {
                tracing::error!(%error, "an ack could not be encoded");
                Self::refusal(&Refusal::new("internal error").code("internal"))
            },
            Self,
        )
    }

    /// An error ack: `[{"error":{"code","message","data"?}}]`.
    pub fn refusal(refusal: &Refusal) -> Self {
        Self(refusal.to_ack())
    }
}

/// What a handler may return. Only asked for if the peer wants an ack.
#[diagnostic::on_unimplemented(
    message = "a handler can't return `{Self}`",
    note = "return `()`, `Ack(value)`, `Ack((a, b))`, `NoAnswer`, or a `Result` of one of these and `Refusal`, \
            which `?` makes of any error"
)]
pub trait IntoAnswer {
    /// The ack; `None` leaves it to an [`AckSender`](super::AckSender), or sends none.
    fn into_answer(self) -> Option<Answer>;

    /// The refusal in it, if any: logged when nobody asked for an ack.
    fn as_refusal(&self) -> Option<&Refusal> {
        None
    }
}

/// Answers with one argument, or with several if it holds a tuple.
#[derive(Clone, Copy, Debug)]
pub struct Ack<T>(pub T);

/// Sends no ack even if the peer asked for one. Rarely right: the peer waits.
#[derive(Clone, Copy, Debug)]
pub struct NoAnswer;

impl IntoAnswer for () {
    fn into_answer(self) -> Option<Answer> {
        Some(Answer::from_args(()))
    }
}

impl IntoAnswer for NoAnswer {
    fn into_answer(self) -> Option<Answer> {
        None
    }
}

impl<T: ToArgs> IntoAnswer for Ack<T> {
    fn into_answer(self) -> Option<Answer> {
        Some(Answer::from_args(self.0))
    }
}

impl<T: IntoAnswer> IntoAnswer for Result<T, Refusal> {
    fn into_answer(self) -> Option<Answer> {
        match self {
            Ok(answer) => answer.into_answer(),
            Err(refusal) => Some(Answer::refusal(&refusal)),
        }
    }

    fn as_refusal(&self) -> Option<&Refusal> {
        self.as_ref().err()
    }
}
