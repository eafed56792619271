//! Tells somebody what passes; clients that nobody watches have none.

use std::{
    fmt,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use sockeye_proto::wire::{
    engine::{self, Version},
    polling::{Format, Item, Packets},
};

use super::{Direction, Response, Seen};

/// Where all connections of one client tell what passes. It travels with the way to the server, [`super::Route`].
#[derive(Clone)]
pub(crate) struct Tap(Arc<Inner>);

struct Inner {
    see: Box<dyn Fn(&Seen<'_>) + Send + Sync>,
    /// What the session speaks: in version 3 there is a byte before binary data.
    is_v3: AtomicBool,
}

impl Tap {
    pub(crate) fn new(see: impl Fn(&Seen<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner { see: Box::new(see), is_v3: AtomicBool::new(false) }))
    }

    /// Tells one thing. Whoever is told can't harm the connection: a panic of theirs costs a log line.
    pub(crate) fn see(&self, seen: &Seen<'_>) {
        let told = panic::catch_unwind(AssertUnwindSafe(|| (self.0.see)(seen)));
        if told.is_err() {
            tracing::error!("the function that watches the connection panicked");
        }
    }

    /// The version of Engine.IO is known.
    pub(crate) fn speaks(&self, version: Version) {
        // Whatever is read differently by it comes later, and in the same task.
        self.0.is_v3.store(version == Version::V3, Ordering::Relaxed);
    }

    /// A request of polling, and the packets that it brings.
    pub(super) fn request(&self, request: &Request<Full<Bytes>>) {
        // A body that is there already needs no waiting.
        let frame = request.body().clone().frame().now_or_never().flatten();
        let body = frame.and_then(Result::ok).and_then(|frame| frame.into_data().ok());
        let body = body.unwrap_or_default();
        self.see(&Seen::Request {
            method: request.method(),
            target: request.uri(),
            headers: request.headers(),
            body: &body,
        });
        if !body.is_empty() {
            self.body(Direction::Out, &body);
        }
    }

    /// Its answer; that of a GET brings packets.
    pub(super) fn answer(&self, method: &Method, answer: &Response) {
        let Response { status, headers, body } = answer;
        self.see(&Seen::Response { method, status: *status, headers, body });
        if *method == Method::GET && status.is_success() {
            self.body(Direction::In, body);
        }
    }

    /// The request for a WebSocket.
    pub(super) fn asked<B>(&self, request: &Request<B>) {
        let (method, target, headers) = (request.method(), request.uri(), request.headers());
        self.see(&Seen::Request { method, target, headers, body: &[] });
    }

    /// The answer to it; the body is that of a refusal.
    pub(super) fn answered<B>(&self, response: &http::Response<B>, body: &[u8]) {
        let (status, headers) = (response.status(), response.headers());
        self.see(&Seen::Response { method: &Method::GET, status, headers, body });
    }

    /// What a text message of Engine.IO says; bytes may be one, in base64.
    pub(super) fn text(&self, direction: Direction, text: &str) {
        let is_v3 = self.0.is_v3.load(Ordering::Relaxed);
        let version = if is_v3 { Version::V3 } else { Version::V4 };
        let packet = engine::decode_base64(version, text.as_bytes()).and_then(|data| match data {
            Some(data) => {
                self.see(&Seen::Binary { direction, data: &data });
                Ok(())
            }
            None => engine::decode(text)
                .map(|(kind, body)| self.see(&Seen::Packet { direction, kind, body })),
        });
        if let Err(error) = packet {
            self.see(&Seen::Unreadable { direction, bytes: text.as_bytes(), error: &error });
        }
    }

    /// What a binary message of a WebSocket says.
    pub(super) fn binary(&self, direction: Direction, message: &[u8]) {
        let data = if self.0.is_v3.load(Ordering::Relaxed) {
            engine::decode_binary(message)
        } else {
            Ok(message)
        };
        match data {
            Ok(data) => self.see(&Seen::Binary { direction, data }),
            Err(error) => {
                self.see(&Seen::Unreadable { direction, bytes: message, error: &error });
            }
        }
    }

    /// The packets of a body.
    fn body(&self, direction: Direction, body: &[u8]) {
        // How it begins tells the format, as no packet of version 4 begins with a length.
        let format = Format::of_opening(body).map_or(Format::V4, |(_, format)| format);
        let mut packets = Packets::new(format, body);
        loop {
            match packets.next() {
                Ok(Some(Item::Text(text))) => self.text(direction, text),
                Ok(Some(Item::Binary(data))) => self.see(&Seen::Binary { direction, data: &data }),
                Ok(None) => return,
                Err(error) => {
                    let bytes = &body[packets.consumed()..];
                    self.see(&Seen::Unreadable { direction, bytes, error: &error });
                    return;
                }
            }
        }
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").finish_non_exhaustive()
    }
}
