//! Open sessions: how many there may be, and the way from one to its sockets and their handlers.

mod clients;
mod dispatcher;
mod membership;
mod sessions;

pub(super) use self::{
    clients::Clients,
    dispatcher::Dispatcher,
    sessions::{NoPlace, Place, Sessions},
};
