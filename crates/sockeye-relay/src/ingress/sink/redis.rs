//! Records in Redis: a stream, a list, or a channel.

use std::{fmt, time::Duration};

use futures_util::{FutureExt as _, future::BoxFuture};
use redis::{
    AsyncCommands as _, Client, ErrorKind, Pipeline, RedisError,
    aio::{ConnectionManager, ConnectionManagerConfig},
};

use super::{Record, Sink, SinkError};

/// A script and no `MULTI`: that would go on to the last id though a record was refused, as by a key of another type.
const WRITE: &str = r"
for i = 4, #ARGV, 2 do
    if ARGV[1] ~= 'XADD' then
        redis.call(ARGV[1], KEYS[1], ARGV[i + 1])
    elseif ARGV[2] ~= '' then
        redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'id', ARGV[i], 'record', ARGV[i + 1])
    else
        redis.call('XADD', KEYS[1], '*', 'id', ARGV[i], 'record', ARGV[i + 1])
    end
end
redis.call('SET', KEYS[2], ARGV[3])
";

/// How records lie in Redis.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RedisKind {
    /// `XADD KEY [MAXLEN ~ n] * id ID record LINE`.
    Stream {
        /// Past this the oldest entries are trimmed, about.
        max_entries: Option<u64>,
    },
    /// `LPUSH KEY LINE`, for consumers that pop from the right.
    ListLeft,
    /// `RPUSH KEY LINE`, for consumers that pop from the left.
    ListRight,
    /// `PUBLISH KEY LINE`: at most once from here on, since only those who listen at that time get it.
    Channel,
}

/// Writes to a key of Redis. With a stream or a list the last record's id is written by the same script, under the key's name and
/// `:last:` and the sink's: a record is not written twice when an answer was lost.
pub struct RedisSink {
    client: Client,
    connection: Option<ConnectionManager>,
    kind: RedisKind,
    key: String,
    last_key: String,
    /// What Redis says it had last; `None` if that is not known, as at first and after an error.
    last: Option<Option<String>>,
}

impl RedisSink {
    /// Writes to `key` at a URL such as `redis://host:6379/0` or `redis+unix:///run/redis.sock`; `name` tells sinks of one key
    /// apart. Nothing is opened yet.
    ///
    /// # Errors
    ///
    /// The URL is none of Redis.
    pub fn new(
        url: &str,
        kind: RedisKind,
        key: impl Into<String>,
        name: &str,
    ) -> Result<Self, SinkError> {
        // The error of the client may repeat the URL, and that its password.
        let client = Client::open(url).map_err(|_| SinkError::Unreachable {
            reason: "not a URL of Redis; expected redis://, rediss:// or redis+unix://".to_owned(),
        })?;
        let key = key.into();
        // Both keys in one slot of a cluster.
        let has_tag = key
            .split_once('{')
            .and_then(|(_, rest)| rest.split_once('}'))
            .is_some_and(|(tag, _)| !tag.is_empty());
        let last_key =
            if has_tag { format!("{key}:last:{name}") } else { format!("{{{key}}}:last:{name}") };
        Ok(Self { client, connection: None, kind, key, last_key, last: None })
    }

    async fn connection(&mut self) -> Result<ConnectionManager, RedisError> {
        if let Some(connection) = &self.connection {
            return Ok(connection.clone());
        }
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(Duration::from_secs(10)))
            .set_response_timeout(Some(Duration::from_secs(10)));
        let made = ConnectionManager::new_with_config(self.client.clone(), config).await?;
        Ok(self.connection.insert(made).clone())
    }

    async fn write(&mut self, batch: &[Record]) -> Result<(), RedisError> {
        let mut connection = self.connection().await?;
        let is_channel = self.kind == RedisKind::Channel;
        let last = match self.last.take() {
            _ if is_channel => None,
            Some(last) => last,
            None => connection.get(&self.last_key).await?,
        };
        let is_new =
            |record: &&Record| last.as_deref().is_none_or(|last| !record.is_known_after(last));
        let new: Vec<_> = batch.iter().filter(is_new).collect();
        let Some(newest) = new.last().map(|record| (*record.id).to_owned()) else {
            self.last = Some(last);
            return Ok(());
        };
        if is_channel {
            let mut pipeline = Pipeline::new();
            for record in new {
                pipeline.cmd("PUBLISH").arg(&self.key).arg::<&[u8]>(&record.line).ignore();
            }
            return pipeline.query_async::<()>(&mut connection).await;
        }
        let (command, max) = match self.kind {
            RedisKind::Stream { max_entries } => ("XADD", max_entries),
            RedisKind::ListLeft => ("LPUSH", None),
            RedisKind::ListRight | RedisKind::Channel => ("RPUSH", None),
        };
        let mut write = redis::cmd("EVAL");
        write.arg(WRITE).arg(2).arg(&self.key).arg(&self.last_key).arg(command);
        write.arg(max.map_or_else(String::new, |max| max.to_string())).arg(&newest);
        for record in new {
            write.arg(&*record.id).arg::<&[u8]>(&record.line);
        }
        write.query_async::<()>(&mut connection).await?;
        self.last = Some(Some(newest));
        Ok(())
    }
}

impl Sink for RedisSink {
    fn deliver<'a>(&'a mut self, batch: &'a [Record]) -> BoxFuture<'a, Result<usize, SinkError>> {
        async move {
            self.write(batch).await.map(|()| batch.len()).map_err(|error| {
                let reason = if error.kind() == ErrorKind::AuthenticationFailed {
                    "Redis does not accept user and password of its URL".to_owned()
                } else {
                    error.to_string()
                };
                SinkError::Unreachable { reason }
            })
        }
        .boxed()
    }
}

impl fmt::Debug for RedisSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client knows the password.
        f.debug_struct("RedisSink")
            .field("kind", &self.kind)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
