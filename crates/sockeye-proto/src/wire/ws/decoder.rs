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
    /// Every [`DecodeError`] is the peer's fault. The place in the stream is lost: answer with the
    /// error's close code and do not decode further.
    pub fn decode<'s>(
        &'s mut self,
        input: &'s mut Input<'_>,
    ) -> Result<Option<Message<'s>>, DecodeError> {
        self.release_delivered();
        match self.advance(input)? {
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

    fn release_delivered(&mut self) {
        let Some(partial) = &mut self.partial else { return };
        match partial.delivered.take() {
            Some(Kept::Control) => partial.control = Vec::new(),
            Some(Kept::Message) => partial.message = None,
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
