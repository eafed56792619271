//! What to do when a TLS handshake fails, beside what rustls says of it.

use std::{borrow::Cow, error::Error as StdError, fmt, io};

use rustls::{AlertDescription, CertificateError, Error, pki_types::ServerName};

use super::{given::is_an_authoritys, pin::WrongKey};

/// Says what to do about an error of a handshake. What rustls said becomes the source of what is returned.
pub(super) fn advise(error: io::Error) -> io::Error {
    let kind = error.kind();
    if kind == io::ErrorKind::UnexpectedEof {
        let advice = "the server hung up during the handshake: does this port speak TLS?";
        return io::Error::new(kind, format!("{error}; {advice}"));
    }
    let tls = match error.downcast::<Error>() {
        Ok(tls) => tls,
        Err(error) => return error,
    };
    let text = match (wrong_key(&tls), advice(&tls)) {
        (Some(WrongKey { found }), _) => format!(
            "the server's key is {found}, which is no pin of ours; if it got a new key, pin that one, else somebody \
             is between"
        ),
        (None, Some(advice)) => format!("{tls}; {advice}"),
        (None, None) => tls.to_string(),
    };
    io::Error::new(kind, Advised { text, tls })
}

fn wrong_key(error: &Error) -> Option<&WrongKey> {
    match error {
        Error::InvalidCertificate(CertificateError::Other(other)) => other.0.downcast_ref(),
        _ => None,
    }
}

fn advice(error: &Error) -> Option<Cow<'static, str>> {
    if let Error::InvalidCertificate(CertificateError::NotValidForNameContext {
        expected,
        presented,
    }) = error
        && presented.is_empty()
    {
        return Some(nameless(expected).into());
    }
    advice_by_kind(error).map(Cow::Borrowed)
}

/// What to do about a certificate that has no names. curl, Python and Node.js take its CN for one; browsers, Go and
/// RFC 9525 do not, as it may be any text.
fn nameless(name: &ServerName<'_>) -> String {
    let kind = if matches!(name, ServerName::IpAddress(_)) { "IP" } else { "DNS" };
    let name = name.to_str();
    format!(
        "it has no subjectAltName, and a CN is not taken for a name; let it be issued with one, such as by openssl req -x509 \
         -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN={name} -addext subjectAltName={kind}:{name}, or \
         pin the server's key"
    )
}

fn advice_by_kind(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "no authority that we believe has signed it; add the certificate of its authority, or pin the server's key"
        }
        Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "let the server renew it, or set this machine's clock",
        Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => "set this machine's clock",
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "use a name that it is valid for, or pin the server's key",
        Error::InvalidCertificate(CertificateError::BadSignature) => {
            "the key that signed is another one: is the authority's certificate that we have still its present one?"
        }
        // A self-signed certificate by `openssl req -x509` is an authority's, unless told otherwise.
        error if is_an_authoritys(error) => {
            "it is marked as an authority's, so nobody else can vouch for it; add that very certificate, or pin the \
             server's key"
        }
        Error::InvalidMessage(_) => {
            "the answer is no TLS: try the URL with http:// or ws://, or the port that speaks TLS"
        }
        Error::PeerIncompatible(_) | Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            "TLS 1.2 or 1.3 is needed"
        }
        Error::AlertReceived(
            AlertDescription::CertificateRequired | AlertDescription::BadCertificate,
        ) => "the server wants a client certificate: give one that it believes",
        Error::AlertReceived(AlertDescription::UnknownCA) => {
            "the server does not believe our client certificate: give one of an authority that it knows"
        }
        _ => return None,
    })
}

/// An error of rustls's, and what to do about it.
struct Advised {
    text: String,
    tls: Error,
}

impl fmt::Display for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Advised {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.tls)
    }
}

reads_as_text!(Advised);
