//! Runs the scenarios of a real client against `--example interop_server`, each as a test of its own.

use std::process::Command;

use sockeye_testkit::{Peer, PeerError, pinned};

/// One test per scenario of a client, and one that no scenario is forgotten.
///
/// `the_client_comes_back` is not in the list: it needs someone who kills the server.
macro_rules! scenarios {
    ($client:expr; $($name:ident)*) => {
        $(
            #[test]
            fn $name() -> Result<(), sockeye_testkit::PeerError> {
                scenarios::run($client, stringify!($name))
            }
        )*

        #[test]
        fn the_client_comes_back() -> Result<(), sockeye_testkit::PeerError> {
            scenarios::come_back($client)
        }

        #[test]
        fn every_scenario_is_a_test() -> Result<(), sockeye_testkit::PeerError> {
            scenarios::complete($client, &[$(stringify!($name)),*])
        }
    };
}
pub(crate) use scenarios;

fn server(port: &str) -> Result<Peer, PeerError> {
    let mut server = pinned::example("interop_server");
    // Some scenarios wait for a heartbeat.
    server.args(["--port", port, "--ping-interval", "300"]);
    Peer::launch(server, "listening on ")
}

/// Runs one scenario on a server of its own.
pub(crate) fn run(client: Option<Command>, name: &str) -> Result<(), PeerError> {
    let Some(mut client) = client else { return Ok(()) };
    let server = server("0")?;
    client.args([server.ready(), name]);
    Peer::launch(client, "ok ")?.finish().map(drop)
}

/// Kills the server under the client and starts it again on the same port.
pub(crate) fn come_back(client: Option<Command>) -> Result<(), PeerError> {
    let Some(mut client) = client else { return Ok(()) };
    let first = server("0")?;
    let url = first.ready().to_owned();
    let port = url.rsplit(':').next().unwrap_or("0");
    client.args([&url, "the_client_comes_back"]);
    let mut client = Peer::launch(client, "connected")?;
    drop(first);
    let lost = client.next_line()?;
    // A killed server closes nothing properly; python-socketio calls that an error, npm's client does not.
    assert!(lost.starts_with("disconnected: transport "), "{lost}");
    let _second = server(port)?;
    let verdict = client.next_line()?;
    assert_eq!(verdict, "ok the_client_comes_back", "{}", client.transcript());
    Ok(())
}

/// Compares the client's own list with the tests.
pub(crate) fn complete(client: Option<Command>, tests: &[&str]) -> Result<(), PeerError> {
    let Some(mut client) = client else { return Ok(()) };
    client.arg("--list");
    let mut client = Peer::launch(client, "")?;
    let mut scenarios = vec![client.ready().to_owned()];
    scenarios.extend(client.remaining_lines()?);
    let missing: Vec<_> = scenarios
        .iter()
        .filter(|name| !tests.contains(&name.as_str()) && *name != "the_client_comes_back")
        .collect();
    assert!(missing.is_empty(), "no test runs {missing:?}");
    Ok(())
}
