//! Believes a server without any authority: by its key, or blindly.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use thiserror::Error;

use super::pin::Pin;

/// Looks at no authority, name or date; but the server must always prove that it holds its certificate's key.
#[derive(Debug)]
pub(super) struct Verifier {
    believed: Believed,
    algorithms: WebPkiSupportedAlgorithms,
}

/// Which keys a server may have.
#[derive(Debug)]
pub(super) enum Believed {
    Anyone,
    /// Those with one of these hashes.
    Keys(Vec<Pin>),
}

impl Verifier {
    pub(super) fn new(believed: Believed, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { believed, algorithms }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Believed::Keys(pins) = &self.believed {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let found = Pin::of(&certificate.subject_public_key_info());
            if !pins.contains(&found) {
                let other = OtherError(Arc::new(WrongKey { found: found.to_string() }));
                return Err(CertificateError::Other(other).into());
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The server's key has none of the hashes.
#[derive(Error)]
#[error("the server's key is {found}, and no pin is")]
pub(super) struct WrongKey {
    pub(super) found: String,
}

reads_as_text!(WrongKey);
