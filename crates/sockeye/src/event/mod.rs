//! What server and client share above the wire: handlers, extractors, arguments, answers.

mod ack;
mod answer;
mod arg;
mod args;
mod error;
mod extract;
mod from_ack;
mod function;
mod handler;
mod needs;
mod on_event;
mod on_thread;
mod params;
mod refusal;
mod shown;
mod state;

pub use ack::AckSender;
pub(crate) use ack::{Reply, ReplyPath};
pub use answer::{Ack, Answer, IntoAnswer, NoAnswer};
pub use arg::{Arg, NotAnArg};
pub use args::{Args, EncodeError, RawArgs, ToArgs};
pub use error::EventError;
pub(crate) use error::Named;
pub use extract::{Event, EventName, FromEvent, Reject};
pub use from_ack::{FromAck, RemoteError};
pub use function::Function;
pub use handler::{Handler, Started};
pub use needs::Needs;
pub(crate) use needs::{Given, Place, Provided};
pub use on_event::{Concurrent, OnEvent, concurrent};
pub(crate) use on_event::{EventHandler, Running, Start};
pub use on_thread::{OnThread, on_thread};
pub use params::Params;
pub use refusal::Refusal;
pub(crate) use state::States;
pub use state::{HasState, State};

pub use sockeye_proto::wire::{
    attachment::Value,
    payload::{ArgsError, Payload},
};
