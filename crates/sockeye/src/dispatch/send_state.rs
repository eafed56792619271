//! How far an emitted packet has got.

/// How far one packet has got.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SendState {
    /// It waits to be written.
    Queued,
    /// The operating system has taken all of it. Only an ack tells that the peer has.
    Written,
    /// The peer has acknowledged it; only of a client's deliveries.
    Acked,
    /// It will not be written, or not any more.
    Failed,
}
