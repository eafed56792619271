//! Believes the very certificates that were given, beside those that they and others vouch for.

use std::sync::Arc;

use rustls::{
    CertificateError, Error, RootCertStore,
    client::{
        danger::ServerCertVerifier, verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::WebPkiSupportedAlgorithms,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

use super::verifier::Shown;

/// Asks another first. What that refuses is believed all the same if it is, byte for byte, a certificate that was given,
/// within its dates and for its names: whose it is, no authority could say better.
///
/// Such are the certificates of `openssl req -x509`, which are marked as an authority's, and leaves without theirs.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    pub(super) others: Arc<dyn ServerCertVerifier>,
}

impl Given {
    /// Whether a server is believed.
    pub(super) fn decide(&self, shown: Shown<'_>) -> Result<(), Error> {
        let Shown { certificate, intermediates, name, ocsp_response, now } = shown;
        match self.others.verify_server_cert(certificate, intermediates, name, ocsp_response, now) {
            Err(_) if self.certificates.contains(certificate) => {
                self.itself(certificate, name, now)
            }
            verified => verified.map(|_| ()),
        }
    }

    fn itself(
        &self,
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let mut itself = RootCertStore::empty();
        itself.add(certificate.clone().into_owned())?;
        let certificate = ParsedCertificate::try_from(certificate)?;
        let verified = verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &itself,
            &[],
            now,
            self.algorithms.all,
        );
        match verified {
            // Dates are looked at before either of these, which are no question where it is known by itself.
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {}
            Err(error) if is_an_authoritys(&error) => {}
            verified => verified?,
        }
        verify_server_name(&certificate, name)
    }
}

/// Whether a certificate was refused because it is marked as an authority's. rustls has no variant for that.
pub(super) fn is_an_authoritys(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::Other(other)) => {
            other.0.to_string().contains("CaUsedAsEndEntity")
        }
        _ => false,
    }
}
