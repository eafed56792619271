//! The files of the chat page, embedded at build time, with the headers they are to be served with.

/// One file of the page, ready to be served.
///
/// # Examples
///
/// ```
/// let page = sockeye_chat::page::asset("/").ok_or("every build has a page")?;
/// assert!(page.headers().any(|header| header == ("content-type", "text/html; charset=utf-8")));
/// # Ok::<_, &str>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    file: &'static File,
    policy: &'static str,
    is_gzip: bool,
}

impl Asset {
    /// The same file, compressed if it can be and a request with this `Accept-Encoding` takes that.
    ///
    /// # Examples
    ///
    /// ```
    /// let page = sockeye_chat::page::asset("/").ok_or("every build has a page")?;
    /// let small = page.accepting("gzip, br");
    /// assert!(small.bytes().len() < page.bytes().len());
    /// assert!(small.headers().any(|header| header == ("content-encoding", "gzip")));
    /// # Ok::<_, &str>(())
    /// ```
    #[must_use]
    pub fn accepting(self, accept_encoding: &str) -> Self {
        Self { is_gzip: self.file.gzip.is_some() && takes_gzip(accept_encoding), ..self }
    }

    /// The body.
    #[must_use]
    pub const fn bytes(&self) -> &'static [u8] {
        self.body().bytes
    }

    /// The strong entity tag, with its quotes: a request whose `If-None-Match` holds it can be answered with 304.
    #[must_use]
    pub const fn etag(&self) -> &'static str {
        self.body().etag
    }

    /// The media type of the file.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        match self.file.name.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("txt") => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        }
    }

    /// All response headers, names in lower case; a 304 carries the same ones.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &'static str)> + use<> {
        let coding = self.is_gzip.then_some(("content-encoding", "gzip"));
        // A cache in between must not give one who can't read it the compressed one.
        let vary = self.file.gzip.is_some().then_some(("vary", "accept-encoding"));
        let headers = [
            ("content-type", self.content_type()),
            ("etag", self.etag()),
            ("cache-control", self.cache_control()),
            ("content-security-policy", self.policy),
            ("cross-origin-opener-policy", "same-origin"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
        ];
        headers.into_iter().chain(coding).chain(vary)
    }

    const fn body(&self) -> &'static Body {
        match &self.file.gzip {
            Some(gzip) if self.is_gzip => gzip,
            _ => &self.file.identity,
        }
    }

    fn cache_control(&self) -> &'static str {
        // The names of script and style sheet hold a hash of their content; all others are asked for again each time.
        if matches!(self.file.name.rsplit('.').next(), Some("js" | "css")) {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        }
    }
}

/// The file served at `path`; `None` is a 404.
///
/// `/` is the page, `/plain` the plain page (one file without any library). A build without npm has only the plain page
/// and serves it at both.
#[must_use]
pub fn asset(path: &str) -> Option<Asset> {
    let name = match path.strip_prefix('/')? {
        "" if IS_PLAIN => "plain",
        "" => "index.html",
        name => name,
    };
    if name == "plain" {
        return Some(Asset { file: &PLAIN, policy: PLAIN_POLICY, is_gzip: false });
    }
    let file = FULL.iter().find(|file| file.name == name)?;
    Some(Asset { file, policy: FULL_POLICY, is_gzip: false })
}

/// Whether this build has only the plain page, because there was no npm.
pub const IS_PLAIN: bool = FULL.is_empty();

const FULL_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                           img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Debug)]
struct File {
    name: &'static str,
    identity: Body,
    /// Where that is smaller.
    gzip: Option<Body>,
}

#[derive(Debug)]
struct Body {
    bytes: &'static [u8],
    etag: &'static str,
}

/// Whether gzip is wanted (RFC 9110 §12.5.3): by its name, or else by `*`, and not with a weight of zero.
fn takes_gzip(accept_encoding: &str) -> bool {
    let weight_of = |wanted: &str| {
        accept_encoding.split(',').find_map(|coding| {
            let (name, parameter) = coding.split_once(';').unwrap_or((coding, ""));
            let name = name.trim();
            // The old name is the same coding (§8.4.1.3).
            let is_wanted = name.eq_ignore_ascii_case(wanted)
                || (wanted == "gzip" && name.eq_ignore_ascii_case("x-gzip"));
            let weight = parameter.trim().trim_start_matches(['q', 'Q', '=', ' ']);
            is_wanted.then(|| weight.is_empty() || weight.parse::<f32>().is_ok_and(|q| q > 0.0))
        })
    };
    weight_of("gzip").or_else(|| weight_of("*")).unwrap_or(false)
}

// `FULL`, `PLAIN` and `PLAIN_POLICY`, written by `build.rs`.
include!(concat!(env!("OUT_DIR"), "/page.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str) -> &'static str {
        std::str::from_utf8(asset(path).unwrap().bytes()).unwrap()
    }

    #[test]
    fn paths_lead_to_files() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(path: &str, expect: Option<&str>) {
            assert_eq!(asset(path).map(|asset| asset.content_type()), expect, "{path:?}");
        }
        check("/", Some("text/html; charset=utf-8"));
        check("/plain", Some("text/html; charset=utf-8"));
        check("", None);
        check("plain", None);
        check("//", None);
        check("/../Cargo.toml", None);
        check("/index.html/", None);
        if !IS_PLAIN {
            check("/icon.svg", Some("image/svg+xml"));
            check("/licenses.txt", Some("text/plain; charset=utf-8"));
        }
    }

    #[test]
    fn every_file_the_page_names_is_there() {
        let page = text("/");
        for quoted in page.split("=\"./").skip(1) {
            let name = quoted.split('"').next().unwrap();
            assert!(asset(&format!("/{name}")).is_some(), "{name}");
        }
    }

    #[test]
    fn only_hashed_names_are_kept_for_ever() {
        for file in FULL {
            let asset = asset(&format!("/{}", file.name)).unwrap();
            let immutable = asset.headers().any(|(_, value)| value.contains("immutable"));
            assert_eq!(immutable, file.name.contains('-'), "{}", file.name);
        }
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        #[track_caller]
        fn check(accept_encoding: &str, expect: bool) {
            assert_eq!(takes_gzip(accept_encoding), expect, "{accept_encoding:?}");
        }
        check("gzip, deflate, br, zstd", true);
        check("br;q=1.0, GZIP;q=0.8", true);
        check("x-gzip", true);
        check("*", true);
        check("", false);
        check("identity", false);
        check("br", false);
        check("gzipped", false);
        check("gzip;q=0", false);
        check("gzip; q=0.000, *", false);
        check("*;q=0", false);
        check("gzip;q=many", false);
    }

    #[test]
    fn the_policy_allows_no_unknown_inline_code() {
        for policy in [FULL_POLICY, PLAIN_POLICY] {
            assert!(!policy.contains("unsafe"), "{policy}");
            assert!(policy.starts_with("default-src 'none'"), "{policy}");
        }
        assert!(!text("/plain").contains("style=\""), "the policy would block it");
    }
}
