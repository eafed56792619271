//! A WebSocket with nothing on it but what the doctor says and hears.

use std::{collections::VecDeque, time::Duration};

use bytes::{Bytes, BytesMut};
use sockeye_proto::wire::{
    engine::{self, Handshake, Kind, Version},
    ws::{CloseCode, CloseFrame, Decoder, Encoder, Input, Limits, Message, Role},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{self, Instant},
};

use super::answer::{Answer, Front, Opened, Raw, excerpt, late_refusal};
use crate::doctor::beginning::Watched;

/// How long a server of Engine.IO 3 may take to let us into `/` unasked; it does so right behind its handshake.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long a WebSocket that says nothing is listened to, after it was spoken to.
const ECHO_PATIENCE: Duration = Duration::from_millis(500);
/// Most of a refusal that comes late.
const MAX_LATE_BYTES: usize = 16 * 1024;

/// An open WebSocket.
#[derive(Debug)]
pub(crate) struct Link {
    stream: Watched,
    decoder: Decoder,
    /// What was heard, and not yet asked for.
    heard: VecDeque<Said>,
    /// Read, and not yet decoded.
    early: Bytes,
    pub(crate) front: Front,
}

/// What the server said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Said {
    Text(String),
    Binary(Vec<u8>),
    /// A ping of the WebSocket itself; it is answered.
    Ping,
    /// No more comes.
    End(End),
}

/// How a WebSocket ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// With a close frame, which has a code or none.
    Closed { code: Option<u16>, reason: String },
    /// Without.
    Cut,
    /// With bytes that are no frames.
    Broken(String),
}

impl Link {
    pub(super) fn new(stream: Watched, early: Bytes, front: Front) -> Self {
        let limits = Limits { max_message_bytes: 16 * 1024 * 1024, ..Limits::default() };
        let decoder = Decoder::new(Role::Client, limits);
        Self { stream, decoder, heard: VecDeque::new(), early, front }
    }

    /// Waits for the handshake of Engine.IO; which version it is, what follows it tells, unless version 3 was asked for:
    /// whoever does not speak that refuses.
    pub(crate) async fn open(&mut self, asked: Version, limit: Duration) -> Answer {
        let until = Instant::now() + limit;
        if let Some(refused) = self.refusal(until).await {
            return refused;
        }
        let front = self.front.clone();
        let first = match self.next_until(until).await {
            None => return self.echo().await,
            Some(Said::Text(text)) => text,
            Some(Said::Binary(_) | Said::Ping) => {
                return Answer::Raw(front, Raw::Says("bytes".to_owned()));
            }
            Some(Said::End(End::Closed { code: Some(code), .. })) => {
                return Answer::Raw(front, Raw::Closed(code));
            }
            Some(Said::End(End::Broken(error))) => return Answer::Raw(front, Raw::Says(error)),
            Some(Said::End(_)) => return Answer::Raw(front, Raw::Cut),
        };
        let handshake: Option<Handshake> = match engine::decode(&first) {
            Ok((Kind::Open, json)) => Handshake::decode(json).ok(),
            _ => None,
        };
        let Some(handshake) = handshake else {
            return Answer::Raw(front, Raw::Says(excerpt(&first)));
        };
        let mut opened = Opened { version: asked, handshake, rest: Vec::new() };
        // Only late servers name their largest payload, and those of version 3 let us into `/` unasked.
        if asked == Version::V4
            && opened.handshake.max_payload_bytes.is_none()
            && let Some(said) = self.next(PATIENCE).await
        {
            match said {
                Said::Text(text) if text.starts_with("40") => {
                    opened.version = Version::V3;
                    opened.rest.push(text);
                }
                said => self.heard.push_front(said),
            }
        }
        Answer::Open(front, opened)
    }

    /// Says what a client says that wants to join, and hears whether it comes back.
    async fn echo(&mut self) -> Answer {
        self.send("40").await;
        let raw = match self.next(ECHO_PATIENCE).await {
            Some(Said::Text(text)) if text == "40" => Raw::Echoes,
            Some(Said::Text(text)) => Raw::Says(excerpt(&text)),
            Some(Said::End(_)) => Raw::Cut,
            _ => Raw::Silent,
        };
        Answer::Raw(self.front.clone(), raw)
    }

    /// A refusal in HTTP, if that is what the server says first.
    async fn refusal(&mut self, until: Instant) -> Option<Answer> {
        const HTTP: &[u8] = b"HTTP/1.1 ";

        let mut read = BytesMut::from(&*self.early);
        let mut is_over = false;
        loop {
            let known = read.len().min(HTTP.len());
            if read[..known] != HTTP[..known] || is_over || read.len() > MAX_LATE_BYTES {
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
                match time::timeout_at(until, self.stream.read_buf(&mut read)).await {
                    Err(_) => return None,
                    Ok(Ok(0) | Err(_)) => return Some(Said::End(End::Cut)),
                    Ok(Ok(_)) => {}
                }
            }
            self.decode(&mut read).await;
        }
    }

    async fn decode(&mut self, read: &mut [u8]) {
        let mut input = Input::new(read);
        let mut pongs = Vec::new();
        loop {
            let said = match self.decoder.decode(&mut input) {
                Ok(None) => break,
                Ok(Some(Message::Text(text))) => Said::Text(text.to_owned()),
                Ok(Some(Message::Binary(bytes))) => Said::Binary(bytes.to_vec()),
                Ok(Some(Message::Ping(payload))) => {
                    pongs.push(payload.to_vec());
                    Said::Ping
                }
                Ok(Some(Message::Pong(_))) => continue,
                Ok(Some(Message::Close(frame))) => Said::End(End::Closed {
                    code: frame.map(|frame| frame.code.as_u16()),
                    reason: frame.map(|frame| frame.reason.to_owned()).unwrap_or_default(),
                }),
                Err(error) => Said::End(End::Broken(error.to_string())),
            };
            let is_end = matches!(said, Said::End(_));
            self.heard.push_back(said);
            if is_end {
                break;
            }
        }
        for payload in pongs {
            self.write(Message::Pong(&payload)).await;
        }
    }

    /// Sends a text. Whether it arrives, the answer shows.
    pub(crate) async fn send(&mut self, text: &str) {
        self.write(Message::Text(text)).await;
    }

    /// Sends bytes.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.write(Message::Binary(bytes)).await;
    }

    /// Says goodbye; does not wait for the answer.
    pub(crate) async fn close(mut self) {
        self.write(Message::Close(Some(CloseFrame { code: CloseCode::NORMAL, reason: "" }))).await;
        let _ = time::timeout(PATIENCE, self.stream.shutdown()).await;
    }

    async fn write(&mut self, message: Message<'_>) {
        let mut mask = [0; 4];
        // RFC 6455 §5.3 wants it against caches that misread; without randomness it is only as good as none.
        let _ = getrandom::fill(&mut mask);
        let mut frame = Vec::new();
        Encoder::new().encode(message, Some(mask), &mut frame);
        let writing = async {
            self.stream.write_all(&frame).await?;
            self.stream.flush().await
        };
        // A stream that takes nothing shows itself when it is read.
        let _ = time::timeout(Duration::from_secs(5), writing).await;
    }
}
