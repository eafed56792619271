//! Whom a request is for: the rule on `Host`, which every request has to keep (RFC 9112 §3.2).

use http::{HeaderValue, Version, header, uri::Authority};

/// Whether a request names its host as it must: with one `Host` in HTTP/1.1, and never with two, or with what is no host.
/// A server answers any other with status 400: of two hosts a proxy on the way may have chosen by the other one.
///
/// HTTP/1.0 may leave it out, as it was made without; HTTP/2 has `:authority` in its place. An empty one says that the
/// target has none.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::ws::handshake::names_one_host;
///
/// assert!(names_one_host(&http::Request::get("/").header("host", "example.com:8080").body(())?));
/// assert!(!names_one_host(&http::Request::get("/").body(())?));
/// # Ok::<_, http::Error>(())
/// ```
pub fn names_one_host<B>(request: &http::Request<B>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => request.version() != Version::HTTP_11,
        (Some(host), None) => is_host(host),
        (Some(_), Some(_)) => false,
    }
}

/// Whether it is empty, or a host with or without a port.
fn is_host(host: &HeaderValue) -> bool {
    if host.is_empty() {
        return true;
    }
    let Ok(authority) = Authority::try_from(host.as_bytes()) else { return false };
    let port = authority.as_str().strip_prefix(authority.host()); // not so if there is a user
    port.is_some_and(|port| {
        port.is_empty()
            || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(version: Version, hosts: &[&str], expect: bool) {
        let mut request = http::Request::new(());
        *request.version_mut() = version;
        for host in hosts {
            let host = HeaderValue::from_bytes(host.as_bytes()).unwrap();
            request.headers_mut().append(header::HOST, host);
        }
        assert_eq!(names_one_host(&request), expect, "{version:?} {hosts:?}");
    }

    #[test]
    fn a_request_names_one_host() {
        for host in [
            "example.com",
            "example.com:80",
            "my_service:3000",
            "127.0.0.1:1",
            "[::1]:80",
            "[::1]",
            "a:",
            "X",
            "",
        ] {
            check(Version::HTTP_11, &[host], true);
            check(Version::HTTP_10, &[host], true);
        }
        for host in [
            "a b",
            "a, b",
            "a/b",
            "http://a",
            "user@a",
            "u:p@a:80",
            "a:b",
            "a:80:80",
            "a?b",
            "a#b",
            "[::1",
            "caf\u{e9}",
        ] {
            check(Version::HTTP_11, &[host], false);
            check(Version::HTTP_10, &[host], false);
        }
        for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
            check(version, &["a", "a"], false);
            check(version, &["a", "b"], false);
            check(version, &["", "b"], false);
            check(version, &[], version != Version::HTTP_11);
        }
    }
}
