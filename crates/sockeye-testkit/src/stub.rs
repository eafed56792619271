//! A server by hand, for what no library would answer: a listener, requests as they came, bytes of the test's choice.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use sockeye_proto::wire::ws::handshake::accept_key;

/// How long a stub waits for a peer to say more.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request, as far as a stub wants to know.
#[derive(Clone, Debug)]
pub struct Request {
    /// Method, target and version.
    pub line: String,
    /// All of it, up to the empty line.
    pub head: String,
    /// As long as `content-length` says.
    pub body: String,
}

impl Request {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// The stream ends or breaks before it is whole.
    pub fn read(stream: &mut impl Read) -> io::Result<Self> {
        let head = String::from_utf8_lossy(&read_head(stream)?).into_owned();
        let line = head.lines().next().unwrap_or_default().to_owned();
        let mut request = Self { line, head, body: String::new() };
        let length = request.header("content-length").and_then(|length| length.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body)?;
        request.body = String::from_utf8_lossy(&body).into_owned();
        Ok(request)
    }

    /// The value of a header, whatever the size of its letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Whether it asks for another protocol.
    #[must_use]
    pub fn wants_websocket(&self) -> bool {
        self.header("upgrade").is_some()
    }

    /// Whether its first line has this in it.
    #[must_use]
    pub fn has(&self, text: &str) -> bool {
        self.line.contains(text)
    }
}

/// Reads the head of a request or an answer, with the empty line, and nothing behind it.
///
/// # Errors
///
/// The stream ends or breaks before it is whole.
pub fn read_head(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok(head)
}

/// Takes connections on a free port of this machine until the process ends, each in a thread of its own.
///
/// # Errors
///
/// There is no free port.
pub fn listen(
    serve: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            let _ = stream.set_read_timeout(Some(PATIENCE));
            // A client that goes away is none of ours.
            thread::spawn(move || serve(stream));
        }
    });
    Ok(address)
}

/// A response with its length, after which the connection ends; `headers` are lines that each end with `\r\n`.
#[must_use]
pub fn response(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Agrees to a WebSocket.
///
/// # Errors
///
/// The stream breaks.
pub fn agree(stream: &mut impl Write, request: &Request) -> io::Result<()> {
    let key = accept_key(request.header("sec-websocket-key").unwrap_or_default());
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-accept: {key}\r\n\r\n"
    )
}
