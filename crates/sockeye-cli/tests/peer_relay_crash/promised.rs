//! What the table of promises says of a cell.

use sockeye_relay::{
    crash::Stage,
    delivery::{Confirm, OnUnknown},
    promise::{Mishap, Promise},
};

use crate::{
    cells::{Cell, Moment},
    judge::Allowed,
    sources::Source,
};

/// What may happen to what is at work when a relay dies.
pub(crate) fn allowed(cell: &Cell) -> Allowed {
    let Promise { may_be_lost: lost, may_be_doubled: doubled, .. } = promise(cell);
    Allowed { lost, doubled, disorder: false }
}

/// What the table says.
pub(crate) fn promise(cell: &Cell) -> Promise {
    // A producer that puts one after the other lets the next be claimed while the one before is at work.
    let is_stream = matches!(cell.source, Source::Stdin | Source::Http);
    let is_alone = cell.is_lane && !(is_stream && cell.moment == Moment::At(Stage::Claimed));
    if is_alone {
        return at(cell.confirm, cell.moment);
    }
    // What else is at work may be at any stage.
    let stages = Moment::ALL.into_iter().map(|moment| at(cell.confirm, moment));
    stages.fold(Promise::default(), Promise::or)
}

fn at(confirm: Confirm, moment: Moment) -> Promise {
    let stages: &[Stage] = match moment {
        Moment::At(stage) => &[stage],
        // The server has it, and the relay knows nothing of that.
        Moment::Unconfirmed => &[Stage::Sent],
        // The server has confirmed it, and the relay is anywhere on the way from there.
        Moment::Confirmed => &[Stage::Sent, Stage::Confirmed, Stage::Settling, Stage::Settled],
    };
    let promises = stages.iter().map(|&it| Mishap::Death(it).promise(confirm, OnUnknown::Retry));
    promises.fold(Promise::default(), Promise::or)
}
