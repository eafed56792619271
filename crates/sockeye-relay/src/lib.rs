//! A queue in front of Socket.IO: tasks wait in a store, are emitted to a server, and leave the store once it has them.
//!
//! ```text
//!  producers ─▶ Queue ── claim ──▶ Delivery ── emit ──▶ Target ─▶ server
//!                 ▲                   │   ▲                │
//!                 └──── settle ───────┘   └─── outcome ────┘
//! ```
//!
//! [`queue`] is where tasks wait, [`delivery`] the machine that decides what becomes of each, [`task`] what a task is.

pub mod delivery;
pub mod queue;
pub mod task;
