//! What a server says first on a WebSocket: whether its handshake can be read, and which version it speaks.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use sockeye_proto::wire::{
    engine::{Handshake, HandshakeError, Version},
    words::{LATE_REFUSAL, late_refusal, version},
    ws::{DecodeError, Decoder, Input, Limits, Message, Role},
};
use tokio::{
    io::{self, AsyncReadExt as _},
    time,
};

use super::Stream;

/// How long a server of Engine.IO 3 may take to let us into `/` unasked; it does so right behind its handshake.
const PATIENCE: Duration = Duration::from_millis(300);
/// Enough for any handshake that can be used, and what follows it at once.
const MAX_BYTES: usize = 64 * 1024;
const TOO_LONG: HandshakeError = HandshakeError::TooLong { max_bytes: MAX_BYTES };

/// Reads until the version is known, and gives it with all that was read: nobody has seen that yet. If it is `known`
/// before, nothing but the handshake is waited for.
pub(crate) async fn version_of(
    stream: &mut Stream,
    early: Bytes,
    known: Option<Version>,
) -> io::Result<Result<(Version, Bytes), HandshakeError>> {
    let mut read = BytesMut::from(&*early);
    loop {
        let (found, is_full) = (look(&read), read.len() > MAX_BYTES);
        let more = stream.read_buf(&mut read);
        let more = match (found, known) {
            (Found::Broken(error), _) => return Ok(Err(error)),
            (Found::Nothing, _) if is_full => return Ok(Err(TOO_LONG)),
            (Found::Nothing, _) => more.await?,
            (Found::Handshake | Found::Version(_), Some(version)) => {
                return Ok(Ok((version, read.freeze())));
            }
            (Found::Version(version), None) => return Ok(Ok((version, read.freeze()))),
            // An older server of version 4 says nothing until it is asked.
            (Found::Handshake, None) if is_full => return Ok(Ok((Version::V4, read.freeze()))),
            (Found::Handshake, None) => match time::timeout(PATIENCE, more).await {
                Ok(more) => more?,
                Err(_) => return Ok(Ok((Version::V4, read.freeze()))),
            },
        };
        // What is wrong with it, the session will say.
        if more == 0 {
            return Ok(Ok((known.unwrap_or(Version::V4), read.freeze())));
        }
    }
}

/// Reads what the server says first. Is it a response of HTTP, its status and body are given; else all that was read.
///
/// npm's servers agree to a WebSocket before they look at the version, and refuse in HTTP all the same.
pub(crate) async fn refusal(
    stream: &mut Stream,
    early: Bytes,
) -> io::Result<Result<Bytes, (StatusCode, String)>> {
    let mut read = BytesMut::from(&*early);
    let mut is_over = false;
    while !is_over && read.len() <= MAX_BYTES {
        let known = read.len().min(LATE_REFUSAL.len());
        if read[..known] != LATE_REFUSAL[..known] {
            return Ok(Ok(read.freeze()));
        }
        is_over = stream.read_buf(&mut read).await? == 0;
    }
    let refusal = late_refusal(&read)
        .and_then(|(status, body)| Some((StatusCode::from_u16(status).ok()?, body)));
    match refusal {
        Some(refusal) => Ok(Err(refusal)),
        None => Ok(Ok(read.freeze())),
    }
}

enum Found {
    /// No message as a whole.
    Nothing,
    /// A handshake that leaves it open.
    Handshake,
    /// A handshake that can't be read.
    Broken(HandshakeError),
    Version(Version),
}

