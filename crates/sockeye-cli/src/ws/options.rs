//! The options of `ws`.

use std::{num::NonZeroUsize, path::PathBuf};

use clap::Args;
use sockeye::ws::Connect;

use crate::{
    failure::Failure,
    output::Output,
    reach::{Header, Road, to_send},
    secrets::Secrets,
    trace::Tracing,
    units::{Bytes, Time},
};

/// As of the commands that speak Socket.IO.
const MAX_MESSAGE: Bytes = Bytes::new(NonZeroUsize::new(64 * 1024 * 1024).unwrap());

/// Talk over a raw WebSocket: lines of standard input go out as text messages, messages that come in are printed
///
/// Ends when standard input does, after the server has answered the close. If the server closes with a code other than
/// 1000 and 1001, the exit code is 9. A binary message is printed as {"$bin":"BASE64"}.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The server's WebSocket: ws:// or wss://, then host[:port][/path][?query]
    url: String,
    /// Header to send along; may be repeated. One without a value is left out, "User-Agent:" too
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", help_heading = "Connection")]
    headers: Vec<Header>,
    /// Subprotocol to offer; may be repeated, the first is preferred
    #[arg(long, value_name = "NAME", help_heading = "Connection")]
    subprotocol: Vec<String>,
    /// How long connecting may take, and the server's answer to our close
    #[arg(long, value_name = "TIME", default_value_t = Time::seconds(10), help_heading = "Connection")]
    timeout: Time,
    /// How long to go on listening once standard input has ended
    #[arg(long, value_name = "TIME", help_heading = "Connection")]
    pub(super) linger: Option<Time>,
    /// Largest message that the server may send
    #[arg(long, value_name = "SIZE", default_value_t = MAX_MESSAGE, help_heading = "Connection")]
    max_message: Bytes,
    #[command(flatten)]
    road: Road,
    /// Print a JSON object for each message: {"t":…,"dir":"in","data":…}
    #[arg(long, help_heading = "Output")]
    pub(super) json: bool,
    /// Save binary messages to files in this folder instead of printing them in base64
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(super) save_bin: Option<PathBuf>,
    #[command(flatten)]
    pub(super) tracing: Tracing,
}

impl Options {
    /// The connection as it was asked for.
    ///
    /// # Errors
    ///
    /// A file can't be read, or holds something else than it should.
    pub(super) fn connect(self, output: &Output) -> Result<Connect, Failure> {
        // The server may repeat them in what it says.
        let secrets = Secrets::of_process();
        secrets.target(&self.url);
        let options = sockeye::ws::Options::default()
            .handshake_timeout(self.timeout.get())
            .close_timeout(self.timeout.get())
            .max_message_bytes(self.max_message.get())
            .protocols(self.subprotocol);
        let mut connect = Connect::new(self.url).options(options);
        for Header { name, value } in to_send(&self.headers)? {
            secrets.header(&name, &value);
            connect = connect.header(name, value);
        }
        if let Some(tls) = self.road.tls()? {
            connect = connect.tls(tls);
        }
        if let Some(proxy) = self.road.proxy()? {
            connect = connect.proxy(proxy);
        }
        if let Some(tracer) = self.tracing.start(output)? {
            connect = tracer.attach_raw(connect);
        }
        Ok(connect)
    }
}
