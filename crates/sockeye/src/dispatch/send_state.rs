//! How far an emitted packet has got.

/// How far one packet has got.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SendState {
    /// It waits to be written.
    Queued,
    /// The operating system has taken all of it. Only an ack tells that the peer has.
    Written,
    /// It will not be written: its session ended first.
    Failed,
}
