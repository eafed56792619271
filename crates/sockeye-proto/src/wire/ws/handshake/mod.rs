//! The opening handshake (RFC 6455 §4): an HTTP request and response, made and checked by both sides.
//!
//! ```
//! use sockeye_proto::wire::ws::handshake::{Offer, Request};
//!
//! let offer = Offer::new(*b"sixteen random b").protocols(["chat"])?;
//! let mut request = http::Request::get("/socket").header("host", "example.com").body(())?;
//! offer.write_headers(request.headers_mut());
//!
//! let mut received = Request::read(&request)?;
//! assert_eq!(received.choose_protocol(&["mqtt", "chat"]), Some("chat"));
//! let response = received.response();
//!
//! assert_eq!(offer.check(&response)?.protocol.as_deref(), Some("chat"));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod accept_key;
mod client;
mod header;
mod host;
mod server;

pub use accept_key::accept_key;
pub use client::{Accepted, InvalidProtocol, Offer, ResponseError};
pub use host::names_one_host;
pub use server::{Request, RequestError};

/// The only version of the protocol there is.
const VERSION: &str = "13";
