//! Bytes to messages: frames in sequence, fragments joined, every rule of RFC 6455 §5 enforced.

use super::{
    DecodeError, FrameHeader, Input, Message, Opcode, ProtocolError, Role, apply_mask,
    assembly::Assembly, deflate::Inflater,
};

/// How much a peer may send in one message.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::ws::Limits;
///
/// let limits = Limits { max_message_bytes: 64 * 1024, ..Limits::default() };
/// assert_eq!(limits.max_empty_fragments, 1_000);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Longest message, in bytes after decompression. Default: 1_000_000.
    pub max_message_bytes: usize,
    /// Most fragments without payload in one message. Default: 1_000.
    ///
    /// Fragments with payload need no count of their own: their bytes are counted, and honest senders do
    /// cut 4 MB into 64-byte fragments.
    pub max_empty_fragments: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_message_bytes: 1_000_000, max_empty_fragments: 1_000 }
    }
}

/// Reads the messages of one direction of a connection.
///
/// A frame that lies whole in the input is unmasked there and handed out without a copy. Only what is
/// incomplete at the end of the input is kept, and a decoder between two messages owns no memory.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::ws::{Decoder, Input, Limits, Message, Role};
///
/// let mut decoder = Decoder::new(Role::Client, Limits::default());
/// let mut first = *b"\x81\x05he";
/// assert_eq!(decoder.decode(&mut Input::new(&mut first))?, None);
/// let mut second = *b"llo\x89\x00";
/// let mut input = Input::new(&mut second);
/// assert_eq!(decoder.decode(&mut input)?, Some(Message::Text("hello")));
/// assert_eq!(decoder.decode(&mut input)?, Some(Message::Ping(b"")));
/// assert_eq!(decoder.decode(&mut input)?, None);
/// # Ok::<_, sockeye_proto::wire::ws::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    partial: Option<Box<Partial>>,
    inflater: Option<Box<Inflater>>,
    role: Role,
}

/// What is kept between two reads; exists only while a frame or message is incomplete.
#[derive(Debug, Default)]
struct Partial {
    /// The first bytes of a header whose end has not arrived.
    head: Vec<u8>,
    /// The frame whose payload is arriving.
    frame: Option<ArrivingFrame>,
    /// The payload of a control frame, which may arrive between two fragments of `message`.
    control: Vec<u8>,
    /// The fragments so far of a data message.
    message: Option<Assembly>,
    /// How many bytes of `message` came since somebody asked.
    news: usize,
    /// Which of the two was handed out by the last call, and can go.
    delivered: Option<Kept>,
}

#[derive(Clone, Copy, Debug)]
struct ArrivingFrame {
    header: FrameHeader,
    arrived_bytes: u64,
}

/// A part of [`Partial`] that can be handed out.
#[derive(Clone, Copy, Debug)]
enum Kept {
    Control,
    Message,
}

/// Where a whole message lies.
#[derive(Clone, Copy, Debug)]
enum Found {
    /// In the last bytes taken from the input.
    InInput {
        opcode: Opcode,
        payload_bytes: usize,
    },
    InPartial {
        opcode: Opcode,
        kept: Kept,
    },
}

impl Decoder {
    /// A decoder for what the peer of `role` sends.
    pub fn new(role: Role, limits: Limits) -> Self {
        Self { limits, partial: None, inflater: None, role }
    }

    /// Accepts compressed messages, as agreed in the handshake.
    #[must_use]
    pub fn with_deflate(mut self, inflater: Inflater) -> Self {
        self.inflater = Some(Box::new(inflater));
        self
    }

