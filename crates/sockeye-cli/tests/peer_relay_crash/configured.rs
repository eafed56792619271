//! What a relay of these tests is told: quick to retry, and the rest as its test wants.

use std::{fs, path::PathBuf, process::Command};

use sockeye_relay::delivery::{Confirm, OnUnknown};

use crate::{cells::confirm_word, relay::Relay, sources::Source, world::Place};

/// A relay that can be started again and again.
#[derive(Clone, Debug)]
pub(crate) struct Configured {
    pub(crate) folder: PathBuf,
    pub(crate) source: Source,
    pub(crate) queue: String,
    pub(crate) port: u16,
    pub(crate) to: String,
    /// Where what the server sends goes.
    pub(crate) sink: Option<String>,
    pub(crate) confirm: Confirm,
    /// What to do with what was written and not confirmed: `retry`, `hold` or `dead`.
    pub(crate) on_unknown: OnUnknown,
    pub(crate) in_flight: u64,
    pub(crate) confirm_timeout_ms: u64,
}

impl Configured {
    /// A relay from this queue to its place's namespace.
    pub(crate) fn new(source: Source, queue: impl Into<String>, place: &Place) -> Self {
        Self {
            folder: place.folder.clone(),
            source,
            queue: queue.into(),
            port: place.port,
            to: place.room.url(),
            sink: None,
            confirm: Confirm::Ack,
            on_unknown: OnUnknown::Retry,
            in_flight: 8,
            confirm_timeout_ms: 2_000,
        }
    }

    /// Starts one; it ends itself at the stage and count of `crash`.
    pub(crate) fn start(&self, crash: Option<&str>) -> Relay {
        Relay::launch(&self.folder, self.command(crash))
    }

    /// Starts one from a shell that has done something before.
    pub(crate) fn start_in_shell(&self, before: &str) -> Relay {
        let inner = self.command(None);
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("{before}; exec \"$0\" \"$@\"")]);
        command.arg(inner.get_program()).args(inner.get_args()).env_clear();
        Relay::launch(&self.folder, command)
    }

    /// The command, not yet started.
    pub(crate) fn command(&self, crash: Option<&str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
        fs::write(self.folder.join("relay.toml"), self.toml()).unwrap();
        command.args(["relay", "--config", "relay.toml"]).env_clear();
        if let Some(crash) = crash {
            command.env("SOCKEYE_RELAY_CRASH", crash);
        }
        command
    }

    /// Its `relay.toml`.
    pub(crate) fn toml(&self) -> String {
        let mut toml = String::new();
        match self.source {
            Source::Stdin => toml += &format!("from = \"-\"\nqueue = {:?}\n", self.queue),
            _ => toml += &format!("from = {:?}\n", self.queue),
        }
        if self.source == Source::Http {
            toml += &format!("listen = \"127.0.0.1:{}\"\n", self.port);
        }
        toml += &format!(
            r#"
            [to]
            url = {:?}
            transport = "websocket"

            [delivery]
            confirm = "{}"
            on_unknown = "{}"
            confirm_timeout = "{}ms"
            reply = {{ event = "reply", where = "$[0].reqId == task.id" }}
            first_delay = "20ms"
            in_flight = {}

            [spool]
            event_id = "$[0].id"
            "#,
            self.to,
            confirm_word(self.confirm),
            match self.on_unknown {
                OnUnknown::Retry => "retry",
                OnUnknown::Hold => "hold",
                OnUnknown::Dead => "dead",
            },
            self.confirm_timeout_ms,
            self.in_flight,
        );
        if let Some(sink) = &self.sink {
            toml += &format!("\n[[sink]]\nto = {sink:?}\n");
        }
        toml
    }
}
