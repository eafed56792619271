//! The queues that relays take from: a Redis of our own, and files in a folder that goes with it.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs, thread};

use super::plan::Way;
use super::server::now_us;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Tasks that go to a store at a time.
const BATCH: u64 = 10_000;

/// A queue with nothing in it, and what it lies in.
pub(super) struct Queue {
    way: Way,
    folder: PathBuf,
    /// None for files.
    redis: Option<(Child, redis::Connection)>,
    url: String,
    /// The command, which fills the file.
    sockeye: PathBuf,
}

impl Queue {
    pub(super) fn new(way: Way, sockeye: &Path) -> Outcome<Self> {
        let folder = env::temp_dir().join(format!("sockeye-measure-{}", std::process::id()));
        // Of a run that was killed.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        let sockeye = sockeye.to_owned();
        if way == Way::Sqlite {
            let url = format!("sqlite:{}", folder.join("queue.db").display());
            return Ok(Self { way, folder, redis: None, url, sockeye });
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let (child, url) = redis_server(&folder, port)?;
        let connection = redis::Client::open(url.as_str())?.get_connection()?;
        Ok(Self { way, folder, redis: Some((child, connection)), url, sockeye })
    }

    /// As the way's program is told of it.
    pub(super) fn url(&self) -> String {
        match self.way {
            Way::List => format!("{}/0?list=tasks", self.url),
            Way::Stream => format!("{}/0?stream=tasks", self.url),
            _ => self.url.clone(),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts so many tasks.
    pub(super) fn fill(&mut self, count: u64) -> Outcome {
        let mut left = count;
        while left > 0 {
            let batch = left.min(BATCH);
            self.put(batch, 0)?;
            left -= batch;
        }
        Ok(())
    }

    /// Puts so many that carry this time, and waits until the store has them.
    pub(super) fn put(&mut self, count: u64, at_us: u64) -> Outcome {
        let task = task(at_us);
        match &mut self.redis {
            Some((_, connection)) => {
                let mut pipe = redis::pipe();
                for _ in 0..count {
                    match self.way {
                        Way::Stream => pipe.xadd("tasks", "*", &[("task", &task)]).ignore(),
                        _ => pipe.lpush("tasks", &task).ignore(),
                    };
                }
                pipe.query::<()>(connection)?;
            }
            None => {
                let mut put = Command::new(&self.sockeye)
                    .args(["relay", "put", "--from", &self.url])
                    .stdin(Stdio::piped())
                    .stdout(Stdio::null())
                    .spawn()?;
                let mut lines = put.stdin.take().ok_or("no standard input")?;
                for _ in 0..count {
                    writeln!(lines, "{task}")?;
                }
                drop(lines);
                if !put.wait()?.success() {
                    return Err("`sockeye relay put` failed".into());
                }
            }
        }
        Ok(())
    }

    /// A producer that puts one task after the other, for as long as it is asked to.
    pub(super) fn producer(&mut self) -> Outcome<Producer<'_>> {
        let put = match self.redis {
            Some(_) => None,
            None => Some(
                Command::new(&self.sockeye)
                    .args(["relay", "put", "--from", &self.url])
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .spawn()?,
            ),
        };
        // Its answers are read, so that it never waits for us.
        let mut put = put;
        if let Some(stdout) = put.as_mut().and_then(|put| put.stdout.take()) {
            thread::spawn(move || BufReader::new(stdout).lines().for_each(drop));
        }
        Ok(Producer { queue: self, put })
    }
}

/// See [`Queue::producer`].
pub(super) struct Producer<'q> {
    queue: &'q mut Queue,
    put: Option<Child>,
}

impl Producer<'_> {
    pub(super) fn put(&mut self) -> Outcome {
        match self.put.as_mut().and_then(|put| put.stdin.as_mut()) {
            Some(lines) => Ok(writeln!(lines, "{}", task(now_us()))?),
            None => self.queue.put(1, now_us()),
        }
    }
}

impl Drop for Producer<'_> {
    fn drop(&mut self) {
        if let Some(put) = &mut self.put {
            drop(put.stdin.take());
            let _ = put.wait(); // it ends with its input
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.redis {
            // It may have ended already; then there is nothing to do.
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder); // the next run does it otherwise
    }
}

/// An envelope of some 300 bytes.
pub(super) fn task(at_us: u64) -> String {
    let text = "x".repeat(240);
    format!(r#"{{"event":"message","args":[{{"at":{at_us},"text":"{text}"}}]}}"#)
}

/// Starts Redis without a disk, and waits until it listens.
fn redis_server(folder: &Path, port: u16) -> Outcome<(Child, String)> {
    let mut child = Command::new(env::current_exe()?)
        .args(["tether", "--", "redis-server", "--bind", "127.0.0.1", "--save", "", "--port"])
        .args([&port.to_string(), "--dir", &folder.to_string_lossy()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().ok_or("no standard output")?;
    let mut lines = BufReader::new(stdout).lines();
    let ready = lines.by_ref().map_while(Result::ok).any(|line| line.contains("Ready to accept"));
    if !ready {
        let status = child.wait()?;
        return Err(io::Error::other(format!("redis-server did not start: {status}")).into());
    }
    thread::spawn(move || lines.for_each(drop));
    Ok((child, format!("redis://127.0.0.1:{port}")))
}
