//! From what was found at a server's TLS to one verdict, one cause and one fix. Pure: the time is that of the examination.

use std::time::SystemTime;

use super::{
    certificate::Certificate,
    examined::Examined,
    fault::{Fault, Unbelieved},
    witness::Answered,
};
use crate::{
    doctor::{judge::Diagnosis, verdict::Verdict},
    lines::rfc_3339,
    reach::Belief,
};

/// What to change in the command line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Change<'c> {
    /// Believe the certificates in this file, and only those.
    Believe(&'c str),
    /// Believe this key, whatever its certificate.
    Pin(&'c str),
    /// Call the server by this name.
    Host(&'c str),
    /// Speak without TLS.
    NoTls,
    /// Save the chain there.
    Save(&'c str),
    /// Nothing: it is the server that has to change.
    Nothing,
}

/// The verdict on a server's TLS; `None` if there is nothing wrong with it. `command` is the command line, changed.
pub(crate) fn judge(
    examined: &Examined,
    command: &dyn Fn(Change<'_>) -> String,
) -> Option<Diagnosis> {
    let fault = examined.fault.as_ref()?;
    if let Fault::Unbelieved { why, word } = fault {
        return Some(unbelieved(examined, why, word, command));
    }
    let (verdict, cause, fix) = of_handshake(&examined.host, fault);
    let change = match fault {
        Fault::PlainHttp { .. } => Change::NoTls,
        _ => Change::Nothing,
    };
    Some(Diagnosis::new(verdict, cause, fix).try_with(command(change)))
}

/// What is wrong with a handshake that did not come to its end.
fn of_handshake(host: &str, fault: &Fault) -> (Verdict, String, &'static str) {
    match fault {
        Fault::ClientCertificate { answered: Answered::Nothing, word } => (
            Verdict::TlsClientCertificateRequired,
            format!("The server wants a certificate of the client's, and none was given ({word})."),
            "give one of an authority that the server believes, with its key: --cert FILE --key FILE",
        ),
        Fault::ClientCertificate { answered: Answered::Ours, word } => (
            Verdict::TlsClientCertificateRequired,
            format!("The server does not take the certificate of --cert ({word})."),
            "give one that is valid, and of an authority that the server believes: --cert FILE --key FILE",
        ),
        Fault::Version { speaks: Some(speaks), .. } => (
            Verdict::TlsVersion,
            format!("The server speaks {speaks}, and we TLS 1.2 and 1.3."),
            "let the server, or the proxy in front of it, speak TLS 1.2 and 1.3 (nginx: ssl_protocols TLSv1.2 TLSv1.3;)",
        ),
        Fault::Version { speaks: None, word } => (
            Verdict::TlsVersion,
            format!("The server and we have no version of TLS, or no cipher suite, in common: {word}."),
            "let the server, or the proxy in front of it, speak TLS 1.2 or 1.3 with a cipher suite of today",
        ),
        Fault::PlainHttp { said } => (
            Verdict::PlainHttpOnTlsPort,
            format!("The URL asks for TLS, and the port speaks HTTP without it: it answered {said:?}."),
            "begin the URL with http:// (or ws://), or name the port that speaks TLS",
        ),
        Fault::Http2Only => (
            Verdict::Http2Only,
            "The server's front speaks no HTTP/1.1, which Engine.IO and WebSockets need (TLS alert 120, \
             no_application_protocol)."
                .to_owned(),
            "let the front offer http/1.1 beside h2 by ALPN (HAProxy: alpn h2,http/1.1)",
        ),
        Fault::UnknownName => (
            Verdict::TlsWrongName,
            format!("The server has no certificate for {host} (TLS alert 112, unrecognized_name)."),
            "use a name in the URL that the server knows, or give it a certificate for this one",
        ),
        Fault::NotTls { said } => (
            Verdict::NotSocketIo,
            format!("What answers speaks neither TLS nor HTTP: {said:?}."),
            "correct the port in the URL",
        ),
        Fault::HungUp { word } => (
            Verdict::NoAnswer,
            format!(
                "The connection ends during the TLS handshake ({word}), and a plain request gets no answer either."
            ),
            "correct the port in the URL; or let the firewall, or the proxy, that ends the connection know this name",
        ),
        Fault::Silent => (
            Verdict::NoAnswer,
            "TCP connects, but neither a TLS handshake nor a plain request gets an answer.".to_owned(),
            "look whether the server is stuck, correct the port in the URL, or wait longer with --timeout",
        ),
        Fault::Unbelieved { word, .. } | Fault::Other { word } => (
            Verdict::TlsVersion,
            format!("The TLS handshake failed: {word}."),
            "let the server, or the proxy in front of it, speak TLS 1.2 or 1.3 as their standards have it",
        ),
    }
}

fn unbelieved(
    examined: &Examined,
    why: &Unbelieved,
    word: &str,
    command: &dyn Fn(Change<'_>) -> String,
) -> Diagnosis {
    let mut cause = cause(examined, why);
    if word.contains("CaUsedAsEndEntity") {
        cause += " It is an authority's (CA:TRUE, as `openssl req -x509` makes them), which no server may use as its own: \
                  --cacert does not help.";
    }
    let other_name = examined.other_name.as_deref().filter(|_| *why == Unbelieved::WrongName);
    let change = match (other_name, file(examined), examined.own()) {
        (Some(name), ..) => Change::Host(name),
        (_, Some(file), _) => Change::Believe(file),
        (_, _, Some(own)) => Change::Pin(&own.pin),
        _ => Change::Nothing,
    };
    let mut diagnosis =
        Diagnosis::new(verdict(why), cause, fix(examined, why, command)).try_with(command(change));
    diagnosis.warnings = examined.others().iter().map(verdict).collect();
    diagnosis
}

const fn verdict(why: &Unbelieved) -> Verdict {
    match why {
        Unbelieved::SelfSigned => Verdict::TlsSelfSigned,
        Unbelieved::UnknownAuthority | Unbelieved::OtherKey | Unbelieved::Revoked => {
            Verdict::TlsUnknownCa
        }
        Unbelieved::MissingIntermediate { .. } => Verdict::TlsMissingIntermediate,
        Unbelieved::Expired { .. } => Verdict::TlsExpired,
        Unbelieved::NotYetValid { .. } => Verdict::TlsNotYetValid,
        Unbelieved::WrongName => Verdict::TlsWrongName,
    }
}

fn cause(examined: &Examined, why: &Unbelieved) -> String {
    let (host, clock) = (&examined.host, rfc_3339(examined.at));
    let subject = |place: usize| {
        examined.chain.get(place).map_or("which can't be read", |found| &*found.subject)
    };
    let own = subject(0);
    match why {
        Unbelieved::SelfSigned => {
            format!(
                "The certificate of {host}, {own}, is signed by itself: nobody else vouches for it."
            )
        }
        Unbelieved::UnknownAuthority => {
            let issuer = examined.chain.last().map_or("nobody", |last| &*last.issuer);
            let who = match examined.belief {
                Belief::Given => "--cacert does not hold",
                _ => "this machine does not believe",
            };
            format!("The certificate of {host}, {own}, is of an authority that {who}: {issuer}.")
        }
        Unbelieved::MissingIntermediate { .. } => {
            let issuer = examined.own().map_or("", |own| &*own.issuer);
            format!(
                "The server sends its own certificate, {own}, alone, without that of its issuer, {issuer}, by which an \
                 authority vouches for it."
            )
        }
        Unbelieved::Expired { place } => {
            let end = examined.chain.get(*place).map(|found| found.not_after);
            let days = end.and_then(|end| days(end, examined.at));
            let ago = days.map_or_else(String::new, |days| format!(", {days} days ago"));
            format!(
                "The certificate {} expired at {}{ago} (this machine's clock says {clock}).",
                subject(*place),
                end.map(rfc_3339).unwrap_or_default(),
            )
        }
        Unbelieved::NotYetValid { place } => {
            let begin = examined.chain.get(*place).map(|found| rfc_3339(found.not_before));
            format!(
                "The certificate {} is valid only from {} on (this machine's clock says {clock}).",
                subject(*place),
                begin.unwrap_or_default(),
            )
        }
        Unbelieved::WrongName => {
            format!("The certificate, {own}, is not for {host}, but for {}.", names(examined.own()))
        }
        Unbelieved::OtherKey => {
            let pin = examined.own().map_or("unreadable", |own| &*own.pin);
            format!(
                "The server's key is {pin}, and none that is pinned: it got a new one, or somebody is between."
            )
        }
        Unbelieved::Revoked => {
            format!("The certificate of {host}, {own}, was revoked by its authority.")
        }
    }
}

/// What mends it, and then the ways to believe the server all the same, the best first.
fn fix(examined: &Examined, why: &Unbelieved, command: &dyn Fn(Change<'_>) -> String) -> String {
    let mends = match why {
        Unbelieved::SelfSigned => String::new(),
        Unbelieved::UnknownAuthority => {
            "give the certificate of that authority: --cacert FILE".to_owned()
        }
        Unbelieved::MissingIntermediate { at } => format!(
            "let the server send the certificate of its issuer as well, which lies at {at} (nginx: ssl_certificate \
             fullchain.pem;)"
        ),
        Unbelieved::Expired { .. } => "let the server renew it, and load the new one".to_owned(),
        Unbelieved::NotYetValid { .. } => {
            "set the clock of this machine, if it is wrong".to_owned()
        }
        Unbelieved::WrongName => {
            "use a name that it is for in the URL, or give the server a certificate for this one"
                .to_owned()
        }
        Unbelieved::OtherKey => "pin the new key, once its owner has confirmed it".to_owned(),
        Unbelieved::Revoked => "let the server get a new certificate".to_owned(),
    };
    let Some(own) = examined.own() else { return mends };
    let mut ways: Vec<_> = Some(mends).filter(|mends| !mends.is_empty()).into_iter().collect();
    if let Some(file) = file(examined) {
        ways.push(format!("believe the certificates that were just saved: --cacert {file}"));
    } else if examined.vouches_for_itself() {
        let save = command(Change::Save(FILE));
        ways.push(format!(
            "save what the server showed, `{save}`, and believe it: --cacert {FILE}"
        ));
    }
    ways.push(format!(
        "believe its key: --pin {} (compare it by another way first, as on the server itself: whoever is between shows \
         another)",
        own.pin
    ));
    ways.push("for a test alone, believe everybody: -k".to_owned());
    ways.join("; or ")
}

/// What the file of a chain is called, if nobody calls it otherwise.
const FILE: &str = "server.pem";

/// The file to believe: what was saved, if that helps.
fn file(examined: &Examined) -> Option<&str> {
    examined.saved.as_ref()?.to_str().filter(|_| examined.vouches_for_itself())
}

fn names(own: Option<&Certificate>) -> String {
    match own.map(|own| own.names.as_slice()) {
        None | Some([]) => "no name at all (it has no subjectAltName)".to_owned(),
        Some(names) => names.join(", "),
    }
}

fn days(from: SystemTime, to: SystemTime) -> Option<u64> {
    to.duration_since(from).ok().map(|passed| passed.as_secs() / 86_400)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rcgen::{CertificateParams, IsCa, Issuer, KeyPair};
    use tokio_rustls::rustls::{CertificateError, Error, pki_types::CertificateDer};

    use super::*;
    use crate::doctor::tls::witness::Seen;

    fn command(change: Change<'_>) -> String {
        format!("{change:?}")
    }

    /// What a server for `localhost` shows: its certificate, and that of its authority behind it.
    fn chain(is_authority: bool) -> (Vec<CertificateDer<'static>>, CertificateDer<'static>) {
        let (key, authority_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        if is_authority {
            params.is_ca = ca;
        }
        let alone = params.self_signed(&key).unwrap();
        let mut above = CertificateParams::new(vec![]).unwrap();
        above.is_ca = ca;
        let authority = above.self_signed(&authority_key).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "own");
        let issued = params.signed_by(&key, &Issuer::from_params(&above, &authority_key)).unwrap();
        (vec![issued.der().clone(), authority.der().clone()], alone.der().clone())
    }

    fn shown(chain: Vec<CertificateDer<'static>>, error: CertificateError, host: &str) -> Examined {
        let mut examined = Examined::new(host, Belief::Platform);
        let objection = Some(Error::InvalidCertificate(error));
        examined.see(Seen { chain, objection, asked: None });
        examined
    }

    #[track_caller] // a failure points at the row, not at this function
    fn check(
        examined: &Examined,
        verdict: Verdict,
        change: &str,
        warnings: &[Verdict],
    ) -> Diagnosis {
        let found = judge(examined, &command).unwrap();
        assert_eq!(found.verdict, verdict, "{found:?}");
        assert!(found.command.as_ref().unwrap().starts_with(change), "{found:?}");
        assert_eq!(found.warnings, warnings, "{found:?}");
        found
    }

    #[test]
    fn certificates() {
        let unknown = || CertificateError::UnknownIssuer;
        let (issued, alone) = chain(false);
        let found = check(
            &shown(vec![alone.clone()], unknown(), "localhost"),
            Verdict::TlsSelfSigned,
            "Pin(\"sha256/",
            &[],
        );
        // In this order.
        let places = ["--cacert", "--pin", "-k"].map(|way| found.fix.find(way).unwrap());
        assert!(places.is_sorted(), "{}", found.fix);

        let mut saved = shown(vec![alone.clone()], unknown(), "localhost");
        saved.saved = Some(PathBuf::from("a.pem"));
        check(&saved, Verdict::TlsSelfSigned, "Believe(\"a.pem\")", &[]);
        check(
            &shown(vec![alone.clone()], unknown(), "a.example"),
            Verdict::TlsSelfSigned,
            "Pin",
            &[Verdict::TlsWrongName],
        );
        check(&shown(issued.clone(), unknown(), "localhost"), Verdict::TlsUnknownCa, "Pin", &[]);
        // The authority is not there: what was saved does not help.
        let mut lone = shown(issued[..1].to_vec(), unknown(), "localhost");
        lone.saved = Some(PathBuf::from("a.pem"));
        check(&lone, Verdict::TlsUnknownCa, "Pin", &[]);

        // An authority's own certificate is no server's.
        let (_, authority) = chain(true);
        let mut wrong = shown(vec![authority], unknown(), "localhost");
        wrong.saved = Some(PathBuf::from("a.pem"));
        wrong.fault = Some(Fault::Unbelieved {
            why: Unbelieved::SelfSigned,
            word: "invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))".to_owned(),
        });
        let found = check(&wrong, Verdict::TlsSelfSigned, "Pin", &[]);
        assert!(found.cause.contains("CA:TRUE") && !found.fix.contains("--cacert"), "{found:?}");

        check(
            &shown(vec![alone.clone()], CertificateError::Expired, "localhost"),
            Verdict::TlsExpired,
            "Pin",
            &[Verdict::TlsSelfSigned],
        );
        check(
            &shown(issued.clone(), CertificateError::NotValidYet, "localhost"),
            Verdict::TlsNotYetValid,
            "Pin",
            &[],
        );
        let mut named = shown(issued.clone(), CertificateError::NotValidForName, "127.0.0.1");
        check(&named, Verdict::TlsWrongName, "Pin", &[]);
        named.other_name = Some("localhost".to_owned());
        let found = check(&named, Verdict::TlsWrongName, "Host(\"localhost\")", &[]);
        assert!(found.cause.contains("for localhost"), "{found:?}");
        check(
            &shown(issued, CertificateError::Revoked, "localhost"),
            Verdict::TlsUnknownCa,
            "Pin",
            &[],
        );

        let mut good = shown(vec![alone], unknown(), "localhost");
        good.fault = None;
        assert_eq!(judge(&good, &command), None);
    }

    #[test]
    fn handshakes() {
        #[track_caller]
        fn fault(fault: Fault, verdict: Verdict, change: &str) {
            let mut examined = Examined::new("localhost", Belief::Platform);
            examined.fault = Some(fault);
            check(&examined, verdict, change, &[]);
        }
        let word = || "word".to_owned();
        for answered in [Answered::Nothing, Answered::Ours] {
            let wanted = Fault::ClientCertificate { answered, word: word() };
            fault(wanted, Verdict::TlsClientCertificateRequired, "Nothing");
        }
        for speaks in [None, Some("TLS 1.0")] {
            fault(Fault::Version { speaks, word: word() }, Verdict::TlsVersion, "Nothing");
        }
        fault(Fault::PlainHttp { said: word() }, Verdict::PlainHttpOnTlsPort, "NoTls");
        fault(Fault::Http2Only, Verdict::Http2Only, "Nothing");
        fault(Fault::UnknownName, Verdict::TlsWrongName, "Nothing");
        fault(Fault::NotTls { said: word() }, Verdict::NotSocketIo, "Nothing");
        fault(Fault::HungUp { word: word() }, Verdict::NoAnswer, "Nothing");
        fault(Fault::Silent, Verdict::NoAnswer, "Nothing");
        fault(Fault::Other { word: word() }, Verdict::TlsVersion, "Nothing");
    }
}
