//! Where the programs of our tests lie: pinned peers in `interop/`, and our own examples.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// If set, a missing peer fails its test. `cargo xtask test` sets it; without it the test skips itself.
const REQUIRED: &str = "SOCKEYE_PEERS";

/// A script of `interop/` under Node.js; `None`, with the reason printed, if its packages are missing.
///
/// # Panics
///
/// If they are missing and `SOCKEYE_PEERS` is set.
#[must_use]
pub fn node(script: &str) -> Option<Command> {
    let script = interop().join(script);
    let package = script.ancestors().find(|folder| folder.join("package.json").is_file());
    let packages = package.map(|folder| folder.join("node_modules")).filter(|it| it.is_dir());
    found(packages, "the npm packages of interop/").map(|_| {
        let mut command = Command::new("node");
        command.arg(&script);
        command
    })
}

/// A script of `interop/` under Python; `None`, with the reason printed, if its packages are missing.
///
/// # Panics
///
/// If they are missing and `SOCKEYE_PEERS` is set.
#[must_use]
pub fn python(script: &str) -> Option<Command> {
    python_of("venv").map(|mut python| {
        python.arg("-u").arg(interop().join(script));
        python
    })
}

/// Python with the packages that speak with Socket.IO 2; `None`, with the reason printed, if those are missing.
///
/// # Panics
///
/// If they are missing and `SOCKEYE_PEERS` is set.
#[must_use]
pub fn python_v3() -> Option<Command> {
    python_of("venv-v3")
}

fn python_of(venv: &str) -> Option<Command> {
    let python = built().map(|profile| profile.join("..").join(venv).join("bin/python"));
    let python = python.filter(|python| python.is_file());
    found(python, "the Python packages of interop/").map(Command::new)
}

/// The script of `interop/` that runs nginx; `None`, with the reason printed, if nginx is missing.
///
/// # Panics
///
/// If it is missing and `SOCKEYE_PEERS` is set.
#[must_use]
pub fn nginx() -> Option<Command> {
    let nginx = Command::new("nginx").arg("-v").stderr(Stdio::null()).status();
    found(nginx.ok(), "nginx's packages").and_then(|_| node("js/nginx.mjs"))
}

/// A program of the system; `None`, with the reason printed, if it is missing.
///
/// # Panics
///
/// If it is missing and `SOCKEYE_PEERS` is set.
#[must_use]
pub fn program(name: &str) -> Option<Command> {
    let mut version = Command::new(name);
    let answers = version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    found(answers.ok(), &format!("programs such as {name}")).map(|_| Command::new(name))
}

/// The program of `interop/rust_client`; `None`, with the reason printed, if it was not built.
///
/// # Panics
///
/// If it was not built and `SOCKEYE_PEERS` is set.
#[must_use]
pub fn rust_client() -> Option<Command> {
    let path = built().map(|profile| profile.join("interop-rust-client"));
    found(path.filter(|path| path.is_file()), "the parts of interop/rust_client").map(Command::new)
}

/// The program of `interop/oxide`; `None`, with the reason printed, if it was not built.
///
/// # Panics
///
/// If it was not built and `SOCKEYE_PEERS` is set.
#[must_use]
pub fn oxide() -> Option<Command> {
    let path = built().map(|profile| profile.join("interop-oxide"));
    found(path.filter(|path| path.is_file()), "the parts of interop/oxide").map(Command::new)
}

/// A built example of this workspace.
///
/// A test run of the workspace builds all examples; one of a single crate may find it missing or old.
///
/// # Panics
///
/// If it was never built.
#[must_use]
pub fn example(name: &str) -> Command {
    let path =
        built().map(|profile| profile.join("examples").join(name)).filter(|path| path.is_file());
    let Some(path) = path else { panic!("build it first: cargo build --example {name}") };
    Command::new(path)
}

fn interop() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interop")
}

/// The folder of the profile that this test was built in, such as `target/debug`.
fn built() -> Option<PathBuf> {
    // The test is target/debug/deps/name-0123456789abcdef.
    env::current_exe().ok()?.parent()?.parent().map(Path::to_owned)
}

pub(crate) fn found<T>(peer: Option<T>, what: &str) -> Option<T> {
    if peer.is_none() {
        let reason = format!("{what} are missing; `cargo xtask test` installs them");
        assert!(env::var_os(REQUIRED).is_none(), "{reason}");
        #[expect(clippy::print_stderr, reason = "a test that skips itself has to say why")]
        {
            eprintln!("skipped: {reason}");
        }
    }
    peer
}
