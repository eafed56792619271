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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use sockeye_proto::wire::ws::Encoder;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    /// A watched stream that takes few bytes at a time, its other end, and what was told.
    fn watched(
        early: &[u8],
        carries: Carries,
    ) -> (Stream, impl AsyncRead + AsyncWrite, Arc<Mutex<Vec<String>>>) {
        let told = Arc::<Mutex<Vec<String>>>::default();
        let tap = Tap::new({
            let told = Arc::clone(&told);
            move |seen| {
                told.lock().unwrap().push(match seen {
                    Seen::Message { direction, message } => format!("{direction:?} {message:?}"),
                    Seen::Unreadable { direction, .. } => format!("{direction:?} unreadable"),
                    Seen::Ended { error } => format!("ended {}", error.is_some()),
                    other => format!("{other:?}"),
                });
            }
        });
        let (ours, theirs) = duplex(3);
        let stream = Stream::Other(Box::new(ours));
        (tap.watch(stream, early, None, carries), theirs, told)
    }

    fn frame(message: Message<'_>, mask: Option<[u8; 4]>) -> Vec<u8> {
        let mut bytes = Vec::new();
        Encoder::new().encode(message, mask, &mut bytes);
        bytes
    }

    #[tokio::test]
    async fn bytes_in_base64_are_told_as_bytes() {
        let said = [frame(Message::Text("bAQID"), None), frame(Message::Text("b%"), None)].concat();
        let (_ours, _theirs, told) = watched(&said, Carries::Packets);
        let told = told.lock().unwrap();
        assert_eq!(told[1], "Binary { direction: In, data: [1, 2, 3] }");
        assert_eq!(told[3], "In unreadable");
    }

    #[tokio::test]
    async fn messages_are_told_once_however_they_are_cut() {
        let hello = frame(Message::Text("hello"), None);
        let (mut ours, mut theirs, told) = watched(&hello[..4], Carries::Anything);
        let out = [
            frame(Message::Binary(b"\0\xff"), Some([1, 2, 3, 4])),
            frame(Message::Ping(b"?"), Some([5, 6, 7, 8])),
        ]
        .concat();
        let mut arrived = vec![0; out.len()];
        let (written, read) = tokio::join!(ours.write_all(&out), theirs.read_exact(&mut arrived));
        written.unwrap();
        read.unwrap();
        assert_eq!(arrived, out, "what is watched is not changed");

        let rest = &hello[4..];
        let mut heard = Vec::new();
        let talk = async {
            theirs.write_all(rest).await.unwrap();
            drop(theirs);
        };
        let (read, ()) = tokio::join!(ours.read_to_end(&mut heard), talk);
        read.unwrap();
        assert_eq!(heard, rest);
        assert_eq!(
            *told.lock().unwrap(),
            ["Out Binary([0, 255])", "Out Ping([63])", r#"In Text("hello")"#, "ended false",]
        );
    }

    #[tokio::test]
    async fn what_is_no_frame_is_told_once_and_passed_on() {
        let (mut ours, mut theirs, told) = watched(&[], Carries::Anything);
        let (mut heard, refusal) = (Vec::new(), b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let talk = async {
            theirs.write_all(refusal).await.unwrap();
            drop(theirs);
        };
        let (read, ()) = tokio::join!(ours.read_to_end(&mut heard), talk);
        read.unwrap();
        assert_eq!(heard, refusal);
        assert_eq!(*told.lock().unwrap(), ["In unreadable", "ended false"]);
    }
}