    /// The next whole message; `None` when the input is used up.
    ///
    /// Messages after a close frame are still decoded: ignoring them is up to the caller.
    ///
    /// # Errors
    ///
    /// Every [`DecodeError`] is the peer's fault. The place in the stream is lost and nothing is kept:
    /// answer with the error's close code and do not decode further.
    pub fn decode<'s>(
        &'s mut self,
        input: &'s mut Input<'_>,
    ) -> Result<Option<Message<'s>>, DecodeError> {
        self.release_delivered();
        let found = self.advance(input).inspect_err(|_| {
            // Half a frame must not grow if somebody decodes on after all.
            self.partial = None;
        })?;
        match found {
            None => Ok(None),
            Some(Found::InInput { opcode, payload_bytes }) => {
                Message::from_payload(opcode, input.taken(payload_bytes)).map(Some)
            }
            Some(Found::InPartial { opcode, kept }) => {
                let partial = self.partial.get_or_insert_default();
                partial.delivered = Some(kept);
                let payload = match (kept, &partial.message) {
                    (Kept::Message, Some(message)) => message.bytes(),
                    (Kept::Message | Kept::Control, _) => &partial.control,
                };
                // Text was checked while it arrived; checking it again is the price of a `&str` without
                // unsafe code, and little beside the copy.
                Message::from_payload(opcode, payload).map(Some)
            }
        }
    }

    /// Whether no frame or message is half read.
    pub fn is_between_messages(&self) -> bool {
        self.partial.as_deref().is_none_or(Partial::is_idle)
    }

    /// How many bytes of an unfinished message, as they were sent, have come since this was last asked; `None` if no
    /// frame or message is half read.
    pub fn take_news(&mut self) -> Option<usize> {
        let partial = self.partial.as_deref_mut().filter(|partial| !partial.is_idle())?;
        Some(std::mem::take(&mut partial.news))
    }

    fn release_delivered(&mut self) {
        let Some(partial) = &mut self.partial else { return };
        match partial.delivered.take() {
            Some(Kept::Control) => partial.control = Vec::new(),
            Some(Kept::Message) => {
                partial.message = None;
                partial.news = 0;
            }
            None => {}
        }
        if partial.is_idle() {
            self.partial = None;
        }
    }

    fn advance(&mut self, input: &mut Input<'_>) -> Result<Option<Found>, DecodeError> {
        loop {
            if self.partial.as_ref().is_none_or(|partial| partial.frame.is_none()) {
                let Some(header) = self.next_header(input)? else { return Ok(None) };
                if let Some(found) = self.begin_frame(header, input)? {
                    return Ok(Some(found));
                }
            }
            match self.continue_frame(input)? {
                Progress::NeedsInput => return Ok(None),
                Progress::FrameDone => {}
                Progress::Found(found) => return Ok(Some(found)),
            }
        }
    }

    /// Reads a header that may be split over two inputs.
    fn next_header(&mut self, input: &mut Input<'_>) -> Result<Option<FrameHeader>, ProtocolError> {
        if let Some(Partial { head, .. }) = self.partial.as_deref_mut()
            && !head.is_empty()
        {
            while let [byte] = input.take(1) {
                head.push(*byte);
                if let Some((header, _)) = FrameHeader::decode(head)? {
                    head.clear();
                    return Ok(Some(header));
                }
            }
            return Ok(None);
        }
        match FrameHeader::decode(input.remaining())? {
            Some((header, header_bytes)) => {
                input.take(header_bytes as u64);
                Ok(Some(header))
            }
            None if input.is_empty() => Ok(None),
            None => {
                self.partial.get_or_insert_default().head.extend_from_slice(input.take_rest());
                Ok(None)
            }
        }
    }

    /// Checks a header against the frames before it; a message that lies whole in the input ends here.
    fn begin_frame(
        &mut self,
        header: FrameHeader,
        input: &mut Input<'_>,
    ) -> Result<Option<Found>, DecodeError> {
        match (self.role, header.mask) {
            (Role::Server, None) => return Err(ProtocolError::Unmasked.into()),
            (Role::Client, Some(_)) => return Err(ProtocolError::Masked.into()),
            (Role::Server, Some(_)) | (Role::Client, None) => {}
        }
        // Only the first frame of a data message says whether it is compressed (RFC 7692 §6).
        let may_be_compressed =
            self.inflater.is_some() && matches!(header.opcode, Opcode::Text | Opcode::Binary);
        if header.rsv1 && !may_be_compressed {
            return Err(ProtocolError::ReservedBits.into());
        }
        let message = self.partial.as_ref().and_then(|partial| partial.message.as_ref());
        match (header.opcode, message) {
            (Opcode::Continuation, None) => {
                return Err(ProtocolError::UnexpectedContinuation.into());
            }
            (Opcode::Text | Opcode::Binary, Some(_)) => {
                return Err(ProtocolError::UnfinishedMessage.into());
            }
            _ => {}
        }

        let opcode = header.opcode;
        let whole = header.payload_bytes <= input.remaining().len() as u64;
        let unfragmented = header.fin && opcode != Opcode::Continuation;
        let fits =
            opcode.is_control() || header.payload_bytes <= self.limits.max_message_bytes as u64;
        if whole && unfragmented && fits && !header.rsv1 {
            let payload = input.take(header.payload_bytes);
            if let Some(key) = header.mask {
                apply_mask(payload, key, 0);
            }
            return Ok(Some(Found::InInput { opcode, payload_bytes: payload.len() }));
        }

        let partial = self.partial.get_or_insert_default();
        if !opcode.is_control() {
            let message = partial.message.get_or_insert_with(|| Assembly::new(opcode, header.rsv1));
            message.admit(header.payload_bytes, &self.limits)?;
        }
        partial.frame = Some(ArrivingFrame { header, arrived_bytes: 0 });
        Ok(None)
    }

    /// Moves payload from the input into the partial message.
    fn continue_frame(&mut self, input: &mut Input<'_>) -> Result<Progress, DecodeError> {
        let partial = self.partial.get_or_insert_default();
        let Some(frame) = &mut partial.frame else { return Ok(Progress::FrameDone) };
        let header = frame.header;
        let piece = input.take(header.payload_bytes - frame.arrived_bytes);
        if let Some(key) = header.mask {
            apply_mask(piece, key, (frame.arrived_bytes % 4) as usize);
        }
        frame.arrived_bytes += piece.len() as u64;
        let done = frame.arrived_bytes == header.payload_bytes;
        if done {
            partial.frame = None;
        }

        let found = match &mut partial.message {
            Some(message) if !header.opcode.is_control() => {
                message.push(piece, &self.limits, self.inflater.as_deref_mut())?;
                partial.news += piece.len();
                if done && header.fin {
                    message.finish(&self.limits, self.inflater.as_deref_mut())?;
                }
                let opcode = message.opcode();
                header.fin.then_some(Found::InPartial { opcode, kept: Kept::Message })
            }
            _ => {
                partial.control.extend_from_slice(piece);
                Some(Found::InPartial { opcode: header.opcode, kept: Kept::Control })
            }
        };
        Ok(match found {
            _ if !done => Progress::NeedsInput,
            Some(found) => Progress::Found(found),
            None => Progress::FrameDone,
        })
    }
}

