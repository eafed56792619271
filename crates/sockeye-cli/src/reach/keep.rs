//! Whether a lost connection is made again, and its states shown.

use clap::Args;
use sockeye::client::{Builder, Left};

/// For commands that stay connected.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Keep {
    /// Print the states of the connection, too
    #[arg(long, help_heading = "Output")]
    pub(crate) states: bool,
    /// Connect again when the connection is lost
    #[arg(long, help_heading = "Connection")]
    pub(crate) reconnect: bool,
}

/// Events that may wait to be shown, beside those of the backlog.
const INBOX: usize = 1_024;

/// Events that may wait, and their bytes: bursts are longer than what a program handles that does more than print. A
/// server that goes on sending faster is too fast.
const BACKLOG: (usize, usize) = (1 << 20, 256 << 20);

impl Keep {
    /// Keeps events, and the connection if asked to.
    pub(crate) fn attach(self, builder: Builder) -> Builder {
        let builder = builder.events(INBOX).backlog(BACKLOG.0, BACKLOG.1);
        if self.reconnect {
            builder.rejoin_if(|left| matches!(left, Left::ServerDisconnect))
        } else {
            builder.no_reconnect()
        }
    }
}
