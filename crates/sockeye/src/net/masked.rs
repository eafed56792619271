//! A client's frames on their way out: masked into a buffer of their own, which is gone once they are written.

use std::collections::VecDeque;

use sockeye_proto::wire::prepared::{MASK_BYTES, Prepared};

use super::Keys;

/// So much is masked at a time, and whatever the last packet has beyond it.
const BUFFER_BYTES: usize = 64 * 1024;

/// What an outbox needs to write as a client: packets are shared and stay as they are, frames are masked copies.
#[derive(Debug)]
pub(super) struct Masked {
    keys: Keys,
    frames: Vec<u8>,
    /// How much of `frames` is written.
    written: usize,
    /// How many packets at the front of the queue are in `frames`, one that is written in part included.
    packets: usize,
}

impl Masked {
    pub(super) const fn new(keys: Keys) -> Self {
        Self { keys, frames: Vec::new(), written: 0, packets: 0 }
    }

    /// What is to be written next, of the packets in `queue`.
    pub(super) fn frames(&mut self, queue: &VecDeque<Prepared>) -> &[u8] {
        if self.written == self.frames.len() {
            self.frames.clear();
            self.written = 0;
            for packet in queue {
                packet.masked_into(|| self.keys.next(), &mut self.frames);
                self.packets += 1;
                if self.frames.len() >= BUFFER_BYTES {
                    break;
                }
            }
        }
        &self.frames[self.written..]
    }

    /// So many bytes more are written.
    pub(super) const fn advance(&mut self, bytes: usize) {
        self.written += bytes;
    }

    /// A packet is written, and has left the queue.
    pub(super) const fn pop(&mut self) {
        self.packets -= 1;
    }

    /// Everything is written, or nothing more will be.
    pub(super) fn clear(&mut self) {
        self.frames = Vec::new();
        self.written = 0;
        self.packets = 0;
    }

    /// How many packets at the front of the queue can't be changed any more.
    pub(super) const fn packets(&self) -> usize {
        self.packets
    }
}

/// How long a packet's frames are once they are masked.
pub(super) fn masked_bytes(packet: &Prepared) -> usize {
    packet.wire_bytes() + MASK_BYTES * packet.frame_count()
}
