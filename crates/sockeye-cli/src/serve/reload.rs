//! SIGHUP: certificates and settings are read again, and what can change does.

use std::{cell::RefCell, error::Error};

use sockeye::server::{
    Server,
    serve::{Limits, Tls},
};
use tokio::sync::watch;

use super::options::{Config, Options};
use crate::{config::Effective, log::Log};

/// The settings that a server takes while it runs. All others it takes when it starts.
const LIVE: [&str; 8] = [
    "tls-cert",
    "tls-key",
    "header-timeout",
    "max-connections",
    "max-connections-per-address",
    "max-sessions",
    "max-sessions-per-address",
    "log",
];

/// The names of settings.
type Keys = Vec<&'static str>;

/// A server that runs, and what it runs with.
pub(super) struct Reload {
    options: Options,
    effective: RefCell<Effective>,
    log: Log,
    server: Server,
    tls: Option<Tls>,
    limits: watch::Sender<Limits>,
}

impl Reload {
    pub(super) fn new(
        options: Options,
        effective: Effective,
        log: Log,
        server: Server,
        tls: Option<Tls>,
    ) -> Self {
        let limits = watch::Sender::new(Limits::default());
        Self { options, effective: RefCell::new(effective), log, server, tls, limits }
    }

    /// The limits of connections, from now on.
    pub(super) fn limits(&self, config: &Config) -> watch::Receiver<Limits> {
        self.limits.send_modify(|limits| *limits = config.limits());
        self.limits.subscribe()
    }

    /// Reads everything again and says what came of it; on a mistake everything stays as it was.
    pub(super) fn run(&self) {
        match self.try_run() {
            Ok((now, later)) => {
                let list = |keys: &[&str]| match keys {
                    [] => "none".to_owned(),
                    keys => keys.join(", "),
                };
                let (changed, at_next_start) = (list(&now), list(&later));
                tracing::info!(
                    changed,
                    at_next_start,
                    "SIGHUP: settings and certificates are read"
                );
            }
            Err(error) => tracing::error!(%error, "SIGHUP: everything stays as it was"),
        }
    }

    /// The settings that have changed: those that are in force now, and those that will be.
    fn try_run(&self) -> Result<(Keys, Keys), Box<dyn Error>> {
        let (config, effective) = Config::new(self.options.clone())?;
        // First what can fail.
        if let (Some(tls), Some(files)) = (&self.tls, &config.tls) {
            files.reload(tls)?;
        }
        self.log.set_filter(config.log.clone());
        self.server.set_max_sessions(config.max_sessions.get());
        self.server.set_max_sessions_per_address(config.max_sessions_per_address.get());
        self.limits.send_modify(|limits| *limits = config.limits());
        let changed = self.effective.borrow().changed(&effective);
        // Whether there is TLS at all is not changed.
        let has_tls = self.tls.is_some() && config.tls.is_some();
        let is_live = |key: &&str| LIVE.contains(key) && (has_tls || !key.starts_with("tls-"));
        let (now, later): (Keys, Keys) = changed.into_iter().partition(is_live);
        // What waits for the next start is told each time.
        self.effective.borrow_mut().take_over(&effective, &now);
        Ok((now, later))
    }
}
