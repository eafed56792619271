//! One HTTP/1.1 connection that is kept alive: whole requests out, whole answers in.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::str;
use std::time::{Duration, Instant};

use super::LoadError;

#[derive(Debug)]
pub(crate) struct Http {
    stream: TcpStream,
    patience: Duration,
    /// What has arrived and was not taken.
    arrived: Vec<u8>,
}

/// An answer's head is shorter than this, or it is no answer of a server we know.
const MAX_HEAD_BYTES: usize = 4_096;

impl Http {
    /// Connects; a read waits at most `patience`, until [`Self::no_waiting`].
    pub(crate) fn connect(address: SocketAddr, patience: Duration) -> Result<Self, LoadError> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(patience))?;
        Ok(Self { stream, patience, arrived: Vec::new() })
    }

    /// From now on a read takes what is there.
    pub(crate) fn no_waiting(&self) -> Result<(), LoadError> {
        Ok(self.stream.set_nonblocking(true)?)
    }

    /// Sends a whole request. It is small and the last one was answered, so there is room for it.
    pub(crate) fn send(&mut self, request: &[u8]) -> Result<(), LoadError> {
        Ok(self.stream.write_all(request)?)
    }

    /// Sends a request and waits for its answer's body.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<Vec<u8>, LoadError> {
        self.send(request)?;
        let nothing = || LoadError::Http("no answer at all".to_owned());
        self.answer_within(self.patience)?.ok_or_else(nothing)
    }

    /// Waits so long for the body of the answer to what was sent; without one it may still come.
    pub(crate) fn answer_within(&mut self, wait: Duration) -> Result<Option<Vec<u8>>, LoadError> {
        let until = Instant::now() + wait;
        let mut scratch = [0; 16 * 1024];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.stream.set_read_timeout(Some(left))?;
            match self.stream.read(&mut scratch) {
                Ok(0) => return Err(LoadError::Closed),
                Ok(read) => self.arrived.extend(&scratch[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            }
            if let Some(body) = body(&self.arrived)? {
                let taken = self.arrived[body].to_vec();
                self.arrived.clear();
                return Ok(Some(taken));
            }
        }
    }

    /// Reads what is there; `on_body` gets the body once the answer is whole.
    pub(crate) fn read(
        &mut self,
        scratch: &mut [u8],
        mut on_body: impl FnMut(&[u8]),
    ) -> Result<(), LoadError> {
        loop {
            let read = match self.stream.read(scratch) {
                Ok(0) => return Err(LoadError::Closed),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            // As a rule the answer came whole and needs no copy.
            if self.arrived.is_empty()
                && let Some(body) = body(&scratch[..read])?
            {
                on_body(&scratch[body]);
            } else {
                self.arrived.extend(&scratch[..read]);
                if let Some(body) = body(&self.arrived)? {
                    on_body(&self.arrived[body]);
                    self.arrived.clear();
                }
            }
            // A short read has emptied the socket; the next edge will tell of more.
            if read < scratch.len() {
                return Ok(());
            }
        }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

/// Where the body of the only answer in `bytes` is, once all of it is there.
fn body(bytes: &[u8]) -> Result<Option<Range<usize>>, LoadError> {
    let refused = || {
        let shown = &bytes[..bytes.len().min(400)];
        LoadError::Http(String::from_utf8_lossy(shown).into_owned())
    };
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if bytes.len() < MAX_HEAD_BYTES { Ok(None) } else { Err(refused()) };
    };
    let head = str::from_utf8(&bytes[..end]).map_err(|_| refused())?;
    let mut lines = head.split("\r\n");
    if !lines.next().is_some_and(|line| line.starts_with("HTTP/1.1 200")) {
        return Err(refused());
    }
    let length: usize = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .ok_or_else(refused)?;
    let body = end + 4..end + 4 + length;
    if bytes.len() > body.end {
        return Err(refused()); // nobody asked for more than one answer
    }
    Ok((bytes.len() == body.end).then_some(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &str, expect: Option<Option<&str>>) {
        let found = body(bytes.as_bytes()).ok();
        let found = found.map(|body| body.map(|body| &bytes[body]));
        assert_eq!(found, expect, "body of {bytes:?}");
    }

    #[test]
    fn an_answer_is_taken_when_it_is_whole() {
        check("", Some(None));
        check("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n", Some(None));
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", Some(None));
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Some(Some("ok")));
        check("HTTP/1.1 200 OK\r\na: b\r\ncontent-length:0\r\n\r\n", Some(Some("")));
    }

    #[test]
    fn what_the_load_cannot_use_is_an_error() {
        check("HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nok", None);
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None);
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok!", None);
        check(&"x".repeat(MAX_HEAD_BYTES), None);
    }
}
