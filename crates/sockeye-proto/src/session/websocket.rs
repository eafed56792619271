//! One end of an open WebSocket connection: answers pings, closes with a handshake (RFC 6455 §5.5, §7).

use std::time::{Duration, Instant};

use super::Pace;
use crate::wire::ws::{
    CloseCode, CloseFrame, DecodeError, Decoder, Input, Limits, Message, Role, deflate::Inflater,
};

/// What a [`WebSocket`] tolerates from its peer.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use sockeye_proto::session::websocket::Config;
///
/// let config = Config::default().max_message_bytes(64 * 1024).close_timeout(Duration::from_secs(5));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct Config {
    limits: Limits,
    close_timeout: Duration,
    linger: Duration,
    pace: Pace,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            close_timeout: Duration::from_secs(10),
            linger: Duration::from_secs(1),
            pace: Pace::default(),
        }
    }
}

impl Config {
    /// Longest message accepted, in bytes after decompression. Default: 1_000_000.
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.limits.max_message_bytes = bytes;
        self
    }

    /// Most fragments without payload accepted in one message. Default: 1_000.
    pub fn max_empty_fragments(mut self, count: u32) -> Self {
        self.limits.max_empty_fragments = count;
        self
    }

    /// How long the peer may take to answer a close frame. Default: 10 seconds.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// How slowly a message that has begun may arrive; see [`WebSocket::handle_silence`]. Default: 16 KiB within 30 s.
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// How long a client waits for the server to end the stream when both have sent their close frames. Nothing more can
    /// come then, and some servers never do it (RFC 6455 §7.1.1). Default: 1 second; never longer than
    /// [`close_timeout`](Self::close_timeout).
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }
}

/// One end of an open connection, without I/O, clock or randomness.
///
/// Feed it what was read, then drain [`Self::poll_output`]. Data needs no machine to be sent: while
/// [`Self::is_open`], encode it.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
///
/// use sockeye_proto::session::websocket::{Config, Output, WebSocket};
/// use sockeye_proto::wire::ws::{Encoder, Input, Message, Role, deflate::Inflater};
///
/// let now = Instant::now();
/// let mut server = WebSocket::new(Role::Server, &Config::default());
/// let mut bytes = Vec::new();
/// Encoder::new().encode(Message::Ping(b"?"), Some([7; 4]), &mut bytes);
///
/// assert_eq!(server.read(now, &mut Input::new(&mut bytes))?, Some(Message::Ping(b"?")));
/// let pong = server.poll_output().expect("a ping is answered");
/// assert_eq!(pong.message(), Some(Message::Pong(b"?")));
/// # Ok::<_, sockeye_proto::wire::ws::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct WebSocket {
    decoder: Decoder,
    // Apart from the decoder, because a message borrows that while this changes.
    control: Control,
}

/// What the caller has to do, in this order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Output {
    /// Send a pong with this payload.
    Pong(Box<[u8]>),
    /// Send a close frame; no other frame may follow it.
    Close(Option<Close>),
    /// End the stream: stop writing, discard what still arrives for a moment, then drop it.
    ///
    /// Dropping it at once while bytes are unread makes TCP reset the connection, and the peer may
    /// lose the close frame that explains why.
    End,
}

/// Code and reason of a close frame, owned.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Close {
    /// Why the connection ends, for machines.
    pub code: CloseCode,
    /// Why the connection ends, for people.
    pub reason: Box<str>,
}

impl Output {
    /// The message to encode and send; `None` for [`Output::End`].
    pub fn message(&self) -> Option<Message<'_>> {
        match self {
            Self::Pong(payload) => Some(Message::Pong(payload)),
            Self::Close(close) => Some(Message::Close(
                close.as_ref().map(|Close { code, reason }| CloseFrame { code: *code, reason }),
            )),
            Self::End => None,
        }
    }
}

impl WebSocket {
    /// A connection whose handshake is done.
    pub fn new(role: Role, config: &Config) -> Self {
        Self {
            decoder: Decoder::new(role, config.limits),
            control: Control {
                role,
                state: State::Open,
                close_ms: whole_ms(config.close_timeout),
                linger_ms: whole_ms(config.linger.min(config.close_timeout)),
                pace: config.pace,
                pong: None,
                close: None,
                ended: false,
            },
        }
    }

