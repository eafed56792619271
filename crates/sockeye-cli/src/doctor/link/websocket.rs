//! A WebSocket with nothing on it but what the doctor says and hears.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::{Buf as _, Bytes, BytesMut};
use sockeye_proto::wire::{
    engine::Version,
    words::{self, LATE_REFUSAL},
    ws::{CloseCode, CloseFrame, Decoder, Encoder, Input, Limits, Message, Role},
};
use tokio::{
    io::{AsyncRead as _, AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _, ReadBuf},
    time::{self, Instant},
};

use super::{beginning::Watched, handshake::handshake, pings::Pings, reading::late_refusal};
use crate::doctor::found::{End, Front, Opened, Raw, Reception, Said, excerpt};

/// How long a server of Engine.IO 3 may take to let us into `/` unasked; it does so right behind its handshake.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long a WebSocket that says nothing is listened to, after it was spoken to.
const ECHO_PATIENCE: Duration = Duration::from_millis(500);
/// Most of a refusal that comes late.
const MAX_LATE_BYTES: usize = 16 * 1024;
/// The longest message that is read.
const MAX_MESSAGE: usize = 64 << 20;
/// How much is read at once.
const READ_BYTES: usize = 16 * 1024;

/// An open WebSocket.
///
/// What is said waits here until the stream takes it, which it does while the server is listened to: one that reads nothing
/// can't keep us from hearing, nor from giving up in time.
#[derive(Debug)]
pub(crate) struct RawWebSocket {
    stream: Watched,
    decoder: Decoder,
    /// What was heard, and not yet asked for.
    heard: VecDeque<Said>,
    /// Read, and not yet decoded.
    early: Bytes,
    /// Said, and not yet taken by the stream; since when it takes nothing.
    unsent: BytesMut,
    stuck: Option<Instant>,
    /// Our ping that is not answered yet, and how many there were.
    pinged: Option<(Instant, u32)>,
    our_pings: u32,
    /// How long the answers to our pings took, since anybody asked.
    round_trips: Vec<Duration>,
    /// When anything came last.
    pub(crate) last_heard: Instant,
    /// What the stream said when it broke.
    pub(crate) error: Option<String>,
    pub(crate) front: Front,
    /// The pings that came, of the WebSocket and of Engine.IO.
    pub(crate) pings: Pings,
}

impl RawWebSocket {
    pub(super) fn new(stream: Watched, early: Bytes, front: Front) -> Self {
        let limits = Limits { max_message_bytes: MAX_MESSAGE, ..Limits::default() };
        let decoder = Decoder::new(Role::Client, limits);
        Self {
            stream,
            decoder,
            heard: VecDeque::new(),
            early,
            unsent: BytesMut::new(),
            stuck: None,
            pinged: None,
            our_pings: 0,
            round_trips: Vec::new(),
            last_heard: Instant::now(),
            error: None,
            front,
            pings: Pings::default(),
        }
    }

    /// Waits for the handshake of Engine.IO; which version it is, what follows it tells, unless version 3 was asked for:
    /// whoever does not speak that refuses.
    pub(crate) async fn open(&mut self, asked: Version, limit: Duration) -> Reception {
        let mut answer = self.handshake(asked, limit).await;
        if let Reception::Open(_, opened) = &mut answer
            && asked == Version::V4
            && words::version(&opened.handshake, None).is_none()
            && let Some(said) = self.next(PATIENCE).await
        {
            match said {
                Said::Text(text)
                    if words::version(&opened.handshake, Some(&text)) == Some(Version::V3) =>
                {
                    opened.version = Version::V3;
                    opened.rest.push(text);
                }
                said => self.heard.push_front(said),
            }
        }
        answer
    }

    /// Waits for the handshake of Engine.IO, which is believed to be of the version that was asked for.
    pub(crate) async fn handshake(&mut self, asked: Version, limit: Duration) -> Reception {
        let until = Instant::now() + limit;
        if let Some(refused) = self.refusal(until).await {
            return refused;
        }
        let front = self.front.clone();
        let first = loop {
            match self.next_until(until).await {
                // Before its first word a server may see whether we are there.
                Some(said) if said.is_ping() => {}
                said => break said,
            }
        };
        let first = match first {
            None => match self.pings.flood(None, self.is_read()) {
                Some(flood) => return Reception::Raw(front, Raw::Floods(flood)),
                None => return self.echo().await,
            },
            Some(Said::Text(text)) => text,
            Some(Said::Binary(_) | Said::Ping) => {
                return Reception::Raw(front, Raw::Says("bytes".to_owned()));
            }
            Some(Said::End(End::Closed { code: Some(code), .. })) => {
                return Reception::Raw(front, Raw::Closed(code));
            }
            Some(Said::End(End::Broken(error))) => {
                return Reception::Raw(front, Raw::Unreadable(error));
            }
            Some(Said::End(_)) => return Reception::Raw(front, Raw::Cut),
        };
        let handshake = match handshake(&first, asked) {
            Some(Ok(handshake)) => handshake,
            Some(Err(broken)) => return Reception::Broken(front, broken),
            None => return Reception::Raw(front, Raw::Says(excerpt(&first))),
        };
        Reception::Open(front, Opened { version: asked, handshake, rest: Vec::new() })
    }

