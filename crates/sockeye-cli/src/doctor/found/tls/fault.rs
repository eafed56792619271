//! What is wrong with a server's TLS, by what rustls says of it and by the certificates that were shown.

use std::io;

use tokio_rustls::rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use super::certificate::Certificate;
use crate::reach::Belief;

/// What is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// The certificate is not believed.
    Unbelieved { why: Unbelieved, word: String },
    /// The server wants a certificate of the client's: it got none, or not the right one.
    ClientCertificate { answered: Answered, word: String },
    /// It speaks no version that we speak, or shares nothing else with us; the version that it would speak, if it says.
    Version { speaks: Option<&'static str>, word: String },
    /// It speaks HTTP, without TLS; the first line of what it said.
    PlainHttp { said: String },
    /// It wants another protocol than HTTP/1.1.
    Http2Only,
    /// It has no certificate for this name.
    UnknownName,
    /// It speaks, but neither TLS nor HTTP.
    NotTls { said: String },
    /// It ended the connection.
    HungUp { word: String },
    /// It says nothing.
    Silent,
    /// The handshake failed otherwise.
    Other { word: String },
}

/// Whether a server that asks for a certificate gets one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answered {
    Nothing,
    Ours,
}

/// Why a certificate is not believed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Unbelieved {
    /// Nobody vouches for it but itself.
    SelfSigned,
    /// Its authority is none of those that are believed.
    UnknownAuthority,
    /// The certificate between it and its authority was not sent; it lies there.
    MissingIntermediate {
        at: String,
    },
    /// One of the chain, by its place in it, is no longer valid, or not yet.
    Expired {
        place: usize,
    },
    NotYetValid {
        place: usize,
    },
    /// It is for other names.
    WrongName,
    /// Its key is none of those that are pinned.
    OtherKey,
    /// It was revoked.
    Revoked,
}

impl Fault {
    /// What rustls, the server or the network said.
    pub(crate) fn word(&self) -> &str {
        match self {
            Self::Unbelieved { word, .. }
            | Self::ClientCertificate { word, .. }
            | Self::Version { word, .. }
            | Self::HungUp { word }
            | Self::Other { word } => word,
            Self::PlainHttp { said } | Self::NotTls { said } => said,
            Self::Http2Only => "alert 120, no_application_protocol",
            Self::UnknownName => "alert 112, unrecognized_name",
            Self::Silent => "no answer",
        }
    }
}

/// Why a chain is not believed.
pub(crate) fn unbelieved(error: &Error, chain: &[Certificate], belief: Belief) -> Fault {
    let why = match error {
        _ if belief == Belief::Pins => Unbelieved::OtherKey,
        Error::InvalidCertificate(error) => match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                Unbelieved::Expired {
                    place: place(chain, |one, other| one.not_after < other.not_after),
                }
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Unbelieved::NotYetValid {
                    place: place(chain, |one, other| one.not_before > other.not_before),
                }
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Unbelieved::WrongName
            }
            CertificateError::Revoked => Unbelieved::Revoked,
            // That an authority's certificate is no server's own, too: it is looked at before the issuer.
            _ => issuer(chain),
        },
        _ => issuer(chain),
    };
    Fault::Unbelieved { why, word: error.to_string() }
}

fn issuer(chain: &[Certificate]) -> Unbelieved {
    match chain {
        [own, ..] if own.is_self_signed => Unbelieved::SelfSigned,
        [Certificate { issuer_at: Some(at), .. }] => {
            Unbelieved::MissingIntermediate { at: at.clone() }
        }
        _ => Unbelieved::UnknownAuthority,
    }
}

/// The place of the certificate that comes before all others.
fn place(chain: &[Certificate], before: impl Fn(&Certificate, &Certificate) -> bool) -> usize {
    let mut first = 0;
    for (index, one) in chain.iter().enumerate() {
        if chain.get(first).is_some_and(|other| before(one, other)) {
            first = index;
        }
    }
    first
}

/// What a failed handshake means, before anybody asked the server in another way.
pub(crate) fn broken(error: &io::Error, asked: Option<Answered>) -> Fault {
    let word = error.to_string();
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return match asked {
            // It may not wait until we have read why.
            Some(answered) => Fault::ClientCertificate { answered, word },
            None => Fault::HungUp { word },
        };
    };
    match (tls, asked) {
        (Error::AlertReceived(AlertDescription::NoApplicationProtocol), _)
        | (Error::NoApplicationProtocol, _) => Fault::Http2Only,
        (Error::AlertReceived(AlertDescription::UnrecognisedName), _) => Fault::UnknownName,
        // Whatever it does not like then, it came after our answer.
        (Error::AlertReceived(_), Some(answered)) => Fault::ClientCertificate { answered, word },
        (
            Error::AlertReceived(
                AlertDescription::ProtocolVersion
                | AlertDescription::HandshakeFailure
                | AlertDescription::InsufficientSecurity,
            )
            | Error::PeerIncompatible(_),
            _,
        ) => Fault::Version { speaks: older(tls), word },
        (Error::InvalidMessage(_), _) => Fault::NotTls { said: String::new() },
        _ => Fault::Other { word },
    }
}