    /// Accepts compressed messages, as agreed in the handshake.
    #[must_use]
    pub fn with_deflate(mut self, inflater: Inflater) -> Self {
        self.decoder = self.decoder.with_deflate(inflater);
        self
    }

    /// The next message; `None` when the input is used up.
    ///
    /// A ping is already answered and a close already echoed when it is returned: the answers are among
    /// the outputs. After the peer's close frame whatever still arrives is discarded.
    ///
    /// # Errors
    ///
    /// Every [`DecodeError`] is the peer's fault. The close frame that says so and the end of the stream
    /// are among the outputs.
    pub fn read<'s>(
        &'s mut self,
        now: Instant,
        input: &'s mut Input<'_>,
    ) -> Result<Option<Message<'s>>, DecodeError> {
        if matches!(self.control.state, State::Lingering { .. } | State::Closed { .. }) {
            input.discard();
            return Ok(None);
        }
        match self.decoder.decode(input) {
            Ok(Some(message)) => {
                self.control.received(now, message);
                Ok(Some(message))
            }
            Ok(None) => Ok(None),
            Err(error) => {
                self.control.failed(error);
                Err(error)
            }
        }
    }

    /// Starts the close handshake; does nothing once it has begun.
    ///
    /// A reason longer than [`CloseFrame::MAX_REASON_BYTES`] is cut between two characters.
    pub fn close(&mut self, now: Instant, code: CloseCode, reason: &str) {
        if self.is_open() {
            let reason = CloseFrame { code, reason }.fitting_reason().into();
            self.control.close = Some(Box::new(Some(Close { code, reason })));
            self.control.state = State::Closing { until: now + in_ms(self.control.close_ms) };
        }
    }

    /// The peer ended the stream, or it broke.
    pub fn handle_eof(&mut self) {
        let clean =
            matches!(self.control.state, State::Lingering { .. } | State::Closed { clean: true });
        self.control.state = State::Closed { clean };
        // Nobody reads them any more.
        self.control.pong = None;
        self.control.close = None;
    }

    /// Ends the stream if a deadline has passed; harmless at any other time.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.control.state = match self.control.state {
            State::Closing { until } if now >= until => State::Closed { clean: false },
            State::Lingering { until } if now >= until => State::Closed { clean: true },
            state => state,
        };
    }

    /// All that has come by now is read: looks whether a message has begun, and whether its peer takes too long over it.
    ///
    /// To be called by who has read all there was, and only then: as long as this side does not read, nothing can
    /// arrive.
    ///
    /// # Errors
    ///
    /// [`DecodeError::TooSlow`]; the close frame that says so and the end of the stream are among the outputs.
    pub fn handle_silence(&mut self, now: Instant) -> Result<(), DecodeError> {
        self.control.arriving(now, self.decoder.take_news());
        if matches!(self.control.state, State::Arriving { until } if now >= until) {
            self.control.failed(DecodeError::TooSlow);
            return Err(DecodeError::TooSlow);
        }
        Ok(())
    }

    /// Next thing to do; `None` when there is nothing to do before the next input or deadline.
    pub fn poll_output(&mut self) -> Option<Output> {
        let control = &mut self.control;
        if let Some(payload) = control.pong.take() {
            return Some(Output::Pong(payload));
        }
        if let Some(close) = control.close.take() {
            return Some(Output::Close(*close));
        }
        if matches!(control.state, State::Closed { .. }) && !control.ended {
            control.ended = true;
            return Some(Output::End);
        }
        None
    }

    /// When [`Self::handle_timeout`] wants to be called, and [`Self::handle_silence`] once nothing is left to read.
    pub fn next_deadline(&self) -> Option<Instant> {
        match self.control.state {
            State::Arriving { until } | State::Closing { until } | State::Lingering { until } => {
                Some(until)
            }
            State::Open | State::Closed { .. } => None,
        }
    }

    /// Whether data may still be sent.
    pub fn is_open(&self) -> bool {
        self.control.is_open()
    }

    /// Whether both sides sent a close frame before the stream ended.
    pub fn is_clean(&self) -> bool {
        matches!(self.control.state, State::Lingering { .. } | State::Closed { clean: true })
    }
}

