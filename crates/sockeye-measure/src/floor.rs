//! The floor: a server that does the system calls of the loads and next to nothing else.
//!
//! One thread, one epoll, no runtime, no JSON, no timers: what this costs, the kernel costs. It
//! knows by their first bytes the few messages that the loads send, and closes a connection that
//! sends anything else. One read takes what is there; the acks it leads to leave in one write;
//! a broadcast is one prebuilt frame and one non-blocking write per socket, several that came in
//! one read one vectored write per socket.

mod connection;
mod message;

use std::io::{self, ErrorKind, Read};
use std::net::TcpListener;

use self::connection::{Connection, Step};
use crate::readiness::Readiness;

/// Serves for ever.
///
/// # Errors
///
/// When the listener or epoll fails; a connection that fails is only closed.
pub fn serve(listener: TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut server = Floor {
        readiness: Readiness::new()?,
        connections: Vec::new(),
        vacant: Vec::new(),
        scratch: vec![0; 64 * 1024].into_boxed_slice(),
        acks: Vec::new(),
        broadcasts: Vec::new(),
    };
    server.readiness.watch(&listener, LISTENER)?;
    let mut ready = Vec::new();
    loop {
        server.readiness.wait(None, &mut ready)?;
        for key in ready.drain(..) {
            if key == LISTENER {
                server.accept(&listener)?;
            } else {
                server.read(key);
            }
        }
    }
}

/// The listener's key; the others are places in `connections`.
const LISTENER: usize = usize::MAX;

struct Floor {
    readiness: Readiness,
    connections: Vec<Option<Connection>>,
    /// Places of closed connections, to be used again.
    vacant: Vec<usize>,
    scratch: Box<[u8]>,
    /// What the reads of one event answer to the connection itself.
    acks: Vec<u8>,
    /// The frames that the reads of one event send to all.
    broadcasts: Vec<Vec<u8>>,
}

impl Floor {
    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        loop {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let key = self.vacant.pop().unwrap_or(self.connections.len());
            self.readiness.watch(&stream, key)?;
            if key == self.connections.len() {
                self.connections.push(None);
            }
            self.connections[key] = Some(Connection::new(stream));
        }
    }

    /// Reads what one connection sent and does what it asks for.
    fn read(&mut self, key: usize) {
        let Some(connection) = &mut self.connections[key] else { return };
        self.acks.clear();
        self.broadcasts.clear();
        let mut open = connection.flush().is_ok();
        while open {
            let kept = connection.take_partial(&mut self.scratch);
            let filled = match connection.stream().read(&mut self.scratch[kept..]) {
                Ok(0) => {
                    open = false;
                    break;
                }
                Ok(read) => kept + read,
                Err(error) => {
                    connection.keep_partial(&self.scratch[..kept]);
                    open = error.kind() == ErrorKind::WouldBlock;
                    break;
                }
            };
            let bytes = &mut self.scratch[..filled];
            match connection.consume(bytes, &mut self.acks, &mut self.broadcasts) {
                Step::Used(used) => connection.keep_partial(&bytes[used..]),
                Step::Close => open = false,
            }
            // A short read has emptied the socket; the next edge will tell of more.
            if filled < self.scratch.len() {
                break;
            }
        }
        if open && !self.acks.is_empty() {
            open = connection.write(&[&self.acks]).is_ok();
        }
        if !open {
            self.close(key);
        }
        self.broadcast();
    }

    fn broadcast(&mut self) {
        if self.broadcasts.is_empty() {
            return;
        }
        let frames: Vec<&[u8]> = self.broadcasts.iter().map(Vec::as_slice).collect();
        let mut closed = Vec::new();
        for (key, place) in self.connections.iter_mut().enumerate() {
            if let Some(connection) = place.as_mut().filter(|connection| connection.is_ready())
                && connection.write(&frames).is_err()
            {
                closed.push(key);
            }
        }
        for key in closed {
            self.close(key);
        }
    }

    fn close(&mut self, key: usize) {
        // Dropping the stream closes it and takes it out of epoll.
        self.connections[key] = None;
        self.vacant.push(key);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::thread;

    use crate::load::{AckLoad, BroadcastLoad, Fleet};
    use crate::order::Faults;

    use super::*;

    /// A floor server of its own; its thread ends with the test's process.
    fn floor() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(|| serve(listener));
        address
    }

    #[test]
    fn every_event_is_acknowledged_once_and_in_order() {
        for bytes in [7, 64, 4_096] {
            let mut fleet = Fleet::connect(floor(), 20).unwrap();
            let mut load = AckLoad::new(&fleet, bytes, 8);
            for each in [1, 50] {
                let tally = load.run(&mut fleet, each).unwrap();
                assert_eq!((tally.arrived, tally.faults), (20 * each, Faults::default()));
            }
        }
    }

    #[test]
    fn every_socket_gets_every_broadcast() {
        let mut fleet = Fleet::connect(floor(), 80).unwrap();
        for burst in [1, 4] {
            let mut load = BroadcastLoad::new(&fleet, 128, burst);
            let tally = load.run(&mut fleet, 25).unwrap();
            assert_eq!((tally.arrived, tally.faults), (80 * 25 * burst, Faults::default()));
        }
    }

    #[test]
    fn the_place_of_a_closed_connection_is_used_again() {
        let address = floor();
        drop(Fleet::connect(address, 30).unwrap());
        let mut fleet = Fleet::connect(address, 30).unwrap();
        let tally = BroadcastLoad::new(&fleet, 128, 1).run(&mut fleet, 3).unwrap();
        assert_eq!((tally.arrived, tally.faults), (90, Faults::default()));
    }
}
