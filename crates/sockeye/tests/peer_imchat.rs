//! The example `imchat` with a real Redis and a server of version 3: both may be killed, no task is lost.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a failed step is a failed test")]
#![allow(clippy::print_stderr, reason = "a skipped test says why")]

use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    time::{Duration, Instant},
};

use redis::{Connection, TypedCommands as _};
use sockeye_testkit::{Peer, host_peer::Host, pinned};

const PATIENCE: Duration = Duration::from_secs(30);
const TASKS: usize = 2_000;

/// A folder of its own, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = env::temp_dir().join(format!("sockeye-imchat-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // the system's to tidy, then
    }
}

/// Redis behind a socket file: no port is needed.
fn redis_server(folder: &Path) -> Option<(Peer, String)> {
    if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
        assert!(env::var_os("SOCKEYE_PEERS").is_none(), "redis-server is missing");
        eprintln!("skipped: redis-server is missing; `cargo xtask test` installs it");
        return None;
    }
    let socket = folder.join("redis.sock");
    let mut command = Command::new("redis-server");
    command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]);
    command.arg(&socket).arg("--dir").arg(folder);
    let peer = Peer::launch_for(PATIENCE, command, "").unwrap();
    Some((peer, format!("redis+unix://{}", socket.display())))
}

fn connect(url: &str) -> Connection {
    let client = redis::Client::open(url).unwrap();
    let start = Instant::now();
    loop {
        match client.get_connection() {
            Ok(connection) => return connection,
            Err(error) => assert!(start.elapsed() < PATIENCE, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(20)); // there is nothing to wait on
    }
}

fn imchat(url: &str, redis: &str) -> Peer {
    let mut command = pinned::example("imchat");
    command.arg(format!("{url}/imchat")).args(["--redis", redis]);
    Peer::launch_for(PATIENCE, command, "connected").unwrap()
}

/// Each task that the server has recorded, and how often.
fn recorded(path: &Path) -> HashMap<u64, usize> {
    let mut recorded = HashMap::new();
    for line in fs::read_to_string(path).unwrap_or_default().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        *recorded.entry(line["args"][0].as_u64().unwrap()).or_default() += 1;
    }
    recorded
}

fn wait_for(what: &str, mut is_true: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_true() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(10)); // a file and a list have nothing to wait on
    }
}

#[test]
fn no_task_is_lost_whoever_is_killed() {
    let folder = Folder::new();
    let record = folder.0.join("record");
    let flags = ["--record", record.to_str().unwrap()];
    let Some(mut server) = Host::Netty.launch(&flags) else { return };
    let Some((_redis, redis_url)) = redis_server(&folder.0) else { return };
    let url = server.ready().to_owned();
    let port = url.rsplit(':').next().unwrap().to_owned();
    let mut redis = connect(&redis_url);
    let mut program = imchat(&url, &redis_url);

    let mut pushed = 0;
    for round in 1..=4 {
        while pushed < TASKS * round / 4 {
            let event = ["message", "action", "chat"][pushed % 3];
            let task = serde_json::json!({ "event": event, "args": [pushed, "text"] });
            redis.lpush("imchat:tasks", task.to_string()).unwrap();
            pushed += 1;
        }
        // Some of this round have arrived, others are on their way.
        let some = TASKS * (round - 1) / 4 + 50;
        wait_for("tasks arrive", || recorded(&record).len() >= some);
        if round % 2 == 0 {
            drop(program); // killed
            program = imchat(&url, &redis_url);
        } else {
            drop(server); // killed
            server = Host::Netty.launch(&[&flags[..], &["--port", &port]].concat()).unwrap();
        }
    }
    let reserved = r#"{"event":"connect","args":[]}"#;
    redis.lpush("imchat:tasks", "this is no task").unwrap();
    redis.lpush("imchat:tasks", reserved).unwrap();

    wait_for("all tasks are done", || {
        redis.llen("imchat:tasks").unwrap() + redis.llen("imchat:sending").unwrap() == 0
    });
    // What can never be sent is put aside, and holds nothing up.
    let mut failed = redis.lrange("imchat:failed", 0, -1).unwrap();
    failed.sort();
    assert_eq!(failed, ["this is no task", reserved]);
    let recorded = recorded(&record);
    let missing: Vec<_> = (0..TASKS as u64).filter(|id| !recorded.contains_key(id)).collect();
    assert!(missing.is_empty(), "lost: {missing:?}\n{}", program.transcript());
    drop(server);
}

#[test]
fn a_redis_that_is_not_there_is_named_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut command = pinned::example("imchat");
    let start = Instant::now();
    command.args(["http://127.0.0.1:1/imchat", "--redis", &format!("redis://:hush@{address}")]);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("redis at {address}: ")) && !said.contains("hush"), "{said}");
    assert!(!output.status.success() && start.elapsed() < PATIENCE / 10, "{:?}", start.elapsed());
}
