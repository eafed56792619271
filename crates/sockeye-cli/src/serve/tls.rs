//! Certificate chain and private key, from their files to a TLS acceptor.

use std::{fs, io, sync::Arc};

use thiserror::Error;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::ring,
        pki_types::{
            CertificateDer, PrivateKeyDer,
            pem::{self, PemObject as _, SectionKind},
        },
    },
};

use crate::{
    config::{ConfigError, PathSetting},
    exit::Exit,
};

/// The two files, not yet read.
#[derive(Debug)]
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
    pub(super) fn load(&self) -> Result<TlsAcceptor, TlsError> {
        let chain = self.chain()?;
        let key = self.private_key()?;
        let unfit =
            |source| TlsError::Unfit { cert: self.cert.clone(), key: self.key.clone(), source };
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unfit)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(unfit)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let (sections, found) = read("tls-cert", &self.cert)?;
        let chain: Vec<_> = sections
            .into_iter()
            .filter_map(|(kind, der)| CertificateDer::from_pem(kind, der))
            .collect();
        if chain.is_empty() {
            return Err(TlsError::NoCertificate { file: self.cert.clone(), found });
        }
        Ok(chain)
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let (sections, found) = read("tls-key", &self.key)?;
        sections
            .into_iter()
            .find_map(|(kind, der)| PrivateKeyDer::from_pem(kind, der))
            .ok_or_else(|| TlsError::NoKey { file: self.key.clone(), found })
    }
}

type Sections = Vec<(SectionKind, Vec<u8>)>;

/// The PEM sections that have a use, and the names of all there are.
fn read(flag: &'static str, file: &PathSetting) -> Result<(Sections, String), TlsError> {
    let bytes = fs::read(file.path()).map_err(|source| TlsError::Unreadable {
        flag,
        file: file.clone(),
        source,
    })?;
    let sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|source| TlsError::Pem { flag, file: file.clone(), source })?;
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

/// Why there is no TLS.
#[derive(Debug, Error)]
pub(crate) enum TlsError {
    #[error("{file}: {source}; name a file that can be read with --{flag} FILE")]
    Unreadable { flag: &'static str, file: PathSetting, source: io::Error },
    #[error("{file} is damaged PEM ({source}); name another with --{flag} FILE")]
    Pem { flag: &'static str, file: PathSetting, source: pem::Error },
    #[error(
        "{file} has no CERTIFICATE; found {found}. Name the certificate chain in PEM form with --tls-cert FILE \
         (from DER: openssl x509 -inform der -in FILE)"
    )]
    NoCertificate { file: PathSetting, found: String },
    #[error(
        "{file} has no usable PRIVATE KEY; found {found}. Name the key in PEM form and unencrypted with --tls-key FILE \
         (decrypt or convert: openssl pkey -in FILE)"
    )]
    NoKey { file: PathSetting, found: String },
    #[error(
        "certificate {cert} and key {key} can't be used together: {source}; name two that belong together with \
         --tls-cert FILE --tls-key FILE"
    )]
    Unfit { cert: PathSetting, key: PathSetting, source: rustls::Error },
}

impl TlsError {
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Unreadable { .. } => Exit::Usage,
            Self::Pem { .. }
            | Self::NoCertificate { .. }
            | Self::NoKey { .. }
            | Self::Unfit { .. } => Exit::Tls,
        }
    }
}
