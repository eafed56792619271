//! How a command reaches a Socket.IO server: the options for it, the way in, and why it did not work.

mod departures;
mod options;
mod road;
mod secrets;
mod session;
mod states;
mod trouble;

pub(crate) use self::{
    departures::Departures,
    options::{Connection, Talk},
    road::RoadError,
    session::Session,
    states::states,
    trouble::Trouble,
};
