//! How a command reaches a Socket.IO server: the options for it, the way in, and why it did not work.

mod ask;
mod credentials;
mod departures;
mod exchange;
mod keep;
mod options;
mod questions;
mod road;
mod session;
mod trouble;
mod under_way;

pub(crate) use self::{
    ask::{Ack, ask},
    credentials::Auth,
    departures::Departures,
    exchange::Exchange,
    keep::Keep,
    options::{Connection, Eio, Encoding, Field, STDIN, Talk, Transports, namespace},
    road::{Belief, Header, Road, RoadError, to_send},
    session::{Session, spoken_by},
    trouble::{NAME_A_NAMESPACE, Trouble, hint_of_dial, of_dial},
    under_way::{Departing, Outcome},
};
