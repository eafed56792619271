//! The cookie with the session's id, for load balancers that send all requests of a session to one place.

use std::time::Duration;

use http::HeaderValue;

/// A cookie that holds the session's id; without it, which is the default, no cookie is set.
///
/// It goes out with the answer that opens a session on polling, as in the reference server. Nothing reads it here:
/// it is for a load balancer whose sticky routing wants one. As the id is a secret, keep scripts from it.
///
/// # Examples
///
/// ```
/// use sockeye::server::{Cookie, Namespace, Server};
///
/// let server = Server::builder()
///     .cookie(Cookie::new("io").secure(true))
///     .namespace("/", Namespace::new())
///     .build()?;
/// # Ok::<_, sockeye::server::BuildError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "give it to the builder"]
pub struct Cookie {
    name: String,
    path: String,
    http_only: bool,
    secure: bool,
    same_site: SameSite,
    max_age: Option<Duration>,
}

/// Whether a browser sends the cookie along when another site's page makes the request.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SameSite {
    /// Never.
    Strict,
    /// When the visitor follows a link, but not with a page's own requests.
    #[default]
    Lax,
    /// Always; browsers want [`Cookie::secure`] then.
    None,
}

impl Cookie {
    /// A cookie of this name; the reference server's is `io`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            path: "/".to_owned(),
            http_only: true,
            secure: false,
            same_site: SameSite::Lax,
            max_age: None,
        }
    }

    /// The path below which the browser sends it. Default: `/`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Whether scripts can't read it. Default: yes.
    pub const fn http_only(mut self, http_only: bool) -> Self {
        self.http_only = http_only;
        self
    }

    /// Whether it travels over TLS only. Default: no; behind TLS say yes.
    pub const fn secure(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    /// Whether it goes with requests of other sites' pages. Default: [`SameSite::Lax`].
    pub const fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// How long the browser keeps it, in whole seconds. Default: until it is closed.
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// What is wrong with it, and what to do.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        if self.name.is_empty() || !self.name.bytes().all(is_token) {
            return Some("must have a name of letters, digits and the like; \"io\", for instance");
        }
        let is_path = self.path.starts_with('/')
            && self.path.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b';');
        if !is_path {
            return Some("must have a path that begins with \"/\" and has no \";\"");
        }
        if self.same_site == SameSite::None && !self.secure {
            return Some("with SameSite::None must be secure, or browsers drop it");
        }
        None
    }

    /// The header `Set-Cookie`; the id needs no encoding.
    pub(super) fn header(&self, sid: &str) -> Option<HeaderValue> {
        let mut text = format!("{}={sid}; Path={}", self.name, self.path);
        if let Some(max_age) = self.max_age {
            text += &format!("; Max-Age={}", max_age.as_secs());
        }
        for (is_set, attribute) in [(self.http_only, "; HttpOnly"), (self.secure, "; Secure")] {
            text += if is_set { attribute } else { "" };
        }
        text += match self.same_site {
            SameSite::Strict => "; SameSite=Strict",
            SameSite::Lax => "; SameSite=Lax",
            SameSite::None => "; SameSite=None",
        };
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true); // it is a secret, also in somebody's log of headers
        Some(value)
    }
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cookie: &Cookie, expect: &str) {
        assert_eq!(cookie.problem(), None);
        assert_eq!(cookie.header("abc").unwrap().to_str().unwrap(), expect);
    }

    #[test]
    fn every_attribute_is_written() {
        check(&Cookie::new("io"), "io=abc; Path=/; HttpOnly; SameSite=Lax");
        let cookie = Cookie::new("a").path("/b").http_only(false).same_site(SameSite::Strict);
        check(&cookie, "a=abc; Path=/b; SameSite=Strict");
        let cookie = Cookie::new("io").secure(true).same_site(SameSite::None);
        check(
            &cookie.max_age(Duration::from_secs(60)),
            "io=abc; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=None",
        );
    }

    #[test]
    fn what_breaks_the_header_is_refused() {
        for cookie in [
            Cookie::new(""),
            Cookie::new("a b"),
            Cookie::new("a=b"),
            Cookie::new("a;b"),
            Cookie::new("ä"),
            Cookie::new("io").path(""),
            Cookie::new("io").path("chat"),
            Cookie::new("io").path("/; Domain=evil.org"),
            Cookie::new("io").path("/\r\nx: y"),
            Cookie::new("io").same_site(SameSite::None),
        ] {
            assert!(cookie.problem().is_some(), "{cookie:?}");
        }
    }
}