/// A server that answers with a version that nobody offered says which it has, but rustls does not tell.
const fn older(error: &Error) -> Option<&'static str> {
    match error {
        Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            Some("TLS 1.1 or older")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use tokio_rustls::rustls::InvalidMessage;

    use super::*;

    fn certificate(change: impl FnOnce(&mut Certificate)) -> Certificate {
        let mut certificate = Certificate {
            subject: "CN=a".to_owned(),
            issuer: "CN=b".to_owned(),
            not_before: UNIX_EPOCH + Duration::from_secs(100),
            not_after: UNIX_EPOCH + Duration::from_secs(200),
            names: Vec::new(),
            is_authority: false,
            is_self_signed: false,
            issuer_at: None,
            pin: String::new(),
        };
        change(&mut certificate);
        certificate
    }

    #[test]
    fn certificates() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(
            error: CertificateError,
            chain: &[Certificate],
            belief: Belief,
            expect: Unbelieved,
        ) {
            let fault = unbelieved(&Error::InvalidCertificate(error), chain, belief);
            assert!(matches!(fault, Fault::Unbelieved { why, .. } if why == expect));
        }
        let plain = || certificate(|_| {});
        let own = || certificate(|own| own.is_self_signed = true);
        let pointing = || certificate(|own| own.issuer_at = Some("http://i".to_owned()));
        let expired = || certificate(|own| own.not_after = UNIX_EPOCH);
        let future = || certificate(|own| own.not_before = UNIX_EPOCH + Duration::from_secs(900));
        let unknown = || CertificateError::UnknownIssuer;
        let platform = Belief::Platform;

        check(unknown(), &[own()], platform, Unbelieved::SelfSigned);
        check(
            CertificateError::ApplicationVerificationFailure,
            &[own()],
            platform,
            Unbelieved::SelfSigned,
        );
        check(unknown(), &[plain()], platform, Unbelieved::UnknownAuthority);
        check(unknown(), &[plain(), own()], platform, Unbelieved::UnknownAuthority);
        let missing = Unbelieved::MissingIntermediate { at: "http://i".to_owned() };
        check(unknown(), &[pointing()], Belief::Given, missing);
        check(unknown(), &[pointing(), plain()], platform, Unbelieved::UnknownAuthority);
        check(unknown(), &[], platform, Unbelieved::UnknownAuthority);
        check(CertificateError::Expired, &[expired()], platform, Unbelieved::Expired { place: 0 });
        check(
            CertificateError::Expired,
            &[plain(), expired(), plain()],
            platform,
            Unbelieved::Expired { place: 1 },
        );
        check(
            CertificateError::NotValidYet,
            &[plain(), future()],
            platform,
            Unbelieved::NotYetValid { place: 1 },
        );
        check(CertificateError::NotValidForName, &[plain()], platform, Unbelieved::WrongName);
        // Of its issuer nothing is known once its date or name was looked at.
        check(CertificateError::NotValidForName, &[own()], Belief::Given, Unbelieved::WrongName);
        check(CertificateError::Expired, &[own()], platform, Unbelieved::Expired { place: 0 });
        check(unknown(), &[own()], Belief::Pins, Unbelieved::OtherKey);
        check(CertificateError::Revoked, &[plain()], platform, Unbelieved::Revoked);
    }

    #[test]
    fn handshakes() {
        #[track_caller]
        fn check(error: Error, asked: Option<Answered>, expect: fn(&Fault) -> bool) {
            let fault = broken(&io::Error::new(io::ErrorKind::InvalidData, error), asked);
            assert!(expect(&fault), "{fault:?}");
        }
        use AlertDescription as Alert;
        let alert = Error::AlertReceived;
        check(alert(Alert::NoApplicationProtocol), None, |fault| *fault == Fault::Http2Only);
        check(alert(Alert::UnrecognisedName), None, |fault| *fault == Fault::UnknownName);
        check(alert(Alert::ProtocolVersion), None, |fault| matches!(fault, Fault::Version { .. }));
        check(alert(Alert::HandshakeFailure), None, |fault| matches!(fault, Fault::Version { .. }));
        for answered in [Answered::Nothing, Answered::Ours] {
            let fault = broken(&io::Error::other(alert(Alert::HandshakeFailure)), Some(answered));
            assert!(
                matches!(&fault, Fault::ClientCertificate { answered: found, .. } if *found == answered),
                "{fault:?}"
            );
        }
        check(Error::InvalidMessage(InvalidMessage::InvalidContentType), None, |fault| {
            matches!(fault, Fault::NotTls { .. })
        });
        check(alert(Alert::InternalError), None, |fault| matches!(fault, Fault::Other { .. }));
        let ended = broken(&io::ErrorKind::UnexpectedEof.into(), None);
        assert!(matches!(ended, Fault::HungUp { .. }), "{ended:?}");
        let ended = broken(&io::ErrorKind::BrokenPipe.into(), Some(Answered::Nothing));
        assert!(matches!(ended, Fault::ClientCertificate { .. }), "{ended:?}");
    }
}
