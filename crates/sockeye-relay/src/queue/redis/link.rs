//! The connections to Redis: made when they are needed, made anew when they break.

use std::{
    fmt,
    time::{Duration, Instant},
};

use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, Pipeline, RedisError, RedisFuture,
    ServerErrorKind, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    sentinel::SentinelClient,
};
use tokio::sync::Mutex;

use crate::queue::QueueError;

/// The shortest and the longest wait between two attempts to connect.
const FIRST_BACKOFF: Duration = Duration::from_millis(20);
const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// Where Redis is.
pub(crate) enum Endpoint {
    /// One server.
    One(Box<Client>),
    /// Whichever server is the master now, as sentinels say.
    Sentinel(Box<Mutex<SentinelClient>>),
    /// A cluster.
    Cluster(Box<ClusterClient>),
}

impl Endpoint {
    async fn connect(&self, timeout: Duration) -> Result<Connection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(Some(timeout));
        match self {
            Self::One(client) => client
                .get_multiplexed_async_connection_with_config(&config)
                .await
                .map(Connection::One),
            Self::Sentinel(client) => {
                let mut client = client.lock().await;
                client.get_async_connection_with_config(&config).await.map(Connection::One)
            }
            Self::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
        }
    }
}

/// A connection to one server, or to all of a cluster.
#[derive(Clone)]
pub(super) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        cmd: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(connection) => connection.req_packed_commands(cmd, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(cmd, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

/// One connection, and what happened to it last.
#[derive(Default)]
struct Slot {
    connection: Option<Connection>,
    /// How many attempts have failed since the last that did not, and when the last one did.
    failures: u32,
    failed_at: Option<Instant>,
    /// Tells a connection that broke from the one that has replaced it since.
    number: u64,
}

/// A connection that comes back by itself.
pub(super) struct Link {
    timeout: Duration,
    slot: Mutex<Slot>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, slot: Mutex::default() }
    }

    /// Runs something on the connection, making one first if there is none. What was sent when it breaks may have been
    /// done or not: it is not sent again here.
    pub(super) async fn run<T>(
        &self,
        endpoint: &Endpoint,
        run: impl AsyncFnOnce(&mut Connection) -> Result<T, RedisError>,
    ) -> Result<T, RedisError> {
        let (mut connection, number) = self.connection(endpoint).await?;
        let answer = run(&mut connection).await;
        if answer.as_ref().is_err_and(is_of_the_connection) {
            let mut slot = self.slot.lock().await;
            if slot.number == number {
                slot.connection = None;
            }
        }
        answer
    }

    async fn connection(&self, endpoint: &Endpoint) -> Result<(Connection, u64), RedisError> {
        let mut slot = self.slot.lock().await;
        if let Some(connection) = &slot.connection {
            return Ok((connection.clone(), slot.number));
        }
        if let Some(failed_at) = slot.failed_at {
            let backoff = FIRST_BACKOFF.saturating_mul(1 << slot.failures.min(8)).min(MAX_BACKOFF);
            tokio::time::sleep(backoff.saturating_sub(failed_at.elapsed())).await;
        }
        let made = tokio::time::timeout(self.timeout, endpoint.connect(self.timeout)).await;
        let made = made.unwrap_or_else(|_| Err((ErrorKind::Io, "connecting took too long").into()));
        match made {
            Ok(connection) => {
                slot.number += 1;
                slot.failures = 0;
                slot.failed_at = None;
                slot.connection = Some(connection.clone());
                Ok((connection, slot.number))
            }
            Err(error) => {
                slot.failures = slot.failures.saturating_add(1);
                slot.failed_at = Some(Instant::now());
                Err(error)
            }
        }
    }
}

/// Whether another connection may do better: this one is broken, or leads to a server that is no master (any more).
fn is_of_the_connection(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_timeout()
        || error.is_io_error()
        || matches!(
            error.kind(),
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
        )
}

/// Whether the consumer group is gone: the stream was deleted, or is that of a server that never had it.
pub(super) fn is_group_gone(error: &RedisError) -> bool {
    error.code() == Some("NOGROUP") || error.to_string().contains("NOGROUP")
}

/// Says what an error means, and what to do about it.
pub(super) fn told(store: &str, error: &RedisError) -> QueueError {
    let said = error.to_string();
    let passing = |reason: String| QueueError::Unavailable { store: store.to_owned(), reason };
    let unusable = |advice: &str| QueueError::Unusable {
        store: store.to_owned(),
        reason: format!("{said}; {advice}"),
    };
    match error.kind() {
        ErrorKind::AuthenticationFailed => {
            unusable("check the user and the password in the URL, and what the user may do (ACL)")
        }
        ErrorKind::InvalidClientConfig => unusable("check the URL"),
        ErrorKind::MasterNameNotFoundBySentinel => {
            passing(format!("{said}; if it stays so, check `master` in the URL"))
        }
        ErrorKind::Server(kind) => match kind {
            ServerErrorKind::BusyLoading => passing("it is loading its data".to_owned()),
            ServerErrorKind::ReadOnly => {
                passing("it is a replica now, not the master; connecting anew".to_owned())
            }
            ServerErrorKind::NoPerm => unusable(
                "the user needs the commands of lists or streams, hashes, sets, EVALSHA and SCRIPT LOAD on keys of the \
                 queue's name",
            ),
            ServerErrorKind::CrossSlot => unusable(
                "all keys have to be in one slot: name the queue without braces, or with one tag in braces",
            ),
            _ => passing(said),
        },
        _ if has_code(error, &said, "WRONGTYPE") => {
            unusable("a key of the queue is of another type; name another list or stream")
        }
        _ if has_code(error, &said, "NOPERM") => {
            unusable("the user may not do what the queue needs (ACL)")
        }
        _ if has_code(error, &said, "NOAUTH") || has_code(error, &said, "WRONGPASS") => {
            unusable("check the user and the password in the URL")
        }
        _ if has_code(error, &said, "OOM") => {
            passing("it has no memory left (maxmemory); what is done is still removed".to_owned())
        }
        _ if is_group_gone(error) => passing(
            "the consumer group is gone; it is made again at the stream's beginning".to_owned(),
        ),
        _ => passing(said),
    }
}

fn has_code(error: &RedisError, said: &str, code: &str) -> bool {
    error.code() == Some(code) || said.contains(code)
}
