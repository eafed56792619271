//! Proxies between a client and its server: which one, and how it is asked to connect.

mod environment;
mod socks;
mod tunnel;

use std::{env, fmt};

use http::HeaderValue;
use hyper_util::client::proxy::matcher::Matcher;
use thiserror::Error;

use super::{Address, Causes, DialError, Stream, Tls, TlsError};

/// Through which proxy a client reaches its server, if any.
///
/// All transports take the same way: an HTTP proxy is asked to `CONNECT`, for `http://` and `ws://` as well, so it sees
/// nothing of what passes and changes none of it.
///
/// # Examples
///
/// ```
/// use sockeye::ws::{Connect, Proxy};
///
/// let connect = Connect::new("wss://example.com/").proxy(Proxy::new("socks5h://localhost:1080")?);
/// let directly = Connect::new("wss://example.com/").proxy(Proxy::none());
/// # Ok::<_, sockeye::ws::ProxyError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Proxy(Choice);

#[derive(Clone, Debug, Default)]
enum Choice {
    #[default]
    Environment,
    None,
    One(Box<Via>),
}

impl Proxy {
    /// This proxy, for every server. Its URL is `scheme://user:password@host:port`, with these schemes:
    ///
    /// - `http` (also without any scheme; port 80 unless given) and `https` (port 443): `CONNECT`, with `Basic`
    ///   authorization. The proxy's own certificate must be one that [`Tls::platform`] believes.
    /// - `socks5h` (port 1080): SOCKS5 (RFC 1928, RFC 1929); the proxy looks up the server's name.
    /// - `socks5` (port 1080): the same, but the name is looked up here.
    ///
    /// # Errors
    ///
    /// [`ProxyError::Url`], [`ProxyError::Scheme`] and [`ProxyError::Credentials`]: `url` is none of these.
    pub fn new(url: &str) -> Result<Self, ProxyError> {
        Ok(Self(Choice::One(Box::new(Via::parse(url, "the URL given")?))))
    }

    /// What the environment says, asked at each connection. The default of every client.
    ///
    /// `HTTPS_PROXY` is for `https://` and `wss://`, `HTTP_PROXY` for `http://` and `ws://`, `ALL_PROXY` for whichever of
    /// them is not set. `NO_PROXY` lists, with commas, whom to reach directly: names (and all names below them),
    /// addresses, networks such as `10.0.0.0/8`, or `*`. Lower-case names do as well. Where `REQUEST_METHOD` is set,
    /// `HTTP_PROXY` may be a header of a CGI request, and is passed over. `localhost` and addresses of this machine
    /// itself are always reached directly.
    pub fn environment() -> Self {
        Self(Choice::Environment)
    }

    /// No proxy, whatever the environment says.
    pub fn none() -> Self {
        Self(Choice::None)
    }

    /// The proxy on the way to this address.
    pub(crate) fn on_the_way_to(&self, address: &Address) -> Result<Option<Via>, ProxyError> {
        match &self.0 {
            Choice::Environment => environment::proxy(address, |name| {
                let value = env::var_os(name).filter(|value| !value.is_empty())?;
                Some(value.to_string_lossy().into_owned())
            }),
            Choice::None => Ok(None),
            Choice::One(via) => Ok(Some(Via::clone(via))),
        }
    }
}

/// One proxy. Debug shows no password.
#[derive(Clone)]
pub(crate) struct Via {
    kind: Kind,
    host: String,
    port: u16,
}

#[derive(Clone)]
enum Kind {
    Http { is_secure: bool, authorization: Option<HeaderValue> },
    Socks5 { looks_up_names: bool, credentials: Option<(String, String)> },
}

