//! A packet whose attachments are still arriving.

use bytes::Bytes;

use crate::wire::{
    packet::{DecodeError, Kind, Limits, Packet},
    payload::Payload,
};

/// A binary event or ack that waits for its attachments. Bounds their number and size; its owner bounds the time.
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use sockeye_proto::wire::{packet::{self, Limits}, reassembly::{Progress, Reassembly}};
///
/// let limits = Limits::default();
/// let packet = packet::decode(r#"51-["photo",{"_placeholder":true,"num":0}]"#, &limits)?;
/// let reassembly = Reassembly::new(&packet, &limits)?;
/// let Progress::Complete(packet) = reassembly.push(Bytes::from_static(b"\xFF\xD8"))? else { panic!("one is all") };
/// assert_eq!(packet.name.as_deref(), Some("photo"));
/// assert_eq!(packet.payload.deserialize::<Bytes>()?, &b"\xFF\xD8"[..]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Reassembly {
    packet: Assembled,
    attachments: Vec<Bytes>,
    missing: u32,
    bytes_left: usize,
    max_bytes: usize,
}

/// An event or ack with everything that belongs to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Assembled {
    /// The namespace.
    pub namespace: String,
    /// The ack id.
    pub id: Option<u64>,
    /// The event's name; `None` for an ack.
    pub name: Option<String>,
    /// The arguments and their attachments.
    pub payload: Payload<'static>,
}

/// What an attachment led to.
#[derive(Debug)]
pub enum Progress {
    /// More attachments are missing.
    Incomplete(Reassembly),
    /// It was the last one.
    Complete(Assembled),
}

impl Reassembly {
    /// Begins with the packet's text, which is checked and copied.
    ///
    /// # Errors
    ///
    /// Every [`DecodeError`] is the peer's fault: close the connection, do not retry. A packet that announces no
    /// attachments is [`DecodeError::IllegalAttachments`]: it is complete as it is.
    pub fn new(packet: &Packet<'_>, limits: &Limits) -> Result<Self, DecodeError> {
        if packet.attachments == 0 {
            return Err(DecodeError::IllegalAttachments);
        }
        let data = packet.data.unwrap_or_default();
        let (name, payload) = if packet.kind == Kind::Ack {
            (None, Payload::ack(data, limits)?)
        } else {
            let (name, payload) = Payload::event(data, limits)?;
            (Some(name.into_owned()), payload)
        };
        let namespace = packet.namespace.to_owned();
        let payload = payload.into_owned();
        Ok(Self {
            packet: Assembled { namespace, id: packet.id, name, payload },
            // Grows with what arrives, not with what was announced.
            attachments: Vec::new(),
            missing: packet.attachments,
            bytes_left: limits.max_attachments_bytes,
            max_bytes: limits.max_attachments_bytes,
        })
    }

    /// Adds the next attachment.
    ///
    /// # Errors
    ///
    /// [`DecodeError::AttachmentsTooLarge`] and, with the last attachment, [`DecodeError::IllegalPlaceholder`]: the
    /// peer's fault, close the connection.
    pub fn push(mut self, attachment: Bytes) -> Result<Progress, DecodeError> {
        self.bytes_left = self
            .bytes_left
            .checked_sub(attachment.len())
            .ok_or(DecodeError::AttachmentsTooLarge { limit: self.max_bytes })?;
        self.attachments.push(attachment);
        self.missing -= 1; // was at least 1: with 0 this value turns into `Complete`
        if self.missing > 0 {
            return Ok(Progress::Incomplete(self));
        }
        let Assembled { namespace, id, name, payload } = self.packet;
        let payload = payload.with_attachments(self.attachments)?;
        Ok(Progress::Complete(Assembled { namespace, id, name, payload }))
    }

    /// How many attachments are still missing; at least 1.
    #[must_use]
    pub const fn missing(&self) -> u32 {
        self.missing
    }
}
