//! What tungstenite writes we read, what we write it reads, and both refuse the same frames.
//!
//! Known differences, kept out of the random frames:
//! - lengths that are not in their shortest form: we refuse them (RFC 6455 §5.2), tungstenite does not;
//! - close code 1014 (IANA, after the RFC): we accept it, tungstenite does not;
//! - more empty fragments than our limit, and frames cut off by the end of the stream, which we refuse as
//!   soon as their first bytes are wrong.

use std::io::{self, Cursor, Read, Write};

use proptest::prelude::*;
use sockeye_proto::wire::ws::{
    CloseCode, CloseFrame, Decoder, Encoder, Input, Limits, Message, Role, apply_mask,
    handshake::{Offer, Request, accept_key},
};
use tungstenite::{
    Error, Message as Theirs, WebSocket,
    client::IntoClientRequest as _,
    error::ProtocolError,
    handshake::{derive_accept_key, server::create_response},
    protocol::{CloseFrame as TheirClose, Role as TheirRole},
};

const KEY: [u8; 4] = [0xa1, 0x02, 0xf3, 0x04];

/// A message of either library.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Said {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
}

impl From<Message<'_>> for Said {
    fn from(message: Message<'_>) -> Self {
        match message {
            Message::Text(text) => Self::Text(text.to_owned()),
            Message::Binary(bytes) => Self::Binary(bytes.to_vec()),
            Message::Ping(payload) => Self::Ping(payload.to_vec()),
            Message::Pong(payload) => Self::Pong(payload.to_vec()),
            Message::Close(frame) => {
                Self::Close(frame.map(|frame| (frame.code.as_u16(), frame.reason.to_owned())))
            }
        }
    }
}

impl From<Theirs> for Said {
    fn from(message: Theirs) -> Self {
        match message {
            Theirs::Text(text) => Self::Text(text.as_str().to_owned()),
            Theirs::Binary(bytes) => Self::Binary(bytes.to_vec()),
            Theirs::Ping(payload) => Self::Ping(payload.to_vec()),
            Theirs::Pong(payload) => Self::Pong(payload.to_vec()),
            Theirs::Close(frame) => {
                Self::Close(frame.map(|frame| (frame.code.into(), frame.reason.to_string())))
            }
            Theirs::Frame(_) => unreachable!("only written, never read"),
        }
    }
}

/// A stream that has been read to its end, and keeps what is written.
struct Wire {
    incoming: Cursor<Vec<u8>>,
    outgoing: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.incoming.read(buffer)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tungstenite(role: Role, incoming: Vec<u8>) -> WebSocket<Wire> {
    let role = match role {
        Role::Client => TheirRole::Client,
        Role::Server => TheirRole::Server,
    };
    let wire = Wire { incoming: Cursor::new(incoming), outgoing: Vec::new() };
    WebSocket::from_raw_socket(wire, role, None)
}

/// What tungstenite reads up to the end or a close frame, and whether it refused the stream.
fn read_by_tungstenite(role: Role, bytes: &[u8]) -> (Vec<Said>, bool) {
    let mut websocket = tungstenite(role, bytes.to_vec());
    let mut said = Vec::new();
    loop {
        match websocket.read() {
            // Its way to report a close code that is not allowed.
            Ok(Theirs::Close(Some(frame))) if frame.reason.as_str() == "Protocol violation" => {
                return (said, true);
            }
            Ok(message) => {
                let closed = message.is_close();
                said.push(message.into());
                if closed {
                    return (said, false);
                }
            }
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                return (said, false);
            }
            Err(_) => return (said, true),
        }
    }
}

/// The same for our decoder, which gets the bytes in pieces.
fn read_by_us(role: Role, bytes: &[u8], piece_bytes: usize) -> (Vec<Said>, bool) {
    let mut decoder = Decoder::new(role, Limits::default());
    let mut said = Vec::new();
    for piece in bytes.chunks(piece_bytes) {
        let mut piece = piece.to_vec();
        let mut input = Input::new(&mut piece);
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(message)) => {
                    said.push(message.into());
                    if matches!(message, Message::Close(_)) {
                        return (said, false);
                    }
                }
                Ok(None) => break,
                Err(_) => return (said, true),
            }
        }
    }
    (said, false)
}

fn any_role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Client), Just(Role::Server)]
}

