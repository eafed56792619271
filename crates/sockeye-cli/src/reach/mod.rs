//! How a command reaches a Socket.IO server: the options for it, the way in, and why it did not work.

mod ask;
mod departures;
mod keep;
mod options;
mod road;
mod secrets;
mod session;
mod states;
mod trouble;

pub(crate) use self::{
    ask::ask,
    departures::Departures,
    keep::Keep,
    options::{Connection, Eio, Encoding, Talk, Transports},
    road::{Belief, Header, Road, RoadError},
    secrets::BearerError,
    session::Session,
    states::states,
    trouble::{Trouble, hint_of_dial, of_dial},
};
