//! A session by operations, as either end: what a peer may send and an owner may do, in any order and at any time.
//!
//! Input: lines. The first is `client` or anything else for a server; each other is an operation, by its first letter:
//!
//! ```text
//! <TEXT   a text message arrives          j/NS  join, as a client       ~MS  the clock moves, the owner is late
//! #BYTES  a binary message arrives        a/NS  accept                  t    the owner looks at the time too early
//! h       bytes without a message         r/NS  refuse                  p P  the owner stops to read, reads again
//! +MS     the clock moves, from deadline  l/NS  leave                   x    the owner closes
//!         to deadline                     L     leave all
//! e/NS    wait for an ack                 f/NS  wait no longer for the oldest ack
//! E/NS    wait for the oldest ack once more
//! ```
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye_fuzz::Owner;

fuzz_target!(|text: &str| {
    let mut lines = text.lines();
    let mut owner = match lines.next() {
        Some("client") => Owner::client(),
        _ => Owner::server(),
    };
    for line in lines {
        let mut chars = line.chars();
        let Some(operation) = chars.next() else { continue };
        owner.act(operation, chars.as_str());
    }
    owner.end();
});
