//! The step between TCP and HTTP: TLS where the URL asks for it, and whatever a proxy says.

mod inspection;
mod old;
mod witness;

use std::{fs, io, path::PathBuf, time::Instant};

use thiserror::Error;

use self::inspection::{Inspection, Unexamined};
use super::Examination;
use crate::{
    doctor::report::Check,
    exit::Exit,
    failure::{Ends, Failure},
    reach::RoadError,
};

impl Examination<'_, '_> {
    /// Whether there is a stream that HTTP can be spoken on.
    pub(super) async fn secure(&mut self) -> Result<bool, Failure> {
        if !self.target.is_secure {
            return self.plain().await;
        }
        let tls = self.target.road.tls_builder()?;
        let handshake = Inspection {
            dialer: &self.target.dialer,
            tls: &tls,
            belief: self.target.road.belief(),
            timeout: self.limit(),
        };
        let began = Instant::now();
        let mut examined = match handshake.run().await {
            Ok(examined) => examined,
            Err(Unexamined::Options(error)) => return Err(RoadError::Tls(error).into()),
            Err(Unexamined::Dial(error)) => {
                let check = Check::since("tls", began, false).note(error.to_string());
                self.report.check(check.with("error", error.to_string()))?;
                self.found.dial = Some(error);
                return Ok(false);
            }
        };
        if let (Some(file), Some(pem)) = (self.wishes.save_cert.take(), examined.pem()) {
            let unsaved = |source| UnsavedChain { path: file.clone(), source };
            fs::write(&file, pem).map_err(unsaved)?;
            examined.saved = Some(file);
        }
        let is_sound = examined.fault.is_none();
        let mut check = Check::since("tls", began, is_sound).note(examined.note());
        check.evidence = examined.evidence();
        self.report.check(check)?;
        self.found.tls = Some(examined);
        Ok(is_sound)
    }

    /// Whether a proxy connects to a server that is to speak no TLS.
    async fn plain(&mut self) -> Result<bool, Failure> {
        if self.target.dialer.proxy().is_none() {
            self.skip(&["tls"], "the URL asks for none")?;
            return Ok(true);
        }
        let began = Instant::now();
        let dialed = self.target.dialer.dial().await;
        let mut check = Check::since("tls", began, dialed.is_ok());
        if let Err(error) = dialed {
            check = check.note(error.to_string()).with("error", error.to_string());
            self.found.dial = Some(error);
        } else {
            check = Check { ok: None, ..check }.note("the URL asks for none; the proxy connects");
        }
        self.report.check(check)?;
        Ok(self.found.dial.is_none())
    }
}

/// The certificates of a server can't be written to their file.
#[derive(Debug, Error)]
#[error("{}: {source}; name a file that can be written with --save-cert FILE", path.display())]
struct UnsavedChain {
    path: PathBuf,
    source: io::Error,
}

impl Ends for UnsavedChain {
    fn exit(&self) -> Exit {
        Exit::Fault
    }
}
