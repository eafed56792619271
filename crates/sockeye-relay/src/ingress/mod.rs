//! What the server sends: kept in a spool before anybody says it was received, then delivered to each sink at its own pace.
//!
//! ```text
//!  target ── receive ──▶ Spool (committed) ──▶ acknowledged
//!                          │ one cursor for each sink
//!                          ├──▶ sink ──▶ cursor moves ──▶ rows that every sink has had are deleted
//!                          └──▶ sink
//! ```
//!
//! What is lost before the commit is lost: the server repeats it only if it asked for an ack and did not get one. From the commit on
//! every record is delivered at least once, to each sink that wants it, in the order in which it came.

mod delivering;
mod filter;
mod options;
mod received;
mod receiving;
mod record;
pub mod sink;
mod spool;
mod stats;

pub use delivering::Backoff;
pub use filter::Filter;
pub use options::{Full, SpoolOptions};
pub use received::{Gap, Receipt, ReceiveError, Received, Receiver};
pub use receiving::{Ingress, SinkPlan};
pub use record::Record;
pub use spool::{Dead, DeadRecords, Spool, SpoolError};
pub use stats::{IngressStats, SinkStats};
