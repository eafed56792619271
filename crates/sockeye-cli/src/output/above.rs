//! Lines that are shown above the prompt while somebody types.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

/// So many lines may wait for the terminal; past that they are not shown, but counted.
const MAX_WAITING: usize = 10_000;

/// The way to a terminal whose prompt has to be drawn anew below each line. It has a thread of its own: to show a line may
/// take until the prompt is there again, which whoever prints must not wait for.
#[derive(Debug)]
pub(crate) struct Above {
    lines: SyncSender<String>,
    missed: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Above {
    /// Shows lines with `show`, each of which ends with a line break.
    ///
    /// # Errors
    ///
    /// There can't be a thread.
    pub(crate) fn new(mut show: impl FnMut(String) + Send + 'static) -> io::Result<Self> {
        let (lines, waiting) = sync_channel::<String>(MAX_WAITING);
        let missed = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&missed);
        let thread = thread::Builder::new().name("above".to_owned()).spawn(move || {
            for line in waiting {
                show(line + "\n");
                match count.swap(0, Ordering::Relaxed) {
                    0 => {}
                    missed => show(format!("… {missed} lines came too fast to be shown\n")),
                }
            }
        })?;
        Ok(Self { lines, missed, thread })
    }

    pub(crate) fn line(&self, line: String) {
        match self.lines.try_send(line) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.missed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Shows what still waits.
    pub(crate) fn finish(self) {
        drop(self.lines);
        // It does not panic unless `show` does.
        let _ = self.thread.join();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn nothing_is_lost_but_what_is_too_fast() {
        let (shown, seen) = mpsc::channel();
        let (go, going) = mpsc::channel::<()>();
        let above = Above::new(move |line| {
            // Gone once the test has seen enough: then it need not wait.
            let _ = going.recv();
            shown.send(line).unwrap();
        })
        .unwrap();
        for number in 0..MAX_WAITING + 100 {
            above.line(number.to_string());
        }
        drop(go);
        above.finish();
        let seen: Vec<String> = seen.iter().collect();
        assert_eq!(seen[0], "0\n");
        assert!(seen[1].contains("lines came too fast"), "{}", seen[1]);
        let missed: usize = seen[1].split(' ').nth(1).unwrap().parse().unwrap();
        assert_eq!(seen.len() - 1 + missed, MAX_WAITING + 100);
        assert_eq!(seen[2], "1\n");
    }
}
