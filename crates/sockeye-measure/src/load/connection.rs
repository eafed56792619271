//! One client connection: the handshakes, then whole texts in and masked frames out.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::LoadError;
use crate::frame;

/// Where a connection is on its way into the namespace.
///
/// ```text
/// Upgrading -101-> Opening -engine open-> Joining -CONNECT-> Ready
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// The HTTP request is out.
    Upgrading,
    /// Waits for the Engine.IO open packet.
    Opening,
    /// Asked to join the namespace `/`.
    Joining,
    /// Events flow.
    Ready,
}

#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    phase: Phase,
    /// The beginning of a frame whose rest has not arrived.
    partial: Vec<u8>,
    /// What the socket's buffer had no room for.
    unsent: Vec<u8>,
}

/// The handshake of RFC 6455 §1.3, key and answer.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

impl Connection {
    /// Connects and sends the HTTP request.
    pub(super) fn open(address: SocketAddr) -> Result<Self, LoadError> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut connection =
            Self { stream, phase: Phase::Upgrading, partial: Vec::new(), unsent: Vec::new() };
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {KEY}\r\n\r\n"
        );
        connection.send(request.as_bytes())?;
        Ok(connection)
    }

    /// Reads all that is there; `on_text` gets each text once the connection is ready, and may
    /// append frames to `out`, which leave in one write.
    pub(super) fn read(
        &mut self,
        scratch: &mut [u8],
        out: &mut Vec<u8>,
        mut on_text: impl FnMut(&[u8], &mut Vec<u8>),
    ) -> Result<(), LoadError> {
        self.flush()?;
        out.clear();
        loop {
            let kept = self.partial.len();
            scratch[..kept].copy_from_slice(&self.partial);
            let filled = match self.stream.read(&mut scratch[kept..]) {
                Ok(0) => return Err(LoadError::Closed),
                Ok(read) => kept + read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let used = self.consume(&scratch[..filled], out, &mut on_text)?;
            self.partial.clear();
            self.partial.extend(&scratch[used..filled]);
            // A short read has emptied the socket; the next edge will tell of more.
            if filled < scratch.len() {
                break;
            }
        }
        if out.is_empty() { Ok(()) } else { self.send(out) }
    }

    /// Sends `bytes`, now or when the socket has room.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        self.flush()?;
        let mut written = 0;
        if self.unsent.is_empty() {
            written = self.write(bytes)?;
        }
        self.unsent.extend(&bytes[written..]);
        Ok(())
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(super) fn is_ready(&self) -> bool {
        self.phase == Phase::Ready
    }

    fn flush(&mut self) -> Result<(), LoadError> {
        if !self.unsent.is_empty() {
            let written = self.write(&self.unsent)?;
            self.unsent.drain(..written);
        }
        Ok(())
    }

    /// Writes until all is written or the socket is full; says how much that was.
    fn write(&self, bytes: &[u8]) -> Result<usize, LoadError> {
        let mut written = 0;
        while written < bytes.len() {
            match (&self.stream).write(&bytes[written..]) {
                Ok(more) => written += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(written)
    }

    /// Takes what is whole at the start of `bytes`; says how much that was.
    fn consume(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        on_text: &mut impl FnMut(&[u8], &mut Vec<u8>),
    ) -> Result<usize, LoadError> {
        let mut used = 0;
        if self.phase == Phase::Upgrading {
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
                return Ok(0);
            };
            let answer = String::from_utf8_lossy(&bytes[..end]);
            if !answer.starts_with("HTTP/1.1 101") || !answer.contains(ACCEPT) {
                return Err(unexpected("upgrading to WebSocket", answer.as_bytes()));
            }
            self.phase = Phase::Opening;
            used = end + 4;
        }
        while let Some(found) =
            frame::split(&bytes[used..]).map_err(|error| LoadError::Frame(error.to_string()))?
        {
            let text = &bytes[used..][found.payload.clone()];
            used += found.payload.end;
            match (self.phase, found.opcode, text) {
                // Rare: the ping interval of the servers is longer than a load.
                (_, frame::TEXT, b"2") => push_text(b"3", out),
                (Phase::Ready, frame::TEXT, _) => on_text(text, out),
                (Phase::Opening, frame::TEXT, [b'0', ..]) => {
                    push_text(b"40", out);
                    self.phase = Phase::Joining;
                }
                (Phase::Joining, frame::TEXT, [b'4', b'0', ..]) => self.phase = Phase::Ready,
                (Phase::Opening, ..) => return Err(unexpected("opening its session", text)),
                (Phase::Joining, ..) => return Err(unexpected("joining the namespace", text)),
                (Phase::Upgrading | Phase::Ready, opcode, _) => {
                    return Err(LoadError::Frame(format!("a frame with opcode {opcode:#x}")));
                }
            }
        }
        Ok(used)
    }
}

fn push_text(text: &[u8], out: &mut Vec<u8>) {
    let key = [9, 8, 7, 6];
    frame::push_text_header(text.len(), Some(key), out);
    let payload_at = out.len();
    out.extend(text);
    frame::apply_mask(&mut out[payload_at..], key);
}

fn unexpected(phase: &'static str, found: &[u8]) -> LoadError {
    let shown = &found[..found.len().min(200)];
    LoadError::Handshake { phase, found: String::from_utf8_lossy(shown).into_owned() }
}