    /// Says what a client says that wants to join, and hears whether it comes back.
    async fn echo(&mut self) -> Reception {
        self.send("40");
        let raw = match self.next(ECHO_PATIENCE).await {
            Some(Said::Text(text)) if text == "40" => Raw::Echoes,
            Some(Said::Text(text)) => Raw::Says(excerpt(&text)),
            Some(Said::End(_)) => Raw::Cut,
            _ => Raw::Silent,
        };
        Reception::Raw(self.front.clone(), raw)
    }

    /// A refusal in HTTP, if that is what the server says first.
    async fn refusal(&mut self, until: Instant) -> Option<Reception> {
        let mut read = BytesMut::from(&*self.early);
        let mut is_over = false;
        loop {
            let known = read.len().min(LATE_REFUSAL.len());
            if read[..known] != LATE_REFUSAL[..known] || is_over || read.len() > MAX_LATE_BYTES {
                break;
            }
            let more = time::timeout_at(until, self.stream.read_buf(&mut read)).await;
            is_over = !matches!(more, Ok(Ok(1..)));
        }
        self.early = read.freeze();
        if is_over && self.early.is_empty() {
            return None;
        }
        late_refusal(&self.front, &self.early)
    }

    /// Puts what the server said elsewhere, or before, in front of all that it says here.
    pub(crate) fn tell(&mut self, texts: &[String]) {
        for text in texts.iter().rev() {
            self.heard.push_front(Said::Text(text.clone()));
        }
    }

    /// The next that is said within this time; `None` is silence.
    pub(crate) async fn next(&mut self, limit: Duration) -> Option<Said> {
        self.next_until(Instant::now() + limit).await
    }

    async fn next_until(&mut self, until: Instant) -> Option<Said> {
        loop {
            if let Some(said) = self.heard.pop_front() {
                return Some(said);
            }
            let mut read = BytesMut::from(&*std::mem::take(&mut self.early));
            if read.is_empty() {
                // Whoever always has something to say can't make us wait past this.
                if Instant::now() >= until {
                    return None;
                }
                match time::timeout_at(until, self.exchange()).await {
                    Err(_) => return None,
                    Ok(Ok(bytes)) if !bytes.is_empty() => {
                        (read, self.last_heard) = (bytes, Instant::now());
                    }
                    Ok(ended) => {
                        self.error = ended.err().map(|error| error.to_string());
                        return Some(Said::End(End::Cut));
                    }
                }
            }
            self.decode(&mut read);
            self.flush_now();
        }
    }

    /// Waits for the next bytes, and lets what is unsent go as far as the stream takes it.
    ///
    /// # Errors
    ///
    /// The stream's, when it is read.
    ///
    /// # Cancel safety
    ///
    /// Cancelling loses nothing.
    async fn exchange(&mut self) -> io::Result<BytesMut> {
        let mut bytes = BytesMut::zeroed(READ_BYTES);
        poll_fn(|cx| {
            self.write(cx);
            let mut buffer = ReadBuf::new(&mut bytes);
            let read = Pin::new(&mut self.stream).poll_read(cx, &mut buffer);
            read.map_ok(|()| buffer.filled().len())
        })
        .await
        .map(|length| {
            bytes.truncate(length);
            bytes
        })
    }

