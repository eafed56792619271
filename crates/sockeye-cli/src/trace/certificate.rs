//! Whom a certificate is for, as far as its own name for that goes.

use x509_parser::parse_x509_certificate;

/// The common name of the subject, if it has one.
pub(super) fn common_name(der: &[u8]) -> Option<String> {
    let (_, certificate) = parse_x509_certificate(der).ok()?;
    let name = certificate.subject().iter_common_name().next()?;
    name.as_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    fn certificate(names: &[(DnType, &str)]) -> Vec<u8> {
        let mut params = CertificateParams::new(["im.example.com".to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        for (kind, name) in names {
            params.distinguished_name.push(kind.clone(), *name);
        }
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn names_of_certificates() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(names: &[(DnType, &str)], expect: Option<&str>) {
            assert_eq!(common_name(&certificate(names)).as_deref(), expect);
        }
        check(&[], None);
        check(&[(DnType::OrganizationName, "Example")], None);
        check(&[(DnType::CommonName, "im.example.com")], Some("im.example.com"));
        let long = "é".repeat(60);
        check(&[(DnType::OrganizationName, "Example"), (DnType::CommonName, &long)], Some(&long));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, end: prop::sample::Index) {
            common_name(&bytes);
            let mut certificate = certificate(&[(DnType::CommonName, "a")]);
            let end = end.index(certificate.len());
            certificate[end] ^= bytes.first().copied().unwrap_or_default();
            common_name(&certificate);
            common_name(&certificate[..end]);
        }
    }
}
