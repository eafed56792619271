//! A Redis of the test's own, on a socket file or a free port: killed, restarted, asked by hand.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{Peer, PeerError, pinned};

/// How long a server may live, and how long one may take to answer.
const LIFETIME: Duration = Duration::from_secs(120);
const PATIENCE: Duration = Duration::from_secs(20);

/// A running `redis-server`. Its files and its process end with it.
///
/// # Examples
///
/// ```
/// use sockeye_testkit::RedisServer;
///
/// let Some(mut redis) = RedisServer::start(&["--appendonly", "yes"])? else { return Ok(()) };
/// redis.call(&["LPUSH", "tasks", "one"])?;
/// redis.kill();
/// redis.restart()?;
/// assert_eq!(redis.call(&["LRANGE", "tasks", "0", "-1"])?, "one");
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct RedisServer {
    /// Locked, since a peer is one thread's at a time and servers are shared.
    peer: Mutex<Option<Peer>>,
    folder: PathBuf,
    port: Option<u16>,
    options: Vec<String>,
    is_sentinel: bool,
}

impl RedisServer {
    /// Whether there is a `redis-server`; prints that there is none.
    ///
    /// # Panics
    ///
    /// There is none, and `SOCKEYE_PEERS` is set.
    #[must_use]
    pub fn is_installed() -> bool {
        let version = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
        pinned::found(version.ok(), "redis-server").is_some()
    }

    /// Starts one on a socket file, with more options of its command line; `None`, with the reason printed, if there is no
    /// `redis-server`.
    ///
    /// # Errors
    ///
    /// It does not start, or does not answer.
    ///
    /// # Panics
    ///
    /// There is none, and `SOCKEYE_PEERS` is set.
    pub fn start(options: &[&str]) -> io::Result<Option<Self>> {
        Self::launch(None, options, None)
    }

    /// Starts one on a free port of this machine, and a socket file.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    pub fn start_on_port(options: &[&str]) -> io::Result<Option<Self>> {
        Self::launch(Some(free_port()?), options, None)
    }

    /// Starts a sentinel on a free port, with what stands in its file.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    pub fn start_sentinel(config: &str) -> io::Result<Option<Self>> {
        Self::launch(Some(free_port()?), &[], Some(config))
    }

    fn launch(
        port: Option<u16>,
        options: &[&str],
        sentinel: Option<&str>,
    ) -> io::Result<Option<Self>> {
        if !Self::is_installed() {
            return Ok(None);
        }
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("sockeye-redis-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder)?;
        if let Some(config) = sentinel {
            fs::write(folder.join("sentinel.conf"), config)?;
        }
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let mut server =
            Self { peer: Mutex::default(), folder, port, options, is_sentinel: sentinel.is_some() };
        server.restart()?;
        Ok(Some(server))
    }

    /// Starts it again after [`Self::kill`], on the same port and files.
    ///
    /// # Errors
    ///
    /// It does not start, or does not answer.
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill();
        let mut command = Command::new("redis-server");
        if self.is_sentinel {
            command.arg(self.folder.join("sentinel.conf")).arg("--sentinel");
        } else {
            command.args(["--save", "", "--appendonly", "no"]);
        }
        command.args(["--port", &self.port.unwrap_or(0).to_string(), "--bind", "127.0.0.1"]);
        command.arg("--unixsocket").arg(self.socket()).arg("--dir").arg(&self.folder);
        command.args(&self.options);
        let peer = Peer::launch_for(LIFETIME, command, "").map_err(io::Error::other)?;
        self.peer = Mutex::new(Some(peer));
        let began = Instant::now();
        loop {
            match self.call(&["PING"]) {
                Ok(answer) if answer == "PONG" => return Ok(()),
                _ if began.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(10)), // there is nothing to wait on
                other => {
                    let said = self.transcript();
                    return Err(io::Error::other(format!(
                        "redis-server: {other:?}; it had said:\n{said}"
                    )));
                }
            }
        }
    }

    /// Ends it without a word, as a crash does.
    pub fn kill(&mut self) {
        self.peer = Mutex::default();
    }

    /// Asks it something, on a connection of its own. Arrays come as lines.
    ///
    /// # Errors
    ///
    /// It can't be reached, or says no.
    pub fn call(&self, words: &[&str]) -> io::Result<String> {
        let stream = UnixStream::connect(self.socket())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        (&stream).write_all(request.as_bytes())?;
        answer(&mut BufReader::new(stream))
    }

    /// Waits until it answers something that fulfils `is_it`.
    ///
    /// # Errors
    ///
    /// It does not within 20 seconds.
    pub fn wait_for(&self, words: &[&str], is_it: impl Fn(&str) -> bool) -> io::Result<String> {
        let began = Instant::now();
        loop {
            let answer = self.call(words);
            match answer {
                Ok(answer) if is_it(&answer) => return Ok(answer),
                _ if began.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(20)), // it tells nobody
                answer => return Err(io::Error::other(format!("{words:?}: {answer:?}"))),
            }
        }
    }

    /// Where its socket file is.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.join("redis.sock")
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its port, if it has one.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// Its URL with `query`: by its port if it has one, else by its socket file.
    #[must_use]
    pub fn url(&self, query: &str) -> String {
        match self.port {
            Some(port) => format!("redis://127.0.0.1:{port}/0?{query}"),
            None => format!("unix:{}?{query}", self.socket().display()),
        }
    }

    /// Its process, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.peer.lock().ok()?.as_ref().map(Peer::id)
    }

    fn transcript(&mut self) -> String {
        // Reading until its end tells all that it has said; it is of no more use.
        let Some(mut peer) = self.peer.get_mut().ok().and_then(Option::take) else {
            return String::new();
        };
        match peer.remaining_lines() {
            Ok(_) => peer.transcript().to_owned(),
            Err(PeerError::TooLong { transcript }) => transcript,
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder); // the system's to tidy, then
    }
}

/// A port that nobody had a moment ago.
fn free_port() -> io::Result<u16> {
    // A cluster's bus is 10,000 above.
    loop {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        if port < 55_000 {
            return Ok(port);
        }
        let lower = port - 20_000;
        if TcpStream::connect((Ipv4Addr::LOCALHOST, lower)).is_err() {
            return Ok(lower);
        }
    }
}

fn answer(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let line = line.trim_end();
    let (kind, rest) = line.split_at_checked(1).ok_or(io::ErrorKind::UnexpectedEof)?;
    let number = || rest.parse::<i64>().map_err(io::Error::other);
    match kind {
        "+" | ":" => Ok(rest.to_owned()),
        "$" => {
            let Ok(length) = usize::try_from(number()?) else { return Ok(String::new()) };
            let mut bytes = vec![0; length + 2];
            from.read_exact(&mut bytes)?;
            bytes.truncate(length);
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
        "*" => {
            let lines: io::Result<Vec<String>> =
                (0..number()?.max(0)).map(|_| answer(from)).collect();
            Ok(lines?.join("\n"))
        }
        _ => Err(io::Error::other(rest.to_owned())),
    }
}
