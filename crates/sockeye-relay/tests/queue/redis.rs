//! Queues in Redis keep the promises of a queue, and their own.

mod bounds;
mod mishaps;
mod own;
mod places;

use std::{marker::PhantomData, sync::Arc};

use futures_util::future::BoxFuture;
use sockeye_relay::queue::{Options, Queue, open};
use sockeye_testkit::RedisServer;

use crate::{
    bench::{Bench, Promises, Wanted},
    conformance::conformance,
};

/// One way to use Redis.
pub(crate) trait Way: Send + Sync + 'static {
    /// The fields of the URL.
    const FIELDS: &'static str;
    const IS_STREAM: bool = false;
    const IS_STRICT: bool = true;
}

macro_rules! ways {
    ($($module:ident $name:ident $fields:literal $stream:literal $strict:literal;)*) => {
        $(
            pub(crate) struct $name;
            impl Way for $name {
                const FIELDS: &'static str = $fields;
                const IS_STREAM: bool = $stream;
                const IS_STRICT: bool = $strict;
            }
            mod $module {
                use super::*;
                conformance!(Server<$name>);
            }
        )*
    };
}

ways! {
    list List "list=tasks" false true;
    shared_list SharedList "list=tasks&order=none" false false;
    stream Stream "stream=tasks" true true;
    shared_stream SharedStream "stream=tasks&order=none" true false;
}

/// A Redis of the test's own.
pub(crate) struct Server<W>(RedisServer, PhantomData<W>);

impl<W: Way> Bench for Server<W> {
    fn is_there() -> bool {
        RedisServer::is_installed()
    }

    fn new() -> BoxFuture<'static, Self> {
        Box::pin(async { Self(server(&[]).expect("it is installed"), PhantomData) })
    }

    fn promises(&self) -> Promises {
        Promises {
            refuses_copies: false,
            knows_queued_at: W::IS_STREAM,
            finds_queued: false,
            counts_done: true,
            bounds_done: true,
            keeps_order: W::IS_STRICT,
        }
    }

    fn open_as(&self, wanted: Wanted) -> BoxFuture<'_, Arc<dyn Queue>> {
        let mut options = Options { lease: wanted.lease, ..Options::default() };
        options.max_tasks = wanted.max_tasks.unwrap_or(options.max_tasks);
        options.done.count = wanted.max_done.unwrap_or(options.done.count);
        options.dead.count = wanted.max_dead.unwrap_or(options.dead.count);
        Box::pin(async move { open(&self.0.url(W::FIELDS), options).await.expect("it opens") })
    }
}

/// A server with more options; none if it is not installed.
pub(crate) fn server(options: &[&str]) -> Option<RedisServer> {
    RedisServer::start(options).expect("redis-server starts")
}
