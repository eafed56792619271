//! What a session still has to send: bounded, in order, and gone only once written.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use sockeye_proto::{
    session::Pace,
    wire::{
        encoding::Encoding,
        engine::Version,
        polling::{self, Body},
        prepared::Prepared,
    },
};
use thiserror::Error;
use tokio::{net::tcp::OwnedWriteHalf, sync::Notify};

use super::Keys;
use super::{
    masked::{Masked, masked_bytes},
    scratch,
};

/// Slices of one vectored write.
const SLICES: usize = 64;

/// Most packets of one answer to a GET, attachments counted; python-socketio's client takes no more.
const MAX_ANSWER_PACKETS: usize = 16;

/// How much may wait for a peer that reads slowly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) max_packets: usize,
    pub(crate) max_bytes: usize,
}

/// Why a packet did not enter the outbox.
#[derive(Clone, Copy, Eq, Error, PartialEq)]
pub(crate) enum PushError {
    /// The session is closing or closed.
    #[error("the session is closed")]
    Closed,
    /// The bound is reached; the session has to be cut.
    #[error("the outbox is full")]
    Full,
    /// The packet was volatile, and others wait already.
    #[error("the transport is busy, and the packet is volatile")]
    Busy,
}

reads_as_text!(PushError);

/// The queue of one session. Frames leave it only once the transport has taken them.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: VecDeque<Prepared>,
    /// Bytes of the front packet that are written already.
    front_written: usize,
    /// Bytes that wait, those of the front packet in full.
    bytes: usize,
    written: u64,
    /// Plain TCP: the half to write to, from wherever something is pushed.
    tcp: Option<OwnedWriteHalf>,
    encoding: Encoding,
    /// Packets at the front that an answer to a GET or a POST carries, and that are not known to have gone.
    answering: u8,
    /// A client's: its frames are masked.
    masked: Option<Box<Masked>>,
    /// On polling, and no GET waits: only what must not be lost is accepted.
    unpolled: bool,
    /// Whether somebody will flush it: the driver was woken, or the session is on a dirty list.
    scheduled: bool,
    pong_is_last: bool,
    gate: Gate,
    stalled_since: Option<Instant>,
    /// How slowly a peer may read.
    pace: Pace,
    /// Told whenever something was written, if anybody listens.
    progress: Option<Arc<Notify>>,
}

/// What the outbox still accepts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Gate {
    Open,
    /// Nothing; what waits will be written.
    Sealed,
    /// Nothing, since a push came up against the bound: the peer is a slow consumer.
    Overflowed,
    /// Nothing, and what waited is given up.
    Failed,
}

/// How far a flush came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flushed {
    /// Nothing waits any more.
    All,
    /// The transport takes no more for now.
    Blocked,
    /// The transport is broken; nothing more will leave.
    Failed,
}

