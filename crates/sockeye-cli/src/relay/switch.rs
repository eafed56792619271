//! `sockeye relay pause` and `resume`: whether anything is claimed from a queue.

use super::{options::Place, place::open_place};
use crate::{
    exit::Exit,
    failure::Failure,
    output::{Output, Reader},
};

/// Lets relays claim, or not.
///
/// # Errors
///
/// [`Failure`].
pub(super) async fn run(place: Place, is_paused: bool, output: &Output) -> Result<Exit, Failure> {
    let (opened, _) = open_place(&place).await?;
    opened.queue.pause(is_paused).await.map_err(|error| opened.failed(error))?;
    match Reader::new(place.json) {
        Reader::Program => output.json(&format!(r#"{{"paused":{is_paused}}}"#))?,
        Reader::Person if is_paused => {
            output.line("paused; `sockeye relay resume` lets it go on")?
        }
        Reader::Person => output.line("resumed")?,
    }
    Ok(Exit::Done)
}
