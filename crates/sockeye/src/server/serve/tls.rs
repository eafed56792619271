//! Certificate chain and private key, from their files, and again when those change.

use std::{
    convert::Infallible,
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use parking_lot::Mutex;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _, SectionKind},
    },
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use thiserror::Error;
use tokio::{task, time};
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// What [`serve`](super::serve) needs for TLS. Cheap to clone: all clones are the same certificate.
///
/// # Examples
///
/// ```no_run
/// use sockeye::server::{serve, serve::Tls};
///
/// # async fn run(listener: tokio::net::TcpListener, app: axum::Router) -> Result<(), Box<dyn std::error::Error>> {
/// serve(listener, app).tls(Tls::files("cert.pem", "key.pem")?).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<Current>,
}

/// What clients are shown.
struct Current {
    key: Mutex<Arc<CertifiedKey>>,
    files: Mutex<Files>,
}

#[derive(Clone)]
struct Files {
    cert: PathBuf,
    key: PathBuf,
    /// How they were when they were read last.
    stamps: [Stamp; 2],
}

/// Length and time of change: by these a file that was replaced is known.
type Stamp = Option<(u64, SystemTime)>;

impl Tls {
    /// Reads a certificate chain and its private key, both PEM. While [`serve`](super::serve) runs they are looked at
    /// every ten seconds, and read again when they have changed; if they can't be used then, the old ones stay.
    ///
    /// # Errors
    ///
    /// [`TlsError`]: the files are the caller's to mend.
    pub fn files(cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Self, TlsError> {
        let (cert, key) = (cert.into(), key.into());
        let stamps = [stamp(&cert), stamp(&key)];
        let certified = Arc::new(read(&cert, &key)?);
        let current = Arc::new(Current {
            key: Mutex::new(certified),
            files: Mutex::new(Files { cert: cert.clone(), key: key.clone(), stamps }),
        });
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|source| TlsError::Unfit { cert, key, source })?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), current })
    }

    /// Reads these files from now on; new connections are shown what they have. On failure everything stays as it was.
    ///
    /// # Errors
    ///
    /// As [`Self::files`].
    pub fn reload(
        &self,
        cert: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Result<(), TlsError> {
        let (cert, key) = (cert.into(), key.into());
        let stamps = [stamp(&cert), stamp(&key)];
        let certified = read(&cert, &key)?;
        *self.current.key.lock() = Arc::new(certified);
        *self.current.files.lock() = Files { cert, key, stamps };
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// Reads the files whenever they have changed.
    pub(super) async fn renewed(&self) -> Infallible {
        loop {
            time::sleep(LOOK).await;
            let this = self.clone();
            // A disk may be slow, and connections must not wait for it.
            let looked = task::spawn_blocking(move || this.renew()).await;
            match looked {
                Ok(Ok(false)) | Err(_) => {}
                Ok(Ok(true)) => tracing::info!("certificate and key have changed and are read"),
                Ok(Err(error)) => {
                    tracing::error!(%error, "certificate and key have changed; the old ones stay");
                }
            }
        }
    }

    /// Reads the files if they have changed.
    fn renew(&self) -> Result<bool, TlsError> {
        let mut files = self.current.files.lock().clone();
        let stamps = [stamp(&files.cert), stamp(&files.key)];
        if std::mem::replace(&mut files.stamps, stamps) == stamps {
            return Ok(false);
        }
        let (cert, key) = (files.cert.clone(), files.key.clone());
        *self.current.files.lock() = files; // whether they are of use or not, they are told of once
        self.reload(cert, key).map(|()| true)
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.key.lock()))
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current")
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = self.current.files.lock();
        f.debug_struct("Tls").field("cert", &files.cert).field("key", &files.key).finish()
    }
}

fn stamp(file: &Path) -> Stamp {
    let metadata = fs::metadata(file).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

/// Reads both and checks that they belong together.
fn read(cert: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let (sections, found) = read_pem(TlsFile::Certificate, cert)?;
    let chain: Vec<_> = sections
        .into_iter()
        .filter_map(|(kind, der)| CertificateDer::from_pem(kind, der))
        .collect();
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { file: cert.to_owned(), found });
    }
    let (sections, found) = read_pem(TlsFile::Key, key)?;
    let private = sections
        .into_iter()
        .find_map(|(kind, der)| PrivateKeyDer::from_pem(kind, der))
        .ok_or_else(|| TlsError::NoKey { file: key.to_owned(), found })?;
    CertifiedKey::from_der(chain, private, &ring::default_provider())
        .map_err(|source| TlsError::Unfit { cert: cert.to_owned(), key: key.to_owned(), source })
}

type Sections = Vec<(SectionKind, Vec<u8>)>;

/// The PEM sections that have a use, and the names of all there are.
fn read_pem(which: TlsFile, file: &Path) -> Result<(Sections, String), TlsError> {
    let bytes = fs::read(file).map_err(|source| TlsError::Unreadable {
        which,
        file: file.to_owned(),
        source,
    })?;
    let sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|source| TlsError::Pem { which, file: file.to_owned(), source })?;
    Ok((sections, names(&bytes)))
}

/// What a file has to offer, in words: "CERTIFICATE, PRIVATE KEY".
fn names(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let names: Vec<_> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .collect();
    if names.is_empty() { "no PEM section at all".into() } else { names.join(", ") }
}

/// One of the two files of a [`Tls`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TlsFile {
    /// The certificate chain.
    Certificate,
    /// The private key.
    Key,
}

impl fmt::Display for TlsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "certificate",
            Self::Key => "key",
        })
    }
}

/// Why there is no TLS. The caller's fault.
#[non_exhaustive]
#[derive(Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("the {which} {}: {source}; name a file that can be read", file.display())]
    Unreadable {
        /// Which of the two.
        which: TlsFile,
        /// Its path.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is PEM, but a damaged one.
    #[error("the {which} {} is damaged PEM: {source}; name another", file.display())]
    Pem {
        /// Which of the two.
        which: TlsFile,
        /// Its path.
        file: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// A file has no certificate.
    #[error(
        "{} has no CERTIFICATE; found {found}; give the certificate chain in PEM form (from DER: openssl x509 -inform \
         der -in FILE)",
        file.display()
    )]
    NoCertificate {
        /// Its path.
        file: PathBuf,
        /// The names of what it has.
        found: String,
    },
    /// A file has no private key that can be used.
    #[error(
        "{} has no usable PRIVATE KEY; found {found}; give the key in PEM form and unencrypted (decrypt or convert: \
         openssl pkey -in FILE)",
        file.display()
    )]
    NoKey {
        /// Its path.
        file: PathBuf,
        /// The names of what it has.
        found: String,
    },
    /// The two don't belong together.
    #[error(
        "certificate {} and key {} can't be used together: {source}; give two that belong together",
        cert.display(),
        key.display()
    )]
    Unfit {
        /// The path of the certificate.
        cert: PathBuf,
        /// The path of the key.
        key: PathBuf,
        /// What is wrong with them.
        source: rustls::Error,
    },
}

reads_as_text!(TlsError);
