//! Log lines that nobody reads stop nothing.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::sandbox::Sandbox;

#[test]
fn a_pipe_that_nobody_reads_stops_no_worker_and_what_is_missing_is_told() {
    let sandbox = Sandbox::new("log-pipe");
    let mut command = sandbox.command(&["serve", "--listen", "127.0.0.1:0", "--log", "trace"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = Vec::new();
    let mut stdout = child.stdout.take().unwrap();
    while line.last() != Some(&b'\n') {
        let mut byte = [0];
        stdout.read_exact(&mut byte).unwrap();
        line.push(byte[0]);
    }
    let line = String::from_utf8(line).unwrap();
    let address = line.trim_end().strip_prefix("listening on http://").unwrap();
    // Far more lines than what pipe and bound hold.
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let request = b"GET /socket.io/ HTTP/1.1\r\nhost: x\r\n\r\n";
    for _ in 0..15_000 {
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            let mut bytes = [0; 1_024];
            let read = stream.read(&mut bytes).unwrap();
            assert!(read > 0, "it is cut");
            answer.extend(&bytes[..read]);
        }
    }
    let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(said.contains("log lines are missing here"), "{} bytes", said.len());
}
