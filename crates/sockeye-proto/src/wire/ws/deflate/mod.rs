//! permessage-deflate (RFC 7692): compression of whole messages, agreed on in the handshake.
//!
//! Off unless asked for: it costs up to 300 KB a connection and direction with context takeover, and
//! compressing secrets together with text of an attacker leaks the secrets by length (CRIME, BREACH).
//!
//! ```
//! use sockeye_proto::wire::ws::{
//!     Decoder, Encoder, Input, Limits, Message, Role, deflate::Config, handshake::{Offer, Request},
//! };
//!
//! let offer = Offer::new(*b"sixteen random b").deflate(Config::default());
//! let mut request = http::Request::get("/").header("host", "example.com").body(())?;
//! offer.write_headers(request.headers_mut());
//! let mut received = Request::read(&request)?;
//! let servers = received.negotiate_deflate(&Config::default()).expect("was offered");
//! let clients = offer.check(&received.response())?.deflate.expect("was granted");
//! assert_eq!(servers, clients);
//!
//! let mut bytes = Vec::new();
//! let text = "again and ".repeat(1_000);
//! let deflater = servers.deflater(Role::Server).expect("window bits are not 8");
//! Encoder::new().with_deflate(deflater).encode(Message::Text(&text), None, &mut bytes);
//! assert!(bytes.len() < 100);
//!
//! let inflater = clients.inflater(Role::Client);
//! let mut decoder = Decoder::new(Role::Client, Limits::default()).with_deflate(inflater);
//! assert_eq!(decoder.decode(&mut Input::new(&mut bytes))?, Some(Message::Text(&text)));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod agreement;
mod compress;
mod config;
mod inflate;
mod params;

pub use agreement::Agreement;
pub use compress::Deflater;
pub use config::Config;
pub use inflate::Inflater;
pub(super) use inflate::max_compressed_bytes;

/// What every compressed message ends with; cut off before sending, put back after receiving (§7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Window of zlib when nothing else is agreed: 2^15 bytes.
const DEFAULT_WINDOW_BITS: u8 = 15;

/// Smallest window zlib can work with.
///
/// The RFC allows 8, but zlib's raw deflate does not have it. Data of a peer that limits itself to 8 is
/// read with 9, as a larger window reads everything. A peer that limits us to 8 gets no compression: a
/// server declines such an offer, a client whose server answers so sends uncompressed messages, which
/// are always allowed.
const MIN_WINDOW_BITS: u8 = 9;