/// How far [`Decoder::continue_frame`] came.
#[derive(Clone, Copy, Debug)]
enum Progress {
    NeedsInput,
    FrameDone,
    Found(Found),
}

impl Partial {
    fn is_idle(&self) -> bool {
        self.head.is_empty()
            && self.frame.is_none()
            && self.control.is_empty()
            && self.message.is_none()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::ws::{
        CloseFrame, Encoder,
        deflate::{Agreement, Config},
    };

    const KEY: [u8; 4] = [0x12, 0xf4, 0x56, 0x01];

    /// A frame as the peer of `role` must send it.
    fn frame(role: Role, fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
        raw_frame((role == Role::Server).then_some(KEY), fin, false, opcode, payload)
    }

    fn raw_frame(
        mask: Option<[u8; 4]>,
        fin: bool,
        rsv1: bool,
        opcode: Opcode,
        payload: &[u8],
    ) -> Vec<u8> {
        let mut bytes = Vec::new();
        let payload_bytes = payload.len() as u64;
        FrameHeader { fin, rsv1, opcode, mask, payload_bytes }.encode_into(&mut bytes);
        let start = bytes.len();
        bytes.extend_from_slice(payload);
        apply_mask(&mut bytes[start..], mask.unwrap_or_default(), 0);
        bytes
    }

    /// Decodes one read after the other into `Debug` texts, the last of which may be an error.
    fn decode_all(decoder: &mut Decoder, reads: &[&[u8]]) -> Vec<String> {
        let mut decoded = Vec::new();
        for read in reads {
            let mut read = read.to_vec();
            let mut input = Input::new(&mut read);
            loop {
                match decoder.decode(&mut input) {
                    Ok(Some(message)) => decoded.push(format!("{message:?}")),
                    Ok(None) => break,
                    Err(error) => {
                        decoded.push(format!("{error:?}"));
                        return decoded;
                    }
                }
            }
            assert!(input.is_empty());
        }
        decoded
    }

    fn client() -> Decoder {
        Decoder::new(Role::Client, Limits::default())
    }

    #[track_caller]
    fn check(reads: &[&[u8]], expect: &[&str]) {
        assert_eq!(decode_all(&mut client(), reads), expect, "{reads:x?}");
    }

    #[test]
    fn frames_in_sequence() {
        check(
            &[b"\x81\x00\x82\x00\x89\x00\x8a\x00"],
            &[r#"Text("")"#, "Binary([])", "Ping([])", "Pong([])"],
        );
        check(&[b"\x01\x01a\x00\x01b\x80\x01c"], &[r#"Text("abc")"#]);
        check(&[b"\x02\x01a\x00\x00\x80\x00"], &["Binary([97])"]);
        // Control frames between fragments, whole and in pieces.
        check(&[b"\x01\x01a\x89\x01!\x80\x01c"], &["Ping([33])", r#"Text("ac")"#]);
        check(
            &[b"\x01\x01a\x8a", b"\x02!", b"?\x80\x01", b"c"],
            &["Pong([33, 63])", r#"Text("ac")"#],
        );
        check(&[b"\x88\x00"], &["Close(None)"]);
        check(
            &[b"\x88\x05\x03\xe8bye"],
            &[r#"Close(Some(CloseFrame { code: CloseCode(1000), reason: "bye" }))"#],
        );

        check(&[b"\x80\x00"], &["Protocol(UnexpectedContinuation)"]);
        check(&[b"\x00\x00"], &["Protocol(UnexpectedContinuation)"]);
        check(&[b"\x81\x00\x80\x00"], &[r#"Text("")"#, "Protocol(UnexpectedContinuation)"]);
        check(&[b"\x01\x00\x81\x00"], &["Protocol(UnfinishedMessage)"]);
        check(&[b"\x01\x00\x02\x00"], &["Protocol(UnfinishedMessage)"]);
        check(&[b"\x09\x00"], &["Protocol(FragmentedControl)"]);
        check(&[b"\x89\x7e\x00\x7e"], &["Protocol(ControlTooLong)"]);
        check(&[b"\xc1\x00"], &["Protocol(ReservedBits)"]); // RSV1 without permessage-deflate
        check(&[b"\xc9\x00"], &["Protocol(ReservedBits)"]);
        check(&[b"\x88\x01\x03"], &["Protocol(HalfCloseCode)"]);
        for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
            let [high, low] = u16::to_be_bytes(code);
            let expect = format!("Protocol(CloseCodeNotAllowed {{ code: {code} }})");
            check(&[&[0x88, 2, high, low]], &[&expect]);
            check(&[&[0x88, 2, high], &[low]], &[&expect]);
        }
    }

    #[test]
    fn each_role_knows_who_masks() {
        let masked = raw_frame(Some(KEY), true, false, Opcode::Binary, b"abc");
        let unmasked = raw_frame(None, true, false, Opcode::Binary, b"abc");
        for (role, good, bad, error) in [
            (Role::Server, &masked, &unmasked, "Protocol(Unmasked)"),
            (Role::Client, &unmasked, &masked, "Protocol(Masked)"),
        ] {
            let mut decoder = Decoder::new(role, Limits::default());
            assert_eq!(decode_all(&mut decoder, &[good, bad]), ["Binary([97, 98, 99])", error]);
        }
    }

    #[test]
    fn text_must_be_utf8_and_fails_at_the_first_wrong_byte() {
        let invalid = "InvalidUtf8";
        check(&[b"\x81\x02\xce\xba"], &[r#"Text("κ")"#]);
        check(&[b"\x01\x01\xce\x80\x01\xba"], &[r#"Text("κ")"#]); // split over frames
        check(&[b"\x81\x02\xce", b"\xba"], &[r#"Text("κ")"#]); // split over reads
        check(&[b"\x01\x01\xce\x89\x00\x80\x01", b"\xba"], &["Ping([])", r#"Text("κ")"#]);
        check(&[b"\x81\x01\xce"], &[invalid]);
        check(&[b"\x01\x01\xce\x80\x00"], &[invalid]); // cut off at the end of the message
        check(&[b"\x81\x7e\x10\x00ok\xff"], &[invalid]); // long before the frame ends
        check(&[b"\x01\x04\xf4\x90\x80\x80"], &[invalid]);
        check(&[b"\x01\x01\xf4\x00\x01\x90"], &[invalid]);
        check(&[b"\x82\x01\xff"], &["Binary([255])"]);
    }

    #[test]
    fn a_whole_frame_is_neither_copied_nor_kept() {
        let mut bytes = frame(Role::Server, true, Opcode::Text, b"in place");
        let range = bytes.as_ptr_range();
        let mut decoder = Decoder::new(Role::Server, Limits::default());
        let mut input = Input::new(&mut bytes);
        let Ok(Some(Message::Text(text))) = decoder.decode(&mut input) else { panic!("a message") };
        assert_eq!(text, "in place");
        assert!(range.contains(&text.as_ptr()));
        assert!(decoder.partial.is_none());
    }

    #[test]
    fn nothing_is_kept_between_messages() {
        let pieces: &[&[&[u8]]] = &[
            &[b"\x81", b"\x01a"],
            &[b"\x81\x02a", b"b"],
            &[b"\x01\x01a", b"\x80\x01b"],
            &[b"\x89\x02a", b"b"],
            &[b"\x89\x02a", b"b\x01\x00", b"\x80\x00"],
        ];
        for reads in pieces {
            let mut decoder = client();
            assert!(!decode_all(&mut decoder, reads).is_empty());
            assert!(decoder.partial.is_none(), "{reads:x?}");
            assert!(decoder.is_between_messages());
        }
        let mut decoder = client();
        decode_all(&mut decoder, &[b"\x01\x00"]);
        assert!(!decoder.is_between_messages());
    }

    fn kept_bytes(decoder: &Decoder) -> usize {
        decoder.partial.as_ref().map_or(0, |partial| {
            let message = partial.message.as_ref().map_or(0, Assembly::capacity);
            partial.head.capacity() + partial.control.capacity() + message
        })
    }

    #[test]
    fn an_announced_length_costs_nothing() {
        let largest = b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff";
        check(&[largest], &["MessageTooBig { max_message_bytes: 1000000 }"]);

        // Sixteen megabytes announced and allowed, a few bytes sent.
        let limits = Limits { max_message_bytes: 16 << 20, ..Limits::default() };
        let mut decoder = Decoder::new(Role::Client, limits);
        decode_all(&mut decoder, &[b"\x82\x7f\x00\x00\x00\x00\x01\x00\x00\x00"]);
        for _ in 0..1_000 {
            decode_all(&mut decoder, &[b"x"]);
        }
        assert!(kept_bytes(&decoder) < 3_000, "{}", kept_bytes(&decoder));
    }

    #[test]
    fn the_limit_is_on_the_message() {
        let limits = Limits { max_message_bytes: 4, ..Limits::default() };
        for (bytes, fits) in [
            (&b"\x82\x04abcd"[..], true),
            (b"\x02\x02ab\x80\x02cd", true),
            (b"\x82\x05abcde", false),
            (b"\x82\x05", false), // known before its bytes arrive
            (b"\x02\x02ab\x80\x03", false),
            (b"\x89\x05hello", true), // control frames have their own limit
        ] {
            let decoded = decode_all(&mut Decoder::new(Role::Client, limits), &[bytes]);
            let too_big = decoded == ["MessageTooBig { max_message_bytes: 4 }"];
            assert_eq!(too_big, !fits, "{bytes:x?}: {decoded:?}");
        }
    }

    #[test]
    fn honest_fragments_pass_and_endless_empty_ones_do_not() {
        let limits = Limits { max_message_bytes: 4 << 20, max_empty_fragments: 100 };
        let mut decoder = Decoder::new(Role::Client, limits);
        let mut bytes = frame(Role::Client, false, Opcode::Binary, &[7; 64]);
        for _ in 0..(4 << 20) / 64 - 1 {
            bytes.extend(frame(Role::Client, false, Opcode::Continuation, &[7; 64]));
        }
        bytes.extend(b"\x80\x00");
        let mut input = Input::new(&mut bytes);
        let Ok(Some(Message::Binary(message))) = decoder.decode(&mut input) else {
            panic!("a message");
        };
        assert_eq!(message.len(), 4 << 20);

        for (count, refused) in [(99, false), (100, true)] {
            let bytes = [&b"\x01\x00"[..], &b"\x00\x00".repeat(count)].concat();
            let decoded = decode_all(&mut Decoder::new(Role::Client, limits), &[&bytes]);
            assert_eq!(decoded == ["TooManyEmptyFragments { max_empty_fragments: 100 }"], refused);
        }
    }

    fn inflating(max_message_bytes: usize) -> Decoder {
        let agreement = Agreement::accept("permessage-deflate", &Config::default()).unwrap();
        let limits = Limits { max_message_bytes, ..Limits::default() };
        Decoder::new(Role::Client, limits).with_deflate(agreement.inflater(Role::Client))
    }

    #[test]
    fn compressed_messages_against_the_rules() {
        #[track_caller]
        fn check(reads: &[&[u8]], expect: &[&str]) {
            assert_eq!(decode_all(&mut inflating(5), reads), expect, "{reads:x?}");
        }
        let hello = r#"Text("Hello")"#;
        check(&[b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"], &[hello]); // RFC 7692 §7.2.3.1
        check(&[b"\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00"], &[hello]);
        check(
            &[b"\x41\x03\xf2\x48\xcd\x89\x00\x80\x04\xc9", b"\xc9\x07\x00"],
            &["Ping([])", hello],
        );
        check(&[b"\x81\x05Hello"], &[hello]); // compression is a choice of each message
        check(&[b"\xc1\x01\x00"], &[r#"Text("")"#]);
        check(&[b"\x41\x01\xf2\xc0\x00"], &["Protocol(ReservedBits)"]); // RSV1 on a continuation
        check(&[b"\x01\x01a\xc0\x00"], &["Protocol(ReservedBits)"]);
        for control in [b"\xc8\x00", b"\xc9\x00", b"\xca\x00"] {
            check(&[control], &["Protocol(ReservedBits)"]);
        }
        check(&[b"\xa1\x00"], &["Protocol(ReservedBits)"]);
        check(&[b"\xc1\x04\xff\xff\xff\xff"], &["InvalidDeflate"]);
        // "Hello" twice is more than five bytes.
        let twice =
            b"\xc1\x12\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff\xf2\x48\xcd\xc9\xc9\x07\x00";
        check(&[twice], &["MessageTooBig { max_message_bytes: 5 }"]);
        // Empty stored blocks for ever: no output, so the input is bounded as well.
        let idle = [&b"\x42\x0a"[..], &[0, 0, 0, 0xff, 0xff].repeat(2)].concat();
        let more = [&b"\x00\x0a"[..], &[0, 0, 0, 0xff, 0xff].repeat(2)].concat();
        let reads: Vec<&[u8]> = std::iter::once(&idle[..]).chain([&more[..]; 100]).collect();
        check(&reads, &["MessageTooBig { max_message_bytes: 5 }"]);
    }

    #[test]
    fn a_wrong_byte_of_compressed_text_fails() {
        let mut bytes = Vec::new();
        let agreement = Agreement::accept("permessage-deflate", &Config::default()).unwrap();
        let mut encoder =
            Encoder::new().with_deflate(agreement.deflater(Role::Server).unwrap().min_bytes(0));
        encoder.encode(Message::Binary(b"\xce\xba\xff"), None, &mut bytes);
        bytes[0] ^= 0b11; // binary -> text
        assert_eq!(decode_all(&mut inflating(100), &[&bytes]), ["InvalidUtf8"]);
    }

    #[test]
    fn a_decoder_is_small() {
        assert!(size_of::<Decoder>() <= 40, "{}", size_of::<Decoder>());
    }

    /// A message and how it is cut into fragments.
    fn any_message() -> impl Strategy<Value = (Opcode, Vec<Vec<u8>>)> {
        let text = prop::collection::vec("\\PC{0,9}".prop_map(String::into_bytes), 1..4);
        let binary = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..4);
        let control = prop::collection::vec(any::<u8>(), 0..126).prop_map(|payload| vec![payload]);
        prop_oneof![
            text.prop_map(|fragments| (Opcode::Text, fragments)),
            binary.prop_map(|fragments| (Opcode::Binary, fragments)),
            control.clone().prop_map(|fragments| (Opcode::Ping, fragments)),
            control.prop_map(|fragments| (Opcode::Pong, fragments)),
        ]
    }

    fn any_role() -> impl Strategy<Value = Role> {
        prop_oneof![Just(Role::Client), Just(Role::Server)]
    }

    /// Cuts `bytes` at every `cuts`-th place, again and again.
    fn cut<'b>(mut bytes: &'b [u8], cuts: &[usize]) -> Vec<&'b [u8]> {
        let mut reads = Vec::new();
        let mut cuts = cuts.iter().cycle();
        while let Some(cut) = cuts.next()
            && !bytes.is_empty()
        {
            let (read, rest) = bytes.split_at((*cut).min(bytes.len()));
            reads.push(read);
            bytes = rest;
        }
        reads
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_messages(
            messages in prop::collection::vec(any_message(), 0..8),
            cuts in prop::collection::vec(1_usize..40, 1..10),
            role in any_role(),
        ) {
            let mut bytes = Vec::new();
            let mut expect = Vec::new();
            for (opcode, fragments) in &messages {
                for (index, fragment) in fragments.iter().enumerate() {
                    let opcode = if index == 0 { *opcode } else { Opcode::Continuation };
                    bytes.extend(frame(role, index + 1 == fragments.len(), opcode, fragment));
                }
                let payload = fragments.concat();
                expect.push(format!("{:?}", Message::from_payload(*opcode, &payload).unwrap()));
            }
            let mut decoder = Decoder::new(role, Limits::default());
            prop_assert_eq!(&decode_all(&mut decoder, &[&bytes]), &expect);
            prop_assert!(decoder.partial.is_none());
            prop_assert_eq!(&decode_all(&mut decoder, &cut(&bytes, &cuts)), &expect);
            prop_assert!(decoder.partial.is_none());
        }

        #[test]
        fn what_is_encoded_is_decoded(
            text in "\\PC{0,200}",
            binary: Vec<u8>,
            ping in prop::collection::vec(any::<u8>(), 0..126),
            code in 3000_u16..5000,
            role in any_role(),
            compressed: bool,
        ) {
            let code = crate::wire::ws::CloseCode::new(code).unwrap();
            let reason = &text[..text.floor_char_boundary(CloseFrame::MAX_REASON_BYTES)];
            let messages = [
                Message::Text(&text),
                Message::Binary(&binary),
                Message::Ping(&ping),
                Message::Pong(&ping),
                Message::Text(&text),
                Message::Close(Some(CloseFrame { code, reason })),
            ];
            let mut encoder = Encoder::new();
            let mut decoder = Decoder::new(role, Limits::default());
            if compressed {
                let peer = if role == Role::Server { Role::Client } else { Role::Server };
                let agreement = Agreement::accept("permessage-deflate", &Config::default()).unwrap();
                let deflater = agreement.deflater(peer).unwrap().min_bytes(0);
                encoder = encoder.with_deflate(deflater);
                decoder = decoder.with_deflate(agreement.inflater(role));
            }
            let mut bytes = Vec::new();
            for message in messages {
                encoder.encode(message, (role == Role::Server).then_some(KEY), &mut bytes);
            }
            let expect = messages.map(|message| format!("{message:?}"));
            prop_assert_eq!(decode_all(&mut decoder, &[&bytes]), expect);
        }

        #[test]
        fn arbitrary_bytes_neither_panic_nor_grow_memory(
            frames in prop::collection::vec((any::<[u8; 2]>(), prop::collection::vec(any::<u8>(), 0..200)), 0..20),
            cuts in prop::collection::vec(1_usize..40, 1..10),
            role in any_role(),
            compressed: bool,
        ) {
            let bytes: Vec<u8> = frames.into_iter().flat_map(|(head, rest)| {
                // Bits that are nearly always wrong would hide all that comes after them.
                let head = [head[0] & 0xcb, head[1] | if role == Role::Server { 0x80 } else { 0 }];
                head.into_iter().chain(rest)
            }).collect();
            let limits = Limits { max_message_bytes: 500, max_empty_fragments: 10 };
            let mut decoder = Decoder::new(role, limits);
            if compressed {
                let agreement = Agreement::accept("permessage-deflate", &Config::default()).unwrap();
                decoder = decoder.with_deflate(agreement.inflater(role));
            }
            for read in cut(&bytes, &cuts) {
                decode_all(&mut decoder, &[read]);
                prop_assert!(kept_bytes(&decoder) <= 501 + 256 + 32);
            }
        }
    }
}
