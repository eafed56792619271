//! What a run has met, so that a test can see whether its plans still meet all that they are there for.

use crate::{Fault, Mishap};

/// Something that happens in some runs of a [`Crossing`](crate::Crossing) only.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Sight {
    /// This befell a GET.
    Get(Mishap),
    /// This befell a POST.
    Post(Mishap),
    /// This befell the WebSocket before its message with this number: handshake, its answer, `2probe`, `3probe`, `5`, and
    /// [`Self::CARRIES`] for all that follow.
    Fault(Fault, u64),
    /// When the server answered the probe, a GET waited.
    GetAtProbe,
    /// When the server answered the probe, a POST was being read.
    PostAtProbe,
    /// When the client saw that answer, a GET of its own was under way.
    GetAtPause,
    /// When the client saw that answer, a POST of its own was under way.
    PostAtPause,
    /// A GET was answered with nothing, because the session was about to move.
    Noop,
    /// Another one was, in the same session.
    SecondNoop,
    /// Another WebSocket came first, or while one was being probed, or after the session had moved.
    TurnedAway,
}

impl Sight {
    /// The number of the first message that the WebSocket carries for the session.
    pub const CARRIES: u64 = 5;
}
