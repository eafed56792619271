//! Edge-triggered readiness of sockets, by key.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

/// One epoll instance and the events of its last wait.
///
/// Edge-triggered, both directions at once: no system call is spent on changing
/// what is waited for. A caller reads until a read comes back short.
pub(crate) struct Readiness {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

/// Events taken from the kernel per wait.
const EVENTS: usize = 1024;

impl Readiness {
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, events: Vec::with_capacity(EVENTS) })
    }

    /// Waits at most `timeout` and appends the keys of the ready sockets.
    pub(crate) fn wait(
        &mut self,
        timeout: Option<Duration>,
        ready: &mut Vec<usize>,
    ) -> io::Result<()> {
        // Durations here are seconds; one that does not fit waits for ever.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        ready.extend(self.events.iter().map(|event| {
            let data = event.data; // the event is packed: copied, not borrowed
            // Every key was a usize in `watch`.
            data.u64() as usize
        }));
        Ok(())
    }

    /// Reports `socket` as `key` from now until it is closed.
    pub(crate) fn watch(&self, socket: impl AsFd, key: usize) -> io::Result<()> {
        let both = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
        Ok(epoll::add(&self.epoll, socket, epoll::EventData::new_u64(key as u64), both)?)
    }
}
