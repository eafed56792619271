//! Servers by hand, each with one fault; and balancers and proxies in front of others.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use sockeye_testkit::stub;
pub(crate) use sockeye_testkit::stub::{Request, agree, response};

/// Takes connections on a free port, each in a thread of its own; the URL's `host:port`.
pub(crate) fn listen(
    serve: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> String {
    stub::listen(serve).unwrap().to_string()
}

/// Reads one request.
pub(crate) fn read_request(stream: &mut TcpStream) -> io::Result<Request> {
    Request::read(stream)
}

/// Answers each request with a response that is ready; the URL.
pub(crate) fn answering(answer: impl Fn(&Request) -> String + Send + Sync + 'static) -> String {
    let address = listen(move |mut stream| {
        let request = read_request(&mut stream)?;
        stream.write_all(answer(&request).as_bytes())
    });
    format!("http://{address}")
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
            return stream.write_all(&stub::read_head(&mut server)?);
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
