//! `sockeye ws`: lines in, messages out, how it ends.

use std::{net::SocketAddr, process::Stdio};

use axum::Router;
use sockeye::ws::{self, CloseCode, Message, Options, WebSocket};
use tokio::{net::TcpListener, runtime::Runtime};

use crate::{
    sandbox::{Run, Sandbox},
    untimed,
};

/// More letters than a raw WebSocket of the library takes unasked.
const MUCH: usize = 1_000_001;

/// A server that answers: `close` with a close, `bytes` with bytes, `much` with much, all else as it is.
struct Running {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Running {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let address = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let options = Options::default().protocols(["chat"]);
            let app = Router::new().route_service("/", ws::service(answer).options(options));
            tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
            address
        });
        Self { address, _runtime: runtime }
    }

    fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }
}

async fn answer(mut socket: WebSocket) {
    while let Ok(Some(message)) = socket.recv().await {
        let Message::Text(text) = message else { continue };
        let answered = match text.strip_prefix("close ").map(|code| code.parse::<u16>().unwrap()) {
            Some(code) => socket.close(CloseCode::new(code).unwrap(), "because").await,
            None if text == "much" => socket.send("x".repeat(MUCH)).await,
            None if text == "bytes" => socket.send(vec![0, 0xFF]).await,
            None => socket.send(text).await,
        };
        if answered.is_err() {
            return;
        }
    }
}

/// Feeds it these lines, and the end.
fn feed(sandbox: &Sandbox, args: &[&str], input: &str) -> Run {
    let input = std::fs::File::open(sandbox.write("input", input)).unwrap();
    let mut command = sandbox.command(&[&["ws"], args].concat());
    let output = command.stdin(Stdio::from(input)).output().unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn lines_go_out_and_messages_come_in() {
    let (running, sandbox) = (Running::start(), Sandbox::new("ws"));
    let run = feed(&sandbox, &[&running.url()], "hello\n\n{\"a\": 1}\nbytes\nlast");
    let expect = "hello\n\n{\"a\": 1}\n{\"$bin\":\"AP8=\"}\nlast\n";
    let expect = Run { code: Some(0), stdout: expect.into(), stderr: String::new() };
    assert_eq!(run, expect);
}

#[test]
fn messages_can_be_json() {
    let (running, sandbox) = (Running::start(), Sandbox::new("ws-json"));
    let run = feed(&sandbox, &[&running.url(), "--json", "--save-bin", "got"], "a\"b\nbytes\n");
    let lines: Vec<_> = run.stdout.lines().map(untimed).collect();
    assert_eq!(lines[0], r#"{"dir":"in","data":"a\"b"}"#);
    assert!(lines[1].starts_with(r#"{"dir":"in","data":{"$bin_file":"got/"#), "{lines:?}");
    assert_eq!((run.code, lines.len()), (Some(0), 2));
}

#[test]
fn much_goes_both_ways_at_once() {
    let (running, sandbox) = (Running::start(), Sandbox::new("ws-much"));
    // More than all buffers on the way hold together.
    let input = format!("{}\n", "x".repeat(1_000)).repeat(20_000);
    let run = feed(&sandbox, &[&running.url()], &input);
    assert_eq!((run.code, run.stdout.len()), (Some(0), input.len()), "{}", run.stderr);
}

#[test]
fn a_message_may_be_as_long_as_is_allowed() {
    let (running, sandbox) = (Running::start(), Sandbox::new("ws-long"));
    for args in [&[][..], &["--max-message", "1000001"], &["-v"]] {
        let run = feed(&sandbox, &[&[&*running.url()], args].concat(), "much\n");
        assert_eq!((run.code, run.stdout.len()), (Some(0), MUCH + 1), "{}", run.stderr);
    }
    let run = feed(&sandbox, &[&running.url(), "--max-message", "1MB"], "much\n");
    assert_eq!((run.code, &*run.stdout), (Some(9), ""), "{}", run.stderr);
    assert!(run.stderr.contains("longer than 1000000 bytes"), "{}", run.stderr);
    assert!(run.stderr.contains("--max-message SIZE"), "{}", run.stderr);
}

#[test]
fn the_close_code_decides() {
    let (running, sandbox) = (Running::start(), Sandbox::new("ws-close"));
    for (code, exit) in [("1000", 0), ("1001", 0), ("1008", 9), ("4000", 9)] {
        let run = feed(&sandbox, &[&running.url(), "--linger", "20s"], &format!("close {code}\n"));
        assert_eq!((run.code, &*run.stdout), (Some(exit), ""), "{run:?}");
        assert_eq!(run.stderr.contains(&format!("{code} because")), exit == 9, "{run:?}");
    }
}

#[test]
fn a_subprotocol_is_agreed_on() {
    let (running, sandbox) = (Running::start(), Sandbox::new("ws-protocol"));
    let args = [&*running.url(), "-v", "--subprotocol", "other", "--subprotocol", "chat"];
    let run = feed(&sandbox, &args, "");
    let end = "\nconnected, subprotocol chat\nclosed by us\n";
    assert!(run.code == Some(0) && run.stderr.ends_with(end), "{run:?}");
}

#[test]
fn it_says_why_it_does_not_open() {
    #[track_caller] // a failure points at the row, not at this function
    fn check(run: &Run, code: i32, text: &str) {
        assert_eq!((run.code, &*run.stdout), (Some(code), ""), "{run:?}");
        assert!(run.stderr.starts_with("error: ") && run.stderr.contains(text), "{run:?}");
    }
    let (running, sandbox) = (Running::start(), Sandbox::new("ws-troubles"));
    let url = running.url();
    check(&feed(&sandbox, &["ftp://h"], ""), 2, "ws://");
    check(&feed(&sandbox, &[&url, "--subprotocol", "a b"], ""), 2, "--subprotocol");
    check(&feed(&sandbox, &[&format!("{url}nowhere")], ""), 5, "404");
    check(&feed(&sandbox, &[&url.replace("ws:", "wss:"), "-k"], ""), 4, "--cacert");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("ws://{}", listener.local_addr().unwrap());
    drop(listener);
    check(&feed(&sandbox, &[&closed], ""), 3, "port");
}
