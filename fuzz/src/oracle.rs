//! A program of others that answers questions, a line each: started once, and asked as often as the fuzzer runs.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde::{Serialize, de::DeserializeOwned};

/// A script of `interop/` under Node.js.
#[derive(Debug)]
pub struct Oracle {
    /// It ends with its input, when we do.
    _child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    line: String,
}

impl Oracle {
    /// Starts the script and waits for the line that says that it is ready.
    ///
    /// # Panics
    ///
    /// If it can't be started.
    pub fn node(script: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../interop").join(script);
        let child =
            Command::new("node").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("Node.js; `cargo xtask test` says what is missing");
        let questions = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut oracle = Self { _child: child, questions, answers, line: String::new() };
        oracle.read();
        oracle
    }

    /// Asks, and waits for the answer.
    ///
    /// # Panics
    ///
    /// If there is none, or one that is not JSON of this type.
    pub fn ask<Q: Serialize + ?Sized, A: DeserializeOwned>(&mut self, question: &Q) -> A {
        let mut question = serde_json::to_vec(question).expect("a question has a JSON form");
        question.push(b'\n');
        self.questions.write_all(&question).expect("the oracle lives");
        let line = self.read();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("the oracle said {line}: {error}"))
    }

    fn read(&mut self) -> &str {
        self.line.clear();
        let bytes = self.answers.read_line(&mut self.line).expect("the oracle writes UTF-8");
        assert!(
            bytes > 0,
            "the oracle has ended; are its packages there? `cargo xtask test` installs them"
        );
        &self.line
    }
}
