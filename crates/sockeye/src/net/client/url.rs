//! The address of a server: a URL taken apart as browsers do it (WHATWG URL), and what stands in a request line.

use http::{HeaderValue, Uri};
use thiserror::Error;
use url::{Host, ParseError, Position, Url};

/// Most characters of a host that an error repeats.
const MAX_SHOWN: usize = 80;

/// A URL taken apart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Address {
    pub(crate) is_secure: bool,
    /// Name or address, without brackets; in lower case, and in ASCII.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The value of the `Host` header: without the scheme's own port (RFC 3986 §6.2.3).
    pub(crate) authority: HeaderValue,
    /// What stands in the request line: what is encoded stays as it is, and what can't stand there is encoded.
    pub(crate) target: Uri,
    /// The path as it was given, which for Socket.IO is the name of a namespace.
    pub(crate) path: String,
}

impl Address {
    /// Reads a URL; `http` and `ws` mean the same, and so do `https` and `wss`, as in browsers.
    pub(crate) fn parse(url: &str) -> Result<Self, UrlError> {
        // So does every reader of such URLs: a line break in the middle of a pasted one is nobody's wish.
        let url: String = url
            .trim_matches(|character| character <= ' ')
            .chars()
            .filter(|character| !matches!(character, '\t' | '\n' | '\r'))
            .collect();
        let (authority, path) = split(&url)?;
        let url = Url::parse(&url).map_err(|error| UrlError::of(error, authority))?;
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return Err(UrlError::NoHost),
        };
        let target = &url[Position::BeforePath..Position::AfterQuery];
        Ok(Self {
            is_secure: matches!(url.scheme(), "https" | "wss"),
            host,
            port: url.port_or_known_default().filter(|port| *port > 0).ok_or(UrlError::Port)?,
            authority: HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort])
                .map_err(|_| UrlError::NoHost)?,
            target: target.parse().map_err(|_| UrlError::TooLong { bytes: target.len() })?,
            path: path.to_owned(),
        })
    }
}

/// Host and port, and the path behind them, as they were written.
fn split(url: &str) -> Result<(&str, &str), UrlError> {
    let (scheme, rest) = url.split_once("://").ok_or(UrlError::Scheme)?;
    if !["ws", "wss", "http", "https"].iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        return Err(UrlError::Scheme);
    }
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find(['/', '\\']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(UrlError::Credentials);
    }
    if authority.is_empty() {
        return Err(UrlError::NoHost);
    }
    Ok((authority, path))
}

/// A path as it stands in a request line; nothing if it is none.
pub(crate) fn path_of(text: &str) -> Option<Uri> {
    if !text.starts_with('/') || text.contains(['?', '#']) {
        return None;
    }
    let url = Url::parse(&format!("http://server{text}")).ok()?;
    url.path().parse().ok()
}

/// What is wrong with a URL. The caller's fault.
#[non_exhaustive]
#[derive(Error)]
pub enum UrlError {
    /// It begins with something else.
    #[error(
        "the URL must begin with \"ws://\", \"wss://\", \"http://\" or \"https://\", as in http://127.0.0.1:3000/imchat"
    )]
    Scheme,
    /// It names no host.
    #[error("the URL has no host; expected something like \"wss://example.com/socket\"")]
    NoHost,
    /// What stands in place of the host is none.
    #[error("{host:?} is no host: {because}; expected something like \"wss://example.com/socket\"")]
    Host {
        /// What was given, cut after 80 characters.
        host: String,
        /// What is wrong with it, such as which character.
        because: String,
    },
    /// The port is no number from 1 to 65535.
    #[error("the URL's port must be a number from 1 to 65535")]
    Port,
    /// It holds a user or password, which would be dropped in silence.
    #[error("the URL has a user or password; send them in the \"authorization\" header instead")]
    Credentials,
    /// Path and query, with what Engine.IO adds to it, are longer than a request line may be.
    #[error(
        "path and query of a request would have {bytes} bytes; at most 65534 can be sent: shorten the query"
    )]
    TooLong {
        /// How many, encoded.
        bytes: usize,
    },
}

