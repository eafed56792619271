//! From what was found at a server's TLS to one verdict, one cause and one fix. Pure: the time is that of the examination.

use std::time::SystemTime;

use crate::{
    date::rfc_3339,
    doctor::{
        found::{
            Found,
            tls::{Answered, Examined, Fault, Unbelieved},
        },
        report::{Diagnosis, Text, Verdict, text},
        target::{Target, origin},
    },
    reach::Belief,
};

/// What is wrong with the server's TLS.
pub(super) fn judge(target: &Target, found: &Found) -> Option<Diagnosis> {
    let Target { host, port, url_path, command, .. } = target;
    of_examined(found.tls.as_ref()?, &|change| {
        // Who is believed is decided once.
        let believing = || command.clone().without("--cacert").without("--pin").without("-k");
        let to = |is_secure, host: &str| {
            command.clone().to(&format!("{}{url_path}", origin(is_secure, host, *port)))
        };
        match change {
            Change::Believe(file) => believing().with("--cacert", file),
            Change::Pin(pin) => believing().with("--pin", pin),
            Change::Host(name) => to(true, name),
            Change::NoTls => to(false, host),
            Change::Save(file) => command.clone().with("--save-cert", file),
            Change::Nothing => command.clone(),
        }
        .doctor()
    })
}

