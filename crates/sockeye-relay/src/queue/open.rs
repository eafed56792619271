//! Opens a queue by its URL.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{
    Queue, QueueError,
    place::Place,
    redis::{self, Endpoint, Order, Redis, Source},
    sqlite::{self, Retention, Sqlite},
};

/// What a queue may hold and how long claims last, whatever it is made of. A URL may say otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// How many tasks may wait or be claimed. Default: 1,000,000.
    pub max_tasks: u64,
    /// What is remembered of tasks that are done. Default: 100,000, 256 MiB of results (SQLite), 1 hour.
    pub done: Retention,
    /// What is kept of the dead and the held. Default: 100,000, 1 GiB of bodies (SQLite), 30 days.
    pub dead: Retention,
    /// How long claims stay an instance's that says nothing. Default: 30 s.
    pub lease: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let usual = sqlite::Options::default();
        Self { max_tasks: usual.max_tasks, done: usual.done, dead: usual.dead, lease: usual.lease }
    }
}

/// Opens a queue by its URL, as a new instance.
///
/// | URL | what |
/// |---|---|
/// | `sqlite:queue.db` | a file: [`sqlite`] |
/// | `redis://[user:password@]host[:6379][/db]?list=tasks` | a list in Redis or Valkey: [`redis`] |
/// | `redis://host?stream=tasks&group=relay` | a stream; the group is `relay` if none is named |
/// | `rediss://…` | with TLS; `cacert=ca.pem` trusts that authority alone |
/// | `unix:/path/redis.sock?list=tasks&db=0` | by a socket of this machine |
/// | `redis+sentinel://h1:26379,h2/0?master=mymaster&list=tasks` | the master that sentinels name; `rediss+sentinel:` speaks TLS with both |
/// | `redis+cluster://h1:6379,h2?list=tasks` | a cluster; also `redis://…?cluster=true` |
///
/// Fields of all: `lease`, `max_tasks`, `done_count`, `done_age`, `dead_count`, `dead_age`. Of SQLite: `sync=full|normal`. Of
/// Redis: `order=strict|none`, `timeout`; of streams: `group`, `field`, `trim=acked|minid|none`. Times are like `500ms`,
/// `30s`, `5m`, `1h`, `30d`.
///
/// # Errors
///
/// [`QueueError::Unusable`] if the URL or the place is not right, [`QueueError::Unavailable`] if it can't be reached now.
/// None of them shows a user or a password.
pub async fn open(url: &str, options: Options) -> Result<Arc<dyn Queue>, QueueError> {
    let place = Place::parse(url)?;
    let options = bounds(&place, options)?;
    if place.scheme == "sqlite" {
        let options = of_sqlite(&place, options)?;
        return Ok(Arc::new(Sqlite::open(PathBuf::from(&place.path), options)?));
    }
    let (source, options, endpoint) = of_redis(&place, options)?;
    Ok(Arc::new(Redis::open(endpoint, place.shown.clone(), source, options).await?))
}

/// Checks a queue's URL as far as it can be without the queue: nothing is opened, nobody is asked.
///
/// # Errors
///
/// [`QueueError::Unusable`], as of [`open`].
pub fn check(url: &str, options: Options) -> Result<(), QueueError> {
    let place = Place::parse(url)?;
    let options = bounds(&place, options)?;
    if place.scheme == "sqlite" {
        return of_sqlite(&place, options).map(drop);
    }
    of_redis(&place, options).map(drop)
}

/// The bounds, where the URL says otherwise.
fn bounds(place: &Place, mut options: Options) -> Result<Options, QueueError> {
    options.max_tasks = place.number("max_tasks")?.unwrap_or(options.max_tasks);
    options.done.count = place.number("done_count")?.unwrap_or(options.done.count);
    options.dead.count = place.number("dead_count")?.unwrap_or(options.dead.count);
    options.done.age = place.duration("done_age")?.unwrap_or(options.done.age);
    options.dead.age = place.duration("dead_age")?.unwrap_or(options.dead.age);
    options.lease = place.duration("lease")?.unwrap_or(options.lease);
    if options.lease < Duration::from_millis(100) {
        return Err(
            place.unusable("a lease shorter than 100ms is lost before it is renewed".to_owned())
        );
    }
    Ok(options)
}

fn of_sqlite(place: &Place, options: Options) -> Result<sqlite::Options, QueueError> {
    if place.path.is_empty() {
        return Err(place.unusable("it names no file; expected sqlite:queue.db".to_owned()));
    }
    let sync = [("full", sqlite::Synchronous::Full), ("normal", sqlite::Synchronous::Normal)];
    let usual = sqlite::Options::default();
    Ok(sqlite::Options {
        max_tasks: options.max_tasks,
        done: options.done,
        dead: options.dead,
        lease: options.lease,
        synchronous: place.one_of("sync", &sync, usual.synchronous)?,
        ..usual
    })
}

fn of_redis(
    place: &Place,
    options: Options,
) -> Result<(Source, redis::Options, Endpoint), QueueError> {
    let source = redis::source(place)?;
    let usual = redis::Options::default();
    let order = [("strict", Order::Strict), ("none", Order::None)];
    let options = redis::Options {
        order: place.one_of("order", &order, usual.order)?,
        max_tasks: options.max_tasks,
        done: options.done,
        dead: options.dead,
        lease: options.lease,
        timeout: place.duration("timeout")?.unwrap_or(usual.timeout),
    };
    let endpoint = redis::endpoint(place, options.timeout)?;
    Ok((source, options, endpoint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_together_is_refused() {
        for (url, expect) in [
            ("redis://h", "either ?list"),
            ("redis://h?list=a&stream=b", "list= and stream= are both there"),
            ("redis://h/tasks", "either ?list=tasks or ?stream=tasks"),
            ("redis://h/0", "either ?list=name"),
            ("127.0.0.1:6379", "expected something like redis://127.0.0.1:6379?list=tasks"),
            ("h:6379/0", "expected something like redis://h:6379/0?list=tasks"),
            ("redis://:pa/s3cret@h?list=q", "write / as %2F"),
            ("redis://h?list=a&group=g", "for streams"),
            ("redis://a,b?list=q", "several hosts"),
            ("redis+sentinel://a?list=q", "master="),
            ("redis+cluster://a/2?list=q", "no database"),
            ("redis://h/1?list=q&db=2", "twice"),
            ("redis://h?list=q&order=loose", "strict or none"),
            ("redis://h?list=q&lease=1", "no time"),
            ("redis://h?list=q&cacert=x", "rediss"),
            ("redis://h:99999?list=q", "65535"),
            ("sqlite:", "no file"),
        ] {
            let error = open(url, Options::default()).await.map(drop).unwrap_err();
            assert!(matches!(error, QueueError::Unusable { .. }), "{url}: {error}");
            assert!(error.to_string().contains(expect), "{url}: {error}");
        }
    }
}
