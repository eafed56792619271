//! Which end of the connection we are: it decides who masks and who closes the stream.

/// Our side of a WebSocket connection.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Role {
    /// We opened the connection: we mask what we send and refuse masked frames.
    Client,
    /// We accepted the connection: we never mask and refuse unmasked frames.
    Server,
}
