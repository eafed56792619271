//! Other people's servers, and our own, with one contract: what our client's tests connect to.

use std::process::Command;

use crate::{Peer, matrix, pinned};

/// A server that keeps the contract at the top of `interop/js/host.mjs`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Host {
    /// npm socket.io 4.
    Npm4,
    /// npm socket.io 3.
    Npm3,
    /// npm socket.io 2, which speaks Engine.IO 3.
    Npm2,
    /// python-socketio on asyncio, with aiohttp.
    PythonAsyncio,
    /// python-socketio on threads, with Werkzeug and simple-websocket.
    PythonThreads,
    /// socketioxide.
    Oxide,
    /// A stub that speaks Engine.IO 3 as netty-socketio 1.7 does.
    Netty,
    /// Our own: the example `interop_server`, which a run of a single crate's tests does not build.
    Own,
}

impl Host {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Npm4,
        Self::Npm3,
        Self::Npm2,
        Self::PythonAsyncio,
        Self::PythonThreads,
        Self::Oxide,
        Self::Netty,
        Self::Own,
    ];

    /// Starts it; `flags` are those of the contract, such as `["--ping-interval", "300"]`.
    ///
    /// [`Peer::ready`] is its URL. Without `--port` it takes a free one; to start it again on the same, name that.
    /// Dropping the peer kills it. `None`, with the reason printed, if it is not installed.
    ///
    /// # Panics
    ///
    /// If it is not installed and `SOCKEYE_PEERS` is set, if our own was never built, or if it does not start: it can't
    /// honour a flag then, or the port is taken.
    #[must_use]
    #[track_caller]
    pub fn launch(self, flags: &[&str]) -> Option<Peer> {
        let mut command = self.command()?;
        command.args(flags);
        match Peer::launch_for(matrix::PATIENCE, command, "listening on ") {
            Ok(peer) => Some(peer),
            Err(error) => panic!("{self:?} with {flags:?}: {error}"),
        }
    }

    fn command(self) -> Option<Command> {
        let (command, flags): (_, &[&str]) = match self {
            Self::Npm4 => (pinned::node("js/host.mjs"), &["--version", "4"]),
            Self::Npm3 => (pinned::node("js/host.mjs"), &["--version", "3"]),
            Self::Npm2 => (pinned::node("js/host.mjs"), &["--version", "2"]),
            Self::PythonAsyncio => (pinned::python("py/host_async.py"), &[]),
            Self::PythonThreads => (pinned::python("py/host_threads.py"), &[]),
            Self::Oxide => (pinned::oxide(), &["--host"]),
            Self::Netty => (pinned::node("js/stub_netty.mjs"), &[]),
            Self::Own => (Some(pinned::example("interop_server")), &["--host"]),
        };
        command.map(|mut command| {
            command.args(flags);
            command
        })
    }

    /// The version of Engine.IO it speaks: 3 or 4.
    #[must_use]
    pub const fn version(self) -> u8 {
        match self {
            Self::Npm2 | Self::Netty => 3,
            Self::Npm4
            | Self::Npm3
            | Self::PythonAsyncio
            | Self::PythonThreads
            | Self::Oxide
            | Self::Own => 4,
        }
    }

    /// Whether a client sends an auth payload, and a refusal is an object with a `message`. Where it does not,
    /// `/guarded` looks for the token in the query, and `welcome` and `auth` have nothing to tell.
    #[must_use]
    pub const fn has_auth(self) -> bool {
        self.version() == 4
    }

    /// Whether it has `/guarded`.
    #[must_use]
    pub const fn has_guarded(self) -> bool {
        !matches!(self, Self::Netty)
    }

    /// What a client that may not join `/guarded` is told, as JSON.
    #[must_use]
    pub const fn refusal(self) -> &'static str {
        match self {
            Self::Npm2 | Self::Netty => r#"{"code":401}"#,
            Self::Oxide => r#"{"message":"unauthorized"}"#,
            Self::Npm4 | Self::Npm3 | Self::PythonAsyncio | Self::PythonThreads | Self::Own => {
                r#"{"message":"unauthorized","data":{"code":401}}"#
            }
        }
    }

    /// Whether it answers `transport`.
    #[must_use]
    pub const fn tells_transport(self) -> bool {
        !matches!(self, Self::Own)
    }

    /// Whether it has `close-me`.
    #[must_use]
    pub const fn closes_sessions(self) -> bool {
        !matches!(self, Self::Oxide)
    }

    /// Whether it honours `--cookie`.
    #[must_use]
    pub const fn has_cookie(self) -> bool {
        !matches!(self, Self::Netty | Self::Oxide)
    }

    /// Whether it honours `--recovery`.
    #[must_use]
    pub const fn has_recovery(self) -> bool {
        matches!(self, Self::Npm4)
    }

    /// Whether it honours `--parser msgpack`. Python's writes `"data": null` where there is none; of a DISCONNECT, npm's
    /// client calls that a parse error.
    #[must_use]
    pub const fn has_msgpack(self) -> bool {
        !matches!(self, Self::Npm2 | Self::Netty | Self::Oxide)
    }

    /// Whether it honours `--tls`.
    #[must_use]
    pub const fn has_tls(self) -> bool {
        !matches!(self, Self::Oxide)
    }

    /// Whether it honours `--upgrades off`.
    #[must_use]
    pub const fn can_forbid_upgrades(self) -> bool {
        !matches!(self, Self::Oxide)
    }
}
