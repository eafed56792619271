//! Servers whose TLS is not as ours, each on a free port and a thread of its own.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Answers each connection so, until the test's process ends; where it listens.
pub(crate) fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Ends TLS in front of the server at `target`, a URL; a URL at `localhost`.
pub(crate) fn in_front_of(target: &str, config: ServerConfig) -> String {
    let target = target.split("://").nth(1).unwrap().to_owned();
    let config = Arc::new(config);
    let address = listen(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        // One request: what is not let in fails here, and is told why by the alert.
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if stream.read_exact(&mut byte).is_err() {
                return;
            }
            request.extend(byte);
        }
        let Ok(server) = TcpStream::connect(&target) else { return };
        carry(stream, server, &request);
    });
    address.replace("127.0.0.1", "https://localhost")
}

/// Carries bytes both ways, in turns: neither side may keep the other waiting.
fn carry(
    mut client: StreamOwned<ServerConnection, TcpStream>,
    mut server: TcpStream,
    first: &[u8],
) {
    let pause = Some(std::time::Duration::from_millis(5));
    client.sock.set_read_timeout(pause).unwrap();
    server.set_read_timeout(pause).unwrap();
    if server.write_all(first).is_err() {
        return;
    }
    let mut bytes = [0; 16 * 1024];
    loop {
        match client.read(&mut bytes) {
            Ok(0) => return,
            Ok(read) if server.write_all(&bytes[..read]).is_err() => return,
            Err(error) if !is_pause(&error) => return,
            _ => {}
        }
        match server.read(&mut bytes) {
            Ok(0) => return,
            Ok(read) if client.write_all(&bytes[..read]).is_err() => return,
            Err(error) if !is_pause(&error) => return,
            _ => {}
        }
    }
}

fn is_pause(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

/// Reads one TLS record, or the beginning of whatever else comes.
pub(crate) fn record(stream: &mut TcpStream) -> Vec<u8> {
    let mut head = [0; 5];
    if stream.read_exact(&mut head).is_err() || head[0] != 22 {
        return head.to_vec();
    }
    let mut body = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    let _ = stream.read_exact(&mut body);
    [&head[..], &body].concat()
}

/// A proxy that connects wherever it is asked to (RFC 9110 §9.3.6); its URL.
pub(crate) fn proxy() -> String {
    let address = listen(|mut client| {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if client.read_exact(&mut byte).is_err() {
                return;
            }
            head.extend(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let target = head.split(' ').nth(1).unwrap().replace("localhost", "127.0.0.1");
        let Ok(mut server) = TcpStream::connect(target) else { return };
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let (mut up_from, mut up_to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || {
            let _ = std::io::copy(&mut up_from, &mut up_to);
            let _ = up_to.shutdown(std::net::Shutdown::Write);
        });
        let _ = std::io::copy(&mut server, &mut client);
        let _ = client.shutdown(std::net::Shutdown::Write);
    });
    format!("http://{address}")
}