fn peer_of(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

fn any_said() -> impl Strategy<Value = Said> {
    let payload = prop::collection::vec(any::<u8>(), 0..=125);
    // Around the lengths where the header changes its form.
    let length = prop_oneof![0_usize..300, 65_530_usize..65_540];
    prop_oneof![
        "\\PC{0,300}".prop_map(Said::Text),
        (any::<u8>(), length).prop_map(|(byte, length)| Said::Binary(vec![byte; length])),
        payload.clone().prop_map(Said::Ping),
        payload.prop_map(Said::Pong),
    ]
}

fn any_close() -> impl Strategy<Value = Said> {
    let code = prop_oneof![Just(1000_u16), Just(1001), 1007_u16..=1013, 3000_u16..5000];
    prop::option::of((code, "\\PC{0,30}")).prop_map(Said::Close)
}

/// Bytes of a frame that obeys most rules most of the time, as the peer of `role` would send it.
fn any_frame(role: Role) -> impl Strategy<Value = Vec<u8>> {
    let bits = prop_oneof![20 => Just(0_u8), 1 => any::<u8>().prop_map(|bits| bits & 0x70)];
    let fin = prop::bool::weighted(0.6);
    let masked = prop::bool::weighted(if role == Role::Server { 0.98 } else { 0.02 });
    // Around the borders between codes that may be sent and codes that may not.
    let code = prop_oneof![0_u16..3, 998_u16..1_020, 2_998_u16..3_002, 4_998_u16..5_002];
    let close_body = (code, "\\PC{0,4}")
        .prop_filter("a known difference", |(code, _)| *code != 1014)
        .prop_map(|(code, reason)| [&code.to_be_bytes()[..], reason.as_bytes()].concat());
    let payload = prop_oneof![
        3 => Just(Vec::new()),
        6 => "\\PC{0,20}".prop_map(String::into_bytes),
        2 => prop::collection::vec(any::<u8>(), 0..4), // pieces of characters
        1 => prop::collection::vec(any::<u8>(), 100..300),
    ];
    let opcode = prop_oneof![
        30 => prop::sample::select(&[0x0_u8, 0x0, 0x0, 0x1, 0x2, 0x9, 0xa][..]),
        1 => 0_u8..16,
    ];
    let content = prop_oneof![10 => (opcode, payload), 1 => (Just(0x8), close_body)];
    (bits, fin, masked, content).prop_map(|(bits, fin, masked, (opcode, mut payload))| {
        let mut frame = vec![bits | opcode | if fin || opcode & 8 != 0 { 0x80 } else { 0 }];
        let mask_bit = if masked { 0x80 } else { 0 };
        match payload.len() {
            length @ 0..=125 => frame.push(mask_bit | length as u8),
            length => {
                frame.push(mask_bit | 126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
        }
        if masked {
            frame.extend_from_slice(&KEY);
            apply_mask(&mut payload, KEY, 0);
        }
        frame.extend_from_slice(&payload);
        frame
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_it_writes_we_read(
        mut messages in prop::collection::vec(any_said(), 0..6),
        close in any_close(),
        role in any_role(),
        piece_bytes in 1_usize..100_000,
    ) {
        messages.push(close);
        let mut writer = tungstenite(peer_of(role), Vec::new());
        for message in &messages {
            let message = match message.clone() {
                Said::Text(text) => Theirs::text(text),
                Said::Binary(bytes) => Theirs::binary(bytes),
                Said::Ping(payload) => Theirs::Ping(payload.into()),
                Said::Pong(payload) => Theirs::Pong(payload.into()),
                Said::Close(frame) => Theirs::Close(frame.map(|(code, reason)| TheirClose {
                    code: code.into(),
                    reason: reason.into(),
                })),
            };
            writer.send(message).unwrap();
        }
        let bytes = &writer.get_ref().outgoing;
        prop_assert_eq!(read_by_us(role, bytes, piece_bytes), (messages, false));
    }

    #[test]
    fn what_we_write_it_reads(
        mut messages in prop::collection::vec(any_said(), 0..6),
        close in any_close(),
        role in any_role(),
    ) {
        messages.push(close);
        let mut bytes = Vec::new();
        for message in &messages {
            let message = match message {
                Said::Text(text) => Message::Text(text),
                Said::Binary(bytes) => Message::Binary(bytes),
                Said::Ping(payload) => Message::Ping(payload),
                Said::Pong(payload) => Message::Pong(payload),
                Said::Close(frame) => Message::Close(frame.as_ref().map(|(code, reason)| {
                    CloseFrame { code: CloseCode::new(*code).unwrap(), reason }
                })),
            };
            let mask = (role == Role::Client).then_some(KEY);
            Encoder::new().encode(message, mask, &mut bytes);
        }
        prop_assert_eq!(read_by_tungstenite(peer_of(role), &bytes), (messages, false));
    }

    #[test]
    fn both_refuse_the_same_frames(
        (role, frames) in any_role()
            .prop_flat_map(|role| (Just(role), prop::collection::vec(any_frame(role), 1..12))),
        piece_bytes in 1_usize..300,
    ) {
        let bytes = frames.concat();
        prop_assert_eq!(read_by_us(role, &bytes, piece_bytes), read_by_tungstenite(role, &bytes));
    }

    #[test]
    fn both_derive_the_same_accept_key(key: String) {
        prop_assert_eq!(accept_key(&key), derive_accept_key(key.as_bytes()));
    }
}

#[test]
fn each_accepts_the_handshake_of_the_other() {
    let theirs = "ws://example.com/chat".into_client_request().unwrap();
    assert_eq!(Request::read(&theirs).unwrap().response().status(), 101);

    let offer = Offer::new(*b"sixteen random b");
    let mut ours = http::Request::get("/chat").body(()).unwrap();
    offer.write_headers(ours.headers_mut());
    assert_eq!(offer.check(&create_response(&ours).unwrap()).unwrap().protocol, None);
}
