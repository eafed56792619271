//! Our WebSocket decoder beside tungstenite's: both read the same messages and refuse the same frames.
//!
//! Input: a byte of flags (1 server), the size of the pieces, then the stream.
//!
//! Where we differ on purpose:
//! - lengths that are not in their shortest form: we refuse them (RFC 6455 §5.2), tungstenite does not;
//! - close code 1014 (in the registry, after the RFC): we accept it, tungstenite does not;
//! - frames that don't arrive in full: we refuse them as soon as a byte is wrong, tungstenite waits for the last;
//! - more than 1,000 empty fragments: we refuse them.
#![no_main]

use std::io::{self, Cursor, Read, Write};

use libfuzzer_sys::fuzz_target;
use sockeye_fuzz::{Said, Script, read};
use sockeye_proto::wire::ws::{DecodeError, Decoder, Limits, ProtocolError, Role};
use tungstenite::{
    Error, Message as Theirs, WebSocket,
    error::ProtocolError as TheirError,
    protocol::{Role as TheirRole, WebSocketConfig},
};

/// How tungstenite reports a close code that it does not allow.
const NOT_ALLOWED: (u16, &str) = (1002, "Protocol violation");

fuzz_target!(|data: &[u8]| {
    let mut script = Script::new(data);
    let role = if script.byte() & 1 == 0 { Role::Client } else { Role::Server };
    let piece_bytes = 1 + usize::from(script.byte());
    let stream = script.rest();

    let (mut ours, end) = read(Decoder::new(role, Limits::default()), stream, piece_bytes);
    let close = ours.iter().position(|message| matches!(message, Said::Close(_)));
    let mut refused = end.err();
    if let Some(close) = close {
        ours.truncate(close + 1); // tungstenite reads no further
        refused = None;
    }
    let not_allowed = Said::Close(Some((NOT_ALLOWED.0, NOT_ALLOWED.1.to_owned())));
    if let Some(last @ Said::Close(Some((1014, _)))) = ours.last_mut() {
        *last = not_allowed.clone();
    }
    let (theirs, they_refused) = read_by_tungstenite(role, stream);
    match refused {
        None => assert_eq!((&ours, false), (&theirs, they_refused)),
        Some(DecodeError::Protocol(ProtocolError::CloseCodeNotAllowed { .. })) if !they_refused => {
            ours.push(not_allowed);
            assert_eq!(ours, theirs);
        }
        // A control frame whose length is in a longer form is too long by its first two bytes.
        Some(
            DecodeError::TooManyEmptyFragments { .. }
            | DecodeError::Protocol(
                ProtocolError::LengthNotMinimal { .. } | ProtocolError::ControlTooLong,
            ),
        ) => assert!(theirs.starts_with(&ours), "ours {ours:?}, theirs {theirs:?}"),
        Some(_) => assert_eq!(ours, theirs, "refused as {refused:?}"),
    }
});

/// A stream that has been read to its end; what is written is dropped.
struct Wire(Cursor<Vec<u8>>);

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What tungstenite reads up to the end or a close frame, and whether it refused the stream.
fn read_by_tungstenite(role: Role, stream: &[u8]) -> (Vec<Said>, bool) {
    let role = match role {
        Role::Client => TheirRole::Client,
        Role::Server => TheirRole::Server,
    };
    let max_bytes = Some(Limits::default().max_message_bytes);
    let config = WebSocketConfig::default()
        .read_buffer_size(1_024)
        .max_message_size(max_bytes)
        .max_frame_size(max_bytes);
    let wire = Wire(Cursor::new(stream.to_vec()));
    let mut websocket = WebSocket::from_raw_socket(wire, role, Some(config));
    let mut said = Vec::new();
    loop {
        match websocket.read() {
            Ok(message) => {
                let closed = message.is_close();
                said.push(owned(message));
                if closed {
                    return (said, false);
                }
            }
            Err(Error::Protocol(TheirError::ResetWithoutClosingHandshake)) => return (said, false),
            Err(_) => return (said, true),
        }
    }
}

fn owned(message: Theirs) -> Said {
    match message {
        Theirs::Text(text) => Said::Text(text.as_str().to_owned()),
        Theirs::Binary(bytes) => Said::Binary(bytes.to_vec()),
        Theirs::Ping(payload) => Said::Ping(payload.to_vec()),
        Theirs::Pong(payload) => Said::Pong(payload.to_vec()),
        Theirs::Close(frame) => {
            Said::Close(frame.map(|frame| (frame.code.into(), frame.reason.to_string())))
        }
        Theirs::Frame(_) => unreachable!("only written, never read"),
    }
}
