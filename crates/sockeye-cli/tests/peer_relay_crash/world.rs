//! What all cells of a run share: the ledger, a Redis, a folder.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use sockeye_testkit::{
    RedisServer,
    ledger::{Ledger, Room},
};

/// A ledger and a Redis for many relays at a time.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) redis: RedisServer,
    folder: PathBuf,
    places: AtomicU64,
}

/// Where one relay works.
#[derive(Debug)]
pub(crate) struct Place {
    /// Its own folder.
    pub(crate) folder: PathBuf,
    /// Its own namespace.
    pub(crate) room: Room,
    /// Its own name, such as for keys of Redis.
    pub(crate) name: String,
    /// Its own port, for who listens.
    pub(crate) port: u16,
}

impl World {
    /// `None`, with the reason printed, if a peer is missing.
    pub(crate) fn launch(name: &str) -> Option<Self> {
        Self::launch_with(name, 4, &[])
    }

    /// As [`Self::launch`], with a ledger of this version and flags.
    pub(crate) fn launch_with(name: &str, version: u8, flags: &[&str]) -> Option<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // There is none before the first run.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let ledger = Ledger::launch(version, flags)?;
        // Every write is on the disk before it is answered.
        let flags =
            ["--appendonly", "yes", "--appendfsync", "always", "--enable-debug-command", "yes"];
        let redis = RedisServer::start_on_port(&flags);
        let redis = redis.unwrap()?;
        Some(Self { ledger, redis, folder, places: AtomicU64::new(0) })
    }

    /// A place that nobody else has.
    pub(crate) fn place(&self) -> Place {
        let name = format!("place-{}", self.places.fetch_add(1, Ordering::Relaxed));
        let folder = self.folder.join(&name);
        fs::create_dir_all(&folder).unwrap();
        Place { folder, room: self.ledger.room(&format!("/{name}")), name, port: free_port() }
    }
}

/// A port that nobody had a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}
