//! Whoever takes all there is: descriptors, places, answers that are never read.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

use sockeye_testkit::Peer;

use crate::sandbox::{Sandbox, address};

/// Asks for something; the status, or nothing if the server does not answer in time.
fn status(address: &str, head: &str, patience: Duration) -> Option<u16> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(patience)).unwrap();
    stream.write_all(format!("{head}\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).ok()?;
    std::str::from_utf8(&answer[9..]).unwrap().parse().ok()
}

const GET: &str = "GET / HTTP/1.1";
const OPEN: &str = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1";

/// A server with so many descriptors.
#[cfg(unix)]
fn with_descriptors(count: usize, flags: &str) -> Peer {
    let script = format!("ulimit -n {count}; exec \"$0\" serve --listen 127.0.0.1:0 {flags} 2>&1");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_sockeye")]);
    command.current_dir(env!("CARGO_TARGET_TMPDIR"));
    Peer::launch(command, "listening on ").unwrap()
}

#[cfg(unix)]
#[test]
fn who_pipelines_and_reads_nothing_keeps_nobody_out() {
    let peer = with_descriptors(64, "--write-timeout 500ms --header-timeout 500ms");
    let address = address(peer.ready()).to_owned();
    let attackers: Vec<_> = (0..70)
        .map(|_| {
            let mut stream = TcpStream::connect(&address).unwrap();
            stream.set_nonblocking(true).unwrap();
            let requests = format!("{GET}\r\nhost: x\r\n\r\n").repeat(2_000);
            let _ = stream.write(requests.as_bytes()); // as much as goes
            stream
        })
        .collect();
    let start = Instant::now();
    while status(&address, GET, Duration::from_secs(1)) != Some(200) {
        assert!(start.elapsed() < Duration::from_secs(30), "nobody else gets in");
    }
    drop(attackers);
}

#[cfg(unix)]
#[test]
fn without_descriptors_those_who_are_there_are_served_and_the_next_comes_in_once_one_is_free() {
    let mut peer = with_descriptors(40, "--header-timeout 1m");
    let address = address(peer.ready()).to_owned();
    let ask = |stream: &mut TcpStream| {
        stream.write_all(format!("{GET}\r\nhost: x\r\n\r\n").as_bytes()).unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).map(|()| head)
    };
    let mut first = TcpStream::connect(&address).unwrap();
    assert_eq!(ask(&mut first).unwrap(), *b"HTTP/1.1 200");
    let mut idle: Vec<_> = (0..60).map(|_| TcpStream::connect(&address).unwrap()).collect();
    loop {
        let line = peer.next_line().unwrap();
        if line.contains("no further connection can be accepted") {
            break;
        }
    }
    // The page is long, and the rest of the first answer was not read.
    first.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut more = [0; 1_000];
    assert!(first.read(&mut more).unwrap() > 0);
    let start = Instant::now();
    idle.drain(..40);
    assert_eq!(status(&address, GET, Duration::from_secs(10)), Some(200));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let told = peer.transcript().matches("no further connection").count();
    assert_eq!(told, 1, "once for all of them:\n{}", peer.transcript());
}

#[test]
fn sessions_and_connections_have_bounds() {
    let check = |flags: &[&str], head: &str, expect: &[u16]| {
        let peer = Sandbox::new("limits-bounds").serve(flags);
        let address = address(peer.ready());
        let found: Vec<_> = expect
            .iter()
            .map(|_| status(address, head, Duration::from_secs(10)).unwrap())
            .collect();
        assert_eq!(found, expect, "{flags:?}");
    };
    check(&["--max-sessions", "2"], OPEN, &[200, 200, 503]);
    check(&["--max-sessions-per-address", "2"], OPEN, &[200, 200, 200]); // it may be a proxy
    let proxies = ["--trusted-proxies", "10.0.0.1", "--max-sessions-per-address", "2"];
    check(&proxies, OPEN, &[200, 200, 429]);
    check(
        &["--trusted-proxies", "127.0.0.0/8", "--max-sessions-per-address", "2"],
        OPEN,
        &[200; 3],
    );

    let beside_another = |flags: &[&str]| {
        let peer = Sandbox::new("limits-connections").serve(flags);
        let _idle = TcpStream::connect(address(peer.ready())).unwrap();
        status(address(peer.ready()), GET, Duration::from_secs(10)).unwrap()
    };
    assert_eq!(beside_another(&["--max-connections", "1"]), 503);
    let proxies = |proxies| {
        beside_another(&["--trusted-proxies", proxies, "--max-connections-per-address", "1"])
    };
    assert_eq!(proxies("10.0.0.1"), 429);
    // Behind these are many, and so may there be behind one that nobody has named.
    assert_eq!(proxies("127.0.0.1"), 200);
    assert_eq!(proxies("none"), 200);
}
