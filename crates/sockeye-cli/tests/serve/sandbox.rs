//! A folder of a test's own, and the binary run in it with nothing of the surrounding environment.

use std::{fs, path::PathBuf, process::Command};

use sockeye_testkit::Peer;

/// Where a test works.
pub(crate) struct Sandbox {
    folder: PathBuf,
}

/// How a run of the binary ended.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    /// An empty folder with the name of the test.
    pub(crate) fn new(test: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
        // There is none before the first run.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self { folder }
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The path of a file that may not exist.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    /// The binary, not yet started.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
        command.args(args).current_dir(&self.folder).env_clear();
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        self.run_with(args, &[])
    }

    /// Runs the binary to its end, with environment variables.
    pub(crate) fn run_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Run {
        let output = self.command(args).envs(variables.iter().copied()).output().unwrap();
        Run {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Starts `sockeye serve` on a free port and waits until it listens; [`Peer::ready`] is its URL.
    pub(crate) fn serve(&self, args: &[&str]) -> Peer {
        let args = [&["serve", "--listen", "127.0.0.1:0"], args].concat();
        Peer::launch(self.command(&args), "listening on ").unwrap()
    }

    /// As [`Self::serve`], with its talk on standard output, line by line.
    #[cfg(unix)]
    pub(crate) fn serve_aloud(&self, args: &[&str]) -> Peer {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exec \"$0\" serve --listen 127.0.0.1:0 \"$@\" 2>&1"]);
        command.arg(env!("CARGO_BIN_EXE_sockeye")).args(args).current_dir(&self.folder).env_clear();
        Peer::launch(command, "listening on ").unwrap()
    }
}

/// The address in a URL.
pub(crate) fn address(url: &str) -> &str {
    url.split("://").nth(1).unwrap()
}
