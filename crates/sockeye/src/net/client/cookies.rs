//! The cookies of a client's servers (RFC 6265 §5), shared by polling, WebSocket and reconnects.

use std::{
    fmt,
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use cookie::Cookie;
use http::{HeaderMap, HeaderValue, header};
use parking_lot::Mutex;

use super::Address;

/// Most cookies that are kept; RFC 6265 §6.1 asks for 50 of each server.
const MAX_COOKIES: usize = 50;

/// Most bytes of all names and values together: servers rarely take more than 16 KiB of headers.
const MAX_BYTES: usize = 8 * 1024;

/// A jar of cookies; a clone is the same jar.
#[derive(Clone, Default)]
pub(crate) struct Cookies(Arc<Mutex<Jar>>);

impl Cookies {
    /// Keeps what the response to a request for `path` sets. What is no cookie, or another server's, is passed over.
    pub(crate) fn store(&self, address: &Address, path: &str, response: &HeaderMap) {
        let mut jar = self.0.lock();
        for value in response.get_all(header::SET_COOKIE) {
            if let Ok(text) = std::str::from_utf8(value.as_bytes()) {
                jar.store(address, path, text, SystemTime::now());
            }
        }
    }

    /// Writes what the server is to get back into the headers of a request for `path`. Cookies that stand there stay,
    /// unless the server has set others of the same name.
    pub(crate) fn write(&self, address: &Address, path: &str, request: &mut HeaderMap) {
        let set = self.0.lock().matching(address, path, SystemTime::now());
        let is_set = |pair: &&str| set.iter().any(|other| name(other) == name(pair));
        let kept = request
            .get_all(header::COOKIE)
            .iter()
            .flat_map(|value| std::str::from_utf8(value.as_bytes()).unwrap_or_default().split(';'))
            .map(str::trim)
            .filter(|pair| !pair.is_empty() && !is_set(pair));
        let line = kept.chain(set.iter().map(String::as_str)).collect::<Vec<_>>().join("; ");
        // Each was a part of a header, so together they are one.
        if let Ok(mut value) = HeaderValue::from_bytes(line.as_bytes())
            && !line.is_empty()
        {
            value.set_sensitive(true);
            request.insert(header::COOKIE, value);
        }
    }
}

impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values are often as good as passwords.
        let jar = self.0.lock();
        f.debug_list().entries(jar.cookies.iter().map(|kept| name(&kept.pair))).finish()
    }
}

fn name(pair: &str) -> &str {
    pair.split_once('=').map_or(pair, |(name, _)| name).trim_end()
}

/// What the rules need; time is an input. The oldest stand first.
#[derive(Default)]
struct Jar {
    cookies: Vec<Kept>,
}

struct Kept {
    /// `name=value`, as the server wrote it.
    pair: String,
    /// In lower case.
    domain: String,
    /// Whether hosts below the domain get it, too.
    has_subdomains: bool,
    path: String,
    is_secure: bool,
    expires: Option<SystemTime>,
}

impl Jar {
    fn store(&mut self, address: &Address, path: &str, text: &str, now: SystemTime) {
        let Ok(cookie) = Cookie::parse(text) else { return };
        let host = address.host.to_ascii_lowercase();
        let domain = cookie.domain().map(str::to_ascii_lowercase);
        let (domain, has_subdomains) = match domain {
            None => (host, false),
            Some(domain) if domain == host => (host.clone(), host.parse::<IpAddr>().is_err()),
            // A whole top-level domain is nobody's. Finer than that would take the list of public suffixes.
            Some(domain) if domain.contains('.') && is_below(&host, &domain) => (domain, true),
            Some(_) => return,
        };
        let kept = Kept {
            pair: format!("{}={}", cookie.name(), cookie.value()),
            domain,
            has_subdomains,
            path: match cookie.path() {
                Some(path) if path.starts_with('/') => path.to_owned(),
                _ => default_path(path).to_owned(),
            },
            is_secure: cookie.secure() == Some(true),
            expires: expiry(&cookie, now),
        };
        // Replaced in its place, as its age counts from when it was first set; RFC 6265 §5.3, step 11.
        let same = self.cookies.iter().position(|other| {
            (name(&other.pair), &other.domain, &other.path)
                == (name(&kept.pair), &kept.domain, &kept.path)
        });
        let is_gone = kept.expires.is_some_and(|expires| expires <= now)
            || HeaderValue::from_bytes(kept.pair.as_bytes()).is_err();
        match (same, is_gone) {
            (Some(same), true) => drop(self.cookies.remove(same)),
            (Some(same), false) => self.cookies[same] = kept,
            (None, true) => {}
            (None, false) => self.cookies.push(kept),
        }
        self.cookies.retain(|kept| kept.expires.is_none_or(|expires| expires > now));
        let mut bytes: usize = self.cookies.iter().map(|kept| kept.pair.len()).sum();
        while self.cookies.len() > MAX_COOKIES || bytes > MAX_BYTES {
            let oldest = self.cookies.remove(0);
            bytes -= oldest.pair.len();
            tracing::debug!(cookie = name(&oldest.pair), "too many cookies: the oldest is dropped");
        }
    }

