//! A terminal with a program on it, as a person has it: what is typed goes in, what is shown is waited for.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    process::{Child, Command},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

/// Whatever takes longer will not happen.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const CTRL_C: &str = "\x03";
pub(crate) const CTRL_D: &str = "\x04";
pub(crate) const UP: &str = "\x1b[A";

pub(crate) struct Terminal {
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    /// What was shown since the last thing that was waited for.
    shown: String,
    child: Child,
}

impl Terminal {
    /// Runs the command on a terminal of its own.
    pub(crate) fn run(mut command: Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let other =
            || rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        command.env("TERM", "xterm").stdin(other()).stdout(other()).stderr(other());
        let child = command.spawn().unwrap();
        // Its ends of the terminal: when the child is gone, nobody holds one.
        drop(command);
        let keyboard = File::from(master);
        let mut glass = keyboard.try_clone().unwrap();
        let (sender, screen) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4_096];
            while let Ok(read @ 1..) = glass.read(&mut buffer) {
                if sender.send(buffer[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { keyboard, screen, shown: String::new(), child }
    }

    /// The process on it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until this is shown, after what was waited for before; returns all that was shown until then.
    #[track_caller]
    pub(crate) fn expect(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(index) = self.shown.find(text) {
                let rest = self.shown.split_off(index + text.len());
                return std::mem::replace(&mut self.shown, rest);
            }
            let left = end.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.screen.recv_timeout(left) else {
                panic!("{text:?} was not shown, but:\n{}", self.shown)
            };
            // No test waits for more than one byte of a character.
            self.shown += &String::from_utf8_lossy(&bytes);
        }
    }

    /// All that is shown until its end.
    pub(crate) fn expect_end(&mut self) -> String {
        let end = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() && Instant::now() < end {
            while let Ok(bytes) = self.screen.recv_timeout(Duration::from_millis(10)) {
                self.shown += &String::from_utf8_lossy(&bytes);
            }
        }
        while let Ok(bytes) = self.screen.recv_timeout(Duration::from_millis(10)) {
            self.shown += &String::from_utf8_lossy(&bytes);
        }
        std::mem::take(&mut self.shown)
    }

    /// The exit code, once it ends.
    pub(crate) fn code(mut self) -> Option<i32> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            // It also ends when nobody reads what it shows.
            while self.screen.recv_timeout(Duration::from_millis(10)).is_ok() {}
        }
        panic!("it does not end")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended, unless the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
