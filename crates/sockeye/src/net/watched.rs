//! A WebSocket's stream that tells what passes through it.
//!
//! It reads along with a decoder of its own for each direction. So what writes and reads the stream knows nothing of
//! it, and costs nothing where nobody watches.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use sockeye_proto::wire::ws::{Decoder, Input, Limits, Message, Role, deflate::Agreement};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Direction, Seen, Stream, Tap};

/// Longer messages are passed on like all others, but not told.
const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;

/// What the messages of a WebSocket are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Carries {
    /// Packets of Engine.IO.
    Packets,
    /// Whatever its two ends like.
    Anything,
}

struct Watched {
    stream: Stream,
    tap: Tap,
    carries: Carries,
    incoming: Option<Decoder>,
    outgoing: Option<Decoder>,
}

impl Tap {
    /// Watches a client's stream whose handshake is done, and what was read from it before.
    pub(crate) fn watch(
        &self,
        stream: Stream,
        early: &[u8],
        deflate: Option<Agreement>,
        carries: Carries,
    ) -> Stream {
        let decoder = |role| {
            let limits = Limits { max_message_bytes: MAX_MESSAGE_BYTES, ..Limits::default() };
            let decoder = Decoder::new(role, limits);
            Some(match deflate {
                Some(deflate) => decoder.with_deflate(deflate.inflater(role)),
                None => decoder,
            })
        };
        let tap = self.clone();
        let (incoming, outgoing) = (decoder(Role::Client), decoder(Role::Server));
        let mut watched = Watched { stream, tap, carries, incoming, outgoing };
        watched.pass(Direction::In, early);
        Stream::Other(Box::new(watched))
    }
}

impl Watched {
    /// Tells the messages that these bytes complete.
    fn pass(&mut self, direction: Direction, bytes: &[u8]) {
        let Self { tap, carries, incoming, outgoing, .. } = self;
        let half = match direction {
            Direction::In => incoming,
            Direction::Out => outgoing,
        };
        let Some(decoder) = half else { return };
        let mut copy = bytes.to_vec(); // a decoder unmasks in place
        let mut input = Input::new(&mut copy);
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(message)) => {
                    tap.see(&Seen::Message { direction, message });
                    match (message, *carries) {
                        (Message::Text(text), Carries::Packets) => tap.text(direction, text),
                        (Message::Binary(data), Carries::Packets) => tap.binary(direction, data),
                        _ => {}
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    tap.see(&Seen::Unreadable { direction, bytes, error: &error });
                    *half = None;
                    return;
                }
            }
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let begin = buffer.filled().len();
        let result = ready!(Pin::new(&mut this.stream).poll_read(cx, buffer));
        match &result {
            Ok(()) if buffer.filled().len() > begin => {
                this.pass(Direction::In, &buffer.filled()[begin..]);
            }
            // Nobody asked for anything, so nothing says that it has ended.
            Ok(()) if buffer.remaining() == 0 => {}
            Ok(()) => this.tap.see(&Seen::Ended { error: None }),
            Err(error) => this.tap.see(&Seen::Ended { error: Some(error) }),
        }
        Poll::Ready(result)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write(cx, bytes))?;
        this.pass(Direction::Out, &bytes[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