/// Everything but the frames.
#[derive(Debug)]
struct Control {
    role: Role,
    state: State,
    // Whole milliseconds, for they are kept while idle.
    close_ms: u32,
    linger_ms: u32,
    pace: Pace,
    pong: Option<Box<[u8]>>,
    /// A close frame to send; the inner `None` is one without a body.
    close: Option<Box<Option<Close>>>,
    ended: bool,
}

/// ```text
///   Arriving ◀── half a message ── Open        (as Open below, but for a deadline)
///
///         close()              peer's close
///   Open ─────────▶ Closing ──────────────────┐
///    │                 │ time                 ▼
///    │                 ▼          eof,   Lingering (client: the server ends the stream, §7.1.1)
///    ├── error ────▶ Closed ◀─── time ────────┤
///    │                 ▲                      │
///    └── peer's close ─┴── as server ─────────┘
/// ```
#[derive(Clone, Copy, Debug)]
enum State {
    Open,
    /// Open, and a message of the peer's is half there.
    Arriving {
        until: Instant,
    },
    /// Our close frame is out, the peer's is awaited.
    Closing {
        until: Instant,
    },
    /// Both close frames are out, the end of the stream is awaited.
    Lingering {
        until: Instant,
    },
    Closed {
        clean: bool,
    },
}

impl Control {
    const fn is_open(&self) -> bool {
        matches!(self.state, State::Open | State::Arriving { .. })
    }

    /// So much more is there of a message that is not, if there is one.
    fn arriving(&mut self, now: Instant, news: Option<usize>) {
        self.state = match (self.state, news) {
            (State::Open, Some(_)) => State::Arriving { until: self.pace.until(now) },
            (State::Arriving { until }, Some(bytes)) => {
                State::Arriving { until: self.pace.extend(until, now, bytes) }
            }
            (State::Arriving { .. }, None) => State::Open,
            (state, _) => state,
        };
    }

    fn received(&mut self, now: Instant, message: Message<'_>) {
        if let (State::Arriving { .. }, Message::Text(_) | Message::Binary(_)) =
            (self.state, message)
        {
            self.state = State::Open; // what follows is another one
        }
        match (self.state, message) {
            // Only the latest of several unanswered pings needs a pong (§5.5.3), so a flood of pings
            // cannot make us hold more than one.
            (State::Open | State::Arriving { .. }, Message::Ping(payload)) => {
                self.pong = Some(payload.into())
            }
            (State::Open | State::Arriving { .. }, Message::Close(frame)) => {
                // The code goes back (§5.5.1); the reason was the peer's own and tells it nothing.
                let close = frame.map(|frame| Close { code: frame.code, reason: "".into() });
                self.close = Some(Box::new(close));
                self.state = self.after_both_closed(now);
            }
            (State::Closing { .. }, Message::Close(_)) => self.state = self.after_both_closed(now),
            // Nothing may follow our close frame, not even a pong.
            (State::Closing { .. } | State::Lingering { .. } | State::Closed { .. }, _)
            | (_, Message::Text(_) | Message::Binary(_) | Message::Pong(_)) => {}
        }
    }

    fn after_both_closed(&self, now: Instant) -> State {
        match self.role {
            Role::Client => State::Lingering { until: now + in_ms(self.linger_ms) },
            Role::Server => State::Closed { clean: true },
        }
    }

    fn failed(&mut self, error: DecodeError) {
        if self.is_open() {
            let close = Close { code: error.close_code(), reason: error.to_string().into() };
            self.close = Some(Box::new(Some(close)));
        }
        self.state = State::Closed { clean: false };
    }
}

fn whole_ms(duration: Duration) -> u32 {
    duration.as_millis().try_into().unwrap_or(u32::MAX)
}