impl Via {
    /// `origin` is where the URL comes from, for errors: they must not show the URL, as it may hold a password.
    fn parse(url: &str, origin: &'static str) -> Result<Self, ProxyError> {
        let url = url.trim();
        if let Some((scheme, _)) = url.split_once("://")
            && !["http", "https", "socks5", "socks5h"]
                .contains(&scheme.to_ascii_lowercase().as_str())
        {
            return Err(ProxyError::Scheme { origin, found: scheme.to_owned() });
        }
        // The one URL that both HTTP and HTTPS go through.
        let matcher = Matcher::builder().all(url).build();
        let found = matcher
            .intercept(&http::Uri::from_static("http://server/"))
            .ok_or(ProxyError::Url { origin })?;
        let uri = found.uri();
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port_is_wrong = uri.authority().is_some_and(|authority| {
            authority.as_str().len() > authority.host().len()
                && authority.port_u16().is_none_or(|port| port == 0)
        });
        if host.is_empty() || port_is_wrong {
            return Err(ProxyError::Url { origin });
        }
        let (kind, port) = match uri.scheme_str() {
            Some(scheme @ ("socks5" | "socks5h")) => {
                let credentials =
                    found.raw_auth().map(|(user, password)| (user.to_owned(), password.to_owned()));
                // RFC 1929 §2: each has one byte for its length.
                if credentials
                    .as_ref()
                    .is_some_and(|(user, password)| user.len().max(password.len()) > 255)
                {
                    return Err(ProxyError::Credentials { origin });
                }
                (Kind::Socks5 { looks_up_names: scheme == "socks5h", credentials }, 1080)
            }
            scheme => {
                let is_secure = scheme == Some("https");
                let authorization = found.basic_auth().cloned();
                (Kind::Http { is_secure, authorization }, if is_secure { 443 } else { 80 })
            }
        };
        Ok(Self { kind, host: host.to_owned(), port: uri.port_u16().unwrap_or(port) })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The certificates to believe, if it is spoken to by TLS.
    pub(super) fn tls(&self) -> Result<Option<Tls>, TlsError> {
        match &self.kind {
            Kind::Http { is_secure: true, .. } => Tls::platform().map(Some),
            _ => Ok(None),
        }
    }

    /// Whether names of servers are looked up here.
    pub(super) fn needs_addresses(&self) -> bool {
        matches!(self.kind, Kind::Socks5 { looks_up_names: false, .. })
    }

    /// Asks the proxy at the other end of `stream` to connect to `host`, a name or an address without brackets. One of
    /// HTTP is told the name of the `agent` that asks.
    pub(super) async fn connect(
        &self,
        stream: Stream,
        host: &str,
        port: u16,
        agent: &HeaderValue,
    ) -> Result<Stream, ProxyFailure> {
        match &self.kind {
            Kind::Http { authorization, .. } => {
                tunnel::connect(stream, (host, port), authorization.as_ref(), agent).await
            }
            Kind::Socks5 { credentials, .. } => {
                let credentials =
                    credentials.as_ref().map(|(user, password)| (&**user, &**password));
                socks::connect(stream, host, port, credentials).await
            }
        }
    }
}

/// Its URL, without user and password.
impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            Kind::Http { is_secure: false, .. } => "http",
            Kind::Http { is_secure: true, .. } => "https",
            Kind::Socks5 { looks_up_names: false, .. } => "socks5",
            Kind::Socks5 { looks_up_names: true, .. } => "socks5h",
        };
        write!(f, "{scheme}://{}", host_and_port(&self.host, self.port))
    }
}

impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// As in URLs: an address of IPv6 has brackets.
pub(super) fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// What is wrong with the URL of a proxy. The fault of whoever configured it.
#[non_exhaustive]
#[derive(Error)]
pub enum ProxyError {
    /// It is no URL. It is not shown, because it may hold a password.
    #[error(
        "{origin} is no URL of a proxy; expected something like \"http://user:password@host:3128\" or \
         \"socks5h://host:1080\" (in user and password, write special characters with %, as %40 for @)"
    )]
    Url {
        /// Where it comes from: a variable of the environment, or the caller.
        origin: &'static str,
    },
    /// It is of a kind that we don't speak to.
    #[error(
        "{origin} begins with \"{found}://\"; expected \"http://\", \"https://\", \"socks5://\" or \"socks5h://\""
    )]
    Scheme {
        /// Where it comes from: a variable of the environment, or the caller.
        origin: &'static str,
        /// The scheme.
        found: String,
    },
    /// SOCKS5 can't carry its user or password.
    #[error("{origin} has a user or a password of more than 255 bytes, which SOCKS5 can't carry")]
    Credentials {
        /// Where it comes from: a variable of the environment, or the caller.
        origin: &'static str,
    },
}

/// Why a proxy did not connect: the network, or the proxy itself.
#[non_exhaustive]
#[derive(Error)]
pub enum ProxyFailure {
    /// The proxy can't be reached, or not in time; or the server's name has no address that we could tell it.
    #[error(transparent)]
    Dial(Box<DialError>),
    /// There are no certificates to check the proxy's by.
    #[error(transparent)]
    Certificates(TlsError),
    /// The connection to the proxy broke.
    #[error("the connection to it broke: {0}")]
    Broken(std::io::Error),
    /// The proxy does not answer in HTTP.
    #[error("no HTTP response from it ({}); does it speak SOCKS (socks5h://)?", Causes(.0))]
    Http(hyper::Error),
    /// The proxy does not answer in SOCKS5.
    #[error(
        "its answer begins with byte {found}, which is not SOCKS5; does it speak HTTP (http://)?"
    )]
    NotSocks {
        /// The first byte, or the one that has no meaning.
        found: u8,
    },
    /// The proxy wants a user and password, or others than it got.
    #[error(
        "it {} (it said: {said}); give its URL as scheme://user:password@host:port",
        if *.had_credentials { "did not take our user and password" } else { "wants a user and password" }
    )]
    Credentials {
        /// Whether we had any.
        had_credentials: bool,
        /// What the proxy said.
        said: String,
    },
    /// The proxy answered something else than that it connected.
    #[error("it answered: {said}")]
    Refused {
        /// What it said: status and the text of a page, or the meaning of SOCKS5's code.
        said: String,
    },
    /// The proxy sent more than its answer, before anything was asked of the server.
    #[error(
        "{bytes} bytes followed its answer too early; it is no proxy, or speaks another protocol"
    )]
    Early {
        /// How many.
        bytes: usize,
    },
    /// SOCKS5 can't carry the server's name.
    #[error("the server's name has {bytes} bytes, and SOCKS5 carries at most 255")]
    HostTooLong {
        /// How many.
        bytes: usize,
    },
}

reads_as_text!(ProxyError, ProxyFailure);

#[cfg(test)]
mod tests;
