//! The query of a client's requests: Engine.IO's own fields, and those of the application behind them.

use std::borrow::Cow;

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sockeye_proto::wire::engine::Version;

use super::{Address, UrlError};

/// What stands as it is, as in JavaScript's `encodeURIComponent`; a space is `%20`, since only forms read `+` as one.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Fields that Engine.IO decides. A second one of the name would be read by some servers, and refused by others.
const OWN: [&str; 5] = ["EIO", "transport", "sid", "j", "b64"];

/// Against caches; an application may use the name too, unless it stands beside one of [`OWN`].
const TIMESTAMP: &str = "t";

/// The fields that an application adds to the query of each request of Engine.IO.
///
/// Those of a URL go out as they stand there. Those that are added are encoded as by JavaScript's `encodeURIComponent`.
/// What Engine.IO decides itself (`EIO`, `transport`, `sid`, `j`, `b64`) is left out, as npm's client overrides it, and
/// with such a field in a URL also its `t`: then the URL is one that was copied from a browser's list of requests.
///
/// # Examples
///
/// ```
/// use sockeye::client::{Query, Version};
///
/// let mut query = Query::of_url("http://h/chat?EIO=3&t=P3kF8&room=a%20b+c")?;
/// query.push("name", "Ada & Bob");
/// assert_eq!(query.as_str(), "room=a%20b+c&name=Ada%20%26%20Bob");
/// assert_eq!(query.left_out(), ["EIO", "t"]);
/// assert_eq!(
///     query.target("/socket.io/", Version::V4, "polling", None)?,
///     "/socket.io/?EIO=4&transport=polling&room=a%20b+c&name=Ada%20%26%20Bob"
/// );
/// # Ok::<_, sockeye::client::UrlError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Query {
    fields: String,
    left_out: Vec<&'static str>,
}

impl Query {
    /// The fields of a server's URL.
    ///
    /// # Errors
    ///
    /// [`UrlError`].
    pub fn of_url(url: &str) -> Result<Self, UrlError> {
        Address::parse(url).map(|address| Self::of(&address))
    }

    pub(crate) fn of(address: &Address) -> Self {
        let mut query = Self::default();
        let fields = address.target.query().unwrap_or_default();
        let is_copied = fields.split('&').any(|field| own(name(field), false).is_some());
        let is_kept = |field: &&str| match own(name(field), is_copied) {
            Some(name) => {
                query.leave_out(name);
                false
            }
            None => true,
        };
        let kept: Vec<_> = fields.split('&').filter(is_kept).collect();
        query.append(&kept.join("&"));
        query
    }

    /// Adds a field.
    pub fn push(&mut self, name: &str, value: &str) {
        match own(name.into(), false) {
            Some(name) => self.leave_out(name),
            None => self.append(&format!("{}={}", encoded(name), encoded(value))),
        }
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        self.append(&other.fields);
        other.left_out.iter().for_each(|name| self.leave_out(name));
    }

    /// The fields as they go out, with `&` between them.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.fields
    }

    /// Names of fields that were left out, because Engine.IO decides them.
    #[must_use]
    pub fn left_out(&self) -> &[&'static str] {
        &self.left_out
    }

    /// What stands in the request line of a request to an Engine.IO that listens at `path`, which is encoded.
    ///
    /// # Errors
    ///
    /// [`UrlError::TooLong`].
    pub fn target(
        &self,
        path: &str,
        version: Version,
        transport: &str,
        sid: Option<&str>,
    ) -> Result<Uri, UrlError> {
        let mut target = format!("{path}?EIO={}&transport={transport}", version.to_eio());
        if let Some(sid) = sid {
            target.extend(["&sid="].into_iter().chain(encoded(sid)));
        }
        if !self.fields.is_empty() {
            target.extend(["&", &self.fields]);
        }
        // What is encoded is a target, unless it is too long for one.
        target.parse().map_err(|_| UrlError::TooLong { bytes: target.len() })
    }

    fn leave_out(&mut self, name: &'static str) {
        if !self.left_out.contains(&name) {
            self.left_out.push(name);
        }
    }

    fn append(&mut self, fields: &str) {
        if !self.fields.is_empty() && !fields.is_empty() {
            self.fields.push('&');
        }
        self.fields.push_str(fields);
    }
}

