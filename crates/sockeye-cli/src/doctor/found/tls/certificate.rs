//! A certificate as people look at one: whose it is, who vouches for it, and until when.

use std::{
    fmt::Write as _,
    net::IpAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS,
    prelude::FromDer as _,
};

use crate::{date::rfc_3339, values::printable};

/// What a certificate says. Its texts are somebody else's, made fit to be shown.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) not_before: SystemTime,
    pub(crate) not_after: SystemTime,
    /// The names and addresses of servers that may show it.
    pub(crate) names: Vec<String>,
    pub(crate) is_authority: bool,
    /// Whether it names itself as its issuer.
    pub(crate) is_self_signed: bool,
    /// Where it says that its issuer's certificate lies.
    pub(crate) issuer_at: Option<String>,
    /// The hash of its key, as `--pin` takes it.
    pub(crate) pin: String,
}

impl Certificate {
    /// Reads one; `None` if it is none.
    pub(crate) fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, read) = X509Certificate::from_der(der).ok()?;
        let validity = read.validity();
        Some(Self {
            subject: printable(&read.subject().to_string()),
            issuer: printable(&read.issuer().to_string()),
            not_before: time(validity.not_before.timestamp()),
            not_after: time(validity.not_after.timestamp()),
            names: names(&read),
            is_authority: read.is_ca(),
            is_self_signed: read.subject().as_raw() == read.issuer().as_raw(),
            issuer_at: issuer_at(&read),
            pin: format!(
                "sha256/{}",
                BASE64_STANDARD.encode(Sha256::digest(read.public_key().raw))
            ),
        })
    }

    pub(crate) fn evidence(&self) -> Value {
        json!({
            "subject": self.subject,
            "issuer": self.issuer,
            "not_before": rfc_3339(self.not_before),
            "not_after": rfc_3339(self.not_after),
            "names": self.names,
            "is_authority": self.is_authority,
            "issuer_at": self.issuer_at,
            "pin": self.pin,
        })
    }

    /// The whole days until it expires; none if it has.
    pub(crate) fn days_left(&self, now: SystemTime) -> Option<u64> {
        self.not_after.duration_since(now).ok().map(|left| left.as_secs() / 86_400)
    }
}

/// Seconds since 1970; what lies before is as good as its beginning.
fn time(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

fn names(read: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(alternative)) = read.subject_alternative_name() else { return Vec::new() };
    let names = alternative.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(printable(name)),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    });
    names.collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

/// The first place in its authority information access (RFC 5280 §4.2.2.1).
fn issuer_at(read: &X509Certificate<'_>) -> Option<String> {
    read.iter_extensions().find_map(|extension| {
        let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() else {
            return None;
        };
        access.iter().find_map(|place| match &place.access_location {
            GeneralName::URI(uri)
                if place.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS =>
            {
                Some(printable(uri))
            }
            _ => None,
        })
    })
}

/// A chain as `--cacert` reads it.
pub(crate) fn pem(chain: &[CertificateDer<'_>]) -> String {
    let mut pem = String::new();
    for der in chain {
        let base64 = BASE64_STANDARD.encode(der);
        pem += "-----BEGIN CERTIFICATE-----\n";
        for line in base64.as_bytes().chunks(64) {
            let _ = writeln!(pem, "{}", String::from_utf8_lossy(line)); // a String takes everything
        }
        pem += "-----END CERTIFICATE-----\n";
    }
    pem
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CustomExtension, DnType, IsCa, KeyPair, date_time_ymd};
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;

    use super::*;

    #[test]
    fn a_certificate_is_read() {
        let names = vec!["a.example".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "ring\u{7}");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2030, 1, 1);
        // SEQUENCE { SEQUENCE { OID caIssuers, [6] "http://i" } }
        let access = b"\x30\x16\x30\x14\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02\x86\x08http://i";
        let oid = [1, 3, 6, 1, 5, 5, 7, 1, 1];
        params.custom_extensions = vec![CustomExtension::from_oid_content(&oid, access.to_vec())];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();

        let read = Certificate::read(certificate.der()).unwrap();
        assert_eq!(read.subject, "CN=ring\\u0007");
        assert_eq!(read.names, ["a.example", "127.0.0.1", "::1"]);
        assert_eq!(read.issuer_at.as_deref(), Some("http://i"));
        assert!(read.is_self_signed && !read.is_authority);
        assert_eq!(rfc_3339(read.not_after), "2030-01-01T00:00:00.000Z");
        assert_eq!(read.days_left(read.not_after - Duration::from_secs(86_401)), Some(1));
        assert_eq!(read.days_left(read.not_after + Duration::from_secs(1)), None);

        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).unwrap();
        assert!(Certificate::read(authority.der()).unwrap().is_authority);

        let chain = [certificate.der().clone(), authority.der().clone()];
        let pem = pem(&chain);
        assert!(pem.lines().all(|line| line.len() <= 64), "{pem}");
        let again: Vec<_> =
            CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().unwrap();
        assert_eq!(again, chain);
    }

    #[test]
    fn what_is_none_is_none() {
        for bytes in [&b""[..], b"x", b"\x30\x00", &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]] {
            assert!(Certificate::read(&CertificateDer::from(bytes)).is_none(), "{bytes:?}");
        }
    }
}