fn in_ms(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::ws::Encoder;

    const KEY: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
    const TIMEOUT: Duration = Duration::from_secs(10);

    fn websocket(role: Role) -> WebSocket {
        WebSocket::new(role, &Config::default().max_message_bytes(1_000))
    }

    /// What the peer of `role` would send.
    fn frame(role: Role, message: Message<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        Encoder::new().encode(message, (role == Role::Server).then_some(KEY), &mut bytes);
        bytes
    }

    fn read_all(websocket: &mut WebSocket, now: Instant, bytes: &[u8]) -> Vec<String> {
        let mut bytes = bytes.to_vec();
        let mut input = Input::new(&mut bytes);
        let mut read = Vec::new();
        loop {
            match websocket.read(now, &mut input) {
                Ok(Some(message)) => read.push(format!("{message:?}")),
                Ok(None) => return read,
                Err(error) => read.push(error.to_string()),
            }
        }
    }

    fn outputs(websocket: &mut WebSocket) -> Vec<Output> {
        std::iter::from_fn(|| websocket.poll_output()).collect()
    }

    fn close(code: CloseCode, reason: &str) -> Output {
        Output::Close(Some(Close { code, reason: reason.into() }))
    }

    fn close_message(code: CloseCode) -> Message<'static> {
        Message::Close(Some(CloseFrame { code, reason: "" }))
    }

    #[test]
    fn only_the_latest_ping_of_a_batch_is_answered() {
        let now = Instant::now();
        let mut server = websocket(Role::Server);
        let mut flood = Vec::new();
        for n in 0..100_000_u32 {
            flood.extend(frame(Role::Server, Message::Ping(&n.to_be_bytes())));
        }
        assert_eq!(read_all(&mut server, now, &flood).len(), 100_000);
        let latest = 99_999_u32.to_be_bytes();
        assert_eq!(outputs(&mut server), [Output::Pong(latest.into())]);
    }

    #[test]
    fn a_pong_nobody_asked_for_is_harmless() {
        let mut server = websocket(Role::Server);
        let pong = frame(Role::Server, Message::Pong(b"!"));
        assert_eq!(read_all(&mut server, Instant::now(), &pong).len(), 1);
        assert_eq!(outputs(&mut server), []);
        assert!(server.is_open());
    }

    #[test]
    fn the_peers_close_is_echoed_and_a_server_ends_the_stream() {
        #[track_caller]
        fn check(message: Message<'_>, echo: Output) {
            let now = Instant::now();
            let mut server = websocket(Role::Server);
            let mut bytes = frame(Role::Server, message);
            bytes.extend(frame(Role::Server, Message::Text("after the close")));
            assert_eq!(read_all(&mut server, now, &bytes).len(), 1, "data after close is dropped");
            assert_eq!(outputs(&mut server), [echo, Output::End]);
            assert!(server.is_clean() && !server.is_open());
            assert_eq!(server.next_deadline(), None);
            server.handle_eof();
            assert!(server.is_clean());
            assert_eq!(outputs(&mut server), []);
        }
        check(Message::Close(None), Output::Close(None));
        check(close_message(CloseCode::GOING_AWAY), close(CloseCode::GOING_AWAY, ""));
        let said = CloseFrame { code: CloseCode::NORMAL, reason: "bye" };
        check(Message::Close(Some(said)), close(CloseCode::NORMAL, ""));
    }

    #[test]
    fn a_client_lets_the_server_end_the_stream() {
        let now = Instant::now();
        for ends_in_time in [true, false] {
            let config = Config::default().close_timeout(2 * TIMEOUT).linger(TIMEOUT);
            let mut client = WebSocket::new(Role::Client, &config);
            read_all(&mut client, now, &frame(Role::Client, close_message(CloseCode::NORMAL)));
            assert_eq!(outputs(&mut client), [close(CloseCode::NORMAL, "")]);
            assert_eq!(client.next_deadline(), Some(now + TIMEOUT));
            client.handle_timeout(now + TIMEOUT - Duration::from_nanos(1));
            assert_eq!(outputs(&mut client), []);
            if ends_in_time {
                client.handle_eof();
            } else {
                client.handle_timeout(now + TIMEOUT);
            }
            assert_eq!(outputs(&mut client), [Output::End]);
            assert!(client.is_clean());
        }
    }

    #[test]
    fn our_close_waits_for_the_echo_and_sends_nothing_more() {
        let now = Instant::now();
        let mut server = websocket(Role::Server);
        server.close(now, CloseCode::NORMAL, "done");
        server.close(now, CloseCode::GOING_AWAY, "twice");
        assert!(!server.is_open());
        assert_eq!(outputs(&mut server), [close(CloseCode::NORMAL, "done")]);

        let mut late = frame(Role::Server, Message::Ping(b"?"));
        late.extend(frame(Role::Server, Message::Text("was on its way")));
        assert_eq!(read_all(&mut server, now, &late).len(), 2);
        assert_eq!(outputs(&mut server), []);

        read_all(&mut server, now, &frame(Role::Server, close_message(CloseCode::NORMAL)));
        assert_eq!(outputs(&mut server), [Output::End]);
        assert!(server.is_clean());
    }

    #[test]
    fn a_close_that_is_never_echoed_ends_in_time() {
        let now = Instant::now();
        let mut server = websocket(Role::Server);
        assert_eq!(server.next_deadline(), None);
        server.close(now, CloseCode::NORMAL, "");
        assert_eq!(server.next_deadline(), Some(now + TIMEOUT));
        outputs(&mut server);
        server.handle_timeout(now + TIMEOUT);
        assert_eq!(outputs(&mut server), [Output::End]);
        assert!(!server.is_clean());
        server.handle_timeout(now + TIMEOUT);
        assert_eq!(outputs(&mut server), []);
    }

    #[test]
    fn a_message_that_dribbles_in_ends_the_connection() {
        let pace = Pace::new(100, Duration::from_secs(10));
        let config = Config::default().pace(pace);
        let second = Duration::from_secs(1);
        // Bytes a second of a message of 100,000, after so many at once; after how many seconds is it over?
        #[track_caller]
        fn check(server: &mut WebSocket, at_once: usize, rate: usize, over: Option<u64>) {
            let start = Instant::now();
            let mut head = b"\x81\xff\0\0\0\0\0\x01\x86\xa0\0\0\0\0".to_vec();
            head.resize(head.len() + at_once, b'x');
            read_all(server, start, &head);
            assert_eq!(server.handle_silence(start), Ok(()));
            let silent = |server: &mut WebSocket, seconds| {
                let now = start + Duration::from_secs(seconds);
                server.handle_timeout(now);
                server.handle_silence(now).is_err()
            };
            for seconds in 1..100 {
                let now = start + Duration::from_secs(seconds);
                if silent(server, seconds) {
                    assert_eq!(Some(seconds), over, "{at_once} at once, then {rate} a second");
                    let reason = DecodeError::TooSlow.to_string();
                    let expect = [close(CloseCode::POLICY_VIOLATION, &reason), Output::End];
                    assert_eq!(outputs(server), expect);
                    assert_eq!(server.next_deadline(), None);
                    return;
                }
                assert!(server.next_deadline().is_some());
                read_all(server, now, &vec![b'x'; rate]);
                assert_eq!(server.handle_silence(now), Ok(()));
            }
            assert_eq!(None, over, "{at_once} at once, then {rate} a second");
        }
        for at_once in [0, 50, 90_000] {
            for (rate, over) in [(0, Some(10)), (1, Some(11)), (5, Some(19)), (10, None)] {
                let mut server = WebSocket::new(Role::Server, &config);
                check(&mut server, at_once, rate, over);
            }
        }

        // Control frames in between are no progress.
        let mut server = WebSocket::new(Role::Server, &config);
        let start = Instant::now();
        read_all(&mut server, start, b"\x01\x81\0\0\0\0x");
        assert_eq!(server.handle_silence(start), Ok(()));
        for seconds in 1..10 {
            let now = start + seconds * second;
            assert_eq!(server.handle_silence(now), Ok(()));
            read_all(&mut server, now, &frame(Role::Server, Message::Ping(&[b'!'; 100])));
        }
        outputs(&mut server);
        assert_eq!(server.handle_silence(start + 10 * second), Err(DecodeError::TooSlow));

        // What is whole has no deadline, however it came; the next has one of its own.
        let mut server = WebSocket::new(Role::Server, &config);
        let hello = frame(Role::Server, Message::Text("hello"));
        let (head, tail) = hello.split_at(4);
        read_all(&mut server, start, head);
        assert_eq!(server.handle_silence(start), Ok(()));
        let later = start + 9 * second;
        assert_eq!(read_all(&mut server, later, &[tail, head].concat()).len(), 1);
        assert_eq!(server.handle_silence(later), Ok(()));
        assert_eq!(server.next_deadline(), Some(later + 10 * second));
        assert_eq!(read_all(&mut server, later, tail).len(), 1);
        assert_eq!(server.handle_silence(later + 100 * second), Ok(()));
        assert!(server.is_open());
        assert_eq!(server.next_deadline(), None);
    }

    #[test]
    fn an_error_is_told_once_and_ends_the_stream() {
        #[track_caller]
        fn check(bytes: &[u8], code: CloseCode) {
            let now = Instant::now();
            let mut client = websocket(Role::Client);
            let mut bytes = bytes.to_vec();
            let mut input = Input::new(&mut bytes);
            let error = client.read(now, &mut input).unwrap_err();
            assert_eq!(outputs(&mut client), [close(code, &error.to_string()), Output::End]);
            assert!(!client.is_clean());
            assert_eq!(client.read(now, &mut input), Ok(None));
            assert!(input.is_empty());
        }
        check(b"\x83\x00", CloseCode::PROTOCOL_ERROR);
        check(b"\x81\x80\0\0\0\0", CloseCode::PROTOCOL_ERROR);
        check(b"\x81\x01\xff", CloseCode::INVALID_PAYLOAD);
        check(b"\x82\x7e\x03\xe9", CloseCode::MESSAGE_TOO_BIG);
        check(b"\x88\x02\x03\xee", CloseCode::PROTOCOL_ERROR); // 1006 on the wire
    }

    #[test]
    fn an_error_after_our_close_is_not_told() {
        let now = Instant::now();
        let mut client = websocket(Role::Client);
        client.close(now, CloseCode::NORMAL, "");
        outputs(&mut client);
        read_all(&mut client, now, b"\x83\x00");
        assert_eq!(outputs(&mut client), [Output::End]);
    }

    #[test]
    fn a_stream_that_breaks_is_not_clean() {
        let mut server = websocket(Role::Server);
        let ping = frame(Role::Server, Message::Ping(b"?"));
        read_all(&mut server, Instant::now(), &ping);
        server.handle_eof();
        assert_eq!(outputs(&mut server), [Output::End]);
        assert!(!server.is_clean());
    }

    #[test]
    fn an_idle_connection_is_small() {
        assert!(size_of::<WebSocket>() <= 128, "{}", size_of::<WebSocket>());
    }

    /// Anything that can happen to a connection.
    #[derive(Clone, Debug)]
    enum Happening {
        Frame(Vec<u8>),
        Close,
        Eof,
        TimePasses(Duration),
    }

    fn any_happening() -> impl Strategy<Value = Happening> {
        let frames = [
            frame(Role::Server, Message::Text("hello")),
            frame(Role::Server, Message::Ping(b"?")),
            frame(Role::Server, Message::Pong(b"!")),
            frame(Role::Server, close_message(CloseCode::NORMAL)),
            frame(Role::Server, Message::Close(None)),
            b"\xff".to_vec(),
            b"\x01\x81\0\0\0\0x".to_vec(), // half a message
        ];
        prop_oneof![
            8 => prop::sample::select(frames.to_vec()).prop_map(Happening::Frame),
            1 => Just(Happening::Close),
            1 => Just(Happening::Eof),
            3 => (0_u64..8).prop_map(|secs| Happening::TimePasses(Duration::from_secs(secs))),
        ]
    }

    proptest! {
        #[test]
        fn whatever_happens_the_close_is_the_last_frame_and_the_end_comes_once(
            happenings in prop::collection::vec(any_happening(), 0..20),
        ) {
            let mut now = Instant::now();
            let mut server = websocket(Role::Server);
            let (mut closed, mut ended) = (false, false);
            for happening in happenings {
                match happening {
                    Happening::Frame(bytes) => drop(read_all(&mut server, now, &bytes)),
                    Happening::Close => server.close(now, CloseCode::NORMAL, "done"),
                    Happening::Eof => server.handle_eof(),
                    Happening::TimePasses(time) => {
                        now += time;
                        server.handle_timeout(now);
                        let _ = server.handle_silence(now);
                        prop_assert!(server.next_deadline().is_none_or(|deadline| deadline > now));
                    }
                }
                for output in outputs(&mut server) {
                    prop_assert!(!ended, "{output:?} after the end");
                    prop_assert!(!closed || output == Output::End, "{output:?} after the close");
                    closed |= matches!(output, Output::Close(_));
                    ended |= output == Output::End;
                }
                prop_assert!(!(closed || ended) || !server.is_open());
            }
            let now = now + TIMEOUT;
            server.close(now, CloseCode::NORMAL, "");
            server.handle_timeout(now + TIMEOUT);
            prop_assert!(ended || outputs(&mut server).contains(&Output::End));
        }
    }
}