fn name(field: &str) -> Cow<'_, str> {
    let name = field.split('=').next().unwrap_or_default();
    percent_decode_str(name).decode_utf8_lossy()
}

/// The name, if it is one of Engine.IO's own.
fn own(name: Cow<'_, str>, is_copied: bool) -> Option<&'static str> {
    let timestamp = is_copied.then_some(TIMESTAMP);
    OWN.into_iter().chain(timestamp).find(|own| *own == name)
}

fn encoded(text: &str) -> percent_encoding::PercentEncode<'_> {
    utf8_percent_encode(text, COMPONENT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_of_a_url_go_out_as_they_stand_but_for_engine_ios_own() {
        #[track_caller]
        fn check(query: &str, expect: &str, left_out: &[&str]) {
            let found = Query::of_url(&format!("http://h/chat{query}")).unwrap();
            assert_eq!((found.as_str(), found.left_out()), (expect, left_out), "{query}");
        }
        check("", "", &[]);
        check("?", "", &[]);
        check("?a=1&a=2&b&=&&c=x=y&", "a=1&a=2&b&=&&c=x=y&", &[]);
        check("?x=1%20y+z", "x=1%20y+z", &[]);
        check("?t=a b", "t=a%20b", &[]);
        check("?T=1&eio=3&Transport=x&sid2=1", "T=1&eio=3&Transport=x&sid2=1", &[]);
        check("?EIO=4&transport=polling&t=P3kF8&sid=S", "", &["EIO", "transport", "t", "sid"]);
        check("?a=1&EIO=3&b=2&EIO=4&c", "a=1&b=2&c", &["EIO"]);
        check("?t=1&j=0&b64=1&a", "a", &["t", "j", "b64"]);
        check("?%45IO=3&sid", "", &["EIO", "sid"]);
    }

    #[test]
    fn fields_that_are_added_are_encoded() {
        let mut query = Query::of_url("http://h/?a=1").unwrap();
        for (name, value) in [("b c", "d+e&f=g/é"), ("-_.!~*'()", ""), ("EIO", "3"), ("t", "1")] {
            query.push(name, value);
        }
        assert_eq!(query.as_str(), "a=1&b%20c=d%2Be%26f%3Dg%2F%C3%A9&-_.!~*'()=&t=1");
        assert_eq!(query.left_out(), ["EIO"]);
        let mut both = Query::default();
        both.extend(&query);
        both.extend(&Query::default());
        assert_eq!(both, query);
        let target = query.target("/x/", Version::V3, "websocket", Some("a/b c"));
        let target = target.unwrap().to_string();
        assert!(
            target.starts_with("/x/?EIO=3&transport=websocket&sid=a%2Fb%20c&a=1&b"),
            "{target}"
        );
        let bare = Query::default().target("/x/", Version::V4, "polling", None);
        assert_eq!(bare.unwrap(), "/x/?EIO=4&transport=polling");
        query.push("long", &"x".repeat(65_500));
        let error = query.target("/x/", Version::V4, "polling", None).unwrap_err();
        assert!(matches!(error, UrlError::TooLong { bytes: 65_536.. }), "{error}");
    }

    proptest! {
        #[test]
        fn a_plain_decoder_reads_what_was_pushed(name in "x.{0,8}", value: String) {
            let mut query = Query::default();
            query.push(&name, &value);
            prop_assert!(query.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
            let (found, rest) = query.as_str().split_once('=').unwrap();
            let decode = |text| percent_decode_str(text).decode_utf8().unwrap().into_owned();
            prop_assert_eq!((decode(found), decode(rest)), (name.clone(), value.clone()));
            // So does one of forms.
            let mut pairs = form_urlencoded::parse(query.as_str().as_bytes()).into_owned();
            prop_assert_eq!(pairs.next(), Some((name, value)));
        }
    }
}
