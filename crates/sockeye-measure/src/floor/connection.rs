//! One connection of the floor: a socket, and what could not be read or written whole.

use std::io::{self, ErrorKind, IoSlice, Write};
use std::net::TcpStream;

use super::message::{self, Message};
use crate::frame;

/// 16 bytes while idle; what is incomplete is on the heap only as long as it is.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    phase: Phase,
    rest: Option<Box<Rest>>,
}

/// How far a connection got.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// Sends its HTTP request.
    Upgrading,
    /// Has a WebSocket, no namespace.
    Open,
    /// Is in the namespace `/`.
    Ready,
}

#[derive(Debug, Default)]
struct Rest {
    /// The beginning of a request or frame.
    partial: Vec<u8>,
    /// What the socket's buffer had no room for.
    unsent: Vec<u8>,
}

/// What to do after some bytes were looked at.
pub(super) enum Step {
    /// So many bytes are done with.
    Used(usize),
    /// The peer left, or is not one of our loads.
    Close,
}

/// The answer to the one key that the loads send, and the open packet.
const UPGRADED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const OPEN: &[u8] = br#"0{"sid":"floor","upgrades":[],"pingInterval":300000,"pingTimeout":300000,"maxPayload":1000000}"#;
const CONNECTED: &[u8] = br#"40{"sid":"floor"}"#;

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, phase: Phase::Upgrading, rest: None }
    }

    /// Puts the incomplete bytes of the last read before the next ones; says how many they are.
    pub(super) fn take_partial(&mut self, scratch: &mut [u8]) -> usize {
        let Some(rest) = &mut self.rest else { return 0 };
        let kept = rest.partial.len();
        scratch[..kept].copy_from_slice(&rest.partial);
        rest.partial.clear();
        self.free_rest();
        kept
    }

    pub(super) fn keep_partial(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.rest.get_or_insert_default().partial.extend(bytes);
        }
    }

    /// Takes what is whole at the start of `bytes`.
    pub(super) fn consume(
        &mut self,
        bytes: &mut [u8],
        acks: &mut Vec<u8>,
        broadcasts: &mut Vec<Vec<u8>>,
    ) -> Step {
        let mut used = 0;
        if self.phase == Phase::Upgrading {
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
                return Step::Used(0);
            };
            used = end + 4;
            acks.extend(UPGRADED);
            push_text(OPEN, acks);
            self.phase = Phase::Open;
        }
        loop {
            let found = match frame::split(&bytes[used..]) {
                Ok(Some(found)) => found,
                Ok(None) => return Step::Used(used),
                Err(_) => return Step::Close,
            };
            let (frame::TEXT, Some(key)) = (found.opcode, found.mask) else { return Step::Close };
            let text = &mut bytes[used..][found.payload.clone()];
            used += found.payload.end;
            frame::apply_mask(text, key);
            match (self.phase, message::recognise(text)) {
                (Phase::Open, Some(Message::Connect)) => {
                    push_text(CONNECTED, acks);
                    self.phase = Phase::Ready;
                }
                (Phase::Ready, Some(Message::Echo { id, rest })) => {
                    frame::push_text_header(3 + id.len() + rest.len(), None, acks);
                    acks.extend(b"43");
                    acks.extend(id);
                    acks.extend(b"[");
                    acks.extend(rest);
                }
                (Phase::Ready, Some(Message::Broadcast)) => {
                    let mut whole = Vec::with_capacity(text.len() + frame::MAX_HEADER_BYTES);
                    push_text(text, &mut whole);
                    broadcasts.push(whole);
                }
                _ => return Step::Close,
            }
        }
    }

    /// Writes frames, now or when the socket has room: one with `write`, more with `writev`.
    pub(super) fn write(&mut self, frames: &[&[u8]]) -> io::Result<()> {
        let waiting = self.rest.as_ref().is_some_and(|rest| !rest.unsent.is_empty());
        let mut written = 0;
        if !waiting {
            let result = match frames {
                [frame] => self.stream.write(frame),
                _ => {
                    let slices: Vec<IoSlice<'_>> = frames.iter().map(|f| IoSlice::new(f)).collect();
                    self.stream.write_vectored(&slices)
                }
            };
            written = match result {
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                other => other?,
            };
        }
        for frame in frames {
            let skipped = written.min(frame.len());
            written -= skipped;
            if skipped < frame.len() {
                self.rest.get_or_insert_default().unsent.extend(&frame[skipped..]);
            }
        }
        Ok(())
    }

    /// Writes what had no room before.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let Some(rest) = &mut self.rest else { return Ok(()) };
        while !rest.unsent.is_empty() {
            match self.stream.write(&rest.unsent) {
                Ok(written) => drop(rest.unsent.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.free_rest();
        Ok(())
    }

    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub(super) fn is_ready(&self) -> bool {
        self.phase == Phase::Ready
    }

    fn free_rest(&mut self) {
        self.rest.take_if(|rest| rest.partial.is_empty() && rest.unsent.is_empty());
    }
}

fn push_text(text: &[u8], out: &mut Vec<u8>) {
    frame::push_text_header(text.len(), None, out);
    out.extend(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_is_sixteen_bytes() {
        assert_eq!(size_of::<Option<Connection>>(), 16);
    }
}
