//! A session by operations, as either end: what a peer may send and an owner may do, in any order and at any time.
//!
//! Input: lines. The first has words for the kind of session: `client` or else a server, `polling`, `v3`, `msgpack`.
//! Each other is an operation, by its first letter:
//!
//! ```text
//! <TEXT   a text message arrives          j/NS  join, as a client       ~MS  the clock moves, the owner is late
//! #BYTES  a binary message arrives        a/NS  accept                  t    the owner looks at the time too early
//! h       bytes without a message         r/NS  refuse                  p P  the owner stops to read, reads again
//! +MS     the clock moves, from deadline  l/NS  leave                   x    the owner closes
//!         to deadline                     L     leave all
//! e/NS    wait for an ack                 f/NS  wait no longer for the oldest ack
//! E/NS    wait for the oldest ack once more
//!
//! g  a GET arrives         o  a POST begins                b      a WebSocket offers itself
//! G  the client drops it   O  it is over                   BTEXT  it says something
//!                          Q  the client drops it          d      it is gone
//!                          z  its body can't be read
//! ```
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye_fuzz::Owner;

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let words = lines.next().unwrap_or_default();
    let mut owner = Owner::new(&String::from_utf8_lossy(words));
    for line in lines {
        if let [operation, rest @ ..] = line {
            owner.act(*operation, rest);
        }
    }
    owner.end();
});
