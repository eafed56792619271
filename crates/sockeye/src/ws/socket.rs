//! An open connection: a stream and a sink of messages, or plain async calls.

use std::{
    fmt,
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{Sink, Stream as MessageStream, task::AtomicWaker};
use sockeye_proto::{
    session::websocket::{self, Output},
    wire::ws::{CloseCode, DecodeError, Encoder, Input, Role, deflate::Agreement},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{self, Sleep},
};

use super::{
    Error, Message, Options,
    keep_alive::{Due, KeepAlive},
    outgoing::Outgoing,
};
use crate::net::{Keys, Stream, scratch};

/// How long a peer may take to end its side of the stream once everything is said.
const LINGER: Duration = Duration::from_secs(1);

/// Longest payload of a ping or pong (RFC 6455 §5.5).
const MAX_CONTROL_BYTES: usize = 125;

/// One end of an open WebSocket connection.
///
/// It is a [`Stream`](futures_util::Stream) of `Result<Message, Error>` and a [`Sink`] of [`Message`], with async
/// methods for those who need no combinators. Use `StreamExt::split` to send and receive from two tasks.
///
/// All the work is done in these calls, by whoever makes them; there is no task behind. Pings are answered, the close
/// handshake is finished and a silent peer is noticed only while the connection is received from. So keep receiving
/// until [`recv`](Self::recv) says `None`, then drop it. Dropped before, it ends without a close frame.
///
/// An idle connection owns no buffer.
///
/// # Examples
///
/// ```
/// use sockeye::ws::{Error, Message, WebSocket};
///
/// async fn echo(mut socket: WebSocket) -> Result<(), Error> {
///     while let Some(message) = socket.recv().await? {
///         if let Message::Text(_) | Message::Binary(_) = message {
///             socket.send(message).await?;
///         }
///     }
///     Ok(())
/// }
/// ```
pub struct WebSocket {
    stream: Stream,
    machine: websocket::WebSocket,
    outgoing: Outgoing,
    /// What was read behind the message handed out last; empty most of the time.
    unread: Unread,
    phase: Phase,
    /// Why the connection ended, until somebody is told.
    failure: Option<Error>,
    keep_alive: Option<KeepAlive>,
    /// Exists only while there is a deadline.
    sleep: Option<Pin<Box<Sleep>>>,
    wakers: Arc<Wakers>,
    protocol: Option<Box<str>>,
}

/// ```text
/// Running ── nothing more to say ──▶ Ending ── end of the stream, or time ──▶ Ended
///    └────────── stream lost, or the peer does not answer ──────────────────▶
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Running,
    /// What waits is written, our side is shut, what still arrives is dropped: closing a TCP connection with bytes
    /// unread resets it, and the peer may lose our last words.
    Ending {
        until: Instant,
        /// Our side is shut.
        shut: bool,
        /// The peer's side has ended.
        ended: bool,
    },
    Ended,
}

/// Bytes read from the stream and not decoded yet.
#[derive(Debug, Default)]
struct Unread {
    bytes: Vec<u8>,
    decoded: usize,
}

/// What the handshake agreed on.
#[derive(Debug, Default)]
pub(super) struct Agreed {
    pub(super) protocol: Option<Box<str>>,
    pub(super) deflate: Option<Agreement>,
}

/// The tasks that wait for the two halves.
///
/// Both may wait for the stream to take more, the receiving one to send its pongs; the stream knows one waker, so
/// it gets this one, which wakes both.
#[derive(Debug, Default)]
struct Wakers {
    receiver: AtomicWaker,
    sender: AtomicWaker,
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.receiver.wake();
        self.sender.wake();
    }
}

