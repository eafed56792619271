//! TLS: each fault at a server that has it, with a fix that works.

mod certificates;
mod handshakes;
mod servers;

use std::process::Command;

use serde_json::Value;

use crate::sandbox::{Run, Sandbox};

/// A run of the doctor: its last line, and the evidence of its TLS.
#[derive(Debug)]
struct Found {
    verdict: Value,
    tls: Value,
}

/// Runs the doctor, which has to come to this verdict.
#[track_caller] // a failure points at the row, not at this function
fn diagnose(sandbox: &Sandbox, args: &[&str], verdict: &str, code: i32) -> Found {
    let run = sandbox.run(&[&["doctor", "--json"], args].concat());
    let found = found(&run);
    assert_eq!(found.verdict["verdict"], verdict, "{run:?}");
    assert_eq!((run.code, &found.verdict["exit"]), (Some(code), &code.into()), "{run:?}");
    found
}

#[track_caller]
fn found(run: &Run) -> Found {
    let lines: Vec<Value> =
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let tls = lines.iter().find(|line| line["check"] == "tls");
    let verdict = lines.last().unwrap_or_else(|| panic!("{run:?}"));
    Found { verdict: verdict.clone(), tls: tls.cloned().unwrap_or_default() }
}

impl Found {
    #[track_caller]
    fn says(&self, key: &str, texts: &[&str]) {
        let said = self.verdict[key].as_str().unwrap();
        for text in texts {
            assert!(said.contains(text), "{text:?} in {said:?}");
        }
    }

    /// Pastes its command into a shell; it has to come through TLS.
    #[track_caller]
    fn fix_works(&self, sandbox: &Sandbox) {
        let command = self.verdict["command"].as_str().unwrap();
        let binary = std::path::Path::new(env!("CARGO_BIN_EXE_sockeye"));
        let mut shell = Command::new("/bin/sh");
        let folder = sandbox.path("");
        shell.arg("-c").arg(format!("{command} --json")).current_dir(folder);
        shell.env_clear().env("PATH", binary.parent().unwrap());
        let output = shell.output().unwrap();
        let run = Run {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        let again = found(&run);
        assert_ne!(again.tls["ok"], false, "{command}: {run:?}");
        assert_eq!(
            (&again.verdict["verdict"], run.code),
            (&"ok".into(), Some(0)),
            "{command}: {run:?}"
        );
    }
}