/// What to change in the command line.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Change<'c> {
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
fn of_examined(examined: &Examined, command: &dyn Fn(Change<'_>) -> String) -> Option<Diagnosis> {
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
fn of_handshake(host: &str, fault: &Fault) -> (Verdict, Text, Text) {
    match fault {
        Fault::ClientCertificate { answered: Answered::Nothing, word } => (
            Verdict::TlsClientCertificateRequired,
            text!(
                "The server wants a certificate of the client's, and none was given ({word}).",
                "服务器要求客户端证书，而我们没有（{word}）。"
            ),
            text!(
                "give one of an authority that the server believes, with its key: --cert FILE --key FILE",
                "给出由服务器信任的机构签发的证书和它的密钥：--cert FILE --key FILE"
            ),
        ),
        Fault::ClientCertificate { answered: Answered::Ours, word } => (
            Verdict::TlsClientCertificateRequired,
            text!(
                "The server does not take the certificate of --cert ({word}).",
                "服务器不接受 --cert 给出的证书（{word}）。"
            ),
            text!(
                "give one that is valid, and of an authority that the server believes: --cert FILE --key FILE",
                "给出有效的、由服务器信任的机构签发的证书：--cert FILE --key FILE"
            ),
        ),
        Fault::Version { speaks: Some(speaks), .. } => (
            Verdict::TlsVersion,
            text!(
                "The server speaks {speaks}, and we TLS 1.2 and 1.3.",
                "服务器使用 {speaks}，而我们使用 TLS 1.2 和 1.3。"
            ),
            text!(
                "let the server, or the proxy in front of it, speak TLS 1.2 and 1.3 (nginx: ssl_protocols TLSv1.2 TLSv1.3;)",
                "让服务器或它的前置代理支持 TLS 1.2 和 1.3（nginx：ssl_protocols TLSv1.2 TLSv1.3;）"
            ),
        ),
        Fault::Version { speaks: None, word } => (
            Verdict::TlsVersion,
            text!(
                "The server and we have no version of TLS, or no cipher suite, in common: {word}.",
                "服务器与我们没有共同的 TLS 版本或密码套件：{word}。"
            ),
            text!(
                "let the server, or the proxy in front of it, speak TLS 1.2 or 1.3 with a cipher suite of today",
                "让服务器或它的前置代理支持 TLS 1.2 或 1.3，以及现在通用的密码套件"
            ),
        ),
        Fault::PlainHttp { said } => (
            Verdict::PlainHttpOnTlsPort,
            text!(
                "The URL asks for TLS, and the port speaks HTTP without it: it answered {said:?}.",
                "URL 要求 TLS，而端口上是明文 HTTP：它回答 {said:?}。"
            ),
            text!(
                "begin the URL with http:// (or ws://), or name the port that speaks TLS",
                "URL 改用 http://（或 ws://），或改用支持 TLS 的端口"
            ),
        ),
        Fault::Http2Only => (
            Verdict::Http2Only,
            text!(
                "The server's front speaks no HTTP/1.1, which Engine.IO and WebSockets need (TLS alert 120, \
                 no_application_protocol).",
                "前置代理不支持 HTTP/1.1，而 Engine.IO 和 WebSocket 都需要它（TLS 警报 120，no_application_protocol）。"
            ),
            text!(
                "let the front offer http/1.1 beside h2 by ALPN (HAProxy: alpn h2,http/1.1)",
                "让前置代理在 ALPN 中同时提供 http/1.1 和 h2（HAProxy：alpn h2,http/1.1）"
            ),
        ),
        Fault::UnknownName => (
            Verdict::TlsWrongName,
            text!(
                "The server has no certificate for {host} (TLS alert 112, unrecognized_name).",
                "服务器没有 {host} 的证书（TLS 警报 112，unrecognized_name）。"
            ),
            text!(
                "use a name in the URL that the server knows, or give it a certificate for this one",
                "在 URL 中使用服务器认识的域名，或者给服务器换一张包含这个域名的证书"
            ),
        ),
        Fault::NotTls { said } => (
            Verdict::NotSocketIo,
            text!(
                "What answers speaks neither TLS nor HTTP: {said:?}.",
                "应答的一方说的既不是 TLS 也不是 HTTP：{said:?}。"
            ),
            text!("correct the port in the URL", "改正 URL 中的端口"),
        ),
        Fault::HungUp { word } => (
            Verdict::NoAnswer,
            text!(
                "The connection ends during the TLS handshake ({word}), and a plain request gets no answer either.",
                "连接在 TLS 握手时断开（{word}），明文请求也没有应答。"
            ),
            text!(
                "correct the port in the URL; or let the firewall, or the proxy, that ends the connection know this name",
                "改正 URL 中的端口；或者让断开连接的防火墙或代理认识这个域名"
            ),
        ),
        Fault::Silent => (
            Verdict::NoAnswer,
            text!(
                "TCP connects, but neither a TLS handshake nor a plain request gets an answer.",
                "TCP 能连上，但 TLS 握手和明文请求都没有应答。"
            ),
            text!(
                "look whether the server is stuck, correct the port in the URL, or wait longer with --timeout",
                "看看服务器是否卡死，改正 URL 中的端口，或用 --timeout 多等一会儿"
            ),
        ),
        Fault::Unbelieved { word, .. } | Fault::Other { word } => (
            Verdict::TlsVersion,
            text!("The TLS handshake failed: {word}.", "TLS 握手失败：{word}。"),
            text!(
                "let the server, or the proxy in front of it, speak TLS 1.2 or 1.3 as their standards have it",
                "让服务器或它的前置代理按标准支持 TLS 1.2 或 1.3"
            ),
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
        cause = cause.then(&text!(
            " It is an authority's (CA:TRUE, as `openssl req -x509` makes them): believed only by who has this very one.",
            "它是一张机构证书（CA:TRUE，`openssl req -x509` 做出来的就是这样）：只有手里有同一张证书的一方才会信任它。"
        ));
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
    diagnosis.warnings = examined.others().iter().map(|other| warning(examined, other)).collect();
    diagnosis
}

/// What is wrong besides.
fn warning(examined: &Examined, why: &Unbelieved) -> Diagnosis {
    Diagnosis::new(verdict(why), cause(examined, why), mends(why))
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

fn cause(examined: &Examined, why: &Unbelieved) -> Text {
    let (host, clock) = (&examined.host, rfc_3339(examined.at));
    let subject = |place: usize| {
        examined.chain.get(place).map_or("which can't be read", |found| &*found.subject)
    };
    let own = subject(0);
    match why {
        Unbelieved::SelfSigned => text!(
            "The certificate of {host}, {own}, is signed by itself: nobody else vouches for it.",
            "{host} 的证书 {own} 是自签名的：没有别人为它作证。"
        ),
        Unbelieved::UnknownAuthority => {
            let issuer = examined.chain.last().map_or("nobody", |last| &*last.issuer);
            match examined.belief {
                Belief::Given => text!(
                    "The certificate of {host}, {own}, is of an authority that --cacert does not hold: {issuer}.",
                    "签发 {host} 的证书 {own} 的机构不在 --cacert 中：{issuer}。"
                ),
                _ => text!(
                    "The certificate of {host}, {own}, is of an authority that this machine does not believe: {issuer}.",
                    "签发 {host} 的证书 {own} 的机构不受本机信任：{issuer}。"
                ),
            }
        }
        Unbelieved::MissingIntermediate { .. } => {
            let issuer = examined.own().map_or("", |own| &*own.issuer);
            text!(
                "The server sends its own certificate, {own}, alone, without that of its issuer, {issuer}, by which an \
                 authority vouches for it.",
                "服务器只发来自己的证书 {own}，没有发签发者 {issuer} 的证书，而根机构是通过它来作证的。"
            )
        }
        Unbelieved::Expired { place } => {
            let end = examined.chain.get(*place).map(|found| found.not_after);
            let (ago, since) = match end.and_then(|end| days(end, examined.at)) {
                Some(days) => (format!(", {days} days ago"), format!("，已有 {days} 天")),
                None => Default::default(),
            };
            text!(
                "The certificate {subject} expired at {end}{ago} (this machine's clock says {clock}).",
                "证书 {subject} 已于 {end} 过期{since}（本机时钟是 {clock}）。",
                subject = subject(*place),
                end = end.map(rfc_3339).unwrap_or_default()
            )
        }
        Unbelieved::NotYetValid { place } => {
            let begin = examined.chain.get(*place).map(|found| rfc_3339(found.not_before));
            text!(
                "The certificate {subject} is valid only from {begin} on (this machine's clock says {clock}).",
                "证书 {subject} 从 {begin} 起才有效（本机时钟是 {clock}）。",
                subject = subject(*place),
                begin = begin.as_deref().unwrap_or_default()
            )
        }
        Unbelieved::WrongName => match examined.own().map(|own| own.names.join(", ")) {
            Some(names) if !names.is_empty() => text!(
                "The certificate, {own}, is not for {host}, but for {names}.",
                "证书 {own} 不是给 {host} 的，而是给 {names} 的。"
            ),
            _ => text!(
                "The certificate, {own}, is not for {host}, but for no name at all (it has no subjectAltName).",
                "证书 {own} 不是给 {host} 的，它没有写任何域名（没有 subjectAltName）。"
            ),
        },
        Unbelieved::OtherKey => text!(
            "The server's key is {pin}, and none that is pinned: it got a new one, or somebody is between.",
            "服务器的密钥是 {pin}，不在 --pin 之中：要么换了密钥，要么中间有人。",
            pin = examined.own().map_or("unreadable", |own| &*own.pin)
        ),
        Unbelieved::Revoked => text!(
            "The certificate of {host}, {own}, was revoked by its authority.",
            "{host} 的证书 {own} 已被签发机构吊销。"
        ),
    }
}

/// What mends it for everybody.
fn mends(why: &Unbelieved) -> Text {
    match why {
        Unbelieved::SelfSigned => text!(
            "let the server have a certificate of an authority that clients believe",
            "给服务器换一张由受信任机构签发的证书"
        ),
        Unbelieved::UnknownAuthority => text!(
            "give the certificate of that authority: --cacert FILE",
            "给出那个机构的证书：--cacert FILE"
        ),
        Unbelieved::MissingIntermediate { at } => text!(
            "let the server send the certificate of its issuer as well, which lies at {at} (nginx: ssl_certificate \
             fullchain.pem;)",
            "让服务器把签发者的证书也发出来，它在 {at}（nginx：ssl_certificate fullchain.pem;）"
        ),
        Unbelieved::Expired { .. } => {
            text!("let the server renew it, and load the new one", "给服务器续期，并让它加载新证书")
        }
        Unbelieved::NotYetValid { .. } => {
            text!("set the clock of this machine, if it is wrong", "如果本机时钟不准，就校准它")
        }
        Unbelieved::WrongName => text!(
            "use a name that it is for in the URL, or give the server a certificate for this one",
            "在 URL 中使用证书上写的域名，或者给服务器换一张包含这个域名的证书"
        ),
        Unbelieved::OtherKey => text!(
            "pin the new key, once its owner has confirmed it",
            "向密钥的主人确认之后，改为 pin 新的密钥"
        ),
        Unbelieved::Revoked => {
            text!("let the server get a new certificate", "给服务器换一张新证书")
        }
    }
}

/// What mends it, and then the ways to believe the server all the same, the best first.
fn fix(examined: &Examined, why: &Unbelieved, command: &dyn Fn(Change<'_>) -> String) -> Text {
    let Some(own) = examined.own() else { return mends(why) };
    // Whoever signs for himself has reasons; what is in the way is only that we don't know him yet.
    let first = (*why != Unbelieved::SelfSigned).then(|| mends(why));
    let mut ways: Vec<_> = first.into_iter().collect();
    if let Some(file) = file(examined) {
        ways.push(text!(
            "believe the certificates that were just saved: --cacert {file}",
            "信任刚才保存的证书：--cacert {file}"
        ));
    } else if examined.vouches_for_itself() {
        let save = command(Change::Save(FILE));
        ways.push(text!(
            "save what the server showed, `{save}`, and believe it: --cacert {FILE}",
            "保存服务器出示的证书 `{save}`，然后信任它：--cacert {FILE}"
        ));
    }
    ways.push(text!(
        "believe its key: --pin {pin} (compare it by another way first, as on the server itself: whoever is between shows \
         another)",
        "信任它的密钥：--pin {pin}（先用别的途径核对，例如在服务器本机上：中间人出示的是另一把）",
        pin = own.pin
    ));
    ways.push(text!("for a test alone, believe everybody: -k", "仅供测试，信任任何证书：-k"));
    Text::any_of(&ways)
}

/// What the file of a chain is called, if nobody calls it otherwise.
const FILE: &str = "server.pem";

/// The file to believe: what was saved, if that helps.
fn file(examined: &Examined) -> Option<&str> {
    examined.saved.as_ref()?.to_str().filter(|_| examined.vouches_for_itself())
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
    use crate::doctor::{found::tls::Seen, report::Language};

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
        let found = of_examined(examined, &command).unwrap();
        assert_eq!(found.verdict, verdict, "{found:?}");
        assert!(found.command.as_ref().unwrap().starts_with(change), "{found:?}");
        let warned: Vec<_> = found.warnings.iter().map(|warning| warning.verdict).collect();
        assert_eq!(warned, warnings, "{found:?}");
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
        let fix = found.fix.in_language(Language::English);
        let places = ["--cacert", "--pin", "-k"].map(|way| fix.find(way).unwrap());
        assert!(places.is_sorted(), "{fix}");

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
        // The authority is not there, but the server's own certificate is, byte for byte.
        let mut lone = shown(issued[..1].to_vec(), unknown(), "localhost");
        lone.saved = Some(PathBuf::from("a.pem"));
        check(&lone, Verdict::TlsUnknownCa, "Believe(\"a.pem\")", &[]);
        let mut elsewhere = shown(issued[..1].to_vec(), unknown(), "a.example");
        elsewhere.saved = Some(PathBuf::from("a.pem"));
        check(&elsewhere, Verdict::TlsUnknownCa, "Pin", &[Verdict::TlsWrongName]);

        // So is one of an authority's, which is no server's otherwise.
        let (_, authority) = chain(true);
        let mut wrong = shown(vec![authority], unknown(), "localhost");
        wrong.saved = Some(PathBuf::from("a.pem"));
        wrong.fault = Some(Fault::Unbelieved {
            why: Unbelieved::SelfSigned,
            word: "invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))".to_owned(),
        });
        let found = check(&wrong, Verdict::TlsSelfSigned, "Believe(\"a.pem\")", &[]);
        assert!(found.cause.contains("CA:TRUE") && found.fix.contains("--cacert"), "{found:?}");

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
        assert_eq!(of_examined(&good, &command), None);
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
