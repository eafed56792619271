//! Which web pages may use the server: checked on every request, and told to browsers as CORS headers.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// The web pages whose scripts may connect, by their origin: scheme, host and port.
///
/// A browser names the page's origin in the `Origin` header of every request that matters, and of every WebSocket, and
/// no script can change it. What comes without that header is no script of another origin's page, and passes: this
/// keeps foreign pages from acting with a visitor's cookies, and is no protection against other programs.
///
/// A request of another origin is refused with 403, on every transport, before anything else happens. Origins that are
/// allowed get the headers of CORS, on errors, too.
///
/// # Examples
///
/// ```
/// use sockeye::server::{Namespace, Origins, Server};
///
/// let server = Server::builder()
///     .origins(Origins::list(["https://example.com", "http://localhost:5173"]).with_credentials())
///     .namespace("/", Namespace::new())
///     .build()?;
/// # Ok::<_, sockeye::server::BuildError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "give it to the builder"]
pub struct Origins {
    allowed: Allowed,
    credentials: bool,
}

#[derive(Clone, Debug)]
enum Allowed {
    Same,
    List(Vec<String>),
    Any,
}

impl Origins {
    /// Pages that come from the host and port that the request is for. This is the default.
    ///
    /// The host is the one in the `Host` header, which a proxy in front must pass on; a proxy that changes it makes the
    /// server's own pages foreign. `X-Forwarded-Host` is not looked at: it says whatever somebody wrote into it.
    /// Name the origin with [`Self::list`] then.
    pub const fn same_origin() -> Self {
        Self { allowed: Allowed::Same, credentials: false }
    }

    /// Pages of exactly these origins, such as `https://example.com` or `http://localhost:5173`; nobody else's, so name
    /// the server's own origin as well if it has pages.
    ///
    /// A server that listens on a fixed name should have such a list even if all its pages are its own: it is what
    /// stops a foreign name that resolves to the server's address (DNS rebinding).
    pub fn list<O: Into<String>>(origins: impl IntoIterator<Item = O>) -> Self {
        let origins = origins.into_iter().map(Into::into).collect();
        Self { allowed: Allowed::List(origins), credentials: false }
    }

    /// Pages of every origin. A browser sends cookies along with a WebSocket, whoever opens it: so a server that allows
    /// every origin must not recognise its visitors by a cookie.
    pub const fn any() -> Self {
        Self { allowed: Allowed::Any, credentials: false }
    }

    /// Pages of the [list](Self::list) may send cookies and HTTP authentication along with polling requests; clients
    /// do that with `withCredentials: true`. Default: no.
    ///
    /// The server's own pages always may. Together with [`Self::any`] it would let every page act as the visitor, and
    /// `build` refuses it.
    pub const fn with_credentials(mut self) -> Self {
        self.credentials = true;
        self
    }

    /// Checks everything once.
    pub(crate) fn build(self) -> Result<Policy, OriginsError> {
        let allowed = match self.allowed {
            Allowed::Same => Rule::Same,
            Allowed::Any if self.credentials => return Err(OriginsError::AnyWithCredentials),
            Allowed::Any => Rule::Any,
            Allowed::List(origins) => {
                let read = |origin: String| match problem_of(&origin) {
                    Some(problem) => Err(OriginsError::Unusable { origin, problem }),
                    None => HeaderValue::try_from(origin.as_str()).map_err(|_| {
                        OriginsError::Unusable { origin, problem: "is no header value".to_owned() }
                    }),
                };
                Rule::List(origins.into_iter().map(read).collect::<Result<_, _>>()?)
            }
        };
        Ok(Policy { rule: allowed, credentials: self.credentials })
    }
}

/// What is wrong with [`Origins`].
#[derive(Debug)]
pub(crate) enum OriginsError {
    Unusable { origin: String, problem: String },
    AnyWithCredentials,
}

/// [`Origins`], checked.
#[derive(Debug)]
pub(crate) struct Policy {
    rule: Rule,
    credentials: bool,
}

#[derive(Debug)]
enum Rule {
    Same,
    List(Box<[HeaderValue]>),
    Any,
}

/// Why a request's origin opens no door.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refused {
    /// It is no origin at all.
    Malformed,
    /// It is not among the allowed ones.
    Foreign,
}

