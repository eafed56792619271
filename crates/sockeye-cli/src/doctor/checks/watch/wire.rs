//! What a link goes over: a WebSocket of the library's, or polling, one GET after the other.

use std::{collections::VecDeque, fmt, rc::Rc, sync::Arc};

use bytes::Bytes;
use futures_util::{FutureExt as _, future::LocalBoxFuture};
use sockeye::ws::{Close, CloseCode, Error, Message, WebSocket};
use sockeye_proto::wire::{
    encoding::Encoding,
    engine::{self, Version},
    polling::{Format, Item, Packets, encode},
    prepared::Prepared,
};

use crate::{
    doctor::{
        found::{Answer, life::End},
        link::{Prober, Reply, Unanswered},
    },
    values::printable,
};

/// An open transport.
pub(super) enum Wire<'p> {
    WebSocket(Box<WebSocket>),
    Polling(Polling<'p>),
}

/// What came in.
pub(super) enum Incoming {
    Text(String),
    /// A message, without the type that version 3 puts before it.
    Binary(Bytes),
    /// The answer to a ping of the WebSocket.
    Pong(Bytes),
    /// A ping of the WebSocket, which is answered.
    Ping,
}

impl Wire<'_> {
    /// The next that comes.
    ///
    /// # Errors
    ///
    /// How it ended.
    ///
    /// # Cancel safety
    ///
    /// Cancelling loses nothing.
    pub(super) async fn recv(&mut self, version: Version) -> Result<Incoming, End> {
        match self {
            Self::Polling(polling) => polling.recv().await,
            Self::WebSocket(socket) => match socket.recv().await {
                // Who can't write bytes writes them as text.
                Ok(Some(Message::Text(text))) => {
                    match engine::decode_base64(version, text.as_bytes()).map_err(unreadable)? {
                        Some(bytes) => Ok(Incoming::Binary(bytes.into())),
                        None => Ok(Incoming::Text(text)),
                    }
                }
                Ok(Some(Message::Binary(bytes))) => Ok(Incoming::Binary(match version {
                    Version::V4 => bytes,
                    Version::V3 => {
                        bytes.slice_ref(engine::decode_binary(&bytes).map_err(unreadable)?)
                    }
                })),
                Ok(Some(Message::Pong(payload))) => Ok(Incoming::Pong(payload)),
                Ok(Some(Message::Ping(_))) => Ok(Incoming::Ping),
                Ok(Some(Message::Close(close))) => Err(closed(close)),
                Ok(None) => Err(End::Lost { code: ABNORMAL, word: "no close frame".to_owned() }),
                Err(error) => Err(lost(&error)),
            },
        }
    }

    /// Sends a packet.
    ///
    /// # Errors
    ///
    /// It can't be sent.
    pub(super) async fn send(&mut self, packet: Prepared, encoding: Encoding) -> Result<(), End> {
        let packet = packet.encoded_for(encoding);
        match self {
            Self::Polling(polling) => polling.post(&packet).await,
            Self::WebSocket(socket) => {
                if !packet.text().is_empty() {
                    socket.send(packet.text()).await.map_err(|error| lost(&error))?;
                }
                let mark =
                    (encoding.version == Version::V3).then(|| engine::Kind::Message.digit() - b'0');
                for attachment in packet.attachments() {
                    let bytes: Vec<u8> =
                        mark.into_iter().chain(attachment.iter().copied()).collect();
                    let message = Message::Binary(bytes.into());
                    socket.send(message).await.map_err(|error| lost(&error))?;
                }
                Ok(())
            }
        }
    }

    /// Sends a ping of the WebSocket, if it is one.
    ///
    /// # Errors
    ///
    /// It can't be sent.
    pub(super) async fn ping(&mut self, payload: Bytes) -> Result<(), End> {
        match self {
            Self::Polling(_) => Ok(()),
            Self::WebSocket(socket) => socket.ping(payload).await.map_err(|error| lost(&error)),
        }
    }

    /// Says goodbye.
    pub(super) async fn close(self, encoding: Encoding) {
        // Whether it arrives makes no difference to us, here and below.
        match self {
            Self::WebSocket(mut socket) => _ = socket.close(CloseCode::NORMAL, "").await,
            Self::Polling(polling) => {
                let goodbye = Prepared::engine(engine::Kind::Close, "").encoded_for(encoding);
                _ = polling.post(&goodbye).await;
            }
        }
    }

    pub(super) const fn is_polling(&self) -> bool {
        matches!(self, Self::Polling(_))
    }
}

