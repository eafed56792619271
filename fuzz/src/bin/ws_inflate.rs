//! Decompression: bounded by the limit, the same however it is cut; and what we compress comes back.
//!
//! Input: two bytes of configuration, the size of the pieces, a limit of two bytes, then messages, each with its length
//! in one byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye_fuzz::{Script, agreements};
use sockeye_proto::wire::ws::{DecodeError, Role, deflate::Inflater};

fuzz_target!(|data: &[u8]| {
    let mut script = Script::new(data);
    let Some(agreement) = agreements(&mut script) else { return };
    let piece_bytes = 1 + usize::from(script.byte());
    let max_bytes = usize::from(script.number());
    let messages = script.rest();

    let mut whole = agreement.inflater(Role::Server);
    let mut pieces = agreement.inflater(Role::Server);
    let mut script = Script::new(messages);
    while let Some(length) = script.operation() {
        let compressed = script.take(length.into());
        let expect = inflate(&mut whole, compressed, usize::MAX, max_bytes);
        let found = inflate(&mut pieces, compressed, piece_bytes, max_bytes);
        // Of two faults in one message, either may be found first.
        assert_eq!(found.as_ref().ok(), expect.as_ref().ok(), "{found:?}, whole {expect:?}");
        if expect.is_err() {
            break; // the connection ends here
        }
    }

    let mut deflater = agreement.deflater(Role::Client).expect("no window of 8 bits").min_bytes(0);
    let mut inflater = agreement.inflater(Role::Server);
    let mut script = Script::new(messages);
    while let Some(length) = script.operation() {
        let message = script.take(length.into());
        let Some(compressed) = deflater.deflate(message) else {
            assert!(message.is_empty(), "nothing is too short");
            continue;
        };
        let found = inflate(&mut inflater, &compressed, piece_bytes, message.len());
        assert_eq!(found.as_deref(), Ok(message));
    }
});

fn inflate(
    inflater: &mut Inflater,
    compressed: &[u8],
    piece_bytes: usize,
    max_bytes: usize,
) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::new();
    let result = compressed
        .chunks(piece_bytes)
        .try_for_each(|piece| inflater.push(piece, &mut out, max_bytes))
        .and_then(|()| inflater.finish(&mut out, max_bytes));
    assert!(out.capacity() <= max_bytes + 1, "{} bytes for {max_bytes}", out.capacity());
    result.map(|()| out)
}
