//! Whom a certificate is for, as far as its own name for that goes (X.509, in DER).

/// What follows in DER: its tag, its content, and what stands behind it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(first) {
        length @ 0..0x80 => (length, rest),
        long => {
            let (length, rest) = rest.split_at_checked(long - 0x80)?;
            let add = |sum: usize, byte: &u8| sum.checked_mul(256)?.checked_add((*byte).into());
            (length.iter().try_fold(0, add)?, rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// The common name of the subject, if it has one.
pub(super) fn common_name(der: &[u8]) -> Option<String> {
    /// `id-at-commonName`, 2.5.4.3.
    const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
    const VERSION: u8 = 0xA0;

    let (_, certificate, _) = element(der)?;
    let (_, mut rest, _) = element(certificate)?;
    if let (VERSION, _, after) = element(rest)? {
        rest = after;
    }
    // Serial number, algorithm, issuer, validity.
    for _ in 0..4 {
        (_, _, rest) = element(rest)?;
    }
    let (_, mut names, _) = element(rest)?;
    while let Some((_, mut set, after)) = element(names) {
        names = after;
        while let Some((_, pair, after)) = element(set) {
            set = after;
            let (_, kind, value) = element(pair)?;
            if kind == COMMON_NAME {
                let (_, text, _) = element(value)?;
                return Some(String::from_utf8_lossy(text).into_owned());
            }
        }
    }
    None
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
