//! The servers that the docs talk to, and the shell that runs a block of theirs.

use std::{cell::RefCell, collections::BTreeMap, path::Path, process::Command, time::Duration};

use axum::Router;
use rcgen::{CertificateParams, KeyPair};
use sockeye::ws::{self, Message, WebSocket};
use sockeye_testkit::Peer;
use tokio::{net::TcpListener, runtime::Runtime};

use crate::{old_server::old_server, sandbox::Sandbox};

/// What differs from run to run, as the docs have it: a program of sed.
const SETTLED: &str = r#"
s/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z/2026-11-29T12:00:00.000Z/g
s/^[0-9]{2}(:[0-9]{2}){2}\.[0-9]{3} /12:00:00.000 /
s/^\+[0-9.]+ /+0.010 /
s/\([0-9.]+ ms\)/(0.8 ms)/
s/sha256\/[A-Za-z0-9+\/]{43}=/sha256\/iiiWLFxiMhgmQSKpMcfAGOfzdyvdNOJN3rzWJCEvLTE=/g
s/[0-9]+ days left/90 days left/
s/(cut|ended after|lasted) [0-9.]+ s/\1 2 s/
s/answers in [0-9.]+ ms/answers in 0.8 ms/
s/"rtt_ms":[0-9.]+/"rtt_ms":0.8/g
s/^(  (✔|✘) .{16}) .{7} ms /\1     0.8 ms /
s/"ms":[0-9.]+/"ms":0.8/g
s/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/01a231a8-fa14-7428-87ed-aaf48e5725ee/g
s/"sid":"([^#"]*#)?[A-Za-z0-9_-]{20}"/"sid":"\1mRYQVWNG1PZGSKJ9AAAB"/g
"#;

/// Servers under the ports by which the docs know them.
pub(crate) struct World {
    sandbox: Sandbox,
    ports: Vec<(u16, u16)>,
    /// What was run already: pages in two languages show the same.
    known: RefCell<BTreeMap<String, String>>,
    _peers: [Peer; 3],
    runtime: Runtime,
}

impl World {
    pub(crate) fn start() -> Self {
        let sandbox = Sandbox::new("docs");
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(["localhost", "127.0.0.1"].map(str::to_owned)).unwrap();
        sandbox.write("cert.pem", certificate.self_signed(&key).unwrap().pem());
        sandbox.write("key.pem", key.serialize_pem());
        let echo = ["--echo", "--log", "off"];
        let tls = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
        let impatient = ["--ping-interval", "1s", "--ping-timeout", "1s"];
        let served = |known_as, more: &[&str]| {
            let peer = sandbox.serve(&[&echo[..], more].concat());
            (known_as, port(peer.ready()), peer)
        };
        let peers = [served(3000, &[]), served(3001, &impatient), served(3443, &tls)];
        let ports = peers.iter().map(|(known_as, port, _)| (*known_as, *port)).collect();
        let runtime = Runtime::new().unwrap();
        let mut world = Self {
            sandbox,
            ports,
            known: RefCell::default(),
            _peers: peers.map(|(.., peer)| peer),
            runtime,
        };
        world.serve(3003, old_server(Duration::from_secs(25), Duration::from_secs(20)));
        world.serve(3004, old_server(Duration::from_secs(1), Duration::from_secs(1)));
        world.serve(8765, Router::new().fallback_service(ws::service(give_back)));
        world
    }

    fn serve(&mut self, known_as: u16, app: Router) {
        let listener = self.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        self.ports.push((known_as, listener.local_addr().unwrap().port()));
        self.runtime.spawn(async move { axum::serve(listener, app).await.unwrap() });
    }

    /// What a terminal shows when the commands of a block, the lines with a `$`, are run one after the other.
    pub(crate) fn run(&self, block: &str) -> String {
        let mut script = "exec 2>&1\n".to_owned();
        for command in block.lines().filter_map(|line| line.strip_prefix("$ ")) {
            let mut real = command.to_owned();
            for (known_as, port) in &self.ports {
                real = real.replace(&format!(":{known_as}"), &format!(":{port}"));
            }
            script += &format!("cat <<'.'\n$ {command}\n.\n{real}\n");
        }
        if let Some(output) = self.known.borrow().get(&script) {
            return output.clone();
        }
        let mut settled = SETTLED.to_owned();
        for (known_as, port) in &self.ports {
            settled += &format!("s/:{port}/:{known_as}/g\n");
        }
        let folder = Path::new(env!("CARGO_BIN_EXE_sockeye")).parent().unwrap().display();
        let mut shell = Command::new("timeout");
        shell.args(["60", "sh", "-c", &format!("({script}) | sed -E '{settled}'")]);
        shell.env_clear().env("PATH", format!("{folder}:/usr/bin:/bin"));
        let output = shell.current_dir(self.sandbox.path("")).output().unwrap();
        assert!(output.status.success(), "{block}: {output:?}");
        let output = String::from_utf8(output.stdout).unwrap();
        self.known.borrow_mut().insert(script, output.clone());
        output
    }
}

fn port(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().parse().unwrap()
}

/// A raw WebSocket that sends back what it gets.
async fn give_back(mut socket: WebSocket) {
    while let Ok(Some(message)) = socket.recv().await {
        let Message::Text(text) = message else { continue };
        if socket.send(text).await.is_err() {
            return;
        }
    }
}
