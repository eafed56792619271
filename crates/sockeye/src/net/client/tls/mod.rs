//! TLS towards a server: whom a client believes, and who it is itself.

mod advice;
mod builder;
mod given;
mod pin;
mod verifier;

use std::{
    fmt, io,
    sync::{Arc, OnceLock},
};

use rustls::{ClientConfig, pki_types::ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, client::TlsStream};

pub use builder::{TlsBuilder, TlsError};

/// Which servers are believed, and as whom the client comes; a clone shares its sessions with the original.
///
/// # Examples
///
/// ```
/// use sockeye::ws::Tls;
///
/// let by_the_system = Tls::platform()?;
/// let by_its_key = Tls::builder().pin("sha256/X3pGTSOuJeEVw989IJ/cEtXUEmy52zs1TZQrU06KUKg=").build()?;
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
        let tls = Self::builder().build()?;
        Ok(PLATFORM.get_or_init(|| tls).clone())
    }

    /// Believes the certificates in `pem`, and those that they signed; nobody else.
    ///
    /// # Errors
    ///
    /// [`TlsError::Pem`], [`TlsError::NoCertificate`] and [`TlsError::Certificate`]: what `pem` holds is not a
    /// list of certificates.
    pub fn only_pem(pem: impl AsRef<[u8]>) -> Result<Self, TlsError> {
        Self::builder().add_pem(pem).believe_platform(false).build()
    }

    /// More authorities, a client certificate, a pinned key.
    pub fn builder() -> TlsBuilder {
        TlsBuilder::default()
    }

    /// Whatever else rustls can do: revocation lists, a verifier of one's own. Its ALPN protocols are left as
    /// they are; `http/1.1` is what we speak.
    pub fn from_config(config: Arc<ClientConfig>) -> Self {
        Self(config)
    }

    /// Shakes hands with the server that answers for `host`, a name or an address.
    pub(super) async fn connect<S>(&self, host: &str, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let connecting = TlsConnector::from(Arc::clone(&self.0)).connect(name, stream);
        connecting.await.map_err(advice::advise)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
