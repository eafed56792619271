//! The headers of a client's requests: how those of the application are added, and what goes along without them.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use thiserror::Error;

use super::Address;

/// What clients call themselves in each request, unless they are told another `User-Agent`.
pub const USER_AGENT: &str = concat!("sockeye/", env!("CARGO_PKG_VERSION"));

/// A header that nobody can give, as the client has to decide it: how long a request is, and what becomes of its
/// connection. The caller's to leave out.
#[derive(Clone, Eq, Error, PartialEq)]
#[error("the header {name} is the client's own to send; leave it out{}", instead(.name))]
pub struct OwnHeader {
    /// Its name.
    pub name: HeaderName,
}

reads_as_text!(OwnHeader);

impl OwnHeader {
    /// Whether an application may give a header of this name.
    ///
    /// # Errors
    ///
    /// It may not.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::header;
    /// use sockeye::ws::OwnHeader;
    ///
    /// assert!(OwnHeader::check(&header::AUTHORIZATION).is_ok());
    /// assert!(OwnHeader::check(&header::CONTENT_LENGTH).is_err());
    /// ```
    pub fn check(name: &HeaderName) -> Result<(), Self> {
        const OWN: [HeaderName; 7] = [
            header::CONNECTION,
            header::CONTENT_LENGTH,
            header::EXPECT,
            header::TE,
            header::TRAILER,
            header::TRANSFER_ENCODING,
            header::UPGRADE,
        ];
        match OWN.contains(name) || name.as_str().starts_with("sec-websocket-") {
            true => Err(Self { name: name.clone() }),
            false => Ok(()),
        }
    }

    /// The same of many.
    pub(crate) fn check_all(headers: &HeaderMap) -> Result<(), Self> {
        headers.keys().try_for_each(Self::check)
    }
}

fn instead(name: &HeaderName) -> &'static str {
    match *name == header::SEC_WEBSOCKET_PROTOCOL {
        true => "; a raw WebSocket is given its subprotocols by name",
        false => "",
    }
}

/// Adds a header beside others of its name. Of those that may come but once the last given counts.
pub(crate) fn add_header(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    if [header::HOST, header::USER_AGENT].contains(&name) {
        headers.insert(name, value);
    } else {
        headers.append(name, value);
    }
}

/// Fills in what every request has and the application did not give. A `User-Agent` without a value is that of one who
/// wants none.
pub(crate) fn complete(headers: &mut HeaderMap, address: &Address) {
    headers.entry(header::HOST).or_insert_with(|| address.authority.clone());
    if headers.entry(header::USER_AGENT).or_insert_with(user_agent).is_empty() {
        headers.remove(header::USER_AGENT);
    }
    one_cookie_line(headers);
}

pub(crate) fn user_agent() -> HeaderValue {
    HeaderValue::from_static(USER_AGENT)
}

/// RFC 6265 §5.4: a request has one line of cookies.
fn one_cookie_line(headers: &mut HeaderMap) {
    let lines: Vec<_> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    // Each was a header, so together they are one.
    if lines.len() > 1
        && let Ok(mut value) = HeaderValue::from_bytes(&lines.join(&b"; "[..]))
    {
        value.set_sensitive(true);
        headers.insert(header::COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_decides_nobody_can_give() {
        for name in
            ["content-length", "transfer-encoding", "connection", "upgrade", "sec-websocket-key"]
        {
            let name: HeaderName = name.parse().unwrap();
            assert_eq!(OwnHeader::check(&name), Err(OwnHeader { name: name.clone() }));
        }
        for name in ["host", "user-agent", "origin", "cookie", "x-connection", "content-type"] {
            assert_eq!(OwnHeader::check(&name.parse().unwrap()), Ok(()), "{name}");
        }
    }

    #[test]
    fn what_is_given_counts_and_what_is_missing_is_filled_in() {
        #[track_caller]
        fn check(given: &[(&'static str, &'static str)], expect: &[&str]) {
            let mut headers = HeaderMap::new();
            for (name, value) in given {
                let (name, value) = (name.parse().unwrap(), HeaderValue::from_static(value));
                add_header(&mut headers, name, value);
            }
            complete(&mut headers, &Address::parse("http://h:80/").unwrap());
            let mut lines: Vec<_> = headers
                .iter()
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect();
            lines.sort();
            assert_eq!(lines, expect);
        }
        let ours = concat!("user-agent: sockeye/", env!("CARGO_PKG_VERSION"));
        check(&[], &["host: h", ours]);
        check(&[("x-a", "1"), ("x-a", "2")], &["host: h", ours, "x-a: 1", "x-a: 2"]);
        let twice = [("host", "a"), ("host", "b"), ("user-agent", "c"), ("user-agent", "d")];
        check(&twice, &["host: b", "user-agent: d"]);
        check(&[("user-agent", "")], &["host: h"]);
        let cookies = [("cookie", "a=1"), ("cookie", "b=2; c=3")];
        check(&cookies, &["cookie: a=1; b=2; c=3", "host: h", ours]);
    }
}
