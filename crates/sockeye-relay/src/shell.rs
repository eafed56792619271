//! What a shell command prints, within a time and a size; with it end all that it has started.

use std::{io, process::Stdio, time::Duration};

use thiserror::Error;
use tokio::{
    io::AsyncReadExt as _,
    process::{Child, Command},
    time,
};

/// No secret is longer, in bytes.
const MAX_OUTPUT: u64 = 64 << 10;

/// Why there is nothing. None of these shows what was printed.
#[derive(Debug, Error)]
pub enum ShellError {
    /// There can't be another process.
    #[error("the command can't be started: {0}")]
    Start(#[source] io::Error),
    /// It says itself that it has failed.
    #[error("the command ended with {0}")]
    Failed(std::process::ExitStatus),
    /// It takes too long.
    #[error("the command took longer than {0:?}")]
    Slow(Duration),
    /// It prints without end.
    #[error(
        "the command printed more than {MAX_OUTPUT} bytes; expected a token, or an auth payload"
    )]
    TooLong,
}

/// Runs a line by `sh -c` (on Windows by `cmd /C`), with this process's standard error and an empty standard input, and says what it
/// printed.
///
/// # Errors
///
/// [`ShellError`]. On Unix what it has started is killed with it then.
///
/// # Cancel safety
///
/// Dropped, it ends the command in the same way.
///
/// # Examples
///
/// ```
/// # #[cfg(unix)]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use std::time::Duration;
///
/// let token = sockeye_relay::shell::output("printf token", Duration::from_secs(5)).await.unwrap();
/// assert_eq!(token, "token");
/// # });
/// ```
pub async fn output(line: &str, timeout: Duration) -> Result<String, ShellError> {
    let mut command = shell(line);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut running = Running(command.kill_on_drop(true).spawn().map_err(ShellError::Start)?);
    let printed = async {
        let mut text = Vec::new();
        if let Some(stdout) = running.0.stdout.take() {
            stdout.take(MAX_OUTPUT + 1).read_to_end(&mut text).await.map_err(ShellError::Start)?;
        }
        if text.len() as u64 > MAX_OUTPUT {
            return Err(ShellError::TooLong);
        }
        match running.0.wait().await.map_err(ShellError::Start)? {
            status if status.success() => Ok(String::from_utf8_lossy(&text).into_owned()),
            status => Err(ShellError::Failed(status)),
        }
    };
    time::timeout(timeout, printed).await.unwrap_or(Err(ShellError::Slow(timeout)))
}

/// A command, and on Unix the group of processes that it leads; ended with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Without an id it was waited for: then its group may be another's by now.
        #[cfg(unix)]
        if let Some(id) = self.0.id()
            && let Some(group) = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

#[cfg(unix)]
fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]).process_group(0);
    command
}

#[cfg(windows)]
fn shell(line: &str) -> Command {
    let mut command = Command::new("cmd");
    command.args(["/C", line]);
    command
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn what_it_prints_is_told_or_why_not() {
        assert_eq!(output("echo a b", PATIENCE).await.unwrap(), "a b\n");
        let failed = output("exit 3", PATIENCE).await.unwrap_err();
        assert!(failed.to_string().contains("exit status: 3"), "{failed}");
        let endless = output("yes", PATIENCE).await.unwrap_err();
        assert!(matches!(endless, ShellError::TooLong), "{endless}");
    }

    #[tokio::test]
    async fn what_it_has_started_ends_with_it() {
        let folder = std::env::temp_dir().join(format!("sockeye-shell-{}", std::process::id()));
        let line = format!("sleep 600 & echo $! > {}; wait", folder.display());
        let slow = output(&line, Duration::from_millis(500)).await.unwrap_err();
        assert!(matches!(slow, ShellError::Slow(_)), "{slow}");
        let pid = std::fs::read_to_string(&folder).unwrap();
        std::fs::remove_file(&folder).unwrap();
        let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        let gone = async {
            while rustix::process::test_kill_process(pid).is_ok() && !is_zombie(pid) {
                tokio::task::yield_now().await;
            }
        };
        time::timeout(PATIENCE, gone).await.expect("it ends");
    }

    /// Nobody may be there to wait for it.
    fn is_zombie(pid: rustix::process::Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid()));
        stat.is_ok_and(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
    }
}
