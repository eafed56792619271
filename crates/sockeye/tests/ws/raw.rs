//! The other end, by hand: it sends any bytes, and reads frames more strictly than anybody has to.

use sockeye::ws::{Options, Role, WebSocket};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

const KEY: [u8; 4] = [0xa1, 0x5c, 0x00, 0xff];

/// A peer of ours that knows nothing of our code.
#[derive(Debug)]
pub(crate) struct Raw {
    stream: DuplexStream,
    /// The role of our end.
    role: Role,
}

/// A frame, unmasked.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Frame {
    /// FIN, reserved bits and opcode.
    pub(crate) first: u8,
    pub(crate) key: Option<[u8; 4]>,
    pub(crate) payload: Vec<u8>,
}

/// Our end, and its peer, joined by a pipe that holds so many bytes.
pub(crate) fn pair(role: Role, options: &Options, pipe_bytes: usize) -> (WebSocket, Raw) {
    let (ours, theirs) = duplex(pipe_bytes);
    let ours = WebSocket::from_stream(ours, role, options).unwrap();
    (ours, Raw { stream: theirs, role })
}

impl Raw {
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends a frame, masked if it has to be.
    pub(crate) async fn send(&mut self, first: u8, payload: &[u8]) {
        let bytes = self.encode(first, payload);
        self.write(&bytes).await;
    }

    pub(crate) async fn close(&mut self, code: u16, reason: &str) {
        self.send(CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat()).await;
    }

    pub(crate) fn encode(&self, first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = if self.role == Role::Server { 0x80 } else { 0 };
        let mut bytes = vec![first];
        match payload.len() {
            length @ 0..=125 => bytes.push(mask | length as u8),
            length @ 126..=65_535 => {
                bytes.push(mask | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
            length => {
                bytes.push(mask | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        if mask == 0 {
            bytes.extend(payload);
        } else {
            bytes.extend(KEY);
            bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
        }
        bytes
    }

    /// Reads a frame that has no reserved bit.
    pub(crate) async fn frame(&mut self) -> Frame {
        let frame = self.compressed_frame().await;
        assert_eq!(frame.first & 0x70, 0, "a reserved bit is set");
        frame
    }

    /// Reads a frame that may have RSV1.
    pub(crate) async fn compressed_frame(&mut self) -> Frame {
        let [first, second] = self.read().await;
        assert_eq!(first & 0x30, 0, "RSV2 or RSV3 is set");
        assert!(matches!(first & 0x0f, 0..=2 | 8..=10), "opcode of {first:#x}");
        let length = match second & 0x7f {
            126 => {
                let length = u64::from(u16::from_be_bytes(self.read().await));
                assert!(length > 125, "{length} is not in its shortest form");
                length
            }
            127 => {
                let length = u64::from_be_bytes(self.read().await);
                assert!(length > 65_535, "{length} is not in its shortest form");
                length
            }
            length => u64::from(length),
        };
        if first & 0x08 != 0 {
            assert!(length <= 125 && first & 0x80 != 0, "control frames are short and whole");
        }
        let is_masked = second & 0x80 != 0;
        assert_eq!(is_masked, self.role == Role::Client, "clients mask, servers don't");
        let key = if is_masked { Some(self.read().await) } else { None };
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).await.unwrap();
        if let Some(key) = key {
            payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        }
        Frame { first, key, payload }
    }

    /// Reads a frame with this head and payload.
    #[track_caller]
    pub(crate) fn expect(&mut self, first: u8, payload: &[u8]) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        let payload = payload.to_vec();
        async move {
            let frame = self.frame().await;
            assert!(
                frame.first == first && frame.payload == payload,
                "{caller}: {first:#x} {payload:?} was expected, found {frame:?}"
            );
        }
    }

    /// Reads a close frame and returns its code.
    pub(crate) async fn closed(&mut self) -> u16 {
        let frame = self.frame().await;
        assert_eq!(frame.first, CLOSE);
        u16::from_be_bytes([frame.payload[0], frame.payload[1]])
    }

    /// Reads the end of the stream.
    pub(crate) async fn end(&mut self) {
        assert_eq!(self.stream.read(&mut [0]).await.unwrap(), 0);
    }

    /// Ends our side of the stream and no more.
    pub(crate) async fn shut(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    async fn read<const BYTES: usize>(&mut self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        self.stream.read_exact(&mut bytes).await.unwrap();
        bytes
    }
}
