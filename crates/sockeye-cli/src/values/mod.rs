//! Arguments of events on their way between people and the wire: what was typed, what is shown, what is looked for.

mod given;
mod input;
mod pattern;
mod quoted;
mod saved;
mod shown;

pub(crate) use self::{
    given::{Unreadable, event_arg, event_args, json_of},
    input::{StdinLines, unmarked, without_mark},
    pattern::Pattern,
    quoted::quoted,
    saved::{Saved, Unsaved},
    shown::{Binary, printable},
};
pub(crate) use sockeye::event::Arg;
