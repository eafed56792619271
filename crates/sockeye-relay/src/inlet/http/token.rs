//! The token that producers have to show, and where nobody needs one.

use std::{fmt, net::SocketAddr};

use http::{HeaderMap, Uri, header};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// A bearer token. It is never shown.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Why a token can't be used.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum TokenError {
    /// It has no characters.
    #[error(
        "the token is empty; write one of at least 16 characters, such as of `openssl rand -hex 32`"
    )]
    Empty,
    /// A header can't hold it.
    #[error(
        "the token has a character that no header can hold; use letters and digits, on one line"
    )]
    Characters,
}

impl Token {
    /// Takes a token, as it stands in a file: blanks around it are none of it.
    ///
    /// # Errors
    ///
    /// [`TokenError`].
    pub fn new(text: &str) -> Result<Self, TokenError> {
        match text.trim() {
            "" => Err(TokenError::Empty),
            text if !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err(TokenError::Characters)
            }
            text => Ok(Self(digest(text.as_bytes()))),
        }
    }

    /// Whether the request shows it.
    pub(super) fn is_shown(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (given.next(), given.next()) else { return false };
        let Some((scheme, token)) = value.as_bytes().split_at_checked("Bearer ".len()) else {
            return false;
        };
        scheme.eq_ignore_ascii_case(b"Bearer ") && is_equal(&self.0, &digest(token.trim_ascii()))
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Looks at every byte, wherever they differ: how long it takes says nothing.
fn is_equal(one: &[u8; 32], other: &[u8; 32]) -> bool {
    let difference = one.iter().zip(other).fold(0, |found, (one, other)| found | (one ^ other));
    std::hint::black_box(difference) == 0
}

/// Anybody who reaches this address could put tasks.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error(
    "{0} can be reached from other machines, and there is no token; listen on 127.0.0.1:{port}, or name a file with one: \
     --token-file FILE",
    port = .0.port()
)]
pub struct Exposed(pub SocketAddr);

/// Checks that whoever reaches the address may put tasks.
///
/// # Errors
///
/// [`Exposed`]: others than this machine's programs could, without a token.
pub fn check_exposure(address: SocketAddr, token: Option<&Token>) -> Result<(), Exposed> {
    let is_local = address.ip().to_canonical().is_loopback();
    if is_local || token.is_some() { Ok(()) } else { Err(Exposed(address)) }
}

/// Whether the request was meant for this machine. A page of a browser on it may have had another name point here.
pub(super) fn names_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else {
        return false;
    };
    let Ok(uri) = host.parse::<Uri>() else { return false };
    let Some(name) = uri.authority().map(|authority| authority.host()) else { return false };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_shown() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(headers: &[&str], expect: bool) {
            let token = Token::new(" s3cret\n").unwrap();
            let mut map = HeaderMap::new();
            for value in headers {
                map.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            assert_eq!(token.is_shown(&map), expect, "{headers:?}");
        }
        check(&["Bearer s3cret"], true);
        check(&["bearer  s3cret"], true);
        check(&["Bearer s3cre"], false);
        check(&["Bearer s3cret2"], false);
        check(&["Bearer "], false);
        check(&["Bearer"], false);
        check(&["s3cret"], false);
        check(&["Basic s3cret"], false);
        check(&["Bearer s3cret", "Bearer s3cret"], false);
        check(&[], false);
    }

    #[test]
    fn tokens_are_written_in_one_word() {
        assert_eq!(Token::new(" \n").unwrap_err(), TokenError::Empty);
        assert_eq!(Token::new("a\nb").unwrap_err(), TokenError::Characters);
        assert_eq!(Token::new("é").unwrap_err(), TokenError::Characters);
        assert!(!format!("{:?}", Token::new("s3cret").unwrap()).contains("s3cret"));
    }

    #[test]
    fn only_this_machine_needs_no_token() {
        #[track_caller]
        fn check(address: &str, expect: bool) {
            let address = address.parse().unwrap();
            assert_eq!(check_exposure(address, None).is_ok(), expect, "{address}");
            assert_eq!(check_exposure(address, Some(&Token::new("t").unwrap())), Ok(()));
        }
        check("127.0.0.1:80", true);
        check("127.9.9.9:80", true);
        check("[::1]:80", true);
        check("[::ffff:127.0.0.1]:80", true);
        check("0.0.0.0:80", false);
        check("[::]:80", false);
        check("192.168.0.1:80", false);
    }

    #[test]
    fn names_of_this_machine() {
        #[track_caller]
        fn check(host: &str, expect: bool) {
            let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
            assert_eq!(names_this_machine(&headers), expect, "{host}");
        }
        check("localhost", true);
        check("LOCALHOST:8090", true);
        check("127.0.0.1:8090", true);
        check("[::1]:8090", true);
        check("evil.example:8090", false);
        check("localhost.evil.example", false);
        check("192.168.0.1", false);
        check("", false);
    }
}
