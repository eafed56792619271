//! The limits and times of a session, shared by all sessions of one server or client.

use std::time::Duration;

use super::Timing;
use crate::wire::packet;

/// What a session allows and how long it waits; the defaults are those of the reference server.
///
/// # Examples
///
/// ```
/// use sockeye_proto::session::Config;
///
/// let config = Config { max_payload_bytes: 64_000, ..Config::default() };
/// assert_eq!(config.timing.ping_interval.as_secs(), 25);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// The heartbeat; the server announces it.
    pub timing: Timing,
    /// Largest message in bytes; a server announces it. Default: 1,000,000.
    pub max_payload_bytes: usize,
    /// Until a first namespace must be joined. Default: 45 s.
    pub connect_timeout: Duration,
    /// Whether a session on polling may move to WebSocket; the server announces it. Default: yes.
    pub upgrades: bool,
    /// Until a WebSocket that offers itself must have carried the session over; else the session stays on polling.
    /// Default: 10 s.
    pub upgrade_timeout: Duration,
    /// Until the attachments that a packet announced must have arrived. Default: 60 s.
    ///
    /// The reference server waits for ever.
    pub attachments_timeout: Duration,
    /// How long packets for a namespace that this side just left are ignored. Default: 10 s.
    ///
    /// The reference server closes the session at once, which punishes a client whose event crossed our DISCONNECT.
    pub left_grace: Duration,
    /// Namespaces that one session may join. Default: 100. The reference server has no limit.
    pub max_namespaces: usize,
    /// Acks that one session may owe us. Default: 10,000. The reference server has no limit.
    pub max_acks: usize,
    /// Bounds on one packet.
    pub packets: packet::Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            timing: Timing::default(),
            max_payload_bytes: 1_000_000,
            connect_timeout: Duration::from_secs(45),
            upgrades: true,
            upgrade_timeout: Duration::from_secs(10),
            attachments_timeout: Duration::from_secs(60),
            left_grace: Duration::from_secs(10),
            max_namespaces: 100,
            max_acks: 10_000,
            packets: packet::Limits::default(),
        }
    }
}
