//! Requests of the doctor's own: the client hides what differs between servers, and that is what is looked for.

mod answer;
mod flood;
mod handshake;
mod http;
mod link;
mod polling;

pub(crate) use self::{
    answer::{Answer, Front, Opened, Raw, Stranger, excerpt},
    flood::{Flood, Pings},
    handshake::Broken,
    http::{Prober, Reply, Unanswered},
    link::{End, Link, Said},
    polling::Polls,
};