    fn decode(&mut self, read: &mut [u8]) {
        let mut input = Input::new(read);
        let mut pong = None;
        loop {
            let said = match self.decoder.decode(&mut input) {
                Ok(None) => break,
                Ok(Some(Message::Text(text))) => {
                    if text.starts_with('2') {
                        self.pings.add();
                    }
                    Said::Text(text.to_owned())
                }
                Ok(Some(Message::Binary(bytes))) => Said::Binary(bytes.to_vec()),
                Ok(Some(Message::Ping(payload))) => {
                    self.pings.add();
                    // RFC 6455 §5.5.3: the last one answers those before it, too.
                    pong = Some(payload.to_vec());
                    Said::Ping
                }
                Ok(Some(Message::Pong(payload))) => {
                    if let Some((at, number)) = self.pinged
                        && *payload == number.to_be_bytes()
                    {
                        self.pinged = None;
                        self.round_trips.push(at.elapsed());
                    }
                    continue;
                }
                Ok(Some(Message::Close(frame))) => Said::End(End::Closed {
                    code: frame.map(|frame| frame.code.as_u16()),
                    reason: frame.map(|frame| frame.reason.to_owned()).unwrap_or_default(),
                }),
                Err(error) => Said::End(End::Broken(error.to_string())),
            };
            let is_end = matches!(said, Said::End(_));
            // Nor is one ping behind the other any news.
            if self.heard.back() != Some(&said) || !said.is_ping() {
                self.heard.push_back(said);
            }
            if is_end {
                break;
            }
        }
        if let Some(payload) = pong
            && self.unsent.is_empty()
        {
            self.queue(Message::Pong(&payload));
        }
    }

    /// Sends a text. Whether it arrives, the answer shows.
    pub(crate) fn send(&mut self, text: &str) {
        self.queue(Message::Text(text));
        self.flush_now();
    }

    /// Sends bytes.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.queue(Message::Binary(bytes));
        self.flush_now();
    }

    /// Pings, unless such a ping is not answered yet.
    pub(crate) fn ping(&mut self) {
        if self.pinged.is_none() {
            self.pinged = Some((Instant::now(), self.our_pings));
            self.queue(Message::Ping(&self.our_pings.to_be_bytes()));
            self.our_pings += 1;
            self.flush_now();
        }
    }

    /// How long the answers to pings took that came since this was asked last.
    pub(crate) fn round_trips(&mut self) -> Vec<Duration> {
        std::mem::take(&mut self.round_trips)
    }

    /// Offers to take over the session of polling: what the server says to `2probe`.
    ///
    /// # Errors
    ///
    /// What came instead.
    pub(crate) async fn probe(&mut self, limit: Duration) -> Result<(), Option<Said>> {
        self.send("2probe");
        let until = Instant::now() + limit;
        loop {
            match self.next_until(until).await {
                Some(Said::Text(text)) if text == "3probe" => return Ok(()),
                Some(said) if said.is_ping() => {}
                said => return Err(said),
            }
        }
    }

    /// Whether the server takes what is sent.
    pub(crate) fn is_read(&self) -> bool {
        self.unsent.is_empty()
    }

    /// How long the server has taken nothing of what waits to be sent.
    pub(crate) fn stuck_for(&self) -> Option<Duration> {
        self.stuck.map(|since| since.elapsed())
    }

    /// Says goodbye; does not wait for the answer.
    pub(crate) async fn close(mut self) {
        self.queue(Message::Close(Some(CloseFrame { code: CloseCode::NORMAL, reason: "" })));
        let goodbye = async {
            self.stream.write_all(&self.unsent).await?;
            self.stream.shutdown().await
        };
        let _ = time::timeout(PATIENCE, goodbye).await;
    }

    fn queue(&mut self, message: Message<'_>) {
        let mut mask = [0; 4];
        // RFC 6455 §5.3 wants it against caches that misread; without randomness it is only as good as none.
        let _ = getrandom::fill(&mut mask);
        let mut frame = Vec::new();
        Encoder::new().encode(message, Some(mask), &mut frame);
        self.unsent.extend_from_slice(&frame);
        self.stuck.get_or_insert_with(Instant::now);
    }

    /// Sends what the stream takes without waiting; the rest goes while the server is listened to.
    fn flush_now(&mut self) {
        self.write(&mut Context::from_waker(Waker::noop()));
    }

    fn write(&mut self, cx: &mut Context<'_>) {
        while !self.unsent.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, &self.unsent) {
                Poll::Ready(Ok(sent @ 1..)) => {
                    self.unsent.advance(sent);
                    self.stuck = Some(Instant::now());
                }
                // A stream that takes nothing any more shows itself when it is read.
                Poll::Ready(_) => self.unsent.clear(),
                Poll::Pending => break,
            }
        }
        if self.unsent.is_empty() {
            self.stuck = None;
        }
        // That of TLS: what the stream itself does about it is known from the next read or write.
        let _ = Pin::new(&mut self.stream).poll_flush(cx);
    }
}
