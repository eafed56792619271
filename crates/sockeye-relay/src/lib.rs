//! A queue in front of Socket.IO: tasks wait in a store, are emitted to a server, and leave the store once it has them.
//!
//! ```text
//!  producers ─▶ Queue ── claim ──▶ Delivery ── emit ──▶ Target ─▶ server
//!                 ▲                   │   ▲                │
//!                 └──── settle ───────┘   └─── outcome ────┘
//! ```
//!
//! [`queue`] is where tasks wait, [`delivery`] the machine that decides what becomes of each, [`task`] what a task is,
//! [`inlet`] is how tasks come in, [`target`] the connection to the server, [`relay`] the task that joins them all; [`ingress`]
//! keeps what the server sends, and brings it to where it is wanted.

mod alarm;
pub mod config;
pub mod crash;
pub mod delivery;
pub mod explain;
pub mod expression;
pub mod glob;
pub mod ingress;
pub mod inlet;
pub mod metrics;
pub mod promise;
pub mod queue;
pub mod relay;
pub mod shell;
pub mod target;
pub mod task;
