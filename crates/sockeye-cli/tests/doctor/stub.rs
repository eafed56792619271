//! Servers by hand, each with one fault; and balancers and proxies in front of others.

use std::{
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use sockeye_proto::wire::ws::handshake::accept_key;

/// Whatever takes longer will not happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request, as far as a stub wants to know.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Method, target and version.
    pub(crate) line: String,
    /// All of it.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    /// The value of a header, whose name is in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut found = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim())
    }

    pub(crate) fn wants_websocket(&self) -> bool {
        self.header("upgrade").is_some()
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.line.contains(text)
    }
}

/// Takes connections on a free port, each in a thread of its own; the URL's `host:port`.
pub(crate) fn listen(
    serve: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            let _ = stream.set_read_timeout(Some(PATIENCE));
            // A client that goes away is none of ours.
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Answers each request with a response that is ready; the URL.
pub(crate) fn answering(answer: impl Fn(&Request) -> String + Send + Sync + 'static) -> String {
    let address = listen(move |mut stream| {
        let request = read_request(&mut stream)?;
        stream.write_all(answer(&request).as_bytes())
    });
    format!("http://{address}")
}

/// A response without anything unusual.
pub(crate) fn response(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Reads one request.
pub(crate) fn read_request(stream: &mut TcpStream) -> io::Result<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let line = head.lines().next().unwrap_or_default().to_owned();
    let mut request = Request { line, head, body: String::new() };
    let length = request.header("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    request.body = String::from_utf8_lossy(&body).into_owned();
    Ok(request)
}

/// Agrees to a WebSocket.
pub(crate) fn agree(stream: &mut TcpStream, request: &Request) -> io::Result<()> {
    let key = accept_key(request.header("sec-websocket-key").unwrap_or_default());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {key}\r\n\r\n"
    );
    stream.write_all(head.as_bytes())
}

/// Sends a text of at most 125 bytes.
pub(crate) fn say(stream: &mut TcpStream, text: &str) -> io::Result<()> {
    let mut frame = vec![0x81, u8::try_from(text.len()).unwrap()];
    frame.extend_from_slice(text.as_bytes());
    stream.write_all(&frame)
}

/// Reads one short frame, unmasked.
pub(crate) fn hear(stream: &mut TcpStream) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 6];
    stream.read_exact(&mut head)?;
    let mut payload = vec![0; usize::from(head[1] & 0x7F)];
    stream.read_exact(&mut payload)?;
    payload.iter_mut().zip(head[2..].iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Ok((head[0] & 0x0F, payload))
}

/// A proxy that is told what to do with the head of each request, and passes all else.
pub(crate) fn proxy(
    backend: &str,
    change: impl Fn(Request) -> Passed + Send + Sync + 'static,
) -> String {
    let backend = backend.trim_start_matches("http://").to_owned();
    let address = listen(move |mut stream| {
        let request = read_request(&mut stream)?;
        let body = request.body.clone();
        let (head, first_only) = match change(request) {
            Passed::On(head) => (head, false),
            Passed::AnswerOnly(head) => (head, true),
            Passed::Answered(response) => return stream.write_all(response.as_bytes()),
        };
        let mut server = TcpStream::connect(&backend)?;
        // It looks at one request of a connection only.
        let head = match head.to_ascii_lowercase().contains("upgrade: websocket") {
            true => head,
            false => head.replacen("\r\n\r\n", "\r\nconnection: close\r\n\r\n", 1),
        };
        server.write_all(head.as_bytes())?;
        server.write_all(body.as_bytes())?;
        if first_only {
            // The head of the answer, and then the end.
            let mut answer = Vec::new();
            while !answer.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                server.read_exact(&mut byte)?;
                answer.push(byte[0]);
            }
            return stream.write_all(&answer);
        }
        pass(&stream, &server)
    });
    format!("http://{address}")
}

/// What a proxy does with a request.
pub(crate) enum Passed {
    /// Passes this head on, and all that follows.
    On(String),
    /// Passes this head on, and cuts behind the head of the answer.
    AnswerOnly(String),
    /// Answers by itself.
    Answered(String),
}

/// A balancer that sends each connection to the next server.
pub(crate) fn round_robin(backends: &[&str]) -> String {
    let backends: Vec<_> =
        backends.iter().map(|url| url.trim_start_matches("http://").to_owned()).collect();
    let next = AtomicUsize::new(0);
    let address = listen(move |stream| {
        let turn = next.fetch_add(1, Ordering::Relaxed) % backends.len();
        pass(&stream, &TcpStream::connect(&backends[turn])?)
    });
    format!("http://{address}")
}

/// Both directions, until one side has had enough.
fn pass(client: &TcpStream, server: &TcpStream) -> io::Result<()> {
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    let there = thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
    let (mut from, mut to) = (server, client);
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(std::net::Shutdown::Both);
    let _ = there.join();
    Ok(())
}
