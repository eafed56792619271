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
use crate::{failure::Failure, secrets::Secrets};

/// A queue, with what its errors mean for the exit code.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) queue: Arc<dyn Queue>,
    /// Its URL, as people may see it.
    pub(super) name: String,
    is_remote: bool,
}

impl Opened {
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
        Ok(queue) => Ok(Opened { queue, name: shown(url), is_remote }),
        Err(error) => Err(Unqueued { error, is_remote }.into()),
    }
}

/// A URL without the user and the password in it.
fn shown(url: &str) -> String {
    let Some(begin) = url.find("://").map(|index| index + 3) else { return url.to_owned() };
    let (scheme, rest) = url.split_at(begin);
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let user = rest[..end].rfind('@').map_or(0, |index| index + 1);
    format!("{scheme}{}", &rest[user..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(shown("redis://me:p@w@h:1/0?list=a@b"), "redis://h:1/0?list=a@b");
        assert_eq!(shown("redis://h?list=tasks"), "redis://h?list=tasks");
        assert_eq!(shown("sqlite:a@b/relay.db"), "sqlite:a@b/relay.db");
    }
}
