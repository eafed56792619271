//! TLS towards a server: which certificates a client believes.

use std::{
    fmt, io,
    sync::{Arc, OnceLock},
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use rustls_platform_verifier::BuilderVerifierExt as _;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Which certificates of servers are believed; a clone shares its sessions with the original.
///
/// # Examples
///
/// ```
/// use sockeye::ws::Tls;
///
/// let by_the_system = Tls::platform()?;
/// # Ok::<_, sockeye::ws::TlsError>(())
/// ```
#[derive(Clone)]
pub struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Believes whom the operating system believes. The default of every client.
    ///
    /// The certificates are read when it is first called.
    ///
    /// # Errors
    ///
    /// [`TlsError::Platform`]: the operating system has none, or they can't be read.
    pub fn platform() -> Result<Self, TlsError> {
        static PLATFORM: OnceLock<Tls> = OnceLock::new();
        if let Some(tls) = PLATFORM.get() {
            return Ok(tls.clone());
        }
        let builder = builder().with_platform_verifier().map_err(TlsError::Platform)?;
        let tls = Self::http1(builder.with_no_client_auth());
        Ok(PLATFORM.get_or_init(|| tls).clone())
    }

    /// Believes the certificates in `pem`, and those that they signed; nobody else.
    ///
    /// # Errors
    ///
    /// [`TlsError::Pem`], [`TlsError::NoCertificate`] and [`TlsError::Certificate`]: what `pem` holds is not a
    /// list of certificates.
    pub fn only_pem(pem: &[u8]) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| TlsError::Pem(error.to_string()))?;
            roots.add(certificate).map_err(TlsError::Certificate)?;
        }
        if roots.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        Ok(Self::http1(builder().with_root_certificates(roots).with_no_client_auth()))
    }

    /// Whatever rustls can do: client certificates, pins, a verifier of one's own. Its ALPN protocols are left as
    /// they are; `http/1.1` is what we speak.
    pub fn from_config(config: Arc<ClientConfig>) -> Self {
        Self(config)
    }

    fn http1(mut config: ClientConfig) -> Self {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self(Arc::new(config))
    }

    /// Shakes hands with the server that answers for `host`, a name or an address.
    pub(super) async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        TlsConnector::from(Arc::clone(&self.0)).connect(name, stream).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

#[expect(clippy::expect_used, reason = "ring and the default versions are both rustls's own")]
fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    let provider: CryptoProvider = ring::default_provider();
    ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for every version of TLS that rustls has by default")
}

/// Why certificates can't be used: the fault of whoever gave them, or of the system.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum TlsError {
    /// The operating system's certificates can't be had.
    #[error(
        "the operating system's certificates can't be read: {0}; install ca-certificates, or give your own"
    )]
    Platform(#[source] rustls::Error),
    /// The text is not PEM.
    #[error("not a list of certificates in PEM: {0}")]
    Pem(String),
    /// The text has no certificate.
    #[error(
        "no certificate found; PEM has them between \"-----BEGIN CERTIFICATE-----\" and the like for END"
    )]
    NoCertificate,
    /// A certificate can't be read.
    #[error("a certificate can't be read: {0}")]
    Certificate(#[source] rustls::Error),
}