/// A session on polling. Its GET waits while other requests come and go.
pub(super) struct Polling<'p> {
    prober: Rc<Prober<'p>>,
    version: Version,
    sid: Arc<str>,
    get: Option<LocalBoxFuture<'p, Result<Reply, Unanswered>>>,
    heard: VecDeque<Result<Incoming, End>>,
}

impl<'p> Polling<'p> {
    pub(super) fn new(
        prober: Rc<Prober<'p>>,
        version: Version,
        sid: &str,
        rest: Vec<String>,
    ) -> Self {
        let heard = rest.into_iter().map(|text| Ok(Incoming::Text(text))).collect();
        Self { prober, version, sid: sid.into(), get: None, heard }
    }

    async fn recv(&mut self) -> Result<Incoming, End> {
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return heard;
            }
            let get = self.get.get_or_insert_with(|| {
                let (prober, sid) = (Rc::clone(&self.prober), Arc::clone(&self.sid));
                let version = self.version;
                async move { prober.polling(version, Some(&sid), None).await }.boxed_local()
            });
            let answer = get.await;
            self.get = None;
            let reply = judged(answer)?;
            self.read(&reply.body);
        }
    }

    fn read(&mut self, body: &[u8]) {
        let mut packets = Packets::new(Format::of_answer(self.version, body), body);
        loop {
            let heard = match packets.next() {
                Ok(Some(Item::Text(text))) => Ok(Incoming::Text(text.to_owned())),
                Ok(Some(Item::Binary(bytes))) => Ok(Incoming::Binary(bytes.into_owned().into())),
                Ok(None) => return,
                Err(error) => Err(unreadable(error)),
            };
            let is_over = heard.is_err();
            self.heard.push_back(heard);
            if is_over {
                return;
            }
        }
    }

    async fn post(&self, packet: &Prepared) -> Result<(), End> {
        let (body, _) = encode(std::iter::once(packet), self.version, false, usize::MAX);
        let body = Some((body.content_type, body.bytes));
        judged(self.prober.polling(self.version, Some(&self.sid), body).await).map(|_| ())
    }
}

/// An answer of a session that lives.
fn judged(answer: Result<Reply, Unanswered>) -> Result<Reply, End> {
    match answer {
        Ok(reply) if reply.status.is_success() => Ok(reply),
        Ok(reply) => {
            let reason = Answer::of_polling(Ok(reply)).note();
            Err(End::Closed { code: None, reason: printable(&reason) })
        }
        Err(unanswered) => {
            let word = printable(&Answer::of_polling(Err(unanswered)).note());
            Err(End::Lost { code: None, word })
        }
    }
}

/// What browsers say where there was no code, and where there was no close frame (RFC 6455 §7.4.1).
const NO_CODE: Option<u16> = Some(1005);
const ABNORMAL: Option<u16> = Some(1006);

fn closed(close: Option<Close>) -> End {
    match close {
        None => End::Closed { code: NO_CODE, reason: String::new() },
        Some(close) => {
            let reason = printable(&close.reason);
            End::Closed { code: Some(close.code.as_u16()), reason }
        }
    }
}

/// What a client ends the session for.
fn unreadable(error: impl fmt::Display) -> End {
    End::Lost { code: None, word: printable(&error.to_string()) }
}

fn lost(error: &Error) -> End {
    End::Lost { code: ABNORMAL, word: printable(&error.to_string()) }
}
