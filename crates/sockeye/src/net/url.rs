//! The address of a server: a URL taken apart.

use http::{HeaderValue, Uri, uri::PathAndQuery};
use thiserror::Error;

/// A URL taken apart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Address {
    pub(crate) is_secure: bool,
    /// Name or address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The value of the `Host` header.
    pub(crate) authority: HeaderValue,
    /// What stands in the request line.
    pub(crate) target: Uri,
}

impl Address {
    /// Reads a URL; `http` and `ws` mean the same, and so do `https` and `wss`, as in browsers.
    pub(crate) fn parse(url: &str) -> Result<Self, UrlError> {
        let uri: Uri = url.parse().map_err(UrlError::Syntax)?;
        let is_secure = match uri.scheme_str().map(str::to_ascii_lowercase).as_deref() {
            Some("ws" | "http") => false,
            Some("wss" | "https") => true,
            _ => return Err(UrlError::Scheme),
        };
        let authority = uri.authority().ok_or(UrlError::NoHost)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::Credentials);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(UrlError::NoHost);
        }
        // `Authority::port` is `None` for a port that is no number, too.
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("" | ":") | None => {
                if is_secure {
                    443
                } else {
                    80
                }
            }
            Some(_) => authority.port_u16().filter(|port| *port > 0).ok_or(UrlError::Port)?,
        };
        let target = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        // A request line begins with a path, even if the URL has only a query.
        let slash = if target.starts_with('/') { "" } else { "/" };
        let target = format!("{slash}{target}");
        Ok(Self {
            is_secure,
            host: host.to_owned(),
            port,
            authority: HeaderValue::from_str(authority.as_str().trim_end_matches(':'))
                .map_err(|_| UrlError::NoHost)?,
            target: target.parse().map_err(UrlError::Syntax)?,
        })
    }
}

/// What is wrong with a URL. The caller's fault.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum UrlError {
    /// It is no URL.
    #[error("not a URL: {0}; expected something like \"wss://example.com/socket\"")]
    Syntax(#[source] http::uri::InvalidUri),
    /// It begins with something else.
    #[error("the URL must begin with \"ws://\", \"wss://\", \"http://\" or \"https://\"")]
    Scheme,
    /// It names no host.
    #[error("the URL has no host")]
    NoHost,
    /// The port is no number from 1 to 65535.
    #[error("the URL's port must be a number from 1 to 65535")]
    Port,
    /// It holds a user or password, which would be dropped in silence.
    #[error("the URL has a user or password; send them in the \"authorization\" header instead")]
    Credentials,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        #[track_caller]
        fn check(url: &str, expect: (bool, &str, u16, &str, &str)) {
            let address = Address::parse(url).unwrap();
            let (authority, target) =
                (address.authority.to_str().unwrap(), address.target.to_string());
            let found = (
                address.is_secure,
                address.host.as_str(),
                address.port,
                authority,
                target.as_str(),
            );
            assert_eq!(found, expect, "{url}");
        }
        check("ws://localhost", (false, "localhost", 80, "localhost", "/"));
        check("wss://h/", (true, "h", 443, "h", "/"));
        check("http://h:8080/a/b?c=d", (false, "h", 8080, "h:8080", "/a/b?c=d"));
        check("https://h?x=%20", (true, "h", 443, "h", "/?x=%20"));
        check("ws://[::1]:3000/x", (false, "::1", 3000, "[::1]:3000", "/x"));
        check("ws://h/a#fragment", (false, "h", 80, "h", "/a")); // it is the client's own business
        check("ws://h//a", (false, "h", 80, "h", "//a"));
        check("ws://h:/", (false, "h", 80, "h", "/"));
        check("WS://H/", (false, "H", 80, "H", "/"));
    }

    #[test]
    fn wrong_urls() {
        #[track_caller]
        fn check(url: &str, expect: &str) {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(error.contains(expect), "{url}: {error}");
        }
        check("", "not a URL");
        check("ws://a b/", "not a URL");
        check("localhost:80", "begin with");
        check("/path", "begin with");
        check("ftp://h/", "begin with");
        check("ws://h:0/", "port");
        check("ws://h:99999/", "port");
        check("ws://me:secret@h/", "authorization");
    }
}
