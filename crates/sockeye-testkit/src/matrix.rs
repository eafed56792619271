//! Other people's clients, each over each transport, through all their scenarios.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::{Peer, PeerError, pinned};

/// How long one client may take for all its scenarios, and its server be up.
pub const PATIENCE: Duration = Duration::from_secs(100);

/// A client of `interop/`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Client {
    /// npm socket.io-client 4.
    Npm4,
    /// npm socket.io-client 4 with socket.io-msgpack-parser.
    Npm4Msgpack,
    /// npm socket.io-client 3.
    Npm3,
    /// npm socket.io-client 2, which speaks Engine.IO 3.
    Npm2,
    /// python-socketio on asyncio.
    PythonAsyncio,
    /// python-socketio on asyncio, with its own msgpack.
    PythonAsyncioMsgpack,
    /// python-socketio on threads.
    PythonBlocking,
    /// rust_socketio.
    Rust,
}

/// How a client travels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Transport {
    /// HTTP polling to the end.
    Polling,
    /// From polling to WebSocket.
    Upgrade,
    /// WebSocket from the start.
    WebSocket,
    /// Polling, since the upgrade that the client tries does not get through.
    Stuck,
}

impl Client {
    /// What the server must be told to serve it.
    #[must_use]
    pub fn server_flags(self) -> &'static [&'static str] {
        match self {
            Self::Npm2 => &["--v3"],
            Self::Npm4Msgpack | Self::PythonAsyncioMsgpack => &["--parser", "msgpack"],
            Self::Npm4 | Self::Npm3 | Self::PythonAsyncio | Self::PythonBlocking | Self::Rust => {
                &[]
            }
        }
    }

    /// Milliseconds. Some scenarios wait for a heartbeat, and python-socketio learns by the lack of it that it may send no
    /// more. rust_socketio has none of these; it answers pings on a thread of its own, so that on polling two of its POSTs
    /// may be under way at once, for which any server has to end the session.
    const fn ping_interval(self) -> &'static str {
        match self {
            Self::Rust => "25000",
            Self::Npm4
            | Self::Npm4Msgpack
            | Self::Npm3
            | Self::Npm2
            | Self::PythonAsyncio
            | Self::PythonAsyncioMsgpack
            | Self::PythonBlocking => "300",
        }
    }

    /// How many scenarios it has, so that none is lost without notice.
    fn scenarios(self) -> usize {
        match self {
            Self::Npm4 | Self::Npm4Msgpack | Self::Npm3 | Self::Npm2 => 24,
            Self::PythonAsyncio | Self::PythonAsyncioMsgpack | Self::PythonBlocking => 23,
            Self::Rust => 17,
        }
    }

    fn command(self, transport: Transport) -> Option<Command> {
        let (command, flags): (_, &[&str]) = match self {
            Self::Npm4 => (pinned::node("js/client.mjs"), &["--client", "4"]),
            Self::Npm4Msgpack => (pinned::node("js/client.mjs"), &["--client", "4-msgpack"]),
            Self::Npm3 => (pinned::node("js/client.mjs"), &["--client", "3"]),
            Self::Npm2 => (pinned::node("js/client.mjs"), &["--client", "2"]),
            Self::PythonAsyncio => (pinned::python("py/client_async.py"), &[]),
            Self::PythonAsyncioMsgpack => {
                (pinned::python("py/client_async.py"), &["--parser", "msgpack"])
            }
            Self::PythonBlocking => (pinned::python("py/client_sync.py"), &[]),
            Self::Rust => (pinned::rust_client(), &[]),
        };
        let mut command = command?;
        command.args(flags).args(["--transport", transport.name()]);
        Some(command)
    }
}

impl Transport {
    fn name(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::Upgrade => "upgrade",
            Self::WebSocket => "websocket",
            Self::Stuck => "stuck",
        }
    }
}

