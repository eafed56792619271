//! A WebSocket connection that waits for each text, and answers the pings in between.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::Failure;
use crate::frame;

#[derive(Debug)]
pub(super) struct Ws {
    pub(super) stream: TcpStream,
    arrived: Vec<u8>,
}

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

impl Ws {
    /// Opens one; `query` is what follows `transport=websocket`.
    pub(super) fn open(address: SocketAddr, query: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.set_write_timeout(Some(Duration::from_secs(10)))?;
        let mut ws = Self { stream, arrived: Vec::new() };
        write!(
            ws.stream,
            "GET /socket.io/?EIO=4&transport=websocket{query} HTTP/1.1\r\nHost: {address}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )?;
        let end = loop {
            if let Some(at) = ws.arrived.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            ws.read_more()?;
        };
        if !ws.arrived.starts_with(b"HTTP/1.1 101") {
            return Err(String::from_utf8_lossy(&ws.arrived).into());
        }
        ws.arrived.drain(..end);
        Ok(ws)
    }

    /// Opens one and joins the namespace `/`.
    pub(super) fn join(address: SocketAddr) -> Result<Self, Failure> {
        let mut ws = Self::open(address, "")?;
        ws.until("0{")?;
        ws.send("40")?;
        ws.until("40{")?;
        Ok(ws)
    }

    pub(super) fn send(&mut self, text: &str) -> io::Result<()> {
        let mut out = Vec::new();
        frame::push_text_header(text.len(), Some(MASK), &mut out);
        let payload_at = out.len();
        out.extend(text.as_bytes());
        frame::apply_mask(&mut out[payload_at..], MASK);
        self.stream.write_all(&out)
    }

    /// Waits for a text that starts so; passes over all others.
    pub(super) fn until(&mut self, start: &str) -> Result<(), Failure> {
        loop {
            while let Some(found) = frame::split(&self.arrived)? {
                let text = self.arrived[found.payload.clone()].to_vec();
                self.arrived.drain(..found.payload.end);
                if text.starts_with(start.as_bytes()) {
                    return Ok(());
                }
                if text == b"2" {
                    self.send("3")?;
                }
            }
            self.read_more()?;
        }
    }

    fn read_more(&mut self) -> io::Result<()> {
        let mut scratch = [0; 16 * 1024];
        match self.stream.read(&mut scratch)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            read => {
                self.arrived.extend(&scratch[..read]);
                Ok(())
            }
        }
    }
}
