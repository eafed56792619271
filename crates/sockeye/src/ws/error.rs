//! Why an open connection ended otherwise than by a close handshake, or takes no message.

use std::io;

use sockeye_proto::wire::ws::DecodeError;
use thiserror::Error;

/// What can go wrong on an open connection, sorted by blame.
#[non_exhaustive]
#[derive(Error)]
pub enum Error {
    /// The peer broke a rule or a limit. It was told so in a close frame, and the connection is over.
    #[error("the peer was refused: {0}")]
    Peer(#[from] DecodeError),
    /// The peer did not answer our close frame in time. The connection is over.
    #[error("the peer did not answer the close frame in time")]
    CloseTimeout,
    /// The connection broke, or the peer left without a close frame. It is over.
    #[error("the connection was lost: {0}")]
    Lost(#[source] io::Error),
    /// A message was to be sent after the connection began to close. The caller's to avoid.
    #[error("the connection is closed, or closing; nothing can be sent any more")]
    Closed,
    /// A ping or pong was to be sent with a payload that does not fit. The caller's to mend.
    #[error("a ping or pong holds 125 bytes, not {bytes}; send a message instead")]
    ControlTooLong {
        /// The length found.
        bytes: usize,
    },
}

reads_as_text!(Error);
