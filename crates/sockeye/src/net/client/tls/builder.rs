//! Puts a TLS configuration together and checks it, once.

use std::{fmt, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
};
use rustls_platform_verifier::Verifier as PlatformVerifier;
use thiserror::Error;

use super::{
    Tls,
    given::Given,
    pin::{Pin, has_key_of},
    verifier::{Decide, Verifier},
};

/// How a [`Tls`] comes about.
///
/// Whom to believe is decided in one of three ways, which exclude each other:
///
/// - By authorities: those of the operating system (the default), those of [`Self::add_pem`], or both. They vouch for
///   the server's name and key at this time. A server's own certificate, self-signed or not, may be given as well.
/// - By the server's own key, with [`Self::pin`]. Nothing else is looked at.
/// - Not at all, with [`Self::danger_accept_invalid_certs`].
///
/// # Examples
///
/// A company's own authority beside the public ones, and a certificate that the server asks for:
///
/// ```no_run
/// use std::fs;
/// use sockeye::ws::Tls;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tls = Tls::builder()
///     .add_pem(fs::read("company.pem")?)
///     .identity_pem(fs::read("me.pem")?, fs::read("me.key")?)
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "nothing is checked until `build` is called"]
pub struct TlsBuilder {
    platform: bool,
    authorities: Vec<Vec<u8>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
    pins: Vec<String>,
    anyone: bool,
}

impl Default for TlsBuilder {
    fn default() -> Self {
        Self {
            platform: true,
            authorities: Vec::new(),
            identity: None,
            pins: Vec::new(),
            anyone: false,
        }
    }
}

impl TlsBuilder {
    /// Whether the authorities that the operating system believes are believed. Default: yes.
    pub fn believe_platform(mut self, believe: bool) -> Self {
        self.platform = believe;
        self
    }

    /// Believes the certificates in `pem`, and those that they signed, for their names and within their dates. May be called
    /// again, for more.
    pub fn add_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.authorities.push(pem.as_ref().to_vec());
        self
    }

    /// Who the client is, for servers that ask: its certificate with those between it and its authority, and its
    /// private key, unencrypted. Both may come from one file: then give it twice. Default: nobody.
    pub fn identity_pem(
        mut self,
        certificates: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        self.identity = Some((certificates.into(), key.into()));
        self
    }

    /// Believes the server that holds the key with this hash, whatever its certificate says: no authority, no name
    /// and no date is looked at, for whoever proves to hold the key is the server. That makes self-signed
    /// certificates safe. May be called again, to believe any of several keys, such as the next one.
    ///
    /// It is the SHA-256 of the certificate's SubjectPublicKeyInfo in base64, after `sha256/` (or `sha256//`, as curl
    /// has it). The certificate has to be the server's own, not its authority's: for those there is
    /// [`Self::add_pem`]. To compute it:
    ///
    /// ```sh
    /// openssl x509 -in server.pem -noout -pubkey | openssl pkey -pubin -outform der |
    ///     openssl dgst -sha256 -binary | base64
    /// ```
    pub fn pin(mut self, pin: impl Into<String>) -> Self {
        self.pins.push(pin.into());
        self
    }

    /// Believes every server, so that anybody on the way can read and change everything. For tests; to reach a server
    /// with a certificate of its own, [`Self::pin`] is as easy and safe. Default: no.
    pub fn danger_accept_invalid_certs(mut self, accept: bool) -> Self {
        self.anyone = accept;
        self
    }

    /// Checks what was given.
    ///
    /// # Errors
    ///
    /// [`TlsError`], each variant.
    pub fn build(&self) -> Result<Tls, TlsError> {
        Ok(Tls::from_config(Arc::new(self.config(|verifier| verifier)?)))
    }

    /// What [`Self::build`] would use, for rustls itself or for [`Tls::from_config`] after a change. `wrap` is given
    /// whoever decides which servers are believed, and returns who takes its place: to look at what servers show, or to
    /// ask for more.
    ///
    /// # Errors
    ///
    /// As [`Self::build`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use sockeye::ws::Tls;
    ///
    /// let mut config = Tls::builder().config(|verifier| verifier)?;
    /// config.enable_sni = false;
    /// let tls = Tls::from_config(Arc::new(config));
    /// # Ok::<_, sockeye::ws::TlsError>(())
    /// ```
    pub fn config(
        &self,
        wrap: impl FnOnce(Arc<dyn ServerCertVerifier>) -> Arc<dyn ServerCertVerifier>,
    ) -> Result<ClientConfig, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let decide = self.decide(&provider)?;
        let verifier = wrap(Arc::new(Verifier { decide, algorithms }));
        let builder = unverified(provider).dangerous().with_custom_certificate_verifier(verifier);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder
                .with_client_auth_cert(certificates(chain)?, private_key(key)?)
                .map_err(TlsError::Identity)?,
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn decide(&self, provider: &Arc<CryptoProvider>) -> Result<Decide, TlsError> {
        let ways = [
            (!self.authorities.is_empty(), "an authority's certificate"),
            (!self.pins.is_empty(), "a pin"),
            (self.anyone, "to accept invalid certificates"),
        ];
        let mut given = ways.into_iter().filter_map(|(given, what)| given.then_some(what));
        if let (Some(one), Some(other)) = (given.next(), given.next()) {
            return Err(TlsError::Conflict { one, other });
        }

        if self.anyone {
            return Ok(Box::new(|_| Ok(())));
        }
        if !self.pins.is_empty() {
            let pins: Vec<_> =
                self.pins.iter().map(|pin| Pin::parse(pin)).collect::<Result<_, _>>()?;
            return Ok(Box::new(move |shown| has_key_of(&pins, shown.certificate)));
        }
        let mut roots = RootCertStore::empty();
        let mut authorities = Vec::new();
        for pem in &self.authorities {
            for certificate in certificates(pem)? {
                roots.add(certificate.clone()).map_err(TlsError::Certificate)?;
                authorities.push(certificate);
            }
        }
        let certificates = authorities.clone();
        let algorithms = provider.signature_verification_algorithms;
        let provider = Arc::clone(provider);
        let others: Arc<dyn ServerCertVerifier> = if self.platform {
            let verifier = PlatformVerifier::new_with_extra_roots(authorities, provider)
                .map_err(TlsError::Platform)?;
            Arc::new(verifier)
        } else {
            // The builder's one error, beside those of revocation lists, is that there is no authority.
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|_| TlsError::Nobody)?
        };
        let given = Given { certificates, algorithms, others };
        Ok(Box::new(move |shown| given.decide(shown)))
    }
}

