//! HTTP/1.1 by hand, so that a test can also send what no library would.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time,
};

/// How long a test waits for an answer, unless it says otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server's answer, its body freed of chunks.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The value of a header; empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and body, as most tests compare them.
    pub(crate) fn brief(&self) -> (u16, &str) {
        (self.status, self.text())
    }
}

/// One connection to a server.
#[derive(Debug)]
pub(crate) struct Http {
    pub(crate) stream: TcpStream,
    /// Read, and not yet part of an answer.
    pub(crate) rest: Vec<u8>,
}

impl Http {
    pub(crate) async fn connect(url: &str) -> Self {
        let address = url.trim_start_matches("http://");
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, rest: Vec::new() }
    }

    /// Sends a request; `line` is its method and path, `headers` are lines that each end with `\r\n`.
    pub(crate) async fn send(&mut self, line: &str, headers: &str, body: &[u8]) {
        let host = if headers.to_ascii_lowercase().contains("host:") { "" } else { "host: x\r\n" };
        let length = match body.len() {
            0 => String::new(),
            length => format!("content-length: {length}\r\n"),
        };
        let head = format!("{line} HTTP/1.1\r\n{host}{length}{headers}\r\n");
        self.write(head.as_bytes()).await;
        self.write(body).await;
    }

    /// Sends any bytes; that the server has closed is seen when its answer is read.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let _ = time::timeout(PATIENCE, self.stream.write_all(bytes)).await.expect("room to write");
    }

    /// Reads one answer.
    pub(crate) async fn read(&mut self) -> Answer {
        time::timeout(PATIENCE, self.read_answer()).await.expect("an answer within ten seconds")
    }

    async fn read_answer(&mut self) -> Answer {
        let head = self.until(b"\r\n\r\n").await;
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let length = headers.get("content-length").map(|v| v.to_str().unwrap().parse().unwrap());
        let body = if headers.contains_key("transfer-encoding") {
            let mut body = Vec::new();
            loop {
                let size = String::from_utf8(self.until(b"\r\n").await).unwrap();
                let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
                let chunk = self.exactly(size + 2).await;
                if size == 0 {
                    break body;
                }
                body.extend(&chunk[..size]);
            }
        } else {
            self.exactly(length.unwrap_or(0)).await
        };
        Answer { status, headers, body }
    }

    /// Reads up to a mark, which is part of it.
    async fn until(&mut self, mark: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.rest.windows(mark.len()).position(|window| window == mark) {
                let rest = self.rest.split_off(at + mark.len());
                return std::mem::replace(&mut self.rest, rest);
            }
            self.more().await;
        }
    }

    async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.rest.len() < length {
            self.more().await;
        }
        let rest = self.rest.split_off(length);
        std::mem::replace(&mut self.rest, rest)
    }

    /// Reads on; more must come.
    pub(crate) async fn more(&mut self) {
        let read = self.stream.read_buf(&mut self.rest).await.unwrap();
        assert!(read > 0, "the server ended the stream behind {:?}", self.rest);
    }

    /// Waits until the server ends the stream, or breaks it.
    pub(crate) async fn ended(&mut self) {
        let ends = async {
            while !matches!(self.stream.read_buf(&mut self.rest).await, Ok(0) | Err(_)) {}
        };
        time::timeout(PATIENCE, ends).await.expect("the end of the stream within ten seconds");
    }
}

/// One request on a connection of its own.
pub(crate) async fn ask(url: &str, line: &str, headers: &str) -> Answer {
    ask_with(url, line, headers, b"").await
}

/// As [`ask`], with a body.
pub(crate) async fn ask_with(url: &str, line: &str, headers: &str, body: &[u8]) -> Answer {
    let mut http = Http::connect(url).await;
    http.send(line, headers, body).await;
    http.read().await
}