fn look(read: &[u8]) -> Found {
    let mut copy = read.to_vec();
    let mut input = Input::new(&mut copy);
    let limits = Limits { max_message_bytes: MAX_BYTES, ..Limits::default() };
    let mut decoder = Decoder::new(Role::Client, limits);
    let mut opened: Option<Handshake> = None;
    loop {
        let text = match decoder.decode(&mut input) {
            Ok(Some(Message::Text(text))) => text,
            Ok(Some(Message::Ping(_) | Message::Pong(_))) => continue,
            Ok(None) => return opened.map_or(Found::Nothing, |_| Found::Handshake),
            Err(DecodeError::MessageTooBig { .. }) if opened.is_none() => {
                return Found::Broken(TOO_LONG);
            }
            _ => return Found::Version(Version::V4),
        };
        let found = match &opened {
            Some(handshake) => version(handshake, Some(text)),
            None => match Handshake::decode_packet(text) {
                Ok(handshake) => version(opened.insert(handshake), None),
                Err(error) => return Found::Broken(error),
            },
        };
        if let Some(version) = found {
            return Found::Version(version);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt as _, duplex};

    use super::*;

    const OPEN: &str = r#"0{"sid":"a","upgrades":[],"pingInterval":1,"pingTimeout":1}"#;
    const NEW: &str =
        r#"0{"sid":"a","upgrades":[],"pingInterval":1,"pingTimeout":1,"maxPayload":9}"#;

    fn frames(texts: &[&str]) -> Vec<u8> {
        let frame = |text: &&str| {
            let mut frame = vec![0x81, u8::try_from(text.len()).unwrap()];
            frame.extend_from_slice(text.as_bytes());
            frame
        };
        texts.iter().flat_map(frame).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_words_tell_the_version() {
        for (texts, expect) in [
            (&[NEW][..], Version::V4),
            (&[NEW, "40"], Version::V4),
            (&[OPEN, "40"], Version::V3),
            (&[OPEN], Version::V4),
            (&[OPEN, "2"], Version::V4),
        ] {
            let bytes = frames(texts);
            // In one piece, byte by byte, and partly before.
            for (early, piece) in [(0, bytes.len()), (0, 1), (bytes.len(), 1), (4, 5)] {
                let (ours, mut theirs) = duplex(1);
                let mut stream = Stream::Other(Box::new(ours));
                let (early, rest) = bytes.split_at(early);
                let server = async {
                    for piece in rest.chunks(piece) {
                        theirs.write_all(piece).await.unwrap();
                    }
                    std::future::pending::<()>().await;
                };
                let (version, read) = tokio::select! {
                    found = version_of(&mut stream, Bytes::copy_from_slice(early), None) => found.unwrap().unwrap(),
                    () = server => unreachable!(),
                };
                assert_eq!(version, expect, "{texts:?}");
                assert!(bytes.starts_with(&read), "{texts:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_version_that_is_known_waits_for_no_more_than_the_handshake() {
        for known in [Version::V3, Version::V4] {
            let (ours, mut theirs) = duplex(1 << 10);
            let mut stream = Stream::Other(Box::new(ours));
            theirs.write_all(&frames(&[OPEN])).await.unwrap();
            let begun = time::Instant::now();
            let found = version_of(&mut stream, Bytes::new(), Some(known)).await.unwrap().unwrap();
            assert_eq!((found.0, begun.elapsed()), (known, Duration::ZERO));
        }
    }

    #[tokio::test]
    async fn a_handshake_that_can_not_be_read_is_told() {
        for known in [None, Some(Version::V3), Some(Version::V4)] {
            let (ours, mut theirs) = duplex(1 << 10);
            let mut stream = Stream::Other(Box::new(ours));
            theirs.write_all(&frames(&[&OPEN.replacen('1', "\"soon\"", 1)])).await.unwrap();
            let broken = version_of(&mut stream, Bytes::new(), known).await.unwrap().unwrap_err();
            assert!(broken.to_string().starts_with("pingInterval is \"soon\""), "{broken}");
        }
    }

    #[tokio::test]
    async fn what_is_no_handshake_is_told() {
        let long = OPEN.replacen('a', &"a".repeat(2 * MAX_BYTES), 1);
        for (text, expect) in [
            ("hello", "it begins with \"hello\""),
            ("\u{feff}0{}", "it begins with \"\\u{feff}0{}\""),
            (" 0{}", "it begins with \" 0{}\""),
            ("", "it begins with \"\""),
            (&long, "it has more than 65536 bytes"),
        ] {
            let (ours, mut theirs) = duplex(1 << 20);
            let mut stream = Stream::Other(Box::new(ours));
            let mut frame = vec![0x81, 127];
            frame.extend(u64::try_from(text.len()).unwrap().to_be_bytes());
            frame.extend_from_slice(text.as_bytes());
            if text.len() < 126 {
                frame = frames(&[text]);
            }
            // What is announced is enough.
            frame.truncate(1 << 10);
            theirs.write_all(&frame).await.unwrap();
            let broken = version_of(&mut stream, Bytes::new(), None).await.unwrap().unwrap_err();
            assert!(broken.to_string().starts_with(expect), "{broken}");
        }
    }

    #[tokio::test]
    async fn a_server_that_goes_leaves_what_it_said() {
        let (ours, mut theirs) = duplex(64);
        let mut stream = Stream::Other(Box::new(ours));
        theirs.write_all(b"\x81\x05abc").await.unwrap();
        drop(theirs);
        let (version, read) = version_of(&mut stream, Bytes::new(), None).await.unwrap().unwrap();
        assert_eq!((version, &*read), (Version::V4, &b"\x81\x05abc"[..]));
    }

    #[tokio::test]
    async fn a_refusal_in_http_is_told_from_a_session() {
        for (says, expect) in [
            (
                "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\nno",
                Err((StatusCode::BAD_REQUEST, "no".to_owned())),
            ),
            ("HTTP/1.1", Ok(Bytes::from("HTTP/1.1"))),
            ("", Ok(Bytes::new())),
            ("hello", Ok(Bytes::from("hello"))),
        ] {
            for early in [0, says.len()] {
                let (ours, mut theirs) = duplex(64);
                let mut stream = Stream::Other(Box::new(ours));
                let (early, rest) = says.as_bytes().split_at(early);
                theirs.write_all(rest).await.unwrap();
                drop(theirs);
                let found = refusal(&mut stream, Bytes::copy_from_slice(early)).await.unwrap();
                assert_eq!(found, expect, "{says:?}");
            }
        }
    }
}
