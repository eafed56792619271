//! Many connections in one epoll loop, all joined to the namespace `/`.

use std::mem;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::{LoadError, PATIENCE};
use crate::readiness::Readiness;

pub(crate) struct Fleet {
    readiness: Readiness,
    ready_keys: Vec<usize>,
    connections: Vec<Connection>,
    scratch: Box<[u8]>,
    out: Vec<u8>,
}

/// Connections on their way at a time: fewer than any server's listen backlog.
const UNDER_WAY: usize = 64;

impl Fleet {
    /// Opens `wanted` connections and waits until all are in the namespace.
    pub(crate) fn connect(address: SocketAddr, wanted: usize) -> Result<Self, LoadError> {
        let mut fleet = Self {
            readiness: Readiness::new()?,
            ready_keys: Vec::new(),
            connections: Vec::with_capacity(wanted),
            scratch: vec![0; 256 * 1024].into_boxed_slice(),
            out: Vec::new(),
        };
        // Those under way: they become ready in any order.
        let mut waiting: Vec<usize> = Vec::new();
        let mut last_change = Instant::now();
        while fleet.len() < wanted || !waiting.is_empty() {
            while fleet.len() < wanted && waiting.len() < UNDER_WAY {
                let connection = Connection::open(address)?;
                fleet.readiness.watch(connection.stream(), fleet.len())?;
                waiting.push(fleet.len());
                fleet.connections.push(connection);
            }
            let before = waiting.len();
            // What a server emits at connect is not part of any load.
            fleet.poll(PATIENCE, |_, _, _| {})?;
            waiting.retain(|&index| !fleet.connections[index].is_ready());
            if waiting.len() < before {
                last_change = Instant::now();
            } else if last_change.elapsed() > PATIENCE {
                return Err(LoadError::NotReady { ready: fleet.len() - waiting.len(), wanted });
            }
        }
        Ok(fleet)
    }

    /// Waits for readiness at most `timeout` and reads what came: `on_text(connection, text, out)`
    /// for each text; frames appended to `out` are sent to the same connection.
    pub(crate) fn poll(
        &mut self,
        timeout: Duration,
        mut on_text: impl FnMut(usize, &[u8], &mut Vec<u8>),
    ) -> Result<(), LoadError> {
        self.readiness.wait(Some(timeout), &mut self.ready_keys)?;
        let mut keys = mem::take(&mut self.ready_keys);
        for key in keys.drain(..) {
            self.connections[key]
                .read(&mut self.scratch, &mut self.out, |text, out| on_text(key, text, out))?;
        }
        self.ready_keys = keys;
        Ok(())
    }

    /// Sends frames on one connection.
    pub(crate) fn send(&mut self, index: usize, frames: &[u8]) -> Result<(), LoadError> {
        self.connections[index].send(frames)
    }

    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }
}
