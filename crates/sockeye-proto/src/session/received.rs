//! What a session received, as far as the layer above has to know.

use std::borrow::Cow;

use crate::wire::{engine::Handshake, payload::Payload};

/// One thing for the layer above to act on. Borrows from the message it came in.
///
/// `A` is the token that [`Session::expect_ack`](super::Session::expect_ack) was given.
#[derive(Debug)]
pub enum Received<'m, A> {
    /// The server opened the Engine.IO session (client only).
    Opened {
        /// What it announced. Boxed, since it comes once.
        handshake: Box<Handshake>,
    },
    /// The peer asks to join; answer with [`Session::accept`](super::Session::accept) or
    /// [`Session::refuse`](super::Session::refuse) (server only).
    Connect {
        /// The namespace it names.
        namespace: Cow<'m, str>,
        /// Its auth payload: one argument, a JSON object.
        auth: Payload<'static>,
    },
    /// The server let us in (client only).
    Connected {
        /// The namespace.
        namespace: Cow<'m, str>,
        /// The server's JSON, usually `{"sid":"…"}`; empty if there is none.
        data: Cow<'m, str>,
    },
    /// The server refused us (client only).
    Refused {
        /// The namespace.
        namespace: Cow<'m, str>,
        /// The server's JSON, usually `{"message":"…"}`; empty if there is none.
        error: Cow<'m, str>,
    },
    /// The peer left the namespace, or (for a client) was made to leave it by the server.
    Disconnect {
        /// The namespace.
        namespace: Cow<'m, str>,
    },
    /// An event, complete with its attachments.
    Event {
        /// The namespace.
        namespace: Cow<'m, str>,
        /// The event's name.
        name: Cow<'m, str>,
        /// Set if the peer asks for an ack.
        id: Option<u64>,
        /// The arguments.
        payload: Payload<'m>,
    },
    /// The ack of something sent from here.
    Ack {
        /// The token of whoever waits.
        token: A,
        /// The peer's answer.
        payload: Payload<'m>,
    },
}
