//! What the checks found, for the judge: values, no text for people.

use super::network::Tried;

/// Everything that is known about the server. What was not reached is absent.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The addresses of its name, or why there is none.
    pub(crate) dns: Option<Result<(), String>>,
    /// What came of connecting to each.
    pub(crate) tcp: Vec<Tried>,
    /// Why no stream could be opened, although an address or a proxy was there.
    pub(crate) dial: Option<sockeye::client::DialError>,
}
