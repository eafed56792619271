//! WebSocket (RFC 6455) framing and handshake, permessage-deflate (RFC 7692); names nothing of Socket.IO.
//!
//! ```
//! use sockeye_proto::wire::ws::{Decoder, Encoder, Input, Limits, Message, Role};
//!
//! let mut bytes = Vec::new();
//! Encoder::new().encode(Message::Text("hello"), Some([1, 2, 3, 4]), &mut bytes);
//!
//! let mut server = Decoder::new(Role::Server, Limits::default());
//! let mut input = Input::new(&mut bytes);
//! assert_eq!(server.decode(&mut input)?, Some(Message::Text("hello")));
//! assert_eq!(server.decode(&mut input)?, None);
//! # Ok::<_, sockeye_proto::wire::ws::DecodeError>(())
//! ```

mod assembly;
mod close;
mod decoder;
pub mod deflate;
mod encoder;
mod error;
mod frame;
mod growth;
pub mod handshake;
mod input;
mod mask;
mod message;
mod role;
mod utf8;

pub use close::{CloseCode, CloseFrame};
pub use decoder::{Decoder, Limits};
pub use encoder::Encoder;
pub use error::{DecodeError, ProtocolError};
pub use frame::{FrameHeader, MAX_CONTROL_BYTES, Opcode};
pub use input::Input;
pub use mask::apply_mask;
pub use message::Message;
pub use role::Role;
