//! `--watch`: connections that last, and those that are cut, each in its own way.

mod road;
pub(crate) mod server;

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use sockeye_testkit::proxy::{Mode, Proxy};

use self::{
    road::{Habit, road},
    server::Running,
};
use crate::sandbox::Sandbox;

/// Whatever takes longer will not happen.
const PATIENCE: Duration = Duration::from_secs(40);

/// A doctor that watches.
struct Doctor {
    child: Child,
    lines: mpsc::Receiver<String>,
    /// The checks that it has told of.
    checks: Vec<Value>,
    deadline: Instant,
}

impl Doctor {
    fn start(sandbox: &Sandbox, args: &[&str]) -> Self {
        let mut command = sandbox.command(&[&["doctor", "--json"], args].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines() {
                let _ = sender.send(line.unwrap());
            }
        });
        Self { child, lines, checks: Vec::new(), deadline: Instant::now() + PATIENCE }
    }

    /// The next line; `None` at the end.
    fn next(&mut self) -> Option<Value> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(line) => Some(serde_json::from_str(&line).unwrap()),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("too long: {:?}", self.checks),
        }
    }

    /// Waits for a check: what comes after it begins now.
    fn wait_for(&mut self, check: &str) {
        loop {
            let line = self.next().unwrap_or_else(|| panic!("no {check}: {:?}", self.checks));
            let found = line["check"] == check;
            self.checks.push(line);
            if found {
                return;
            }
        }
    }

    /// Waits for the end, which has to be this; the last line, and the evidence of both links.
    #[track_caller] // a failure points at the row, not at this function
    fn end(mut self, verdict: &str, code: i32) -> [Value; 3] {
        while let Some(line) = self.next() {
            self.checks.push(line);
        }
        let status = self.child.wait().unwrap();
        let last = self.checks.pop().unwrap();
        assert_eq!(last["verdict"], verdict, "{last} after {:#?}", self.checks);
        assert_eq!((status.code(), &last["exit"]), (Some(code), &code.into()), "{last}");
        let evidence = |name: &str| {
            let check = self.checks.iter().find(|check| check["check"] == name);
            check.map(|check| check["evidence"].clone()).unwrap_or_default()
        };
        let (idle, talking) = (evidence("watch-idle"), evidence("watch-talking"));
        [last, idle, talking]
    }
}

