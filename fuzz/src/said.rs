//! Messages of a WebSocket as owned values, read from bytes that arrive in pieces.

use sockeye_proto::wire::ws::{
    CloseCode, CloseFrame, DecodeError, Decoder, Encoder, Input, Message,
};

/// A message of any WebSocket library.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "the names are those of `Message`")]
pub enum Said {
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

impl Said {
    /// How many bytes its payload has, the code of a close frame aside.
    pub fn payload_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes.len(),
            Self::Close(frame) => frame.as_ref().map_or(0, |(_, reason)| reason.len()),
        }
    }
}

/// All messages of a stream that arrives in pieces of so many bytes, and why it was refused, if it was.
pub fn read(
    mut decoder: Decoder,
    stream: &[u8],
    piece_bytes: usize,
) -> (Vec<Said>, Result<Decoder, DecodeError>) {
    let mut said = Vec::new();
    for piece in stream.chunks(piece_bytes) {
        let mut piece = piece.to_vec();
        let mut input = Input::new(&mut piece);
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(message)) => said.push(message.into()),
                Ok(None) => break,
                Err(error) => return (said, Err(error)),
            }
        }
        assert!(input.is_empty(), "the decoder says that it needs more, and has not taken all");
    }
    (said, Ok(decoder))
}

/// The same messages as bytes.
///
/// # Panics
///
/// If one of them can't have been read from a peer: its close code may not be sent.
pub fn write(encoder: &mut Encoder, messages: &[Said], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        let message = match message {
            Said::Text(text) => Message::Text(text),
            Said::Binary(bytes) => Message::Binary(bytes),
            Said::Ping(payload) => Message::Ping(payload),
            Said::Pong(payload) => Message::Pong(payload),
            Said::Close(frame) => Message::Close(frame.as_ref().map(|(code, reason)| {
                let Some(code) = CloseCode::new(*code) else {
                    panic!("close code {code} was read")
                };
                CloseFrame { code, reason }
            })),
        };
        encoder.encode(message, mask, &mut bytes);
    }
    bytes
}