impl WebSocket {
    /// A connection on a stream whose handshake somebody else has done, or that needs none.
    ///
    /// Of the options, those about the handshake are without effect, compression included.
    ///
    /// # Errors
    ///
    /// A client needs mask keys: the system has no randomness to give.
    pub fn from_stream<S>(stream: S, role: Role, options: &Options) -> io::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let keys = match role {
            Role::Client => Some(Keys::new()?),
            Role::Server => None,
        };
        let stream = Stream::Other(Box::new(stream));
        Ok(Self::new(stream, Bytes::new(), keys, options, Agreed::default()))
    }

    /// A connection whose handshake is done; `early` was read behind it. Whoever has keys is the client.
    pub(super) fn new(
        stream: Stream,
        early: Bytes,
        keys: Option<Keys>,
        options: &Options,
        agreed: Agreed,
    ) -> Self {
        let role = if keys.is_some() { Role::Client } else { Role::Server };
        let mut machine = websocket::WebSocket::new(role, &options.websocket);
        let mut encoder = Encoder::new();
        if let Some(deflate) = agreed.deflate {
            machine = machine.with_deflate(deflate.inflater(role));
            if let Some(deflater) = deflate.deflater(role) {
                encoder = encoder.with_deflate(deflater);
            }
        }
        Self {
            stream,
            machine,
            outgoing: Outgoing::new(encoder, keys, options.max_queued_bytes),
            unread: Unread { bytes: early.into(), decoded: 0 },
            phase: Phase::Running,
            failure: None,
            keep_alive: options.keep_alive.map(|silence| KeepAlive::new(now(), silence)),
            sleep: None,
            wakers: Arc::default(),
            protocol: agreed.protocol,
        }
    }

    /// Waits for the next message; `None` once the connection is closed, with a handshake, and over.
    ///
    /// After a [`Message::Close`] receive on, until `None`: only then the peer has all of our last words.
    ///
    /// # Errors
    ///
    /// [`Error::Peer`], [`Error::CloseTimeout`] or [`Error::Lost`]; after it there is only `None`.
    ///
    /// # Cancel safety
    ///
    /// Cancelling loses nothing: a message that has arrived in part is kept.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.poll_recv(cx)).await.transpose()
    }

    /// Sends a message: waits until it, and what was sent before, is handed to the system.
    ///
    /// Who sends much and need not wait each time uses `SinkExt::feed`.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], [`Error::ControlTooLong`] or [`Error::Lost`].
    ///
    /// # Cancel safety
    ///
    /// Cancelled early, nothing of the message is sent; cancelled late, all of it is, with the next call. There is no
    /// telling which.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        poll_fn(|cx| self.poll_send_ready(cx)).await?;
        self.enqueue(&message.into())?;
        poll_fn(|cx| self.poll_sent(cx)).await
    }

    /// Sends a ping; [`Message::Pong`] answers it.
    ///
    /// # Errors
    ///
    /// As [`Self::send`].
    ///
    /// # Cancel safety
    ///
    /// As [`Self::send`].
    pub async fn ping(&mut self, payload: impl Into<Bytes>) -> Result<(), Error> {
        self.send(Message::Ping(payload.into())).await
    }

    /// Closes the connection with a handshake and waits until it is over.
    ///
    /// What the peer sent before it answered is dropped; to read it, [`start_close`](Self::start_close) and receive.
    /// Closing what is closed is harmless. A reason is cut after 123 bytes, between two characters.
    ///
    /// # Errors
    ///
    /// As [`Self::recv`]. The connection is over in any case.
    ///
    /// # Cancel safety
    ///
    /// The handshake stays begun; receive, or close again, to go on with it.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.start_close(code, reason);
        while self.recv().await?.is_some() {}
        Ok(())
    }

    /// Begins to close the connection: nothing can be sent any more, and receiving goes on until the peer has
    /// answered. Without effect once it is closing.
    pub fn start_close(&mut self, code: CloseCode, reason: &str) {
        self.machine.close(now(), code, reason);
        self.wakers.receiver.wake(); // there is a deadline now
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Whether messages can be sent: neither side has begun to close.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Running && self.machine.is_open()
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        self.wakers.receiver.register(cx.waker());
        loop {
            let now = now();
            self.handle_timeout(now);
            self.advance(now);
            if self.phase == Phase::Ended {
                return Poll::Ready(self.failure.take().map(Err));
            }
            match self.poll_read(now, cx) {
                Poll::Ready(Some(message)) => {
                    self.advance(now); // the answer to a ping or close goes out now, not at the next call
                    return Poll::Ready(Some(Ok(message)));
                }
                Poll::Ready(None) => {}
                Poll::Pending => match self.machine.handle_silence(now) {
                    Ok(()) => ready!(self.poll_deadline(cx)),
                    Err(error) => self.refuse(error),
                },
            }
        }
    }

    fn poll_send_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.wakers.sender.register(cx.waker());
        if self.outgoing.is_full() {
            self.advance(now()); // not before: what is fed leaves together
        }
        if self.outgoing.is_closed() || !self.is_open() {
            return Poll::Ready(Err(self.send_error()));
        }
        if self.outgoing.is_full() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.wakers.sender.register(cx.waker());
        self.advance(now());
        if self.outgoing.is_closed() {
            return Poll::Ready(Err(self.send_error()));
        }
        if self.outgoing.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn enqueue(&mut self, message: &Message) -> Result<(), Error> {
        if !self.is_open() {
            return Err(self.send_error());
        }
        match message {
            Message::Close(None) => self.start_close(CloseCode::NORMAL, ""),
            Message::Close(Some(close)) => self.start_close(close.code, &close.reason),
            Message::Ping(payload) | Message::Pong(payload)
                if payload.len() > MAX_CONTROL_BYTES =>
            {
                return Err(Error::ControlTooLong { bytes: payload.len() });
            }
            message => self.outgoing.push(message.as_wire()),
        }
        Ok(())
    }

    fn send_error(&mut self) -> Error {
        self.outgoing.take_failure().map_or(Error::Closed, Error::Lost)
    }

    /// Moves what the machine wants to say towards the peer, as far as the stream takes it.
    fn advance(&mut self, now: Instant) {
        if self.phase == Phase::Ended {
            return;
        }
        let waker = Waker::from(Arc::clone(&self.wakers));
        let mut cx = Context::from_waker(&waker);
        loop {
            self.take_outputs(now);
            let was_full = self.outgoing.is_full();
            if self.outgoing.poll_write(&mut self.stream, &mut cx).is_pending() {
                return;
            }
            if !was_full {
                break; // otherwise a pong may have waited for the room that there is now
            }
        }
        if let Phase::Ending { shut, ended, .. } = &mut self.phase {
            // Whether it succeeds no longer matters to anybody.
            *shut = *shut || Pin::new(&mut self.stream).poll_shutdown(&mut cx).is_ready();
            if *shut && *ended {
                self.finish(None);
            }
        }
    }

    /// Takes what the machine wants to say, as far as there is room.
    fn take_outputs(&mut self, now: Instant) {
        // An open machine only says pongs, and forgets all but the latest: they can wait for room. Once it is no longer
        // open it says a few things more, and the end must not wait behind a peer that reads nothing.
        while !(self.outgoing.is_full() && self.machine.is_open()) {
            match self.machine.poll_output() {
                Some(Output::End) => self.end(now),
                Some(output) => {
                    if let Some(message) = output.message() {
                        self.outgoing.push(message);
                    }
                }
                None => break,
            }
        }
    }

    /// The machine has nothing more to say, and expects nothing.
    fn end(&mut self, now: Instant) {
        if self.failure.is_none() && !self.machine.is_clean() {
            self.finish(Some(Error::CloseTimeout)); // who does not answer will not listen either
        } else if self.phase == Phase::Running {
            // The machine of a client has waited for the server's end by now, unless we cut the server off.
            let has_waited = self.outgoing.is_masked() && self.failure.is_none();
            let until = if has_waited { now } else { now + LINGER };
            self.phase = Phase::Ending { until, shut: false, ended: false };
        }
    }

    /// The connection is over.
    fn finish(&mut self, failure: Option<Error>) {
        self.phase = Phase::Ended;
        self.failure = self.failure.take().or(failure);
        self.outgoing.close();
        self.unread = Unread::default();
        self.sleep = None;
        self.wakers.sender.wake();
    }

    /// The next message, or `None` after anything else that makes progress.
    fn poll_read(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        if !self.unread.bytes.is_empty() {
            let mut unread = std::mem::take(&mut self.unread);
            let (message, left) = self.decode(now, &mut unread.bytes[unread.decoded..]);
            if left > 0 {
                unread.decoded = unread.bytes.len() - left;
                self.unread = unread;
            }
            return Poll::Ready(message);
        }
        if matches!(self.phase, Phase::Ending { ended: true, .. }) {
            return Poll::Pending; // until our last words are out
        }
        scratch::with(|buffer| {
            let mut read = ReadBuf::new(buffer);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read)) {
                Ok(()) if read.filled().is_empty() => {
                    if let Phase::Ending { ended, .. } = &mut self.phase {
                        *ended = true;
                        return Poll::Ready(None);
                    }
                    self.machine.handle_eof();
                    self.lose(io::ErrorKind::UnexpectedEof.into(), cx);
                    Poll::Ready(None)
                }
                Ok(()) => {
                    if let Some(keep_alive) = &mut self.keep_alive {
                        keep_alive.heard(now);
                    }
                    let bytes = read.filled_mut();
                    let (message, left) = self.decode(now, bytes);
                    self.unread.bytes = bytes[bytes.len() - left..].to_vec();
                    self.unread.decoded = 0;
                    Poll::Ready(message)
                }
                Err(error) => {
                    self.machine.handle_eof();
                    self.lose(error, cx);
                    Poll::Ready(None)
                }
            }
        })
    }

    /// The first message in `bytes`, and how many bytes lie behind it.
    fn decode(&mut self, now: Instant, bytes: &mut [u8]) -> (Option<Message>, usize) {
        let mut input = Input::new(bytes);
        match self.machine.read(now, &mut input) {
            Ok(message) => (message.map(Message::from), input.remaining().len()),
            Err(error) => {
                self.refuse(error);
                (None, 0)
            }
        }
    }

    /// The peer is at fault; the machine says so to it.
    fn refuse(&mut self, error: DecodeError) {
        tracing::debug!(target: "sockeye::ws", %error, "peer broke the protocol");
        self.failure.get_or_insert(Error::Peer(error));
    }

    /// The stream has ended. After both close frames it may do so as it likes.
    fn lose(&mut self, error: io::Error, cx: &mut Context<'_>) {
        let failure = (!self.machine.is_clean()).then_some(Error::Lost(error));
        let _ = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.finish(failure);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.machine.handle_timeout(now);
        if matches!(self.phase, Phase::Ending { until, .. } if now >= until) {
            self.finish(None);
        }
        if !self.is_open() {
            return;
        }
        match self.keep_alive.as_mut().and_then(|keep_alive| keep_alive.handle_timeout(now)) {
            Some(Due::Ping) => self.outgoing.push(Message::Ping(Bytes::new()).as_wire()),
            Some(Due::Lost) => self.finish(Some(Error::Lost(io::ErrorKind::TimedOut.into()))),
            None => {}
        }
    }

    /// Waits for the next deadline; for ever if there is none.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.next_deadline() else {
            self.sleep = None;
            return Poll::Pending;
        };
        let deadline = time::Instant::from_std(deadline);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(time::sleep_until(deadline)));
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        sleep.as_mut().poll(cx)
    }

    fn next_deadline(&self) -> Option<Instant> {
        let ending = match self.phase {
            Phase::Ending { until, .. } => Some(until),
            Phase::Running | Phase::Ended => None,
        };
        let keep_alive = self.keep_alive.as_ref().filter(|_| self.is_open());
        let keep_alive = keep_alive.map(KeepAlive::next_deadline);
        [self.machine.next_deadline(), ending, keep_alive].into_iter().flatten().min()
    }
}

impl MessageStream for WebSocket {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_recv(cx)
    }
}

impl Sink<Message> for WebSocket {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_send_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.get_mut().enqueue(&message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_sent(cx)
    }

    /// Begins to close the connection and waits until the close frame is sent. The other half, or
    /// [`WebSocket::recv`], sees it through.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        if this.is_open() {
            this.start_close(CloseCode::NORMAL, "");
        }
        this.poll_sent(cx)
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("stream", &self.stream)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

/// By tokio's clock, which tests may stop.
fn now() -> Instant {
    time::Instant::now().into_std()
}
