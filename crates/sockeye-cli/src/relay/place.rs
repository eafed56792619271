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
        let (_, field) = self.name.split_once('?').unwrap_or_default();
        let (_, key) = field.split_once('=').unwrap_or_default();
        output.talk(&format!("nothing is at {key} yet; is ?{field} right?"));
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
        Ok(queue) => Ok(Opened { queue, name: shown(url), is_remote }),
        Err(error) => Err(Unqueued { error, is_remote }.into()),
    }
}

/// A URL without the user and the password in it, and with no field but the one that names the list or stream.
fn shown(url: &str) -> String {
    let (place, fields) = url.split_once('?').unwrap_or((url, ""));
    let mut shown = match place.find("://").map(|index| index + 3) {
        Some(begin) => {
            let (scheme, rest) = place.split_at(begin);
            // A password may have a slash in it, which its owner forgot to escape.
            let user = rest.rfind('@').map_or(0, |index| index + 1);
            format!("{scheme}{}", &rest[user..])
        }
        None => place.to_owned(),
    };
    let names_key = |field: &&str| field.starts_with("list=") || field.starts_with("stream=");
    if let Some(field) = fields.split('&').find(names_key) {
        shown.push('?');
        shown.push_str(field);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(shown("redis://me:p@w@h:1/0?list=a@b"), "redis://h:1/0?list=a@b");
        assert_eq!(shown("redis://:pa/ss@h/0?list=t"), "redis://h/0?list=t");
        assert_eq!(shown("redis://h?list=tasks"), "redis://h?list=tasks");
        assert_eq!(shown("sqlite:a@b/relay.db"), "sqlite:a@b/relay.db");
        let url = "redis+sentinel://a,b:2/0?master=m&sentinel_password=x&stream=s";
        assert_eq!(shown(url), "redis+sentinel://a,b:2/0?stream=s");
    }
}
