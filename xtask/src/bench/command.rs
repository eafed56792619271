//! `cargo xtask bench command`: how large the command is, how fast it starts, and what it costs beside bare sockets.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::{Context, Failure, Outcome};
use crate::place;
use crate::run::{command, run};

/// Runs of each, of which the median counts.
const RUNS: usize = 101;

/// Builds the command, and measures all in turn, so that what else the machine does meets all alike.
pub(crate) fn measure() -> Outcome {
    let build = ["build", "--release", "--package", "sockeye-cli"];
    run(&mut command("cargo", build))?;
    let binary = place::target().join("release/sockeye");
    let stripped = place::target().join("release/sockeye-stripped");
    run(command("strip", ["-o"]).arg(&stripped).arg(&binary))?;
    let bytes = fs::metadata(&stripped).context("the stripped binary")?.len();
    println!("stripped binary: {:.1} MiB", bytes as f64 / f64::from(1 << 20));

    let sockeye = |arguments: &[&str]| {
        let mut command = Command::new(&stripped);
        command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::null());
        command
    };
    let mut serve = sockeye(&["serve", "--echo", "--listen", "127.0.0.1:0", "--log", "off"]);
    let mut server = Server(serve.stdout(Stdio::piped()).spawn().context("starting the server")?);
    let url = server.url()?;
    let address = url.strip_prefix("http://").unwrap_or(&url).to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").context("listening")?;
    let closed = format!("http://{}", listener.local_addr().context("listening")?);
    let own = env::current_exe().context("finding this program")?;
    let bare = |trips: &str| {
        let mut command = Command::new(&own);
        command.args(["bench", "bare", &address, trips]).env_clear();
        command
    };

    let ack = ["emit", &url, "echo", "1", "--ack"];
    let websocket = [&ack[..], &["--transport", "websocket"]].concat();
    let mut rows = [
        Row::new("true, a process that does nothing"),
        Row::new("sockeye --version"),
        Row::new("sockeye emit, until it connects"),
        Row::new("bare: TCP, WebSocket, one round trip"),
        Row::new("bare: the same, and the ack"),
        Row::new("sockeye emit --ack --transport websocket"),
        Row::new("sockeye emit --ack (polling first)"),
    ];
    for _ in 0..RUNS {
        let [nothing, version, first, floor, all, by_websocket, by_polling] = &mut rows;
        nothing.end(&mut Command::new("true"))?;
        version.end(&mut sockeye(&["--version"]))?;
        first.connection(&mut sockeye(&["emit", &closed, "x"]), &listener)?;
        floor.end(&mut bare("1"))?;
        all.end(&mut bare("2"))?;
        by_websocket.end(&mut sockeye(&websocket))?;
        by_polling.end(&mut sockeye(&ack))?;
    }
    let floor = rows[3].median();
    println!("{:<42} {:>9} {:>9} {:>7}", "", "median", "9 of 10", "ratio");
    for row in &mut rows {
        let ratio = row.median().as_secs_f64() / floor.as_secs_f64();
        let (median, most) = (milliseconds(row.median()), milliseconds(row.nine_of_ten()));
        println!("{:<42} {median:>6.2} ms {most:>6.2} ms {ratio:>6.2}x", row.name);
    }
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// What is measured, and how long it took each time.
struct Row {
    name: &'static str,
    times: Vec<Duration>,
}

impl Row {
    const fn new(name: &'static str) -> Self {
        Self { name, times: Vec::new() }
    }

    /// Measures until the program has ended.
    fn end(&mut self, command: &mut Command) -> Outcome {
        let began = Instant::now();
        let status = command.stdout(Stdio::null()).status().context(self.name)?;
        self.times.push(began.elapsed());
        if status.success() {
            Ok(())
        } else {
            Err(Failure::new(format!("{}: {status}", self.name)))
        }
    }

    /// Measures until the program connects, and ends it.
    fn connection(&mut self, command: &mut Command, listener: &TcpListener) -> Outcome {
        let began = Instant::now();
        let mut child = command.stderr(Stdio::null()).spawn().context(self.name)?;
        let accepted = listener.accept().context(self.name);
        self.times.push(began.elapsed());
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().context(self.name)?;
        accepted.map(|_| ())
    }

    fn median(&mut self) -> Duration {
        self.times.sort_unstable();
        self.times[self.times.len() / 2]
    }

    fn nine_of_ten(&mut self) -> Duration {
        self.times.sort_unstable();
        self.times[self.times.len() * 9 / 10]
    }
}

/// A server that ends with its measurement.
struct Server(Child);

impl Server {
    fn url(&mut self) -> Outcome<String> {
        let stdout =
            self.0.stdout.take().ok_or_else(|| Failure::new("the server has no output"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).context("reading the server's address")?;
        let url = line.trim().strip_prefix("listening on ").map(str::to_owned);
        url.ok_or_else(|| Failure::new(format!("no address of the server in {line:?}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The floor, as a process of its own: a connection, the handshake of a WebSocket, and so many round trips.
pub(crate) fn bare(address: &str, trips: &str) -> Outcome {
    const REQUEST: &str = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n\
        Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let stream = TcpStream::connect(address).context("connecting")?;
    stream.set_nodelay(true).context("connecting")?;
    let mut input = BufReader::new(&stream);
    (&stream).write_all(REQUEST.as_bytes()).context("writing")?;
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        input.read_line(&mut line).context("reading the answer")?;
    }
    expect(&mut input, "0{")?;
    for (message, answer) in [("40", "40"), ("420[\"echo\",1]", "430[1]")]
        .into_iter()
        .take(trips.parse().context("the number of round trips")?)
    {
        // Final text frame, masked with zeros.
        let mut frame = vec![0x81, 0x80 | message.len() as u8, 0, 0, 0, 0];
        frame.extend_from_slice(message.as_bytes());
        (&stream).write_all(&frame).context("writing")?;
        expect(&mut input, answer)?;
    }
    Ok(())
}

/// Reads messages up to the one that begins so.
fn expect(input: &mut impl Read, begin: &str) -> Outcome {
    loop {
        let mut head = [0; 2];
        input.read_exact(&mut head).context("reading a message")?;
        let mut len = u16::from(head[1]);
        if len == 126 {
            let mut long = [0; 2];
            input.read_exact(&mut long).context("reading a message")?;
            len = u16::from_be_bytes(long);
        }
        let mut message = vec![0; len.into()];
        input.read_exact(&mut message).context("reading a message")?;
        if message.starts_with(begin.as_bytes()) {
            return Ok(());
        }
    }
}
