//! The queue that is meant, opened.

use std::sync::Arc;

use sockeye_relay::{
    config::{Config, Location},
    queue::{self, Queue, QueueError},
};

use super::{
    failure::{Unqueued, Wrong},
    options::Place,
    plan,
};
use crate::{failure::Failure, output::Output, secrets::Secrets};

/// A queue, with what its errors mean for the exit code.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) queue: Arc<dyn Queue>,
    /// Its URL, as people may see it.
    pub(super) name: String,
    is_remote: bool,
}

impl Opened {
    /// Whether it keeps the id of a task beside its text. Redis has the text alone.
    pub(super) const fn keeps_ids(&self) -> bool {
        !self.is_remote
    }

    /// Says that nobody has used this name so far, if it is so: it may be mistaken, and what is looked for elsewhere.
    pub(super) async fn tell_unused(&self, output: &Output) {
        // Whoever asks has had an answer already; one that fails now is not worth a word.
        if self.queue.is_begun().await.unwrap_or(true) {
            return;
        }
        let (_, fields) = self.name.split_once('?').unwrap_or_default();
        let mut fields = fields.split('&').filter_map(|field| field.split_once('='));
        if let Some((kind, key)) = fields.find(|(name, _)| matches!(*name, "list" | "stream")) {
            output.talk(&format!("nothing is at {key} yet; is ?{kind}={key} right?"));
        }
    }

    /// Says that there may be more than was looked at, if `last` is as far as this queue looks.
    pub(super) fn tell_horizon(&self, last: usize, output: &Output) {
        let horizon = self.queue.horizon();
        if last >= horizon {
            output.talk(&format!(
                "the first {horizon} of this queue alone are looked at; `sockeye relay stats` counts all of them"
            ));
        }
    }

    /// What a queue said, as the end of the work.
    pub(super) fn failed(&self, error: QueueError) -> Failure {
        Unqueued { error, is_remote: self.is_remote }.into()
    }
}

/// Opens the queue that flags or the file name, and says what the file says of tasks.
///
/// # Errors
///
/// [`Failure`]: they name none, or it can't be used.
pub(super) async fn open_place(place: &Place) -> Result<(Opened, Config), Failure> {
    let mut config = plan::file(place.config.as_deref())?;
    if let Some(from) = &place.from {
        config.from = Some(Location::new(from));
    }
    Ok((open(&config).await?, config))
}

/// Opens the queue of a configuration.
///
/// # Errors
///
/// [`Failure`]: it names none, or can't be used.
pub(super) async fn open(config: &Config) -> Result<Opened, Failure> {
    let url = config.queue_url();
    let Some((scheme, _)) = url.split_once(':') else {
        return Err(
            Wrong::Queue { flag: if config.reads_stdin() { "queue" } else { "from" } }.into()
        );
    };
    Secrets::of_process().user(url);
    let is_remote = scheme != "sqlite";
    match queue::open(url, config.queue_options()).await {
        Ok(queue) => Ok(Opened { queue, name: Location::new(url).name(), is_remote }),
        Err(error) => Err(Unqueued { error, is_remote }.into()),
    }
}
