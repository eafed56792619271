//! What passes between a command and the server, layer by layer, without its secrets: `-v`, `-vv`, `-vvv`, `--trace`.

mod certificate;
mod packets;
mod remark;
mod telling;

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::{Instant, SystemTime},
};

use clap::{ArgAction, Args};
use sockeye::{
    client::{Builder, Parser, Seen},
    ws::Connect,
};
use thiserror::Error;

pub(crate) use self::{
    packets::{Packets, Told, version_of_base64},
    remark::{Layer, Remark},
    telling::{Depth, Teller},
};
use crate::{
    date::rfc_3339,
    exit::Exit,
    failure::{Ends, Failure},
    output::Output,
    secrets::Secrets,
};

/// How much is said of what passes.
#[derive(Debug, Args)]
pub(crate) struct Tracing {
    /// Say more on standard error: -v how it connects and what is sent, -vv packets (of a raw WebSocket: messages), -vvv
    /// frames and the heads of HTTP. Secrets are hidden
    #[arg(short, long, action = ArgAction::Count, help_heading = "Output")]
    verbose: u8,
    /// Write all that -vvv shows to this file, a JSON object a line
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    trace: Option<PathBuf>,
    /// Do not hide tokens, cookies, auth payloads and ids of sessions
    #[arg(long, help_heading = "Output")]
    show_secrets: bool,
}

impl Tracing {
    /// Whether more is to be said than usual.
    pub(crate) const fn is_verbose(&self) -> bool {
        self.verbose > 0
    }

    /// Begins, if anything is to be shown or written.
    ///
    /// # Errors
    ///
    /// The file can't be made.
    pub(crate) fn start(&self, output: &Output) -> Result<Option<Tracer>, Failure> {
        if self.show_secrets {
            Secrets::of_process().show();
        }
        if !self.is_verbose() && self.trace.is_none() {
            return Ok(None);
        }
        self.start_with(Verbosity::new(self.verbose), output).map(Some)
    }

    /// Begins in any case, since it may still be asked for.
    ///
    /// # Errors
    ///
    /// The file can't be made.
    pub(crate) fn start_anyway(&self, output: &Output) -> Result<(Tracer, Verbosity), Failure> {
        if self.show_secrets {
            Secrets::of_process().show();
        }
        let verbosity = Verbosity::new(self.verbose);
        Ok((self.start_with(verbosity.clone(), output)?, verbosity))
    }

    fn start_with(&self, verbosity: Verbosity, output: &Output) -> Result<Tracer, Failure> {
        let file = self.trace.as_deref().map(create).transpose()?.map(Arc::new);
        Ok(Tracer { verbosity, file, output: output.clone(), began: Instant::now() })
    }
}

/// How many `-v` there are; may change while something is watched.
#[derive(Clone, Debug)]
pub(crate) struct Verbosity(Arc<AtomicU8>);

impl Verbosity {
    fn new(verbose: u8) -> Self {
        Self(Arc::new(AtomicU8::new(verbose)))
    }

    /// As if there were so many from now on.
    pub(crate) fn set(&self, verbose: u8) {
        self.0.store(verbose, Ordering::Relaxed);
    }

    fn get(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A new file, for its owner alone: who may read it learns a lot.
fn create(path: &Path) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    Ok(options.open(path).map_err(|source| Unwritable { path: path.to_owned(), source })?)
}

/// Shows and writes what passes.
#[derive(Clone, Debug)]
pub(crate) struct Tracer {
    verbosity: Verbosity,
    file: Option<Arc<File>>,
    output: Output,
    began: Instant,
}

impl Tracer {
    /// Watches a client.
    pub(crate) fn attach(self, builder: Builder, parser: Parser) -> Builder {
        builder.watch(self.watcher(Teller::packets(parser, Secrets::of_process())))
    }

    /// Watches a raw WebSocket.
    pub(crate) fn attach_raw(self, connect: Connect) -> Connect {
        connect.watch(self.watcher(Teller::raw(Secrets::of_process())))
    }

    fn watcher(self, teller: Teller) -> impl Fn(&Seen<'_>) + Send + Sync + 'static {
        let state = Mutex::new((self, teller));
        move |seen| {
            // Whoever panicked with it has left it whole.
            let (tracer, teller) = &mut *state.lock().unwrap_or_else(PoisonError::into_inner);
            for (depth, line) in teller.tell(seen) {
                tracer.line(depth, line);
            }
        }
    }

    fn line(&mut self, depth: Depth, mut line: Remark) {
        if let Some(mut file) = self.file.as_deref() {
            let object = line.for_programs([("t", rfc_3339(SystemTime::now()).into())]);
            let object = Secrets::of_process().redact(&object);
            if let Err(error) = writeln!(file, "{object}") {
                self.file = None;
                self.output.talk(&format!("warning: --trace ends here: {error}"));
            }
        }
        let verbose = self.verbosity.get();
        if depth as u8 > verbose {
            return;
        }
        if verbose < Depth::Frames as u8 {
            line.head.clear();
        }
        let at = format!("+{:.3}", self.began.elapsed().as_secs_f64());
        self.output.talk(&line.for_people(Some(&at), self.output.colored()));
    }
}

/// There can't be a file to write to.
#[derive(Debug, Error)]
#[error("{}: {source}; name a file that can be written with --trace FILE", path.display())]
struct Unwritable {
    path: PathBuf,
    source: io::Error,
}

impl Ends for Unwritable {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}
