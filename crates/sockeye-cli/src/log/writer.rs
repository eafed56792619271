//! A thread that writes lines, so that nobody else waits for who reads them; past a bound they are dropped, and counted.

use std::{
    borrow::Cow,
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

use super::Shows;
use crate::secrets::Secrets;

/// How many bytes may wait for who reads them.
const MAX_BYTES: usize = 1 << 20;

/// Where lines are left.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    shows: Shows,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// Told when there is something to write.
    filled: Condvar,
    /// Told when all is written.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Lines that found no room.
    dropped: u64,
    /// Whether some are being written.
    is_writing: bool,
}

impl Writer {
    /// Begins to write to `out`.
    pub(super) fn start(out: impl Write + Send + 'static, shows: Shows) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let writer = Self { shared: Arc::clone(&shared), shows };
        // It ends with the process: it may be waiting for a reader who never comes.
        thread::Builder::new().name("log".into()).spawn(move || shared.run(out))?;
        Ok(writer)
    }

    /// Waits until all that was left is written, at most so long.
    pub(super) fn settle(&self, patience: Duration) {
        let waiting = self.shared.lock();
        let is_busy = |waiting: &mut Waiting| waiting.is_writing || !waiting.lines.is_empty();
        // Whether it is by the one or by the other makes no difference.
        drop(self.shared.emptied.wait_timeout_while(waiting, patience, is_busy));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut out: impl Write) {
        loop {
            let (lines, dropped) = self.next();
            // Nobody is left to tell that it is closed.
            let _ = out.write_all(&lines).and_then(|()| out.flush());
            if dropped > 0 {
                // There is room now, so this one is not dropped.
                tracing::warn!(dropped, "log lines are missing here: they were not read in time");
            }
        }
    }

    /// Waits for lines; says how many are missing behind them.
    fn next(&self) -> (Vec<u8>, u64) {
        let mut waiting = self.lock();
        waiting.is_writing = false;
        self.emptied.notify_all();
        let is_empty = |waiting: &mut Waiting| waiting.lines.is_empty();
        let mut waiting =
            self.filled.wait_while(waiting, is_empty).unwrap_or_else(PoisonError::into_inner);
        waiting.is_writing = true;
        (std::mem::take(&mut waiting.lines), std::mem::take(&mut waiting.dropped))
    }
}

impl Write for &Writer {
    /// Leaves a whole line, or drops it: it never waits.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let shown = match self.shows {
            Shows::All => Cow::Borrowed(line),
            Shows::NoSecrets => {
                let shown = Secrets::of_process().redact(&String::from_utf8_lossy(line));
                Cow::Owned(shown.into_bytes())
            }
        };
        let mut waiting = self.shared.lock();
        if waiting.lines.len() + shown.len() > MAX_BYTES {
            waiting.dropped += 1;
        } else {
            waiting.lines.extend_from_slice(&shown);
            self.shared.filled.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Writer {
    type Writer = &'w Self;

    fn make_writer(&'w self) -> Self::Writer {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A reader who reads when it is told to.
    struct Slow(mpsc::Receiver<()>, mpsc::Sender<Vec<u8>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            let _ = self.1.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_leaves_lines_never_waits_and_memory_has_a_bound() {
        let (read, may_read) = mpsc::channel();
        let (wrote, written) = mpsc::channel();
        let writer = Writer::start(Slow(may_read, wrote), Shows::All).unwrap();
        let line = [b'x'; 1_000];
        (&writer).write_all(&line).unwrap();
        // From here on it is stuck, and takes no more of them.
        while !writer.shared.lock().is_writing {
            thread::yield_now();
        }
        for _ in 0..10_000 {
            (&writer).write_all(&line).unwrap();
        }
        {
            let waiting = writer.shared.lock();
            assert!(
                waiting.lines.len() <= MAX_BYTES && waiting.dropped >= 7_900,
                "{}",
                waiting.dropped
            );
        }
        writer.settle(Duration::from_millis(10)); // nor does this wait for ever
        drop(read); // from now on it reads
        writer.settle(Duration::from_secs(60));
        let bytes: usize = written.try_iter().map(|bytes| bytes.len()).sum();
        assert!(bytes > 0 && bytes.is_multiple_of(1_000) && bytes <= 2 * MAX_BYTES, "{bytes}");
    }

    #[test]
    fn what_is_secret_is_not_shown() {
        let (read, may_read) = mpsc::channel();
        let (wrote, written) = mpsc::channel();
        let writer = Writer::start(Slow(may_read, wrote), Shows::NoSecrets).unwrap();
        Secrets::of_process().add("a-word-of-this-test");
        (&writer).write_all(b"refused: a-word-of-this-test\n").unwrap();
        read.send(()).unwrap();
        let line = String::from_utf8(written.recv().unwrap()).unwrap();
        assert!(line.starts_with("refused: ") && !line.contains("a-word-of"), "{line}");
    }
}