/// Runs every scenario of a client; `serve` starts a server on a port, with flags.
///
/// The server is killed and started again under the scenario that waits for it. `before` may start what stands in front
/// of the server: it gets the server's URL, and says at which URL the client is to find it.
///
/// If the client is not installed, that is printed and nothing is run.
///
/// # Errors
///
/// A program can't be started or takes too long.
///
/// # Panics
///
/// If a scenario fails or is missing; the scenario and all that the client said are in the message.
#[track_caller]
pub fn run(
    client: Client,
    transport: Transport,
    serve: impl Fn(&str, &[&str]) -> Result<Peer, PeerError>,
    before: impl FnOnce(&str) -> Result<String, PeerError>,
) -> Result<(), PeerError> {
    let Some(mut command) = client.command(transport) else { return Ok(()) };
    let heartbeat = ["--ping-interval", client.ping_interval(), "--ping-timeout", "3000"];
    let flags = [&heartbeat, client.server_flags()];
    let flags = flags.concat();
    let mut server = Some(serve("0", &flags)?);
    let url = server.as_ref().map(|server| server.ready().to_owned()).unwrap_or_default();
    let port = url.rsplit(':').next().unwrap_or_default();
    command.arg(before(&url)?).arg("all");

    let mut client_run = Peer::launch_for(PATIENCE, command, "")?;
    let mut line = client_run.ready().to_owned();
    let mut passed = 0;
    loop {
        if line.starts_with("ok ") {
            passed += 1;
        } else if line == "connected" {
            server = None;
        } else if let Some(reason) = line.strip_prefix("disconnected: ") {
            // A killed server closes nothing properly: most call that an error, npm's WebSocket does not.
            assert!(reason.starts_with("transport "), "{reason}");
            server = Some(serve(port, &flags)?);
        } else {
            let transcript = client_run.transcript();
            assert!(!line.starts_with("FAIL "), "{client:?}, {transport:?}: {line}\n{transcript}");
        }
        line = match client_run.next_line() {
            Ok(line) => line,
            Err(PeerError::Ended { .. }) => break,
            Err(error) => return Err(error),
        };
    }
    drop(server);
    let transcript = client_run.transcript().to_owned();
    assert!(client_run.finish()?.success(), "{client:?}, {transport:?}:\n{transcript}");
    assert_eq!(passed, client.scenarios(), "{client:?}, {transport:?}:\n{transcript}");
    Ok(())
}

/// [`run`] behind nginx, which lets WebSockets through unless the client is to be [`Transport::Stuck`]; it keeps its
/// files in `folder`.
///
/// # Errors
///
/// As [`run`].
///
/// # Panics
///
/// As [`run`].
#[track_caller]
pub fn run_behind_nginx(
    client: Client,
    transport: Transport,
    serve: impl Fn(&str, &[&str]) -> Result<Peer, PeerError>,
    folder: &Path,
) -> Result<(), PeerError> {
    let Some(mut command) = pinned::nginx() else { return Ok(()) };
    let mut nginx = None;
    let before = |url: &str| {
        command.arg(url).arg(folder);
        let nginx = nginx.insert(Peer::launch_for(PATIENCE, command, "listening on ")?);
        let [with_websocket, without] = nginx.ready().split(' ').collect::<Vec<_>>()[..] else {
            panic!("nginx.mjs says {:?}; expected two URLs", nginx.ready());
        };
        Ok(if transport == Transport::Stuck { without } else { with_websocket }.to_owned())
    };
    run(client, transport, serve, before)
}

/// One test for each client and transport named, in a module of the client's name.
///
/// `$check` takes a [`Client`] and a [`Transport`].
///
/// ```
/// # use sockeye_testkit::matrix::{Client, Transport};
/// # fn check(_: Client, _: Transport) -> Result<(), sockeye_testkit::PeerError> { Ok(()) }
/// sockeye_testkit::clients! {
///     check;
///     npm_4 = Npm4: polling = Polling, upgrade = Upgrade, websocket = WebSocket;
/// }
/// ```
#[macro_export]
macro_rules! clients {
    ($check:ident; $($client:ident = $Client:ident: $($transport:ident = $Transport:ident),+;)+) => {
        $(mod $client {
            $(#[test]
            fn $transport() -> Result<(), $crate::PeerError> {
                super::$check(
                    $crate::matrix::Client::$Client,
                    $crate::matrix::Transport::$Transport,
                )
            })+
        })+
    };
}
