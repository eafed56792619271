//! An open WebSocket by operations: whatever arrives and whenever, it answers once, closes once and then is silent.
//!
//! Input: a byte of flags (1 server, 2 small limits), then operations by their first byte:
//!
//! ```text
//! r LENGTH BYTES                     bytes arrive
//! f HEAD TIMES CUT LENGTH PAYLOAD    a frame arrives in two pieces, its payload so many times over, rightly masked
//! c CODE CODE LENGTH REASON          the owner closes
//! e                                  the stream ends
//! + SECONDS                          the clock moves, from deadline to deadline
//! t                                  the owner looks at the time
//! ```
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use sockeye_fuzz::{Said, Script, read};
use sockeye_proto::{
    session::websocket::{Config, Output, WebSocket},
    wire::ws::{
        CloseCode, DecodeError, Decoder, Encoder, Input, Limits, MAX_CONTROL_BYTES, Role,
        apply_mask,
    },
};

const KEY: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
const MAX_MESSAGE_BYTES: usize = 200;

fuzz_target!(|data: &[u8]| {
    let mut script = Script::new(data);
    let flags = script.byte();
    let role = if flags & 1 == 0 { Role::Client } else { Role::Server };
    let mut owner = Owner::new(role, flags & 2 != 0);
    while let Some(operation) = script.operation() {
        match operation {
            b'r' => owner.read(&mut script.bytes().to_vec()),
            b'f' => {
                let (head, times) = (script.byte(), script.byte());
                let cut = usize::from(script.byte());
                let mut frame = owner.frame(head, script.bytes().repeat(times.into()));
                let cut = cut.min(frame.len());
                owner.read(&mut frame[..cut]);
                owner.read(&mut frame[cut..]);
            }
            b'c' => owner.close(script.number(), &String::from_utf8_lossy(script.bytes())),
            b'e' => owner.end(),
            b'+' => owner.run_for(Duration::from_secs(script.byte().into())),
            b't' => owner.handle_timeout(),
            _ => {}
        }
    }
    owner.run_for(Duration::from_secs(60));
    assert!(owner.machine.is_open() || owner.told_end, "a close handshake without an end");
});

/// The machine with everything that must be true of it.
struct Owner {
    role: Role,
    machine: WebSocket,
    now: Instant,
    /// We have closed, or the peer has, or it broke a rule.
    is_closing: bool,
    peer_closed: bool,
    sent_close: bool,
    is_broken: bool,
    is_cut: bool,
    told_end: bool,
}

impl Owner {
    fn new(role: Role, small: bool) -> Self {
        let mut config = Config::default().close_timeout(Duration::from_secs(10));
        if small {
            config = config.max_message_bytes(MAX_MESSAGE_BYTES).max_empty_fragments(3);
        }
        Self {
            role,
            machine: WebSocket::new(role, &config),
            now: Instant::now(),
            is_closing: false,
            peer_closed: false,
            sent_close: false,
            is_broken: false,
            is_cut: false,
            told_end: false,
        }
    }

    /// A frame of the peer, whose first byte may be any.
    fn frame(&self, head: u8, mut payload: Vec<u8>) -> Vec<u8> {
        let mask = if self.role == Role::Server { 0x80 } else { 0 };
        let mut frame = vec![head];
        match payload.len() {
            length @ 0..=125 => frame.push(mask | length as u8),
            length @ 126..=0xffff => {
                frame.push(mask | 126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                frame.push(mask | 127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        if mask != 0 {
            frame.extend_from_slice(&KEY);
            apply_mask(&mut payload, KEY, 0);
        }
        frame.append(&mut payload);
        frame
    }

    fn read(&mut self, bytes: &mut [u8]) {
        let mut input = Input::new(bytes);
        loop {
            let is_over = self.peer_closed || self.is_broken || self.is_cut || self.told_end;
            let read = self.machine.read(self.now, &mut input).map(|read| read.map(Said::from));
            assert!(!is_over || matches!(read, Ok(None)), "{read:?} after the end");
            let is_done = match read {
                Ok(None) => true,
                Ok(Some(message)) => {
                    self.peer_closed |= matches!(message, Said::Close(_));
                    self.is_closing |= self.peer_closed;
                    false
                }
                Err(error) => {
                    self.is_broken = true;
                    self.is_closing = true;
                    assert!(!matches!(error, DecodeError::InvalidDeflate), "not agreed on");
                    false
                }
            };
            if is_done {
                break;
            }
        }
        assert!(input.is_empty());
        self.drain();
    }

    fn close(&mut self, code: u16, reason: &str) {
        if let Some(code) = CloseCode::new(code) {
            self.machine.close(self.now, code, reason);
            self.is_closing = true;
        }
        self.drain();
    }

    fn end(&mut self) {
        self.machine.handle_eof();
        self.is_cut = true;
        self.is_closing = true;
        self.drain();
        assert!(self.told_end, "nothing is left to wait for");
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.machine.next_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.handle_timeout();
        }
        self.now = end;
    }

    fn handle_timeout(&mut self) {
        self.machine.handle_timeout(self.now);
        let next = self.machine.next_deadline();
        assert!(next.is_none_or(|next| next > self.now), "a deadline that has passed was not met");
        self.drain();
    }

    fn drain(&mut self) {
        let mut pongs = 0;
        while let Some(output) = self.machine.poll_output() {
            assert!(!self.told_end, "{output:?} after the end");
            match &output {
                Output::Pong(payload) => {
                    pongs += 1;
                    assert!(!self.sent_close && payload.len() <= MAX_CONTROL_BYTES);
                }
                Output::Close(_) => {
                    assert!(self.is_closing, "without a reason");
                    assert!(!std::mem::replace(&mut self.sent_close, true), "two close frames");
                }
                Output::End => self.told_end = true,
            }
            self.peer_reads(&output);
        }
        assert!(pongs <= 1, "{pongs} pongs at once");
        assert_eq!(self.machine.is_open(), !self.is_closing);
        assert!(!self.machine.is_clean() || self.peer_closed);
        assert!(!self.told_end || self.machine.next_deadline().is_none());
        // Whoever has broken the rules is told why, and that is all.
        assert!(!self.is_broken || (self.told_end && (self.sent_close || self.is_cut)));
    }

    /// What is sent, the peer can read.
    fn peer_reads(&self, output: &Output) {
        let Some(message) = output.message() else { return };
        let (peer, mask) = match self.role {
            Role::Client => (Role::Server, Some(KEY)),
            Role::Server => (Role::Client, None),
        };
        let mut bytes = Vec::new();
        Encoder::new().encode(message, mask, &mut bytes);
        let (said, end) = read(Decoder::new(peer, Limits::default()), &bytes, 3);
        assert!(end.is_ok() && said == [Said::from(message)], "{said:?} from {output:?}");
    }
}
