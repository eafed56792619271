//! A server that plays from a script whatever it is that it says, one connection after the other, on loopback.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use sockeye_proto::wire::ws::handshake::accept_key;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// How long it waits for a client that does not speak, or does not read.
const PATIENCE: Duration = Duration::from_millis(50);

/// What it sends on one connection at most.
const MAX_BYTES: usize = 4 << 20;

/// Plays the connections that are separated by lines of `=`; those that come after the last one are closed at once.
pub async fn play(listener: TcpListener, script: &str) {
    let mut connections: VecDeque<_> = script.split("\n=").collect();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        // Thousands of runs leave no port behind that waits.
        _ = stream.set_zero_linger();
        let lines = connections.pop_front().unwrap_or_default().to_owned();
        tokio::spawn(async move {
            Connection { stream, left: MAX_BYTES, key: String::new() }.play(&lines).await
        });
    }
}

struct Connection {
    stream: TcpStream,
    /// What it may still send.
    left: usize,
    /// Of the last request, if it wanted a WebSocket.
    key: String,
}

impl Connection {
    async fn play(mut self, lines: &str) -> io::Result<()> {
        for line in lines.lines() {
            let (times, line) = times(line);
            let Some((operation, rest)) = line.split_at_checked(1) else { continue };
            for _ in 0..times {
                match operation {
                    "<" => self.request().await?,
                    ">" => self.send(&unescaped(rest)).await?,
                    "o" => {
                        // The id's length comes first, since long ones are what goes wrong.
                        let (length, rest) =
                            rest.trim_start().split_once(' ').unwrap_or((rest, ""));
                        let sid = "s".repeat(length.parse().unwrap_or(1).min(200_000));
                        self.answer(format!(r#"0{{"sid":"{sid}"{rest}}}"#).as_bytes()).await?;
                    }
                    "a" => self.answer(&unescaped(rest)).await?,
                    "u" => {
                        let accept = accept_key(&self.key);
                        let head = format!(
                            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                             Sec-WebSocket-Accept: {accept}\r\n\r\n"
                        );
                        self.send(head.as_bytes()).await?;
                    }
                    "t" => self.frame(0x81, &unescaped(rest)).await?,
                    "b" => self.frame(0x82, &unescaped(rest)).await?,
                    "~" => tokio::time::sleep(PATIENCE / 10).await,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Reads up to the end of a request's head; what follows it is left, and may be in the way.
    async fn request(&mut self) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") && head.len() < 256 * 1024 {
            match timeout(PATIENCE, self.stream.read_u8()).await {
                Ok(byte) => head.push(byte?),
                Err(_) => return Ok(()),
            }
        }
        let head = String::from_utf8_lossy(&head);
        let mut fields = head.lines().filter_map(|line| line.split_once(": "));
        let key = fields.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
        self.key = key.map(|(_, key)| key.to_owned()).unwrap_or_default();
        Ok(())
    }

    async fn answer(&mut self, body: &[u8]) -> io::Result<()> {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        self.send(&[head.as_bytes(), body].concat()).await
    }

    async fn frame(&mut self, first: u8, payload: &[u8]) -> io::Result<()> {
        let mut frame = vec![first];
        match payload.len() {
            short @ ..=125 => frame.push(short as u8),
            long => {
                frame.push(127);
                frame.extend((long as u64).to_be_bytes());
            }
        }
        self.send(&[&frame, payload].concat()).await
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.left = self.left.checked_sub(bytes.len()).ok_or(io::ErrorKind::WriteZero)?;
        timeout(PATIENCE, self.stream.write_all(bytes)).await?
    }
}

/// `*N` before an operation repeats it, ten times for each N.
fn times(line: &str) -> (usize, &str) {
    match line.strip_prefix('*').and_then(|rest| rest.split_at_checked(1)) {
        Some((digit, rest)) => (10_usize.pow(digit.parse().unwrap_or(0).min(5)), rest),
        None => (1, line),
    }
}

/// `\n`, `\r`, `\e` (the separator of polling) and `\xHH` are what they say.
fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        out.extend(plain.as_bytes());
        let hex = escaped.strip_prefix('x').and_then(|hex| hex.get(..2));
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let (byte, length) = match (byte, escaped.chars().next()) {
            (Some(byte), _) => (byte, 3),
            (None, Some('n')) => (b'\n', 1),
            (None, Some('r')) => (b'\r', 1),
            (None, Some('e')) => (0x1e, 1),
            (None, _) => (b'\\', 0),
        };
        out.push(byte);
        rest = &escaped[length..];
    }
    out.extend(rest.as_bytes());
    out
}
