//! A run of the doctor, its lines read.

use std::process::Command;

use serde_json::Value;

use crate::sandbox::{Run, Sandbox};

/// What the doctor found.
#[derive(Debug)]
pub(crate) struct Examined {
    checks: Vec<Value>,
    last: Value,
    run: Run,
}

/// Runs the doctor; the form of its lines is the contract's.
#[track_caller] // a failure points at the row, not at this function
pub(crate) fn examine(sandbox: &Sandbox, args: &[&str]) -> Examined {
    let run = sandbox.run(&[&["doctor", "--json"], args].concat());
    let lines: Vec<&str> = run.stdout.lines().collect();
    let Some((last, checks)) = lines.split_last() else { panic!("no line: {run:?}") };
    let read = |line: &str, keys: &[&str]| -> Value {
        let mut rest = line;
        for key in keys {
            let key = format!("\"{key}\":");
            rest = rest.split_once(&key).unwrap_or_else(|| panic!("no {key} in order: {line}")).1;
        }
        serde_json::from_str(line).unwrap()
    };
    let checks: Vec<_> =
        checks.iter().map(|line| read(line, &["check", "ok", "ms", "evidence"])).collect();
    let last = read(last, &["verdict", "exit", "cause", "fix", "command", "warnings"]);
    assert_eq!(run.code.map(Value::from), Some(last["exit"].clone()), "{run:?}");
    Examined { checks, last, run }
}

impl Examined {
    /// The verdict, with its exit code.
    #[track_caller]
    pub(crate) fn is(self, verdict: &str, exit: i32) -> Self {
        let found = (self.last["verdict"].as_str().unwrap(), self.run.code);
        assert_eq!(found, (verdict, Some(exit)), "{self:#?}");
        if verdict != "ok" {
            for key in ["cause", "fix", "command"] {
                assert!(
                    self.last[key].as_str().is_some_and(|text| !text.is_empty()),
                    "{key}: {self:#?}"
                );
            }
            // One sentence, or two.
            let cause = self.last["cause"].as_str().unwrap();
            assert!(cause.ends_with('.') && cause.len() < 600, "{cause}");
        }
        self
    }

    /// Whether these checks came out so.
    #[track_caller]
    pub(crate) fn checks(self, expect: &[(&str, Option<bool>)]) -> Self {
        for (name, ok) in expect {
            let found: Vec<_> = self.named(name).map(|check| check["ok"].clone()).collect();
            assert_eq!(found, [ok.map_or(Value::Null, Value::from)], "{name}: {self:#?}");
        }
        self
    }

    /// Whether a text of the diagnosis says this.
    #[track_caller]
    pub(crate) fn says(self, key: &str, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.last[key].as_str().unwrap().contains(text), "{text}: {:#?}", self.last);
        }
        self
    }

    /// Whether a text of the diagnosis says nothing of this.
    #[track_caller]
    pub(crate) fn hides_in(self, key: &str, texts: &[&str]) -> Self {
        for text in texts {
            assert!(!self.last[key].as_str().unwrap().contains(text), "{text}: {:#?}", self.last);
        }
        self
    }

    #[track_caller]
    pub(crate) fn warns(self, expect: &[&str]) -> Self {
        assert_eq!(self.last["warnings"], Value::from(expect), "{self:#?}");
        self
    }

    /// The evidence of a check.
    #[track_caller]
    pub(crate) fn evidence(&self, check: &str) -> &Value {
        &self.named(check).next().unwrap_or_else(|| panic!("no {check}: {self:#?}"))["evidence"]
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.checks.iter().filter(move |check| check["check"] == name)
    }

    /// Pastes the command into a shell; it works.
    #[track_caller]
    pub(crate) fn fix_works(self, sandbox: &Sandbox) -> Self {
        let run = paste(sandbox, self.last["command"].as_str().unwrap());
        assert_eq!(run.code, Some(0), "{run:?} after {self:#?}");
        self
    }

    /// Nothing that was printed has this in it.
    #[track_caller]
    pub(crate) fn hides(self, secrets: &[&str]) -> Self {
        for secret in secrets {
            assert!(!self.run.stdout.contains(secret), "{secret}: {}", self.run.stdout);
            assert!(!self.run.stderr.contains(secret), "{secret}: {}", self.run.stderr);
        }
        self
    }
}

/// Runs a command line as a shell does. What would listen for long does so for a moment.
pub(crate) fn paste(sandbox: &Sandbox, command: &str) -> Run {
    let command = command.replace("--for 10s", "--for 300ms");
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_sockeye"));
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &command]).current_dir(sandbox.path(""));
    shell.env_clear().env("PATH", binary.parent().unwrap());
    let output = shell.output().unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