impl fmt::Debug for TlsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The private key is nobody's business.
        f.debug_struct("TlsBuilder")
            .field("believe_platform", &self.platform)
            .field("authorities", &self.authorities.len())
            .field("identity", &self.identity.is_some())
            .field("pins", &self.pins)
            .field("danger_accept_invalid_certs", &self.anyone)
            .finish()
    }
}

#[expect(clippy::expect_used, reason = "ring and the default versions are both rustls's own")]
fn unverified(
    provider: Arc<CryptoProvider>,
) -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for every version of TLS that rustls has by default")
}

/// At least one certificate.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| TlsError::Pem(error.to_string()))?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    Ok(certificates)
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::NoKey,
        error => TlsError::Pem(error.to_string()),
    })
}

/// Why there is no TLS: the fault of whoever configured it, or of the system.
#[non_exhaustive]
#[derive(Error)]
pub enum TlsError {
    /// The operating system's certificates can't be had.
    #[error(
        "the operating system's certificates can't be read: {0}; install ca-certificates, or give your own"
    )]
    Platform(#[source] rustls::Error),
    /// The text is not PEM.
    #[error(
        "not PEM: {0}; expected certificates or a key between \"-----BEGIN …\" and \"-----END …\""
    )]
    Pem(String),
    /// The text has no certificate.
    #[error(
        "no certificate found; PEM has them between \"-----BEGIN CERTIFICATE-----\" and the like for END"
    )]
    NoCertificate,
    /// A certificate can't be read.
    #[error("a certificate can't be read: {0}")]
    Certificate(#[source] rustls::Error),
    /// The text has no private key that can be used.
    #[error(
        "no private key found; PEM has it after \"-----BEGIN PRIVATE KEY-----\" (decrypt or convert: openssl pkey \
         -in FILE)"
    )]
    NoKey,
    /// The client's certificate and key are of no use, or not together.
    #[error("the client's certificate and key can't be used: {0}; give two that belong together")]
    Identity(#[source] rustls::Error),
    /// A pin is not one.
    #[error(
        "{found:?} is no pin; expected \"sha256/\" and 32 bytes in base64, the SHA-256 of the server's public key: \
         openssl x509 -in server.pem -noout -pubkey | openssl pkey -pubin -outform der | \
         openssl dgst -sha256 -binary | base64"
    )]
    Pin {
        /// What was given.
        found: String,
    },
    /// Whom to believe was decided twice.
    #[error(
        "both {one} and {other} were given, but each decides alone which servers are believed; leave one out"
    )]
    Conflict {
        /// What was given.
        one: &'static str,
        /// What was given, too.
        other: &'static str,
    },
    /// No server could ever be believed.
    #[error(
        "nobody is believed: not the operating system's authorities, and no others were given; add a certificate or \
         a pin"
    )]
    Nobody,
}

reads_as_text!(TlsError);
