//! Sees what a handshake shows and lets it go on, whatever the verifier says that decides otherwise.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_rustls::rustls::{
    DigitallySignedStruct, Error, SignatureScheme,
    client::{
        ResolvesClientCert,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    sign::CertifiedKey,
};

use crate::doctor::found::tls::{Answered, Seen};

/// Looks on at one handshake.
#[derive(Clone, Debug, Default)]
pub(super) struct Witness(Arc<Mutex<Seen>>);

impl Witness {
    /// Believes every server, but asks `real`.
    pub(super) fn verifier(
        &self,
        real: Arc<dyn ServerCertVerifier>,
    ) -> Arc<dyn ServerCertVerifier> {
        Arc::new(Believing { real, witness: self.clone() })
    }

    /// Answers as `real`, and remembers that it was asked.
    pub(super) fn resolver(
        &self,
        real: Arc<dyn ResolvesClientCert>,
    ) -> Arc<dyn ResolvesClientCert> {
        Arc::new(Asked { real, witness: self.clone() })
    }

    pub(super) fn seen(&self) -> Seen {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[derive(Debug)]
struct Believing {
    real: Arc<dyn ServerCertVerifier>,
    witness: Witness,
}

impl ServerCertVerifier for Believing {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.real.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        let all = std::iter::once(end_entity).chain(intermediates);
        let chain = all.map(|der| der.clone().into_owned()).collect();
        self.witness.note(|seen| {
            seen.chain = chain;
            seen.objection = verdict.err();
        });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.real.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.real.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.real.supported_verify_schemes()
    }
}

#[derive(Debug)]
struct Asked {
    real: Arc<dyn ResolvesClientCert>,
    witness: Witness,
}

impl ResolvesClientCert for Asked {
    fn resolve(
        &self,
        root_hint_subjects: &[&[u8]],
        sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let ours = self.real.resolve(root_hint_subjects, sigschemes);
        let answered = if ours.is_some() { Answered::Ours } else { Answered::Nothing };
        self.witness.note(|seen| seen.asked = Some(answered));
        ours
    }

    fn only_raw_public_keys(&self) -> bool {
        self.real.only_raw_public_keys()
    }

    fn has_certs(&self) -> bool {
        self.real.has_certs()
    }
}
