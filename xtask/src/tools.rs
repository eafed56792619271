//! The programs a test run stands on: checked first, installed where that is harmless, named where not.

use crate::failure::{Failure, Outcome};
use crate::run::{answers, capture, command, run};

/// Oldest Node.js the peers run on.
const NODE_MAJOR: u32 = 20;

/// Makes sure of the test runner.
pub(crate) fn nextest() -> Outcome {
    if answers("cargo", &["nextest", "--version"]) {
        return Ok(());
    }
    run(&mut command("cargo", ["install", "cargo-nextest", "--locked"]))
}

/// Checks the programs that the peers need.
pub(crate) fn for_peers() -> Outcome {
    node()?;
    if !answers("python3", &["-c", "import venv, ensurepip"]) {
        return Err(Failure::new(
            "python3 with its venv module is missing; on Debian: apt-get install python3-venv",
        ));
    }
    debian()
}

/// Checks Node.js and npm.
pub(crate) fn node() -> Outcome {
    let advice = "install it from https://nodejs.org or your distribution";
    let version = capture(&mut command("node", ["--version"]))
        .map_err(|_| Failure::new(format!("Node.js >= {NODE_MAJOR} is missing; {advice}")))?;
    if major(&version).is_none_or(|major| major < NODE_MAJOR) {
        let found = version.trim();
        return Err(Failure::new(format!("Node.js is {found}; need >= {NODE_MAJOR}, {advice}")));
    }
    if !answers("npm", &["--version"]) {
        return Err(Failure::new("npm is missing; it comes with Node.js"));
    }
    Ok(())
}

/// What Debian has and the peers need: how to see that it is there, and its packages.
const DEBIAN: [(&str, &[&str], &[&str]); 6] = [
    // The browser of the page tests.
    ("chromium", &["--version"], &["chromium"]),
    // The proxy that clients reach the server through.
    ("nginx", &["-v"], &["nginx-light"]),
    // What people put behind the command in a pipe.
    ("jq", &["--version"], &["jq"]),
    // The queue of an example, and of the relay.
    ("redis-server", &["--version"], &["redis-server"]),
    // Clocks that jump.
    ("faketime", &["--version"], &["faketime"]),
    // What rust_socketio is linked to.
    ("pkg-config", &["--exists", "openssl"], &["libssl-dev", "pkg-config"]),
];

/// Installs what is missing of [`DEBIAN`]: the one thing that is installed system-wide.
fn debian() -> Outcome {
    let missing = DEBIAN.iter().filter(|(program, arguments, _)| !answers(program, arguments));
    let missing: Vec<&str> = missing.flat_map(|(.., packages)| packages.iter().copied()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !answers("apt-get", &["--version"]) || !is_root() {
        let packages = missing.join(" ");
        return Err(Failure::new(format!(
            "not installed: {packages}; on Debian, as root: apt-get install {packages}"
        )));
    }
    run(&mut command("apt-get", ["update", "-q"]))?;
    let install = ["install", "-q", "-y", "--no-install-recommends"];
    run(command("apt-get", install).args(missing).env("DEBIAN_FRONTEND", "noninteractive"))
}

fn is_root() -> bool {
    capture(&mut command("id", ["-u"])).is_ok_and(|id| id.trim() == "0")
}

/// The first number of a version such as `v20.20.2`.
fn major(version: &str) -> Option<u32> {
    version.trim().trim_start_matches('v').split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_the_first_number() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("9.143"), Some(9));
        assert_eq!(major("node"), None);
    }
}
