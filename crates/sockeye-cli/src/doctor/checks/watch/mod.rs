//! The last step, if it was asked for: how long connections last.

mod links;
mod watching;

use std::time::Instant;

use sockeye_proto::wire::{encoding::Encoding, engine::Version};

use self::{links::watch, watching::Plan};
use super::Examination;
use crate::{
    doctor::{
        found::{Heartbeat, Watched, life::Role},
        report::Check,
    },
    failure::Failure,
    reach::Eio,
};

impl Examination<'_, '_> {
    /// Watches connections of this version over this transport.
    pub(super) async fn watch(
        &mut self,
        version: Version,
        transport: &'static str,
    ) -> Result<(), Failure> {
        if self.wishes.watch.is_none() {
            return Ok(());
        }
        if !self.found.joins.iter().any(|(_, joined)| joined.is_in()) {
            return self.skip(&["watch-idle", "watch-talking"], "nothing is joined");
        }
        if self.found.flood.is_some() {
            return self.skip(&["watch-idle", "watch-talking"], "the server floods us with pings");
        }
        if self.found.heartbeat == Some(Heartbeat::Disconnected) {
            return self.skip(&["watch-idle", "watch-talking"], "the server sent us away");
        }
        self.links(version, transport).await
    }

    /// Watches what a server of version 3 does to clients of version 4, if those were asked for: some let them in.
    pub(super) async fn watch_mismatched(&mut self) -> Result<(), Failure> {
        let is_let_in = self.found.websocket.speaks(Version::V3);
        if self.wishes.watch.is_none() || self.target.eio != Eio::V4 || !is_let_in {
            return Ok(());
        }
        self.links(Version::V4, "websocket").await
    }

    async fn links(&mut self, version: Version, transport: &str) -> Result<(), Failure> {
        let Some(duration) = self.wishes.watch else { return Ok(()) };
        let plan = Plan {
            target: self.target,
            secrets: self.secrets,
            encoding: Encoding::new(version, self.target.parser.parser()),
            by_polling: transport == "polling",
        };
        let began = Instant::now();
        let watched = watch(&plan, duration).await;
        for (name, role) in [("watch-idle", Role::Idle), ("watch-talking", Role::Talking)] {
            self.report.check(check(name, began, &watched, role).with("transport", transport))?;
        }
        self.found.watched = Some(watched);
        Ok(())
    }
}

fn check(name: &'static str, began: Instant, watched: &Watched, role: Role) -> Check {
    let lives = watched.lives(role);
    let is_alive = !lives.is_empty() && lives.iter().all(|life| life.end.is_none());
    let mut check = Check::since(name, began, is_alive).note(watched.note(role));
    check.evidence = watched.evidence(role);
    check
}