impl Policy {
    /// Checks the `Origin` header, whole: nothing is looked for inside it.
    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refused> {
        let origin = match one(headers, &header::ORIGIN) {
            Ok(None) => return Ok(()),
            Ok(Some(origin)) => origin,
            Err(Repeated) => return Err(Refused::Malformed),
        };
        let text = origin.to_str().map_err(|_| Refused::Malformed)?; // visible ASCII
        let allowed = match &self.rule {
            Rule::Any => true,
            Rule::List(origins) => origins.contains(origin),
            Rule::Same => is_same(text, uri, headers),
        };
        if allowed { Ok(()) } else { Err(Refused::Foreign) }
    }

    /// What tells browsers; `None` if no page of another origin may ask.
    pub(super) fn cors(&self) -> Option<CorsLayer> {
        let origins = match &self.rule {
            Rule::Same => return None,
            Rule::Any => AllowOrigin::any(),
            Rule::List(origins) => AllowOrigin::list(origins.iter().cloned()),
        };
        let layer = CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST])
            // The application's own, such as a token: which ones is between it and its pages.
            .allow_headers(AllowHeaders::mirror_request());
        Some(if self.credentials { layer.allow_credentials(true) } else { layer })
    }
}

struct Repeated;

/// The value of a header that may stand once.
fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, Repeated> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(Repeated),
    }
}

/// Whether a page of this origin was served under the name that the request is for. The scheme can't be compared: TLS
/// may have ended before us.
fn is_same(origin: &str, uri: &Uri, headers: &HeaderMap) -> bool {
    let Some((scheme, page)) = origin.split_once("://") else { return false };
    let host = match one(headers, &header::HOST) {
        Ok(Some(host)) => host.to_str().ok(),
        Ok(None) => uri.authority().map(|authority| authority.as_str()), // HTTP/2
        Err(Repeated) => None,
    };
    let Some(host) = host else { return false };
    !page.is_empty()
        && without_default_port(scheme, page)
            .eq_ignore_ascii_case(without_default_port(scheme, host))
}

/// A browser leaves out the port that belongs to the scheme; others may write it.
fn without_default_port<'a>(scheme: &str, host: &'a str) -> &'a str {
    let port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return host,
    };
    host.strip_suffix(port).unwrap_or(host)
}