impl Outbox {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            answering: 0,
            masked: None,
            unpolled: false,
            queue: VecDeque::new(),
            front_written: 0,
            bytes: 0,
            written: 0,
            tcp: None,
            scheduled: false,
            pong_is_last: false,
            gate: Gate::Open,
            stalled_since: None,
            pace: Pace::default(),
            progress: None,
        }
    }

    /// A client's: what it writes to a stream is masked, and what does not fit is not accepted, but no reason to give up:
    /// whoever emits keeps it.
    pub(super) fn client(encoding: Encoding, keys: Keys) -> Self {
        Self { masked: Some(Box::new(Masked::new(keys))), ..Self::new(encoding) }
    }

    /// What waits, and what follows, is written to a stream; by this outbox itself if that is plain TCP.
    pub(super) fn attach(&mut self, tcp: Option<OwnedWriteHalf>) {
        self.tcp = tcp;
        self.unpolled = false;
    }

    /// Whether bytes are sent as text, in what is pushed from now on. What waits is read either way.
    pub(super) fn set_base64(&mut self, base64: bool) {
        self.encoding.base64 = base64;
    }

    /// How slowly what waits may leave.
    pub(super) fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// Takes back what [`Self::attach`] gave.
    pub(super) fn detach(&mut self) -> Option<OwnedWriteHalf> {
        self.tcp.take()
    }

    /// On polling: whether a GET waits.
    pub(super) fn set_polled(&mut self, polled: bool) {
        self.unpolled = !polled;
    }

    /// Appends a packet and says its number; numbers begin with 1.
    pub(super) fn push(
        &mut self,
        packet: Prepared,
        bounds: Bounds,
        volatile: bool,
    ) -> Result<u64, PushError> {
        if self.gate != Gate::Open {
            return Err(PushError::Closed);
        }
        if volatile && (self.unpolled || !self.queue.is_empty()) {
            return Err(PushError::Busy);
        }
        let packet = packet.encoded_for(self.encoding);
        let bytes = self.bytes + packet.wire_bytes();
        // A single packet may be larger than the bound on bytes: it was allowed to be made.
        if self.queue.len() >= bounds.max_packets
            || (bytes > bounds.max_bytes && !self.queue.is_empty())
        {
            if self.masked.is_none() {
                self.overflow();
            }
            return Err(PushError::Full);
        }
        self.bytes = bytes;
        self.queue.push_back(packet);
        self.pong_is_last = false;
        Ok(self.written + self.queue.len() as u64)
    }

    /// Appends a pong; it takes the place of one that is last in the queue, so that pings can't fill it.
    pub(super) fn push_pong(&mut self, frame: Prepared) {
        // The front may be written in part already.
        let begun = self.masked.as_ref().map_or(0, |masked| masked.packets());
        if self.pong_is_last
            && self.queue.len() > begun.max(1)
            && let Some(last) = self.queue.back_mut()
        {
            self.bytes = self.bytes - last.wire_bytes() + frame.wire_bytes();
            *last = frame;
        } else {
            self.push_control(frame);
            self.pong_is_last = true;
        }
    }

    /// Appends a close frame and accepts nothing more; what waits will still be written.
    pub(super) fn push_close(&mut self, frame: Prepared) {
        self.push_control(frame);
        self.seal();
    }

    /// Accepts nothing more; what waits will still be written.
    pub(super) fn seal(&mut self) {
        if self.gate == Gate::Open {
            self.gate = Gate::Sealed;
        }
    }

    /// Appends what the peer has asked for, or the machine has to say: not the application's to lose. Past the bound,
    /// which is wider for a client because its application fills the other, the peer is given up: it asks for more than it
    /// reads.
    pub(super) fn push_owed(&mut self, packet: Prepared, bounds: Bounds) -> Result<u64, PushError> {
        /// So many times what a client's application may have waiting.
        const FACTOR: usize = 16;

        let factor = if self.masked.is_some() { FACTOR } else { 1 };
        // The front may be larger than any bound by itself, which is no fault of the peer's.
        let front = self.queue.front().map_or(0, Prepared::wire_bytes);
        let bounds = Bounds {
            max_packets: bounds.max_packets.saturating_mul(factor),
            max_bytes: bounds.max_bytes.saturating_mul(factor).saturating_add(front),
        };
        let pushed = self.push(packet, bounds, false);
        if pushed == Err(PushError::Full) {
            self.overflow();
        }
        pushed
    }

    /// Gives up on the peer: nothing more is accepted, and the driver cuts the session.
    fn overflow(&mut self) {
        self.gate = Gate::Overflowed;
    }

    /// Appends a control frame or packet; those are few, and not the application's to lose.
    pub(super) fn push_control(&mut self, frame: Prepared) {
        if !self.is_failed() {
            self.bytes += frame.wire_bytes();
            self.queue.push_back(frame);
        }
    }

    /// Ends the stream towards the peer: TCP sends what it has, then its end.
    pub(super) fn shut_down(&mut self) {
        self.seal();
        self.tcp = None;
    }

    /// Gives up on everything that waits.
    pub(super) fn fail(&mut self) {
        self.gate = Gate::Failed;
        if let Some(masked) = &mut self.masked {
            masked.clear();
        }
        self.queue = VecDeque::new();
        self.bytes = 0;
        if let Some(tcp) = self.tcp.take() {
            tcp.forget(); // the driver, which ends, closes the stream: no need to end a half of it before
        }
        self.notify();
    }

    /// Claims the task of flushing; `false` if somebody has it already, or nobody can until the next GET.
    pub(super) fn schedule(&mut self) -> bool {
        !self.unpolled && !std::mem::replace(&mut self.scheduled, true)
    }

    /// Writes to plain TCP whatever it takes, without waiting.
    pub(super) fn flush_direct(&mut self, now: Instant) -> Flushed {
        self.scheduled = false;
        if self.is_failed() {
            return Flushed::Failed;
        }
        if self.queue.is_empty() {
            return Flushed::All;
        }
        let Some(tcp) = self.tcp.take() else { return Flushed::Blocked };
        let flushed = self.flush(now, |slices| match try_write(&tcp, slices) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            result => Poll::Ready(result),
        });
        match flushed {
            Flushed::Failed => tcp.forget(),
            _ => self.tcp = Some(tcp),
        }
        flushed
    }

    /// As [`Self::flush_direct`], and if it blocks `cx` is woken when the socket takes more.
    pub(super) fn poll_flush_direct(&mut self, cx: &mut Context<'_>, now: Instant) -> Flushed {
        loop {
            match (self.flush_direct(now), &self.tcp) {
                (Flushed::Blocked, Some(tcp)) => match tcp.as_ref().poll_write_ready(cx) {
                    Poll::Pending => return Flushed::Blocked,
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => {
                        tracing::debug!(target: "sockeye::ws", %error, "write failed");
                        self.fail();
                        return Flushed::Failed;
                    }
                },
                (flushed, _) => return flushed,
            }
        }
    }

    /// Writes through `write`, which takes some bytes, or is not ready.
    pub(super) fn flush(
        &mut self,
        now: Instant,
        mut write: impl FnMut(&[IoSlice<'_>]) -> Poll<io::Result<usize>>,
    ) -> Flushed {
        self.scheduled = false;
        if self.is_failed() {
            return Flushed::Failed;
        }
        while !self.queue.is_empty() {
            let written = match &mut self.masked {
                Some(masked) => write(&[IoSlice::new(masked.frames(&self.queue))]),
                None => {
                    let mut slices = [IoSlice::new(&[]); SLICES];
                    let count = gather(&self.queue, self.front_written, &mut slices);
                    write(&slices[..count])
                }
            };
            match written {
                Poll::Ready(Ok(written)) if written > 0 => {
                    let stalled = self.stalled_since;
                    self.stalled_since =
                        stalled.map(|since| self.pace.forgive(since, now, written));
                    self.advance(written);
                }
                Poll::Ready(result) => {
                    tracing::debug!(target: "sockeye::ws", ?result, "write failed");
                    self.fail();
                    return Flushed::Failed;
                }
                Poll::Pending => {
                    self.stalled_since.get_or_insert(now);
                    return Flushed::Blocked;
                }
            }
        }
        self.stalled_since = None;
        self.queue = VecDeque::new(); // an idle session owns no queue
        if let Some(masked) = &mut self.masked {
            masked.clear();
        }
        Flushed::All
    }

    /// On polling: writes what waits, as much as fits, into the answer to a GET, or a client's POST. It leaves only with
    /// [`Self::answered`]; until then there is no other.
    pub(super) fn take_answer(&mut self, max_bytes: usize) -> Option<Body> {
        self.scheduled = false;
        if self.queue.is_empty() || self.answering > 0 || self.is_failed() {
            return None;
        }
        let mut packets = 0;
        let most = self.queue.iter().take_while(|packet| {
            packets += packet.frame_count();
            packets <= MAX_ANSWER_PACKETS
        });
        let most = most.count().max(1); // the first goes whole, with all its attachments
        let version = self.encoding.version;
        let packets = self.queue.iter().take(most);
        let (body, count) = if self.masked.is_none() || version == Version::V4 {
            polling::encode(packets, version, !self.encoding.base64, max_bytes)
        } else if self.queue.front().is_some_and(is_misread) {
            polling::encode_octets(packets.take_while(|packet| is_misread(packet)), max_bytes)
        } else {
            // In text, which every server reads.
            let packets = packets.take_while(|packet| !is_misread(packet));
            polling::encode(packets, version, false, max_bytes)
        };
        self.answering = u8::try_from(count).unwrap_or(u8::MAX); // at most `MAX_ANSWER_PACKETS`
        Some(body)
    }

    /// On polling: the answer has gone. `true` if the driver has to hear of that: it closes the session, or has left a
    /// GET waiting that came before, and the rest can go with it.
    pub(super) fn answered(&mut self) -> bool {
        for _ in 0..std::mem::take(&mut self.answering) {
            if let Some(packet) = self.queue.pop_front() {
                self.bytes -= packet.wire_bytes();
                self.written += 1;
            }
        }
        if self.queue.is_empty() {
            self.queue = VecDeque::new(); // an idle session owns no queue
        }
        self.notify();
        self.gate != Gate::Open || !(self.unpolled || self.queue.is_empty())
    }

    /// On polling: whether an answer is not known to have gone.
    pub(super) fn is_answering(&self) -> bool {
        self.answering > 0
    }

    /// How far it is flushed already.
    pub(super) fn flushed(&mut self) -> Flushed {
        self.scheduled = false;
        match (self.is_failed(), self.queue.is_empty()) {
            (true, _) => Flushed::Failed,
            (false, true) => Flushed::All,
            (false, false) => Flushed::Blocked,
        }
    }

    /// How many packets are on their way in a request; also how many were when it failed.
    pub(super) fn answering(&self) -> u64 {
        self.answering.into()
    }

    /// When the transport has taken too little for too long, if something waits for it.
    pub(super) fn stalls_at(&self) -> Option<Instant> {
        self.stalled_since.map(|since| since + self.pace.within())
    }

    pub(super) fn is_overflowed(&self) -> bool {
        self.gate == Gate::Overflowed
    }

    pub(super) fn is_failed(&self) -> bool {
        self.gate == Gate::Failed
    }

    /// The number of the last packet that was written in full.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// What to wait on for progress.
    pub(super) fn progress(&mut self) -> Arc<Notify> {
        Arc::clone(self.progress.get_or_insert_default())
    }

    /// All that decides what follows, but for the packets themselves.
    #[cfg(test)]
    pub(super) fn state(&self) -> impl std::hash::Hash + use<> {
        let waits = (self.queue.len(), self.front_written, self.answering);
        let is_claimed = (self.unpolled, self.scheduled, self.stalled_since.is_some());
        (waits, is_claimed, self.gate as u8)
    }

    fn advance(&mut self, mut written: usize) {
        if let Some(masked) = &mut self.masked {
            masked.advance(written);
        }
        while let Some(front) = self.queue.front() {
            let front_bytes =
                if self.masked.is_some() { masked_bytes(front) } else { front.wire_bytes() };
            let rest = front_bytes - self.front_written;
            if written < rest {
                self.front_written += written;
                break;
            }
            written -= rest;
            self.bytes -= front.wire_bytes();
            self.front_written = 0;
            self.written += 1;
            self.queue.pop_front();
            if let Some(masked) = &mut self.masked {
                masked.pop();
            }
        }
        self.notify();
    }

    fn notify(&self) {
        if let Some(progress) = &self.progress {
            progress.notify_waiters();
        }
    }
}

/// Up to here, copying small frames together costs less than a vectored write of them.
const MAX_COPIED_BYTES: usize = 8 * 1024;

/// Writes as much as fits.
fn try_write(tcp: &OwnedWriteHalf, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    match slices {
        [slice] => tcp.try_write(slice),
        slices if slices.iter().map(|slice| slice.len()).sum::<usize>() <= MAX_COPIED_BYTES => {
            scratch::with(|buffer| {
                let copied = copy_together(slices, buffer);
                tcp.try_write(&buffer[..copied])
            })
        }
        slices => tcp.try_write_vectored(slices),
    }
}

/// Copies as much as fits and says how much that is.
pub(super) fn copy_together(slices: &[IoSlice<'_>], buffer: &mut [u8]) -> usize {
    let mut copied = 0;
    for slice in slices {
        let part = slice.len().min(buffer.len() - copied);
        buffer[copied..copied + part].copy_from_slice(&slice[..part]);
        copied += part;
    }
    copied
}

/// Collects what is next to write, beginning `skip` bytes into the front packet.
fn gather<'q>(
    queue: &'q VecDeque<Prepared>,
    mut skip: usize,
    slices: &mut [IoSlice<'q>; SLICES],
) -> usize {
    let mut count = 0;
    for slice in queue.iter().flat_map(Prepared::slices) {
        if skip >= slice.len() {
            skip -= slice.len();
            continue;
        }
        slices[count] = IoSlice::new(&slice[skip..]);
        skip = 0;
        count += 1;
        if count == SLICES {
            break;
        }
    }
    count
}

/// Whether some servers of Engine.IO 3 misread it in a text body, as [`polling::encode_octets`] tells. In a binary body
/// they misread attachments.
fn is_misread(packet: &Prepared) -> bool {
    const BEYOND_FFFF: u8 = 0xF0; // begins four bytes of UTF-8

    packet.attachments().is_empty() && packet.text().bytes().any(|byte| byte >= BEYOND_FFFF)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use proptest::prelude::*;
    use sockeye_proto::wire::{
        packet::Kind,
        ws::{FrameHeader, Message, apply_mask},
    };

    use super::*;
    use crate::net::Keys;

    const BOUNDS: Bounds = Bounds { max_packets: 20, max_bytes: 2_000 };

    fn packet(text_bytes: usize, attachments: &[usize]) -> Prepared {
        let attachments = attachments.iter().map(|bytes| Bytes::from(vec![b'a'; *bytes])).collect();
        let text = format!("[{:?}]", "x".repeat(text_bytes));
        Prepared::packet(Kind::Event, "/", None, &text, attachments)
    }

    fn pong(payload: &[u8]) -> Prepared {
        Prepared::websocket(Message::Pong(payload))
    }

    fn content(packets: &[Prepared]) -> Vec<u8> {
        packets.iter().flat_map(Prepared::slices).flatten().copied().collect()
    }

    /// What must hold between any two calls.
    #[track_caller]
    fn check(outbox: &Outbox) {
        let bytes: usize = outbox.queue.iter().map(Prepared::wire_bytes).sum();
        assert_eq!(outbox.bytes, bytes);
        let frames_bytes =
            if outbox.masked.is_some() { masked_bytes } else { Prepared::wire_bytes };
        let front = outbox.queue.front().map_or(1, frames_bytes);
        assert!(outbox.front_written < front, "{} of {front}", outbox.front_written);
    }

    /// Writes at most `capacity` bytes into `out`.
    fn flush(outbox: &mut Outbox, mut capacity: usize, out: &mut Vec<u8>) -> Flushed {
        outbox.flush(Instant::now(), |slices| {
            assert!(slices.iter().all(|slice| !slice.is_empty()));
            let offered: usize = slices.iter().map(|slice| slice.len()).sum();
            let count = capacity.min(offered);
            if count == 0 {
                return Poll::Pending;
            }
            capacity -= count;
            out.extend(slices.iter().flat_map(|slice| slice.iter()).take(count));
            Poll::Ready(Ok(count))
        })
    }

    /// What a server reads of a client's frames.
    fn unmasked(mut frames: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some((header, header_bytes)) = FrameHeader::decode(frames).unwrap() {
            let payload_bytes = usize::try_from(header.payload_bytes).unwrap();
            let (frame, rest) = frames.split_at(header_bytes + payload_bytes);
            FrameHeader { mask: None, ..header }.encode_into(&mut out);
            let begin = out.len();
            out.extend_from_slice(&frame[header_bytes..]);
            apply_mask(&mut out[begin..], header.mask.unwrap(), 0);
            frames = rest;
        }
        out
    }

    /// A server's outbox, or a client's.
    fn outbox(is_client: bool) -> Outbox {
        let masked = is_client.then(|| Box::new(Masked::new(Keys::new().unwrap())));
        Outbox { masked, ..Outbox::new(Encoding::default()) }
    }

    #[derive(Clone, Debug)]
    enum Deed {
        Push { text_bytes: usize, attachments: Vec<usize>, volatile: bool },
        Pong(u8),
        Flush(usize),
    }

    fn any_deed() -> impl Strategy<Value = Deed> {
        let attachments = prop::collection::vec(0..90_usize, 0..4);
        prop_oneof![
            4 => (0..300_usize, attachments, prop::bool::weighted(0.2)).prop_map(
                |(text_bytes, attachments, volatile)| Deed::Push { text_bytes, attachments, volatile }
            ),
            1 => any::<u8>().prop_map(Deed::Pong),
            3 => (0..700_usize).prop_map(Deed::Flush),
        ]
    }

    proptest! {
        #[test]
        fn what_was_accepted_is_written_in_order_and_counted(
            deeds in prop::collection::vec(any_deed(), 0..80), is_client: bool,
        ) {
            let mut outbox = outbox(is_client);
            let mut accepted = Vec::new();
            let mut out = Vec::new();
            for deed in deeds {
                match deed {
                    Deed::Push { text_bytes, attachments, volatile } => {
                        let packet = packet(text_bytes, &attachments);
                        let busy = volatile && !outbox.queue.is_empty();
                        match outbox.push(packet.clone(), BOUNDS, volatile) {
                            Ok(number) => {
                                accepted.push(packet);
                                prop_assert_eq!(number, accepted.len() as u64);
                                prop_assert!(!busy);
                            }
                            Err(PushError::Busy) => prop_assert!(busy),
                            Err(PushError::Full) => prop_assert!(outbox.is_overflowed() || is_client),
                            Err(PushError::Closed) => prop_assert!(outbox.gate != Gate::Open),
                        }
                        prop_assert!(outbox.queue.len() <= BOUNDS.max_packets + 1);
                    }
                    Deed::Pong(payload) => {
                        let begun = outbox.masked.as_ref().map_or(0, |masked| masked.packets());
                        let replaced = outbox.pong_is_last && outbox.queue.len() > begun.max(1);
                        outbox.push_pong(pong(&[payload]));
                        if replaced {
                            accepted.pop();
                        }
                        accepted.push(pong(&[payload]));
                    }
                    Deed::Flush(capacity) => {
                        let flushed = flush(&mut outbox, capacity, &mut out);
                        prop_assert_eq!(flushed == Flushed::All, outbox.queue.is_empty());
                        prop_assert_eq!(flushed == Flushed::Blocked, outbox.stalls_at().is_some());
                    }
                }
                check(&outbox);
            }
            prop_assert_eq!(flush(&mut outbox, usize::MAX, &mut out), Flushed::All);
            check(&outbox);
            prop_assert_eq!(outbox.written(), accepted.len() as u64);
            prop_assert_eq!(if is_client { unmasked(&out) } else { out }, content(&accepted));
        }
    }

    #[test]
    fn pings_of_a_peer_that_does_not_read_leave_one_pong_waiting() {
        let mut outbox = Outbox::new(Encoding::default());
        let said = packet(3, &[]);
        outbox.push(said.clone(), BOUNDS, false).unwrap();
        for payload in 0..100 {
            outbox.push_pong(pong(&[payload]));
            check(&outbox);
        }
        let mut out = Vec::new();
        assert_eq!(flush(&mut outbox, usize::MAX, &mut out), Flushed::All);
        assert_eq!(out, content(&[said, pong(&[99])]));
    }

    /// Pings of Engine.IO, events that want acks, CONNECTs: one for each of what a peer sends, and pongs in between.
    #[test]
    fn a_peer_that_asks_for_more_than_it_reads_is_given_up() {
        #[track_caller]
        fn check(is_client: bool, most: usize) {
            let mut outbox = outbox(is_client);
            let owed = || Prepared::engine(sockeye_proto::wire::engine::Kind::Pong, "");
            let pushed = (0..100_000).take_while(|_| {
                outbox.push_pong(pong(b"?"));
                outbox.push_owed(owed(), BOUNDS).is_ok()
            });
            assert!(pushed.count() <= most);
            assert!(outbox.is_overflowed());
            assert!(outbox.queue.len() <= most + 1, "{}", outbox.queue.len());
            for _ in 0..100_000 {
                outbox.push_pong(pong(b"?"));
            }
            assert!(outbox.queue.len() <= most + 2, "{}", outbox.queue.len());
            self::check(&outbox);
        }
        check(false, BOUNDS.max_packets);
        check(true, 16 * BOUNDS.max_packets);
    }

    #[test]
    fn a_large_message_on_its_way_is_not_held_against_the_peer() {
        for is_client in [false, true] {
            let mut outbox = outbox(is_client);
            outbox.push(packet(100_000, &[]), BOUNDS, false).unwrap();
            flush(&mut outbox, 1_000, &mut Vec::new());
            outbox.push_owed(packet(1, &[]), BOUNDS).unwrap();
            check(&outbox);
        }
    }

    #[test]
    fn bounds_are_met_to_the_packet_and_to_the_byte() {
        let mut outbox = Outbox::new(Encoding::default());
        for _ in 0..BOUNDS.max_packets {
            outbox.push(packet(1, &[]), BOUNDS, false).unwrap();
        }
        assert_eq!(outbox.push(packet(1, &[]), BOUNDS, false), Err(PushError::Full));
        assert!(outbox.is_overflowed());
        assert_eq!(outbox.push(packet(1, &[]), BOUNDS, false), Err(PushError::Closed));

        let mut outbox = Outbox::new(Encoding::default());
        let whole = packet(1_990, &[]);
        let bounds = Bounds { max_bytes: whole.wire_bytes() + 5, ..BOUNDS };
        outbox.push(whole, bounds, false).unwrap();
        assert_eq!(outbox.push(packet(0, &[]), bounds, false), Err(PushError::Full));

        let mut outbox = Outbox::new(Encoding::default());
        outbox.push(packet(5_000, &[5_000]), BOUNDS, false).unwrap(); // the first may be larger
        check(&outbox);
    }

    #[test]
    fn in_version_3_a_client_posts_no_text_that_servers_misread() {
        let encoding = Encoding { version: Version::V3, ..Encoding::default() };
        let mut outbox = Outbox::client(encoding, Keys::new().unwrap());
        let event = |text, attachments| Prepared::packet(Kind::Event, "/", None, text, attachments);
        let bytes = || vec![Bytes::from_static(b"a")];
        for (text, attachments) in [
            ("[1]", vec![]),
            (r#"["é"]"#, bytes()),
            (r#"["🦊"]"#, vec![]),
            (r#"["🦊",2]"#, vec![]),
            (r#"["🦊",3]"#, bytes()), // in a binary body, this would be
        ] {
            outbox.push(event(text, attachments), BOUNDS, false).unwrap();
        }
        let mut bodies = Vec::new();
        while let Some(body) = outbox.take_answer(1_000) {
            bodies.push((body.content_type, outbox.answering));
            outbox.answered();
        }
        let (text, octets) = ("text/plain; charset=UTF-8", "application/octet-stream");
        assert_eq!(bodies, [(text, 2), (octets, 2), (text, 1)]);
    }

    #[test]
    fn nothing_is_accepted_behind_a_close_frame() {
        let mut outbox = Outbox::new(Encoding::default());
        outbox.push_close(Prepared::websocket(Message::Close(None)));
        assert_eq!(outbox.push(packet(1, &[]), BOUNDS, false), Err(PushError::Closed));
        let mut out = Vec::new();
        assert_eq!(flush(&mut outbox, usize::MAX, &mut out), Flushed::All);
        assert_eq!(out, [0x88, 0]);
    }

    #[test]
    fn a_failure_forgets_all_and_is_told_to_every_later_flush() {
        for error in [Ok(0), Err(io::ErrorKind::BrokenPipe.into())] {
            let mut outbox = Outbox::new(Encoding::default());
            outbox.push(packet(10, &[]), BOUNDS, false).unwrap();
            flush(&mut outbox, 3, &mut Vec::new());
            let mut result = Some(error);
            let flushed = outbox.flush(Instant::now(), |_| Poll::Ready(result.take().unwrap()));
            assert_eq!(flushed, Flushed::Failed);
            assert!(outbox.is_failed() && outbox.queue.is_empty() && outbox.bytes == 0);
            outbox.push_pong(pong(b"x"));
            assert_eq!(flush(&mut outbox, 10, &mut Vec::new()), Flushed::Failed);
            assert_eq!(outbox.written(), 0);
        }
    }

    #[test]
    fn who_takes_a_byte_now_and_then_stalls_and_who_keeps_the_pace_does_not() {
        // 100 bytes within 10 s; so many bytes a second are taken. After how many seconds has it stalled?
        #[track_caller]
        fn check(bytes: usize, stalled: Option<u64>) {
            let start = Instant::now();
            let mut outbox = Outbox::new(Encoding::default());
            outbox.set_pace(Pace::new(100, Duration::from_secs(10)));
            outbox.push(packet(1_500, &[]), BOUNDS, false).unwrap();
            for second in 0..100 {
                let now = start + Duration::from_secs(second);
                if outbox.stalls_at().is_some_and(|at| now >= at) {
                    assert_eq!(Some(second), stalled, "{bytes} bytes a second");
                    return;
                }
                let mut room = bytes;
                outbox.flush(now, |_| match std::mem::take(&mut room) {
                    0 => Poll::Pending,
                    taken => Poll::Ready(Ok(taken)),
                });
            }
            assert_eq!(None, stalled, "{bytes} bytes a second");
        }
        check(0, Some(10));
        check(1, Some(11));
        check(5, Some(19));
        check(10, None);
        check(15, None);
    }

    #[test]
    fn who_claims_the_flush_is_the_only_one_until_it_is_done() {
        let mut outbox = Outbox::new(Encoding::default());
        assert!(outbox.schedule());
        assert!(!outbox.schedule());
        flush(&mut outbox, 0, &mut Vec::new());
        assert!(outbox.schedule());
    }
}