    /// The pairs to send, those of longer paths first (RFC 6265 §5.4).
    fn matching(&self, address: &Address, path: &str, now: SystemTime) -> Vec<String> {
        let host = address.host.to_ascii_lowercase();
        let mut matching: Vec<&Kept> = self
            .cookies
            .iter()
            .filter(|kept| {
                (kept.domain == host || kept.has_subdomains && is_below(&host, &kept.domain))
                    && is_path_below(path, &kept.path)
                    && (address.is_secure || !kept.is_secure)
                    && kept.expires.is_none_or(|expires| expires > now)
            })
            .collect();
        matching.sort_by_key(|kept| std::cmp::Reverse(kept.path.len()));
        matching.into_iter().map(|kept| kept.pair.clone()).collect()
    }
}

/// RFC 6265 §5.1.3, for a host that is not the domain itself.
fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
        && host.parse::<IpAddr>().is_err()
}

/// RFC 6265 §5.1.4.
fn is_path_below(path: &str, of_cookie: &str) -> bool {
    path.strip_prefix(of_cookie)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || of_cookie.ends_with('/'))
}

/// RFC 6265 §5.1.4: up to the last slash.
fn default_path(path: &str) -> &str {
    match path.rfind('/') {
        Some(end @ 1..) => &path[..end],
        _ => "/",
    }
}