/// Why no browser would ever send this origin, and what to write instead.
fn problem_of(origin: &str) -> Option<String> {
    if origin == "null" {
        return Some("can be sent by any page, from a sandboxed frame; use Origins::any()".into());
    }
    if origin == "*" {
        return Some("is no origin; use Origins::any()".into());
    }
    let Some((scheme, host)) = origin.split_once("://") else {
        return Some(format!("has no scheme; write \"https://{origin}\", for instance"));
    };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '+' | '-' | '.'));
    if !is_scheme {
        return Some("must begin with a scheme in small letters, such as \"https://\"".into());
    }
    if let Some((host, _)) = host.split_once(['/', '?', '#']) {
        return Some(format!("has something behind its host; write \"{scheme}://{host}\""));
    }
    if host.contains('@') {
        return Some("has a user; write scheme, host and port alone".into());
    }
    if host.contains('*') {
        return Some("has a wildcard; list the origins one by one".into());
    }
    if !host.is_ascii() {
        return Some("has letters beyond ASCII; browsers write such a host as \"xn--…\"".into());
    }
    if host.is_empty() || host.chars().any(|c| c.is_ascii_uppercase() || !c.is_ascii_graphic()) {
        return Some("must have a host, in small letters and without spaces".into());
    }
    let short = without_default_port(scheme, host);
    (short != host)
        .then(|| format!("has the port that browsers leave out; write \"{scheme}://{short}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(origins: &Origins, host: &str, origin: &str, expect: Result<(), Refused>) {
        let policy = origins.clone().build().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.try_into().unwrap());
        headers.insert(header::ORIGIN, HeaderValue::from_bytes(origin.as_bytes()).unwrap());
        let found = policy.check(&Uri::from_static("/socket.io/"), &headers);
        assert_eq!(found, expect, "{origin} asks {host}; {origins:?}");
    }

    const FOREIGN: Result<(), Refused> = Err(Refused::Foreign);

    #[test]
    fn the_same_origin_is_that_of_the_host_header() {
        let same = Origins::same_origin();
        check(&same, "example.com", "https://example.com", Ok(()));
        check(&same, "example.com", "http://example.com", Ok(()));
        check(&same, "EXAMPLE.com", "https://example.com", Ok(()));
        check(&same, "example.com:443", "https://example.com", Ok(()));
        check(&same, "example.com:80", "http://example.com", Ok(()));
        check(&same, "localhost:3000", "http://localhost:3000", Ok(()));
        check(&same, "[::1]:3000", "http://[::1]:3000", Ok(()));
        check(&same, "localhost:3000", "http://localhost:5173", FOREIGN);
        check(&same, "localhost:3000", "http://localhost", FOREIGN);
        check(&same, "localhost:3000", "http://127.0.0.1:3000", FOREIGN);
        check(&same, "example.com", "https://example.com:80", FOREIGN);
        check(&same, "example.com", "https://example.com.evil.org", FOREIGN);
        check(&same, "example.com", "https://evilexample.com", FOREIGN);
        check(&same, "example.com", "https://evil.org/?example.com", FOREIGN);
        check(&same, "example.com", "https://example.com@evil.org", FOREIGN);
        check(&same, "example.com", "https://sub.example.com", FOREIGN);
        check(&same, "example.com", "example.com", FOREIGN);
        check(&same, "example.com", "null", FOREIGN);
        check(&same, "example.com", "", FOREIGN);
        check(&same, "", "http://", FOREIGN);
        check(&same, "example.com", "https://exämple.com", Err(Refused::Malformed));
    }

    #[test]
    fn a_list_is_compared_character_by_character() {
        let list = Origins::list(["https://example.com", "http://localhost:5173"]);
        check(&list, "api.example.com", "https://example.com", Ok(()));
        check(&list, "api.example.com", "http://localhost:5173", Ok(()));
        check(&list, "api.example.com", "https://api.example.com", FOREIGN); // its own is not listed
        check(&list, "api.example.com", "http://example.com", FOREIGN);
        check(&list, "api.example.com", "https://example.com:8443", FOREIGN);
        check(&list, "api.example.com", "https://example.com.evil.org", FOREIGN);
        check(&list, "api.example.com", "https://notexample.com", FOREIGN);
        check(&list, "api.example.com", "https://example.comx", FOREIGN);
        check(&list, "api.example.com", "HTTPS://example.com", FOREIGN);
        check(&list, "api.example.com", "https://exämple.com", Err(Refused::Malformed));
        check(&Origins::any(), "x", "https://evil.org", Ok(()));
        check(&Origins::any(), "x", "\u{e4}", Err(Refused::Malformed));
    }

    #[test]
    fn without_an_origin_or_with_two() {
        let policy = Origins::same_origin().build().unwrap();
        let mut headers = HeaderMap::new();
        assert_eq!(policy.check(&Uri::from_static("/"), &headers), Ok(()));
        headers.append(header::ORIGIN, HeaderValue::from_static("http://a.example"));
        assert_eq!(policy.check(&Uri::from_static("/"), &headers), FOREIGN, "there is no host");
        let uri = Uri::from_static("http://a.example/socket.io/"); // as in HTTP/2
        assert_eq!(policy.check(&uri, &headers), Ok(()));
        headers.append(header::HOST, HeaderValue::from_static("a.example"));
        headers.append(header::HOST, HeaderValue::from_static("b.example"));
        assert_eq!(policy.check(&uri, &headers), FOREIGN);
        headers.append(header::ORIGIN, HeaderValue::from_static("http://a.example"));
        assert_eq!(policy.check(&uri, &headers), Err(Refused::Malformed));
    }

    #[test]
    fn what_no_browser_sends_can_not_be_listed() {
        for (origin, told) in [
            ("https://example.com/", "write \"https://example.com\""),
            ("https://example.com/app", "write \"https://example.com\""),
            ("https://example.com:443", "write \"https://example.com\""),
            ("http://example.com:80", "write \"http://example.com\""),
            ("example.com", "write \"https://example.com\""),
            ("HTTPS://example.com", "small letters"),
            ("https://Example.com", "small letters"),
            ("https://*.example.com", "one by one"),
            ("https://exämple.com", "xn--"),
            ("https://me@example.com", "has a user"),
            ("https://", "must have a host"),
            ("https://exam ple.com", "without spaces"),
            ("*", "Origins::any()"),
            ("null", "Origins::any()"),
        ] {
            match Origins::list([origin]).build() {
                Err(OriginsError::Unusable { problem, .. }) => {
                    assert!(problem.contains(told), "{origin}: {problem}");
                }
                other => panic!("{origin}: {other:?}"),
            }
        }
        for origin in ["capacitor://localhost", "tauri://localhost", "http://[::1]:3000"] {
            assert!(Origins::list([origin]).build().is_ok(), "{origin}");
        }
    }

    #[test]
    fn every_origin_with_credentials_is_refused() {
        let built = Origins::any().with_credentials().build();
        assert!(matches!(built, Err(OriginsError::AnyWithCredentials)), "{built:?}");
    }
}
