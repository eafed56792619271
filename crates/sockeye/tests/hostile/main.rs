//! Attacks, one test each: the attacker is refused or cut, memory stays bounded, and a bystander notices nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

#[path = "../common/mod.rs"]
mod common;

mod calls;
mod comings;
mod compression;
mod dribble;
mod frames;
mod front;
mod handshake;
mod in_process;
mod msgpack;
mod packets;
mod places;
mod polling;
mod rooms;
mod scene;
mod slow;
mod upgrade;
mod version_3;
