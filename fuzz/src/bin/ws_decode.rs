//! WebSocket frames: a stream says the same however it is cut, and what was read can be written and read again.
//!
//! Input: a byte of flags (1 server, 2 compression, 4 small limits), the size of the pieces, with compression two bytes
//! of configuration, then the stream.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye_fuzz::{Script, agreements, read, write};
use sockeye_proto::wire::ws::{Decoder, Encoder, Limits, Role};

const KEY: [u8; 4] = [0xa1, 0x02, 0xf3, 0x04];

fuzz_target!(|data: &[u8]| {
    let mut script = Script::new(data);
    let flags = script.byte();
    let piece_bytes = 1 + usize::from(script.byte());
    let role = if flags & 1 == 0 { Role::Client } else { Role::Server };
    let deflate = if flags & 2 == 0 { None } else { agreements(&mut script) };
    let limits = if flags & 4 == 0 {
        Limits::default()
    } else {
        Limits { max_message_bytes: 20, max_empty_fragments: 3 }
    };
    let stream = script.rest();
    let decoder = || {
        let decoder = Decoder::new(role, limits);
        match deflate {
            Some(agreement) => decoder.with_deflate(agreement.inflater(role)),
            None => decoder,
        }
    };

    let (said, end) = read(decoder(), stream, stream.len().max(1));
    for message in &said {
        assert!(message.payload_bytes() <= limits.max_message_bytes.max(125), "{message:?}");
    }
    for piece_bytes in [1, piece_bytes] {
        let (in_pieces, other_end) = read(decoder(), stream, piece_bytes);
        assert_eq!(in_pieces, said, "in pieces of {piece_bytes}");
        match (&end, &other_end) {
            (Ok(whole), Ok(pieces)) => {
                assert_eq!(whole.is_between_messages(), pieces.is_between_messages());
            }
            // A piece that inflates to wrong text may be followed by one that does not inflate.
            (Err(whole), Err(pieces)) => assert!(deflate.is_some() || whole == pieces),
            _ => panic!("whole {end:?}, in pieces of {piece_bytes} {other_end:?}"),
        }
    }

    let mask = (role == Role::Server).then_some(KEY);
    let mut encoder = Encoder::new();
    if let Some(deflater) = deflate.and_then(|agreement| agreement.deflater(peer_of(role))) {
        encoder = encoder.with_deflate(deflater.min_bytes(8));
    }
    let again = write(&mut encoder, &said, mask);
    let (again, end) = read(decoder(), &again, piece_bytes);
    assert_eq!(again, said, "written and read again");
    assert!(end.is_ok_and(|decoder| decoder.is_between_messages()));
});

const fn peer_of(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}
