//! What clients do to the server: some of it right, most of it not.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::Failure;
use super::ws::Ws;
use crate::load::Http;

#[derive(Clone, Copy, Debug)]
pub(super) enum Mischief {
    /// Joins and leaves without a word.
    Connect,
    /// Polls until an ack comes, then vanishes.
    Poll,
    /// Opens on polling and moves to WebSocket.
    Upgrade,
    /// Probes with a WebSocket and drops it.
    AbandonedProbe,
    /// Reads and writes nothing any more until the server has cut it off.
    HalfOpen,
    /// Leaves while its GET waits.
    AbortedGet,
    /// Leaves in the middle of its POST.
    AbortedPost,
    /// Sends many events and reads none of the answers.
    Flood,
    /// Sends what is no packet, no frame and no request.
    Garbage,
}

const PATIENCE: Duration = Duration::from_secs(10);

impl Mischief {
    pub(super) const ALL: [Self; 9] = [
        Self::Connect,
        Self::Poll,
        Self::Upgrade,
        Self::AbandonedProbe,
        Self::HalfOpen,
        Self::AbortedGet,
        Self::AbortedPost,
        Self::Flood,
        Self::Garbage,
    ];

    pub(super) fn act(self, address: SocketAddr) -> Result<(), Failure> {
        match self {
            Self::Connect => drop(Ws::join(address)?),
            Self::Poll => drop(Polling::join(address)?),
            Self::Upgrade => {
                let mut polling = Polling::join(address)?;
                let mut ws = polling.probe(address)?;
                polling.http.send(polling.get().as_bytes())?; // a noop answers it
                ws.send("5")?;
                ws.send("421[\"echo\",1]")?;
                ws.until("431[1]")?;
            }
            Self::AbandonedProbe => {
                let polling = Polling::join(address)?;
                drop(polling.probe(address)?);
            }
            Self::HalfOpen => {
                let mut ws = Ws::join(address)?;
                // The server cuts; what it sent before does not matter.
                while ws.stream.read(&mut [0; 1024])? > 0 {}
            }
            Self::AbortedGet => {
                let mut polling = Polling::join(address)?;
                polling.http.send(polling.get().as_bytes())?;
            }
            Self::AbortedPost => {
                let mut polling = Polling::join(address)?;
                let post = polling.post(&"x".repeat(50_000));
                polling.http.send(&post.as_bytes()[..post.len() / 2])?;
            }
            Self::Flood => {
                let mut ws = Ws::join(address)?;
                let text = format!("42[\"message\",\"{}\"]", "x".repeat(4_000));
                for _ in 0..200 {
                    ws.send(&text)?;
                }
            }
            Self::Garbage => {
                Ws::join(address)?.send("4garbage")?;
                let mut ws = Ws::join(address)?;
                ws.stream.write_all(&[0xff; 64])?;
                let polling = &mut Polling::join(address)?;
                // Refused, as it should be.
                let _ = polling.http.ask(polling.post("garbage").as_bytes());
                TcpStream::connect(address)?.write_all(&[0; 64])?;
            }
        }
        Ok(())
    }
}

/// A session on polling that has joined the namespace `/`.
struct Polling {
    http: Http,
    id: String,
}

impl Polling {
    fn join(address: SocketAddr) -> Result<Self, Failure> {
        let mut http = Http::connect(address, PATIENCE)?;
        let open = http
            .ask(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let open = String::from_utf8(open)?;
        let id = open.split_once("\"sid\":\"").and_then(|(_, rest)| rest.split('"').next());
        let id = id.ok_or("no id in the handshake")?.to_owned();
        let mut polling = Self { http, id };
        for (text, answer) in [("40", "40{"), ("421[\"echo\",1]", "431[1]")] {
            polling.http.ask(polling.post(text).as_bytes())?;
            while !String::from_utf8(polling.http.ask(polling.get().as_bytes())?)?.contains(answer)
            {
            }
        }
        Ok(polling)
    }

    /// Probes with a WebSocket, up to the server's answer.
    fn probe(&self, address: SocketAddr) -> Result<Ws, Failure> {
        let mut ws = Ws::open(address, &format!("&sid={}", self.id))?;
        ws.send("2probe")?;
        ws.until("3probe")?;
        Ok(ws)
    }

    fn get(&self) -> String {
        let id = &self.id;
        format!(
            "GET /socket.io/?EIO=4&transport=polling&sid={id} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
    }

    fn post(&self, text: &str) -> String {
        let (id, bytes) = (&self.id, text.len());
        format!(
            "POST /socket.io/?EIO=4&transport=polling&sid={id} HTTP/1.1\r\nHost: localhost\r\n\
             Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {bytes}\r\n\r\n{text}"
        )
    }
}
