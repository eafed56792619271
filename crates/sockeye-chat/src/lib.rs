//! The chat room that `sockeye serve` runs: rooms, presence, typing, and its page.
#![doc = include_str!("docs/contract.md")]

mod chat;
mod contract;
mod events;
mod hall;
mod http;
mod listing;
mod message_id;
mod pace;
pub mod page;
mod person;
mod presence;
mod room;
mod rules;
mod shape;
mod visitor;

pub use chat::{Chat, NAMESPACE};
