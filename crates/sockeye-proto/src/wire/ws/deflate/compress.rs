//! Compression of whole messages, with or without the context of those before.

use flate2::{Compress, Compression, FlushCompress};

use super::TAIL;

/// Compresses the messages of one direction of a connection.
///
/// The state of zlib, up to 270 KB, exists from the first compressed message on; without context takeover
/// only while a message is being written.
#[derive(Debug)]
pub struct Deflater {
    window_bits: u8,
    keeps_context: bool,
    min_bytes: usize,
    stream: Option<Compress>,
}

impl Deflater {
    pub(super) fn new(window_bits: u8, keeps_context: bool) -> Self {
        Self { window_bits, keeps_context, min_bytes: 1_024, stream: None }
    }

    /// Shorter messages are sent as they are. Default: 1_024 bytes, as in Socket.IO.
    #[must_use]
    pub fn min_bytes(mut self, bytes: usize) -> Self {
        self.min_bytes = bytes;
        self
    }

    /// The payload of the compressed frame; `None` if the message is better sent as it is.
    ///
    /// Whatever is returned must be sent: the peer's context follows ours.
    pub fn deflate(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        if message.is_empty() || message.len() < self.min_bytes {
            return None;
        }
        let window_bits = self.window_bits;
        let mut stream = self.stream.take().unwrap_or_else(|| {
            Compress::new_with_window_bits(Compression::default(), false, window_bits)
        });
        // A failure drops the stream. The next one starts without context, which every peer can read.
        let compressed = deflate_with(&mut stream, message)?;
        if self.keeps_context {
            self.stream = Some(stream);
        }
        Some(compressed)
    }
}

fn deflate_with(stream: &mut Compress, mut message: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(message.len() / 2 + 64);
    loop {
        let consumed_before = stream.total_in();
        stream.compress_vec(message, &mut out, FlushCompress::Sync).ok()?;
        message = &message[(stream.total_in() - consumed_before) as usize..];
        if message.is_empty() && out.len() < out.capacity() {
            break;
        }
        out.reserve(message.len() + 64);
    }
    let kept = out.strip_suffix(&TAIL)?.len();
    out.truncate(kept);
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::Inflater, *};

    proptest! {
        // zlib sets up slowly without optimisation.
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_deflated_is_inflated(
            messages in prop::collection::vec(prop::collection::vec(0_u8..4, 0..2_000), 1..5),
            noise: Vec<u8>,
            window_bits in 9_u8..=15,
            keeps_context: bool,
            cut in 0_usize..100,
        ) {
            let mut deflater = Deflater::new(window_bits, keeps_context).min_bytes(0);
            let mut inflater = Inflater::new(window_bits, keeps_context);
            for message in messages.iter().chain([&noise]) {
                let Some(compressed) = deflater.deflate(message) else {
                    prop_assert!(message.is_empty());
                    continue;
                };
                let mut out = Vec::new();
                let (a, b) = compressed.split_at(cut.min(compressed.len()));
                inflater.push(a, &mut out, message.len()).unwrap();
                inflater.push(b, &mut out, message.len()).unwrap();
                inflater.finish(&mut out, message.len()).unwrap();
                prop_assert_eq!(&out, message);
            }
        }
    }

    #[test]
    fn the_context_makes_repetition_cheap() {
        let message: Vec<u8> = (0..2_000_u32).flat_map(|n| (n * n).to_be_bytes()).collect();
        for (keeps_context, cheap) in [(true, true), (false, false)] {
            let mut deflater = Deflater::new(15, keeps_context);
            let first = deflater.deflate(&message).unwrap().len();
            let second = deflater.deflate(&message).unwrap().len();
            assert_eq!(second < first / 10, cheap);
            assert_eq!(deflater.stream.is_some(), keeps_context);
        }
    }

    #[test]
    fn short_messages_stay_as_they_are() {
        assert_eq!(Deflater::new(15, true).deflate(&[0; 1_023]), None);
        assert_eq!(Deflater::new(15, true).min_bytes(0).deflate(b""), None);
    }
}
