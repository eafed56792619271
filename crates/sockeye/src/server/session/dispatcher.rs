//! What a server does with what one session receives: find the namespace, the socket, the handler.

use std::{
    sync::{Arc, Weak},
    task,
    time::Instant,
};

use sockeye_proto::{
    session::{Reason, Received},
    wire::engine::Version,
};

use super::membership::Membership;
use crate::{
    net::{Conn, Id, OnAck, Pressure, Upper},
    server::{
        extract::Context,
        shared::{Server, Shared},
        socket::{self, Handshake, Socket},
    },
};

/// The server's side of one session; owned by its driver.
pub(crate) struct Dispatcher {
    shared: Arc<Shared>,
    conn: Arc<Conn>,
    /// One for each socket; most sessions have one or two.
    memberships: Vec<Membership>,
    /// Boxed: an idle session has none of it.
    rest: Option<Box<Rest>>,
}

/// What few sessions have.
#[derive(Default)]
struct Rest {
    handshake: Option<Arc<Handshake>>,
    /// Sockets that have left while handlers of theirs were at work. Those go on, and nobody waits for them; so who
    /// comes and goes could have any number.
    left_behind: Vec<Weak<socket::Inner>>,
}

impl Rest {
    fn leave_behind(&mut self, socket: Weak<socket::Inner>) {
        let left = &mut self.left_behind;
        if left.len() == left.capacity() {
            left.retain(|socket| at_work(socket) > 0); // not each time, or it would cost the square
        }
        left.push(socket);
    }

    fn at_work(&self) -> usize {
        self.left_behind.iter().map(at_work).sum()
    }
}

fn at_work(socket: &Weak<socket::Inner>) -> usize {
    socket.upgrade().map_or(0, |socket| socket.at_work())
}

impl Dispatcher {
    pub(crate) fn new(
        shared: Arc<Shared>,
        conn: Arc<Conn>,
        handshake: Option<Arc<Handshake>>,
    ) -> Self {
        let rest = handshake.is_some().then(|| Box::new(Rest { handshake, ..Rest::default() }));
        let mut dispatcher = Self { shared, conn, memberships: Vec::new(), rest };
        // A client of version 3 is in `/` without asking.
        if let Some(Received::Connect { namespace, auth }) =
            dispatcher.conn.command(|machine| machine.join_root())
        {
            dispatcher.connect(&namespace, &auth);
        }
        dispatcher
    }

    fn position(&self, namespace: &str) -> Option<usize> {
        self.memberships.iter().position(|membership| membership.namespace() == namespace)
    }

    fn connect(&mut self, name: &str, auth: &sockeye_proto::wire::payload::Payload<'_>) {
        // A socket that was just disconnected by this side, and comes back.
        if let Some(index) = self.position(name) {
            self.end(index, Reason::ServerDisconnect);
        }
        let Some(namespace) = self.shared.namespace(name) else {
            tracing::debug!(target: "sockeye::packet", namespace = name, "no such namespace");
            let error = r#"{"message":"Invalid namespace"}"#;
            self.conn.command(|machine| machine.refuse(name, error));
            return;
        };
        let Ok(id) = self.socket_id() else {
            tracing::error!("the system has no randomness to give; a socket is refused");
            let error = r#"{"message":"internal error"}"#;
            self.conn.command(|machine| machine.refuse(name, error));
            return;
        };
        let namespace = Arc::clone(namespace);
        let handshake = self.rest.as_ref().and_then(|rest| rest.handshake.clone());
        let socket = Socket::new(id, namespace, Arc::clone(&self.conn), handshake);
        let context =
            Context { socket, server: Server::new(Arc::clone(&self.shared)), farewell: None };
        self.memberships.reserve_exact(1); // most sessions have one socket for all their life
        self.memberships.push(Membership::new(context, auth));
    }

    /// The id of a socket: one of its own, but for clients that compute it from the session's.
    fn socket_id(&self) -> Result<Id, getrandom::Error> {
        match self.conn.encoding.version {
            Version::V3 => Ok(self.conn.sid),
            Version::V4 => Id::random(),
        }
    }

    /// Ends the memberships of sockets that were refused, or disconnected by this side.
    fn sweep(&mut self) {
        let mut index = 0;
        while let Some(membership) = self.memberships.get(index) {
            match membership.ended() {
                Some(reason) => self.end(index, reason),
                None => index += 1,
            }
        }
    }

    fn end(&mut self, index: usize, reason: Reason) {
        if let Some(socket) = self.memberships.swap_remove(index).end(reason) {
            self.rest.get_or_insert_default().leave_behind(socket);
        }
    }
}

impl Upper for Dispatcher {
    fn received(&mut self, received: Received<'_, OnAck>, cx: &mut task::Context<'_>) {
        match received {
            Received::Event { namespace, name, id, payload } => {
                let Some(index) = self.position(&namespace) else { return };
                let membership = &mut self.memberships[index];
                if membership.ended().is_none() {
                    membership.event((&name, id, payload), cx);
                }
            }
            Received::Ack { token, payload } => token(Ok(payload)),
            Received::Connect { namespace, auth } => {
                self.connect(&namespace, &auth);
                self.poll(cx);
            }
            Received::Disconnect { namespace } => {
                if let Some(index) = self.position(&namespace) {
                    self.end(index, Reason::ClientDisconnect);
                }
            }
            // A server's machine never says these.
            Received::Opened { .. } | Received::Connected { .. } | Received::Refused { .. } => {}
        }
    }

    fn poll(&mut self, cx: &mut task::Context<'_>) {
        for membership in &mut self.memberships {
            membership.poll(cx);
        }
        self.sweep();
    }

    fn pressure(&self, now: Instant) -> Pressure {
        let left_behind = self.rest.as_ref().map_or(0, |rest| rest.at_work());
        if left_behind > self.shared.backlog.max_events {
            return Pressure::Overload;
        }
        let pressures = self.memberships.iter().map(|membership| membership.pressure(now));
        pressures.fold(Pressure::Calm, Pressure::worse)
    }

    fn closed(&mut self, reason: Reason) {
        for membership in self.memberships.drain(..) {
            // One that this side disconnected a moment ago keeps that reason.
            let reason = membership.ended().unwrap_or(reason);
            membership.end(reason); // nothing comes after them
        }
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        // Memberships are left only if the driver was dropped half-way, by a panic or by the end of its runtime.
        self.closed(Reason::TransportError);
        self.shared.sessions.remove(self.conn.sid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Driver;

    #[test]
    fn an_idle_session_is_small() {
        // What tens of thousands of idle sessions cost; more needs a reason.
        // tokio puts about 96 bytes around a task, and rounds up to a multiple of 128.
        assert!(size_of::<Driver<Dispatcher>>() <= 288, "{}", size_of::<Driver<Dispatcher>>());
        assert!(size_of::<Membership>() <= 48, "{}", size_of::<Membership>());
    }
}
