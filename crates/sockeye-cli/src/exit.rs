//! How a process ends: the exit codes, the same for every subcommand. Scripts rely on them.

/// An exit code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    /// Done: also when told to stop by SIGTERM, the ordinary way of every service manager, and when whoever read the
    /// output has closed it.
    Done = 0,
    /// Our own fault: a bug, a full disk.
    Fault = 1,
    /// Wrong usage, or an input that can't be read.
    Usage = 2,
    /// The network said no: address in use, name unknown, connection refused.
    Network = 3,
    /// Certificates and keys.
    Tls = 4,
    /// HTTP, or the handshake of Engine.IO.
    Handshake = 5,
    /// The server speaks another version of Engine.IO.
    Version = 6,
    /// The server does not let us into the namespace.
    Refused = 7,
    /// No ack, or no awaited event, in time.
    NoAnswer = 8,
    /// The connection was lost.
    Lost = 9,
    /// What came is not what was expected.
    Assertion = 10,
    /// Ctrl-C: 128 + SIGINT, as shells expect it.
    Interrupted = 130,
}
