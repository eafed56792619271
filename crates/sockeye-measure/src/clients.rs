//! Clients side by side: CPU per ack and per event, memory of idle ones, and the way back after a server's death.
//!
//! Each client library has a program of its own ([`ours`] is ours, the others are in `interop/`), which connects to
//! one and the same [`server`] over WebSocket; so does the [`floor`]. It is told what to do by lines on its standard input, and answers each
//! with a line: `ok`, a number, or `error` and why.
//!
//! | line | what the program does before it answers |
//! |---|---|
//! | `connect N` | connects N more clients, and waits until they are in |
//! | `ack BYTES IN_FLIGHT COUNT` | emits `echo` with a text of so many bytes, each answered by an ack, from its first client |
//! | `receive BYTES COUNT` | asks with `burst` for so many events `event`, and waits for them |
//! | `idle` | collects garbage, where there is such a thing |
//! | `cpu` | answers the nanoseconds of CPU it has used, all threads |
//! | `lose` | forgets how many clients have come in |
//! | `rejoined` | waits until as many as there are have come in since `lose` |

pub mod floor;
mod measure;
pub mod ours;
mod plan;
mod prepare;
mod program;
mod report;
mod run;
pub mod server;

pub use plan::{Client as ClientName, Kind};
pub(crate) use program::Program;
pub use run::run;
