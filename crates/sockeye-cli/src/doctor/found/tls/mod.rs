//! What was found at a server's TLS, and what of it is shown.

mod certificate;
mod fault;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value, json};
use sockeye::client::Tls;
use tokio_rustls::rustls::{
    ClientConnection, Error,
    client::verify_server_name,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

pub(crate) use self::{
    certificate::Certificate,
    fault::{Answered, Fault, Unbelieved, broken},
};
use self::{certificate::pem, fault::unbelieved};
use crate::{reach::Belief, values::printable};

/// A server's TLS.
#[derive(Clone, Debug)]
pub(crate) struct Examined {
    /// The name by which it was called.
    pub(crate) host: String,
    /// When this was, by this machine's clock.
    pub(crate) at: SystemTime,
    pub(crate) belief: Belief,
    version: Option<String>,
    cipher: Option<String>,
    alpn: Option<String>,
    pub(crate) chain: Vec<Certificate>,
    der: Vec<CertificateDer<'static>>,
    /// What is wrong, first of all.
    pub(crate) fault: Option<Fault>,
    /// A name of the certificate's that leads to the same machine.
    pub(crate) other_name: Option<String>,
    /// Where the chain was saved.
    pub(crate) saved: Option<PathBuf>,
}

/// What a handshake showed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The server's certificates, its own first.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// What the real verifier has against them.
    pub(crate) objection: Option<Error>,
    /// Whether the server wants a certificate of ours, and whether there was one that fits.
    pub(crate) asked: Option<Answered>,
}

impl Examined {
    pub(crate) fn new(host: &str, belief: Belief) -> Self {
        Self {
            host: host.to_owned(),
            at: SystemTime::now(),
            belief,
            version: None,
            cipher: None,
            alpn: None,
            chain: Vec::new(),
            der: Vec::new(),
            fault: None,
            other_name: None,
            saved: None,
        }
    }

    /// Takes note of what both agreed on.
    pub(crate) fn agree(&mut self, connection: &ClientConnection) {
        self.version = connection.protocol_version().map(|version| {
            // As people write it, not as rustls names its variants.
            format!("{version:?}").replace("TLSv1_", "TLS 1.")
        });
        self.cipher =
            connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
        self.alpn = connection
            .alpn_protocol()
            .map(|protocol| printable(&String::from_utf8_lossy(protocol)));
    }

    /// Takes note of what was shown, and what there is against it.
    pub(crate) fn see(&mut self, seen: Seen) {
        self.chain = seen.chain.iter().filter_map(Certificate::read).collect();
        self.der = seen.chain;
        self.fault = seen.objection.map(|error| unbelieved(&error, &self.chain, self.belief));
    }

    /// The server's own certificate.
    pub(crate) fn own(&self) -> Option<&Certificate> {
        self.chain.first()
    }

    /// The chain as a file for `--cacert`; `None` if no certificate was shown.
    pub(crate) fn pem(&self) -> Option<String> {
        (!self.der.is_empty()).then(|| pem(&self.der))
    }

    /// Whether our client would believe the server that believes the certificates of this chain: tried, not guessed.
    pub(crate) fn vouches_for_itself(&self) -> bool {
        let ([own, others @ ..], Some(pem)) = (self.der.as_slice(), self.pem()) else {
            return false;
        };
        let mut verifier = None;
        let built = Tls::builder().believe_platform(false).add_pem(pem).config(|real| {
            verifier = Some(Arc::clone(&real));
            real
        });
        let (Ok(_), Some(verifier), Ok(name)) =
            (built, verifier, ServerName::try_from(&*self.host))
        else {
            return false;
        };
        let at = self.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = UnixTime::since_unix_epoch(at);
        verifier.verify_server_cert(own, others, &name, &[], at).is_ok()
    }

    /// What is wrong besides: with a certificate whose issuer is unknown nobody has looked at its name yet.
    pub(crate) fn others(&self) -> Vec<Unbelieved> {
        let Some(Fault::Unbelieved { why: first, .. }) = &self.fault else { return Vec::new() };
        // Whoever pins a key wants no more than that one.
        if *first == Unbelieved::OtherKey {
            return Vec::new();
        }
        let is_self_signed = self.own().is_some_and(|own| own.is_self_signed);
        [(Unbelieved::SelfSigned, is_self_signed), (Unbelieved::WrongName, !self.is_for_host())]
            .into_iter()
            .filter_map(|(other, is_so)| (is_so && other != *first).then_some(other))
            .collect()
    }

    /// Whether the server's certificate is for the name by which it was called.
    fn is_for_host(&self) -> bool {
        let own = self.der.first().and_then(|own| ParsedCertificate::try_from(own).ok());
        match (own, ServerName::try_from(&*self.host)) {
            (Some(own), Ok(name)) => verify_server_name(&own, &name).is_ok(),
            _ => false,
        }
    }

    /// What a check shows.
    pub(crate) fn evidence(&self) -> Map<String, Value> {
        let mut evidence = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                evidence.insert(name.to_owned(), value);
            }
        };
        put("version", json!(self.version));
        put("cipher", json!(self.cipher));
        put("alpn", json!(self.alpn));
        put("verified_by", json!(verified_by(self.belief)));
        if let Some(own) = self.own() {
            put("days_left", json!(own.days_left(self.at)));
            put("pin", json!(own.pin));
            let chain: Vec<_> = self.chain.iter().map(Certificate::evidence).collect();
            put("chain", json!(chain));
        }
        put("note", json!(self.soon()));
        put("fault", json!(self.fault.as_ref().map(Fault::word)));
        evidence
    }

    /// In a few words, for people.
    pub(crate) fn note(&self) -> String {
        let mut note = Vec::new();
        note.extend(self.version.clone());
        if let Some(own) = self.own() {
            note.push(own.subject.clone());
            note.extend(own.days_left(self.at).map(|days| format!("{days} days left")));
        }
        note.extend(self.soon());
        if self.belief == Belief::Anyone {
            note.push("not verified (-k)".to_owned());
        }
        note.extend(self.fault.as_ref().map(|fault| fault.word().to_owned()));
        note.join(", ")
    }

    /// That the certificate will be a fault soon.
    fn soon(&self) -> Option<String> {
        let left = self.own()?.days_left(self.at).filter(|left| *left < SOON)?;
        Some(format!("the certificate expires in {left} days: renew it"))
    }
}

/// So few days are a note.
const SOON: u64 = 14;

const fn verified_by(belief: Belief) -> &'static str {
    match belief {
        Belief::Platform => "the operating system's authorities",
        Belief::Given => "--cacert",
        Belief::Pins => "--pin",
        Belief::Anyone => "nobody (-k)",
    }
}