impl UrlError {
    fn of(error: ParseError, authority: &str) -> Self {
        let because = match error {
            ParseError::EmptyHost => return Self::NoHost,
            ParseError::InvalidPort => return Self::Port,
            ParseError::InvalidIpv6Address => "what stands in brackets is an address of IPv6",
            ParseError::InvalidIpv4Address => {
                "what ends with a number is an address of IPv4, such as 127.0.0.1"
            }
            _ => "no name of a host has such letters together",
        };
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        };
        let because = match host.chars().find(|character| is_forbidden(*character)) {
            Some(character) if !host.starts_with('[') => {
                format!("{character:?} can't stand in one")
            }
            _ => because.to_owned(),
        };
        Self::Host { host: host.chars().take(MAX_SHOWN).collect(), because }
    }
}

/// Whether a character can stand in no host's name (WHATWG URL §3.1).
fn is_forbidden(character: char) -> bool {
    character.is_control() || " #%/:<>?@[\\]^|".contains(character)
}

reads_as_text!(UrlError);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_as_people_write_them() {
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
        check("WS://H/", (false, "h", 80, "h", "/"));
        check("http://h?", (false, "h", 80, "h", "/?"));
        check("http://h#a?b", (false, "h", 80, "h", "/"));
        check("http://127.0.0.1/", (false, "127.0.0.1", 80, "127.0.0.1", "/"));
        check("http://my_host.local./", (false, "my_host.local.", 80, "my_host.local.", "/"));

        // The scheme's own port is no port.
        check("ws://h:80/", (false, "h", 80, "h", "/"));
        check("http://h:0080/", (false, "h", 80, "h", "/"));
        check("wss://h:443/", (true, "h", 443, "h", "/"));
        check("https://[::1]:443/", (true, "::1", 443, "[::1]", "/"));
        check("http://h:443/", (false, "h", 443, "h:443", "/"));
        check("wss://h:80/", (true, "h", 80, "h:80", "/"));

        // What is encoded stays.
        check(
            "http://h/%20%2f%zz?a=%20+%2B&&=&b",
            (false, "h", 80, "h", "/%20%2f%zz?a=%20+%2B&&=&b"),
        );
        check("http://h/a?b?c=/:@!$'()*,;", (false, "h", 80, "h", "/a?b?c=/:@!$%27()*,;"));
        // What can't stand in a request line does not.
        check("http://h/é?ü=ö", (false, "h", 80, "h", "/%C3%A9?%C3%BC=%C3%B6"));
        check("http://h/a b\"<>`c", (false, "h", 80, "h", "/a%20b%22%3C%3E%60c"));
        check("http://h/?t=a b\"<>c", (false, "h", 80, "h", "/?t=a%20b%22%3C%3Ec"));
        check("http://h/?😀", (false, "h", 80, "h", "/?%F0%9F%98%80"));
        check("http://h/a\0b?\u{7f}", (false, "h", 80, "h", "/a%00b?%7F"));

        // What is pasted.
        check(" \u{1}http://h/a \n", (false, "h", 80, "h", "/a"));
        check("http://h\n.example/a\r\n\tb?c\td", (false, "h.example", 80, "h.example", "/ab?cd"));
        check("http://h\\a\\b?c\\d", (false, "h", 80, "h", "/a/b?c\\d"));
        check("http://h/a/../b/./c", (false, "h", 80, "h", "/b/c"));

        // Hosts in other letters.
        check(
            "wss://bücher.example/",
            (true, "xn--bcher-kva.example", 443, "xn--bcher-kva.example", "/"),
        );
        check(
            "http://BÜCHER.example:81",
            (false, "xn--bcher-kva.example", 81, "xn--bcher-kva.example:81", "/"),
        );
        check(
            "http://例え.テスト",
            (false, "xn--r8jz45g.xn--zckzah", 80, "xn--r8jz45g.xn--zckzah", "/"),
        );
        check("http://h%61.example/", (false, "ha.example", 80, "ha.example", "/"));
        check("http://[0:0::1]/", (false, "::1", 80, "[::1]", "/"));
        check("http://0x7f.1/", (false, "127.0.0.1", 80, "127.0.0.1", "/"));
    }

    #[test]
    fn wrong_urls() {
        #[track_caller]
        fn check(url: &str, expect: &str) {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(error.contains(expect), "{url}: {error}");
            assert!(error.len() < 400, "{error}");
        }
        check("", "begin with");
        check("localhost:80", "begin with");
        check("/path", "begin with");
        check("//h/path", "begin with");
        check("http:h/path", "begin with");
        check("ftp://h/", "begin with");
        check("http://", "no host");
        check("http:///path", "no host");
        check("http://?a", "no host");
        check("http://:80/", "no host");
        check("ws://h:0/", "port");
        check("ws://h:99999/", "port");
        check("ws://h:a/", "port");
        check("ws://me:secret@h/", "authorization");
        check("ws://@h/", "authorization");
        check("ws://a b/", r#""a b" is no host: ' ' can't stand in one"#);
        check("ws://a<b:80/", "'<' can't");
        check("ws://a|b/", "'|' can't");
        check("ws://a\u{7f}b/", r"'\u{7f}' can't");
        check("ws://%zz/", "'%' can't");
        check("ws://[::1/", "IPv6");
        check("ws://[fe80::1%25eth0]/", "IPv6");
        check("ws://1.2.3.4.5/", "IPv4");
        check("ws://256.1.1.1/", "IPv4");
        check("ws://xn--a/", "letters");
        check(&format!("ws://{}:1/", "a b".repeat(10_000)), "' ' can't");
        check(&format!("ws://h/{}", "a".repeat(70_000)), "70001 bytes");
    }

    #[test]
    fn the_namespace_is_the_path_as_it_was_given() {
        #[track_caller]
        fn check(url: &str, expect: &str) {
            assert_eq!(Address::parse(url).unwrap().path, expect, "{url}");
        }
        check("http://h", "");
        check("http://h?a=/b", "");
        check("http://h/#/b", "/");
        check(" http://h/é a/%20/../b?c ", "/é a/%20/../b");
    }

    #[test]
    fn paths() {
        #[track_caller]
        fn check(path: &str, expect: Option<&str>) {
            let found = path_of(path).map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), expect, "{path}");
        }
        check("/socket.io/", Some("/socket.io/"));
        check("/é/%C3%A9/a b/", Some("/%C3%A9/%C3%A9/a%20b/"));
        check("//a/", Some("//a/"));
        check("/", Some("/"));
        check("", None);
        check("a/", None);
        check("http://h/", None);
        check("/a?b", None);
        check("/a#b", None);
    }

    proptest! {
        #[test]
        fn what_is_sent_is_ascii_and_is_read_as_it_was_written(
            path in r"(/\PC{0,8}){0,3}",
            query in r"(\?\PC{0,16})?",
        ) {
            let url = format!("http://h{path}{query}");
            let Ok(address) = Address::parse(&url) else { return Ok(()) };
            let target = address.target.to_string();
            prop_assert!(target.bytes().all(|byte| byte.is_ascii_graphic()), "{target}");
            // Once more changes nothing: what is encoded stays.
            let again = Address::parse(&format!("http://h{target}")).unwrap();
            prop_assert_eq!(&again.target, &address.target);
            // A plain decoder reads what was written.
            if let Some((_, query)) = url.split('#').next().and_then(|url| url.split_once('?')) {
                let query = query.trim_end_matches(' ');
                let decode = |text: &str| {
                    percent_encoding::percent_decode_str(text).collect::<Vec<u8>>()
                };
                prop_assert_eq!(decode(address.target.query().unwrap_or_default()), decode(query));
            }
        }

        #[test]
        fn no_text_panics(url: String) {
            let _ = Address::parse(&url);
            let _ = Address::parse(&format!("ws://{url}"));
            let _ = path_of(&url);
        }
    }
}