/// When it ends; `None` is with the client. An age counts more than a date.
fn expiry(cookie: &Cookie<'_>, now: SystemTime) -> Option<SystemTime> {
    match cookie.max_age() {
        Some(age) => now.checked_add(Duration::try_from(age).unwrap_or_default()),
        None => cookie.expires_datetime().map(SystemTime::from),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const URL: &str = "https://www.example.com/socket.io/";

    fn address(url: &str) -> Address {
        Address::parse(url).unwrap()
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + seconds)
    }

    /// A jar with what the server at `url` set, each cookie a second after the one before.
    fn jar(url: &str, set: &[&str]) -> Jar {
        let mut jar = Jar::default();
        for (second, text) in (0..).zip(set) {
            let address = address(url);
            jar.store(&address, address.target.path(), text, at(second));
        }
        jar
    }

    #[track_caller]
    fn check(set: &[&str], to: &str, seconds: u64, expect: &str) {
        let to_address = address(to);
        let jar = jar(URL, set);
        let found = jar.matching(&to_address, to_address.target.path(), at(seconds)).join("; ");
        assert_eq!(found, expect, "{set:?} to {to}");
    }

    #[test]
    fn cookies_come_back_to_who_set_them() {
        check(&["a=1", "b=\"2 3\"; HttpOnly; SameSite=None"], URL, 0, "a=1; b=\"2 3\"");
        check(&["a=1", "a=2"], URL, 0, "a=2");
        check(&["a="], URL, 0, "a=");
        check(&["a=1"], "http://www.example.com:8080/socket.io/?EIO=4", 0, "a=1");
        check(&["a=1"], "https://WWW.example.com/socket.io/", 0, "a=1");
        check(&["a=1"], "https://example.com/socket.io/", 0, "");
        check(&["a=1"], "https://www.example.com.evil/socket.io/", 0, "");
        for no_cookie in ["", "=1", "a", ";a=1"] {
            check(&[no_cookie], URL, 0, "");
        }
    }

    #[test]
    fn a_domain_may_be_wider_but_not_foreign() {
        check(&["a=1; Domain=example.com"], "https://other.example.com/socket.io/", 0, "a=1");
        check(&["a=1; Domain=.Example.COM"], "https://example.com/socket.io/", 0, "a=1");
        check(&["a=1; Domain=www.example.com"], "https://x.www.example.com/socket.io/", 0, "a=1");
        check(&["a=1; Domain=www.example.com"], "https://example.com/socket.io/", 0, "");
        for foreign in ["evil.com", "com", "ample.com", "x.www.example.com"] {
            check(&[&format!("a=1; Domain={foreign}")], URL, 0, "");
        }
        let jar = jar("http://127.0.0.1/", &["a=1; Domain=0.0.1", "b=2; Domain=127.0.0.1"]);
        assert_eq!(jar.matching(&address("http://127.0.0.1/"), "/", at(0)), ["b=2"]);
    }

    #[test]
    fn a_path_is_of_whole_segments() {
        check(&["a=1"], "https://www.example.com/", 0, ""); // the default is the path of the request
        check(&["a=1; Path=/"], "https://www.example.com/other", 0, "a=1");
        check(&["a=1; Path=/socket"], URL, 0, "");
        check(&["a=1; Path=/socket.io"], URL, 0, "a=1");
        check(&["a=1; Path=/socket.io/"], URL, 0, "a=1");
        check(&["a=1; Path=/other"], URL, 0, "");
        check(&["a=1; Path=none"], URL, 0, "a=1");
        check(&["a=1; Path=/", "a=2; Path=/socket.io", "b=3"], URL, 0, "a=2; b=3; a=1");
    }

    #[test]
    fn a_secure_cookie_is_not_sent_in_the_clear() {
        check(&["a=1; Secure", "b=2"], URL, 0, "a=1; b=2");
        check(&["a=1; Secure", "b=2"], "http://www.example.com/socket.io/", 0, "b=2");
    }

    #[test]
    fn cookies_end() {
        check(&["a=1; Max-Age=10"], URL, 9, "a=1");
        check(&["a=1; Max-Age=10"], URL, 10, "");
        check(&["a=1", "a=; Max-Age=0"], URL, 1, "");
        check(&["a=1", "a=; Max-Age=-1"], URL, 1, "");
        check(&["a=1; Max-Age=99999999999999999999"], URL, 1_000, "a=1");
        check(&["a=1", "a=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], URL, 1, "");
        let date = "Expires=Sun, 09 Sep 2001 01:46:50 GMT"; // 10 s after the jar's beginning
        check(&[&format!("a=1; {date}")], URL, 9, "a=1");
        check(&[&format!("a=1; {date}")], URL, 11, "");
        check(&[&format!("a=1; {date}; Max-Age=60")], URL, 30, "a=1");
        check(&["a=1; Expires=tomorrow"], URL, 30, "a=1");
    }

    #[test]
    fn the_jar_is_bounded_and_the_oldest_go_first() {
        let many: Vec<String> = (0..80).map(|n| format!("c{n}=x")).collect();
        let texts: Vec<&str> = many.iter().map(String::as_str).collect();
        let jar1 = jar(URL, &texts);
        assert_eq!(jar1.cookies.len(), MAX_COOKIES);
        assert_eq!(jar1.cookies[0].pair, "c30=x");

        let large = format!("big={}", "x".repeat(5_000));
        let larger = format!("bigger={}", "x".repeat(5_000));
        let jar2 = jar(URL, &[&large, "small=1", &larger]);
        assert_eq!(jar2.cookies.len(), 2, "the first had to go");
        let huge = format!("huge={}", "x".repeat(MAX_BYTES));
        assert!(jar(URL, &[&huge]).cookies.is_empty());
    }

    fn headers(name: header::HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn cookies_of_the_user_go_along() {
        #[track_caller]
        fn check(set: &[&str], given: &[&str], expect: Option<&str>) {
            let (cookies, address) = (Cookies::default(), address(URL));
            cookies.store(&address, "/socket.io/", &headers(header::SET_COOKIE, set));
            let mut request = headers(header::COOKIE, given);
            cookies.write(&address, "/socket.io/", &mut request);
            let found: Vec<_> = request.get_all(header::COOKIE).iter().collect();
            assert!(found.len() <= 1, "RFC 6265 §5.4 allows one header");
            assert_eq!(found.first().map(|value| value.to_str().unwrap()), expect);
        }
        check(&[], &[], None);
        check(&["a=1"], &[], Some("a=1"));
        check(&[], &["mine=1; other=2"], Some("mine=1; other=2"));
        check(&["a=1", "b=2"], &["mine=0", "b=old"], Some("mine=0; a=1; b=2"));
    }

    #[test]
    fn a_jar_is_shared_and_shows_no_values() {
        let (cookies, address) = (Cookies::default(), address(URL));
        cookies.clone().store(&address, "/", &headers(header::SET_COOKIE, &["sid=secret"]));
        let mut request = HeaderMap::new();
        cookies.write(&address, "/", &mut request);
        assert_eq!(request[header::COOKIE], "sid=secret");
        assert_eq!(format!("{cookies:?}"), "[\"sid\"]");
        assert!(!format!("{request:?}").contains("secret"), "{request:?}");
    }

    proptest! {
        #[test]
        fn whatever_is_set_makes_a_header(
            texts: Vec<String>,
            pairs in prop::collection::vec("[a-c]=[ -~é]{0,9}(; ?[Pp]ath=/[a-z/]{0,5})?", 0..9),
        ) {
            let address = address(URL);
            let mut jar = Jar::default();
            for text in texts.iter().chain(&pairs) {
                jar.store(&address, "/socket.io/", text, at(0));
            }
            for pair in jar.matching(&address, "/socket.io/", at(0)) {
                prop_assert!(HeaderValue::from_bytes(pair.as_bytes()).is_ok() && !pair.contains(';'));
            }
        }
    }
}