impl Drop for Doctor {
    fn drop(&mut self) {
        // It has ended, but where a test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn says(verdict: &Value, texts: &[&str]) {
    let cause = verdict["cause"].as_str().unwrap();
    for text in texts {
        assert!(cause.contains(text), "{text:?} in {cause:?}");
    }
}

/// The ages of a link's connections, in seconds.
fn ages(link: &Value) -> Vec<f64> {
    let connections = link["connections"].as_array().unwrap();
    connections.iter().map(|connection| connection["age_s"].as_f64().unwrap()).collect()
}

/// How many will have joined once the doctor's checks are done: those before its watch join as those without.
fn joins_of_checks(sandbox: &Sandbox, running: &Running) -> usize {
    let run = sandbox.run(&["doctor", &running.url, "--json"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    2 * running.joined()
}

#[test]
fn connections_that_last() {
    let sandbox = Sandbox::new("doctor-watch-ok");
    let beat = ["--ping-interval", "300ms", "--ping-timeout", "5s"];
    let server = sandbox.serve(&[&["--echo", "--log", "off"], &beat[..]].concat());
    for transport in ["auto", "polling"] {
        let args = [server.ready(), "--watch", "2s", "--transport", transport];
        let [_, idle, talking] = Doctor::start(&sandbox, &args).end("ok", 0);
        for link in [&idle, &talking] {
            assert_eq!((&link["drops"], &link["interval_s"]), (&0.into(), &0.3.into()), "{link}");
            let [connection] = &link["connections"].as_array().unwrap()[..] else {
                panic!("{link}")
            };
            assert!(connection["heartbeats"].as_u64().unwrap() >= 3, "{link}");
            let interval = connection["intervals_s"][1].as_f64().unwrap();
            assert!((0.29..2.0).contains(&interval), "{link}");
        }
        assert!(talking["connections"][0]["rtt_ms"].as_f64().unwrap() > 0.0, "{talking}");
        assert_eq!(idle["connections"][0]["rtt_ms"], Value::Null);
    }
    // Version 3: there it is we who ping.
    let running =
        Running::start(|builder| builder.engine_v3(true).ping_interval(Duration::from_millis(300)));
    let args = [&*running.url, "--watch", "1500ms", "--eio", "3"];
    let [_, idle, talking] = Doctor::start(&sandbox, &args).end("ok", 0);
    for link in [idle, talking] {
        assert!(link["connections"][0]["heartbeats"].as_u64().unwrap() >= 2, "{link}");
        assert!(link["connections"][0]["rtt_ms"].as_f64().unwrap() > 0.0, "{link}");
    }
}

#[test]
fn only_the_silent_one_is_cut() {
    let sandbox = Sandbox::new("doctor-watch-idle");
    let server = sandbox.serve(&["--echo", "--log", "off"]);
    let url = road(server.ready(), Habit::EndsIdle(Duration::from_millis(1_500)));
    let doctor = Doctor::start(&sandbox, &[&url, "--watch", "20s"]);
    let [last, idle, talking] = doctor.end("idle-drop", 9);
    says(&last, &["sends nothing", "2 times", "1006"]);
    assert_eq!((&idle["drops"], &talking["drops"]), (&2.into(), &0.into()));
    assert!(ages(&idle).iter().take(2).all(|age| (1.4..3.0).contains(age)), "{idle}");
}

#[test]
fn both_are_cut_at_one_age() {
    let sandbox = Sandbox::new("doctor-watch-lifetime");
    let running = Running::start(|builder| builder);
    running.close_after(Duration::from_secs(2));
    let doctor = Doctor::start(&sandbox, &[&running.url, "--watch", "30s"]);
    let [last, idle, talking] = doctor.end("lifetime-drop", 9);
    says(&last, &["same age", "2 times", "close code 1"]);
    for link in [idle, talking] {
        assert!(ages(&link).iter().take(2).all(|age| (1.9..4.0).contains(age)), "{link}");
        assert!(link["connections"][0]["close_code"].is_u64(), "{link}");
    }
}

#[test]
fn they_are_cut_without_a_pattern() {
    let sandbox = Sandbox::new("doctor-watch-random");
    let running = Running::start(|builder| builder);
    let proxy = Proxy::start(&running.url);
    let before = joins_of_checks(&sandbox, &running);
    let doctor = Doctor::start(&sandbox, &[&proxy.url(), "--watch", "30s"]);
    for (links, age) in [(2, 500), (4, 3_000)] {
        running.wait_for(before + links);
        // Their ages are what is looked at.
        thread::sleep(Duration::from_millis(age));
        proxy.cut();
    }
    let [last, ..] = doctor.end("random-drop", 9);
    says(&last, &["without a pattern"]);
}

#[test]
fn the_heartbeat_does_not_come() {
    let sandbox = Sandbox::new("doctor-watch-heartbeat");
    let running = Running::start(|builder| {
        builder.ping_interval(Duration::from_millis(600)).ping_timeout(Duration::from_millis(600))
    });
    let proxy = Proxy::start(&running.url);
    let before = joins_of_checks(&sandbox, &running);
    let doctor = Doctor::start(&sandbox, &[&proxy.url(), "--watch", "30s"]);
    running.wait_for(before + 2);
    proxy.set(Mode::BlackHole);
    let [last, idle, talking] = doctor.end("no-heartbeat", 9);
    says(&last, &["did not come within 1.2 s"]);
    for link in [idle, talking] {
        assert_eq!(link["connections"][0]["end"], "no heartbeat", "{link}");
    }
}

#[test]
fn the_server_is_gone() {
    let sandbox = Sandbox::new("doctor-watch-gone");
    let server = sandbox.serve(&["--echo", "--log", "off"]);
    let mut doctor = Doctor::start(&sandbox, &[server.ready(), "--watch", "30s"]);
    doctor.wait_for("heartbeat");
    drop(server); // killed
    let [last, ..] = doctor.end("server-gone", 9);
    says(&last, &["takes no new one"]);

    // Behind a proxy, on polling.
    let server = sandbox.serve(&["--echo", "--log", "off"]);
    let proxy = Proxy::start(server.ready());
    let args = [&*proxy.url(), "--watch", "30s", "--transport", "polling"];
    let mut doctor = Doctor::start(&sandbox, &args);
    doctor.wait_for("heartbeat");
    drop(server);
    doctor.end("server-gone", 9);
}

#[test]
fn the_version_is_another() {
    let sandbox = Sandbox::new("doctor-watch-version");
    let running = Running::start(|builder| {
        let (interval, timeout) = (Duration::from_millis(1_000), Duration::from_millis(1_000));
        builder.engine_v3(true).ping_interval(interval).ping_timeout(timeout)
    });
    // Old servers ask nobody for a version.
    let url = road(&running.url, Habit::IsOld);
    let doctor = Doctor::start(&sandbox, &[&url, "--watch", "20s", "--eio", "4"]);
    let [last, idle, _] = doctor.end("version-drop", 9);
    says(&last, &["interval + timeout (2 s)", "Engine.IO 3"]);
    assert!(last["command"].as_str().unwrap().contains("--eio 3"), "{last}");
    assert_eq!(idle["drops"], 1);
    // Not watched for long enough, it is what it is.
    let doctor = Doctor::start(&sandbox, &[&url, "--watch", "300ms", "--eio", "4"]);
    doctor.end("eio3-server", 6);
}
