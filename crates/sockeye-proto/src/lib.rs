//! WebSocket, Engine.IO 4 and Socket.IO 5 as codecs and machines, without I/O, clock or randomness.
//!
//! - [`wire`] turns bytes into values and back: [`wire::ws`] is a WebSocket codec of its own, [`wire::engine`] and
//!   [`wire::packet`] read the two protocols above it, [`wire::polling`] the bodies that carry them without a WebSocket,
//!   [`wire::msgpack`] packets that are not text. [`wire::prepared`] is a packet encoded once for many receivers,
//!   [`wire::cluster`] what the nodes of a cluster tell each other.
//! - [`session`] decides what follows from them: heartbeats, namespaces, acks, attachments, and who is at fault. Begin
//!   with [`session::Session`], or with [`session::websocket::WebSocket`] for raw WebSocket.
//!
//! The owner feeds messages and the time, then drains what is to be done. So a heartbeat needs no waiting to be tested:
//!
//! ```
//! use std::{sync::Arc, time::Instant};
//! use sockeye_proto::session::{Config, Opening, Output, Received, Session};
//!
//! let (now, config) = (Instant::now(), Arc::new(Config::default()));
//! let ping_interval = config.timing.ping_interval;
//! let mut session: Session<u32> = Session::server(now, config, Opening::websocket("the session's id"));
//! let Ok(Some(Received::Connect { namespace, .. })) = session.receive_text(now, "40") else { panic!() };
//! assert_eq!(namespace, "/");
//! session.accept("/", r#"{"sid":"the socket's id"}"#);
//! while session.poll_output().is_some() {} // the handshake and the reply, to be sent
//!
//! session.handle_timeout(now + ping_interval)?;
//! assert!(matches!(session.poll_output(), Some(Output::Send(packet)) if packet.text() == "2"));
//! # Ok::<_, sockeye_proto::session::Violation>(())
//! ```
//!
//! The crate `sockeye` adds tokio, handlers, rooms and TLS. Most people want that one.

pub mod session;
pub mod wire;
