//! Runs a command that talks to a server: until it is done, or Ctrl-C.

use tokio::{runtime, signal};

use crate::{
    exit::Exit,
    failure::{Failure, NotStarted},
};

/// Runs the work to its end. SIGTERM ends the process as it does by default.
///
/// # Errors
///
/// [`Failure`]: the work's, or the system's.
pub(crate) fn run(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(NotStarted)?;
    let exit = runtime.block_on(async {
        tokio::select! {
            exit = work => exit,
            interrupted = signal::ctrl_c() => match interrupted {
                Ok(()) => Ok(Exit::Interrupted),
                Err(source) => Err(NotStarted(source).into()),
            },
        }
    });
    // A thread may still wait for a line of standard input.
    runtime.shutdown_background();
    exit
}
