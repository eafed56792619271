//! Certificate chain and private key: the two files that flags name.

use sockeye::server::serve::{Tls, TlsError as Cause, TlsFile};
use thiserror::Error;

use crate::{
    config::{ConfigError, PathSetting},
    exit::Exit,
    failure::Ends,
};

/// The two files, not yet read.
#[derive(Clone, Debug)]
pub(super) struct Files {
    cert: PathSetting,
    key: PathSetting,
}

impl Files {
    /// Both or none.
    pub(super) fn pair(
        cert: Option<PathSetting>,
        key: Option<PathSetting>,
    ) -> Result<Option<Self>, ConfigError> {
        match (cert, key) {
            (Some(cert), Some(key)) => Ok(Some(Self { cert, key })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(ConfigError::Half { given: "tls-cert", missing: "tls-key" }),
            (None, Some(_)) => Err(ConfigError::Half { given: "tls-key", missing: "tls-cert" }),
        }
    }

    /// Reads both and checks that they belong together.
    pub(super) fn load(&self) -> Result<Tls, TlsError> {
        Tls::files(self.cert.path(), self.key.path()).map_err(TlsError)
    }

    /// The same, for a server that runs.
    pub(super) fn reload(&self, tls: &Tls) -> Result<(), TlsError> {
        tls.reload(self.cert.path(), self.key.path()).map_err(TlsError)
    }
}

/// Why there is no TLS, with the flags to change.
#[derive(Debug, Error)]
#[error("{}", self.text())]
pub(crate) struct TlsError(Cause);

impl Ends for TlsError {
    fn exit(&self) -> Exit {
        match self.0 {
            Cause::Unreadable { .. } => Exit::Usage,
            _ => Exit::Tls,
        }
    }
}

impl TlsError {
    fn text(&self) -> String {
        let flag = |which: &TlsFile| match which {
            TlsFile::Certificate => "--tls-cert FILE",
            TlsFile::Key => "--tls-key FILE",
        };
        match &self.0 {
            Cause::Unreadable { which, file, source } => {
                let (file, flag) = (file.display(), flag(which));
                format!("{file}: {source}; name a file that can be read with {flag}")
            }
            Cause::Pem { which, file, source } => {
                let (file, flag) = (file.display(), flag(which));
                format!("{file} is damaged PEM ({source}); name another with {flag}")
            }
            Cause::NoCertificate { file, found } => format!(
                "{} has no CERTIFICATE; found {found}. Name the certificate chain in PEM form with --tls-cert FILE \
                 (from DER: openssl x509 -inform der -in FILE)",
                file.display()
            ),
            Cause::NoKey { file, found } => format!(
                "{} has no usable PRIVATE KEY; found {found}. Name the key in PEM form and unencrypted with --tls-key \
                 FILE (decrypt or convert: openssl pkey -in FILE)",
                file.display()
            ),
            Cause::Unfit { cert, key, source } => format!(
                "certificate {} and key {} can't be used together: {source}; name two that belong together with \
                 --tls-cert FILE --tls-key FILE",
                cert.display(),
                key.display()
            ),
            other => other.to_string(),
        }
    }
}
