//! A pin: the hash by which a server's key is known (RFC 7469 §2.4).

use std::{fmt, sync::Arc};

use ::base64::{Engine as _, prelude::BASE64_STANDARD};
use rustls::{
    CertificateError, Error, OtherError, pki_types::CertificateDer, server::ParsedCertificate,
};
use sha2::{Digest as _, Sha256};
use sockeye_proto::wire::base64;
use thiserror::Error;

use super::TlsError;

/// The SHA-256 of a SubjectPublicKeyInfo.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Pin([u8; 32]);

impl Pin {
    pub(super) fn of(public_key_info: &[u8]) -> Self {
        Self(Sha256::digest(public_key_info).into())
    }

    /// Reads `sha256/BASE64`, as browsers and Android write it, or `sha256//BASE64`, as curl does.
    pub(super) fn parse(text: &str) -> Result<Self, TlsError> {
        let hash = text.trim().strip_prefix("sha256/").and_then(|hash| {
            let hash = hash.trim_end_matches('=');
            // A slash is a digit of base64, too: 43 of those make 32 bytes.
            let hash = hash.strip_prefix('/').filter(|rest| rest.len() == 43).unwrap_or(hash);
            base64::decode(hash).ok()?.try_into().ok()
        });
        hash.map(Self).ok_or_else(|| TlsError::Pin { found: text.to_owned() })
    }
}

/// Believes a server by its key alone.
pub(super) fn has_key_of(pins: &[Pin], certificate: &CertificateDer<'_>) -> Result<(), Error> {
    let certificate = ParsedCertificate::try_from(certificate)?;
    let found = Pin::of(&certificate.subject_public_key_info());
    if pins.contains(&found) {
        return Ok(());
    }
    let other = OtherError(Arc::new(WrongKey { found: found.to_string() }));
    Err(CertificateError::Other(other).into())
}

/// The server's key has none of the hashes.
#[derive(Error)]
#[error("the server's key is {found}, and no pin is")]
pub(super) struct WrongKey {
    pub(super) found: String,
}

reads_as_text!(WrongKey);

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256/{}", BASE64_STANDARD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pins_are_read_in_either_form() {
        let pin = Pin::of(b"");
        let written = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(pin.to_string(), written);
        for text in [
            written,
            written.trim_end_matches('='),
            &format!(" {written}\n"),
            &written.replace("sha256/", "sha256//"),
            &written.replace("U=", "V="), // the last bits belong to no byte
        ] {
            assert_eq!(Pin::parse(text).unwrap(), pin, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_pin_is_refused_with_the_way_to_compute_one() {
        for text in [
            "",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha1/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha256/47DEQpj8HBSa",
            "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUAAA==",
            "sha256/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", // in hexadecimal
            "sha256/",
            "sha256/é",
        ] {
            let error = Pin::parse(text).unwrap_err().to_string();
            assert!(error.contains("openssl") && error.contains(&format!("{text:?}")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_pin_is_read_as_it_was_written(mut hash: [u8; 32], slashes: bool, begins_so: bool) {
            if begins_so {
                hash[0] = 0xff; // a slash in base64
            }
            let mut text = Pin(hash).to_string();
            if slashes {
                text = text.replacen('/', "//", 1);
            }
            prop_assert_eq!(Pin::parse(&text).unwrap(), Pin(hash));
        }
    }
}
