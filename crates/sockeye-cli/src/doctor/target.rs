//! What is to be examined: the options of the run, their files read, and the way to the server.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, header};
use serde_json::{Map, Value};
use sockeye::client::{BuildError, Dialer, Proxy, Query, Tls, UrlError, engine_path};
use sockeye_proto::wire::engine::Version;

use super::report::CommandLine;
use crate::{
    failure::Failure,
    reach::{Connection, Eio, Encoding, Header, Road, Transports, Trouble, to_send},
    secrets::Secrets,
};

/// A server as it is to be reached.
#[derive(Debug)]
pub(crate) struct Target {
    /// `http://host:port` or `https://host:port`, without a port that is the usual one.
    pub(crate) origin: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) is_secure: bool,
    pub(crate) dialer: Dialer,
    pub(crate) road: Road,
    /// The value of the header `Host`.
    pub(crate) authority: HeaderValue,
    /// Where Engine.IO is to listen.
    pub(crate) path: String,
    /// The path of the URL, encoded.
    pub(crate) url_path: String,
    /// Whether the namespace is named by the URL's path.
    pub(crate) names_by_url: bool,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) namespaces: Vec<String>,
    /// Namespaces to try, too.
    pub(crate) others: Vec<String>,
    pub(crate) auth: Option<Map<String, Value>>,
    pub(crate) transports: Transports,
    pub(crate) eio: Eio,
    pub(crate) parser: Encoding,
    /// How long a step may take.
    pub(crate) timeout: Duration,
    /// When the examination began, by this machine's clock.
    pub(crate) now: SystemTime,
    /// What was given, to be corrected.
    pub(crate) command: CommandLine,
}

/// There is a way to the server, or the URL is none.
pub(crate) type Checked = Result<Target, Box<BadUrl>>;

/// A URL that can't be used.
#[derive(Debug)]
pub(crate) struct BadUrl {
    pub(crate) error: UrlError,
    /// As it was given.
    pub(crate) url: String,
    pub(crate) command: CommandLine,
}

/// The command at hand.
pub(crate) fn given(checked: &Checked) -> &CommandLine {
    match checked {
        Ok(target) => &target.command,
        Err(bad) => &bad.command,
    }
}

impl Target {
    /// Reads what has to be read.
    ///
    /// # Errors
    ///
    /// [`Failure`]: a file, a certificate, a proxy or a command for a token is of no use. What is wrong with the URL is
    /// a finding.
    pub(crate) async fn of(
        connection: Connection,
        others: Vec<String>,
        secrets: &Secrets,
    ) -> Result<Checked, Failure> {
        let connection = Connection { headers: to_send(&connection.headers)?, ..connection };
        let auth = connection.auth_payload()?;
        let bearer = connection.bearer().await?;
        let token = bearer.as_ref().and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let command = CommandLine::of(&connection, token);
        let mut headers = HeaderMap::new();
        for Header { name, value } in &connection.headers {
            headers.append(name, value.clone());
        }
        if let Some(value) = bearer {
            headers.insert(header::AUTHORIZATION, value);
        }
        for (name, value) in &headers {
            secrets.header(name, value);
        }
        if let Some(auth) = &auth {
            secrets.add_payload(auth);
        }
        let (tls, proxy) = (connection.road.tls()?, connection.road.proxy()?);
        let (_, namespaces) = connection.place();
        let timeout = connection.timeout.get();
        let dialer = match dialer(&connection.url, tls, proxy, timeout) {
            Ok(dialer) => dialer,
            Err(BuildError::Url(error)) => {
                let url = connection.url;
                return Ok(Err(Box::new(BadUrl { error, url, command })));
            }
            Err(error) => return Err(Trouble::Build(error).into()),
        };
        let query = match connection.fields() {
            Ok(query) => query,
            Err(error) => {
                let url = connection.url;
                return Ok(Err(Box::new(BadUrl { error, url, command })));
            }
        };
        let path = engine_path(&connection.path, !connection.no_trailing_slash);
        let path = path.map_err(Trouble::Build)?.path().to_owned();
        // What the first request can't ask for, no other can.
        if let Err(error) = query.target(&path, Version::V4, "websocket", None) {
            let url = connection.url;
            return Ok(Err(Box::new(BadUrl { error, url, command })));
        }
        for (name, value) in fields(&query) {
            secrets.add_field(&name, &value);
        }
        Ok(Ok(Self {
            origin: origin(dialer.is_secure(), dialer.host(), dialer.port()),
            host: dialer.host().to_owned(),
            port: dialer.port(),
            is_secure: dialer.is_secure(),
            authority: dialer.authority().clone(),
            path,
            url_path: dialer.path().to_owned(),
            names_by_url: connection.namespaces.is_empty(),
            query,
            headers,
            namespaces,
            others: others.into_iter().map(with_slash).collect(),
            auth,
            transports: connection.transport,
            eio: connection.eio,
            parser: connection.parser,
            timeout,
            now: SystemTime::now(),
            command,
            dialer,
            road: connection.road,
        }))
    }

    /// Whether TLS can be spoken at the server's port, by whatever certificate.
    pub(crate) async fn speaks_tls(&self, limit: Duration) -> bool {
        let Ok(tls) = Tls::builder().danger_accept_invalid_certs(true).build() else {
            return false;
        };
        let proxy = self.road.proxy().ok().flatten();
        let url = origin(true, &self.host, self.port);
        match dialer(&url, Some(tls), proxy, limit) {
            Ok(dialer) => dialer.dial().await.is_ok(),
            Err(_) => false,
        }
    }

    /// Whether a session of this version is of use.
    pub(crate) const fn may_speak(&self, version: Version) -> bool {
        match self.eio {
            Eio::Auto => true,
            Eio::V3 => matches!(version, Version::V3),
            Eio::V4 => matches!(version, Version::V4),
        }
    }

    /// Whether `/` is joined because no namespace was named.
    pub(crate) fn is_root_by_default(&self) -> bool {
        self.names_by_url && self.url_path.trim_matches('/').is_empty()
    }

    /// The URL that leads to this namespace.
    pub(crate) fn url(&self, namespace: &str) -> String {
        let namespace = if namespace == "/" { "" } else { namespace };
        format!("{}{namespace}", self.origin)
    }
}

fn dialer(
    url: &str,
    tls: Option<Tls>,
    proxy: Option<Proxy>,
    timeout: Duration,
) -> Result<Dialer, BuildError> {
    let mut builder = Dialer::builder(url).timeout(timeout);
    if let Some(tls) = tls {
        builder = builder.tls(tls);
    }
    if let Some(proxy) = proxy {
        builder = builder.proxy(proxy);
    }
    builder.build()
}

/// The beginning of a URL.
pub(crate) fn origin(is_secure: bool, host: &str, port: u16) -> String {
    let scheme = if is_secure { "https" } else { "http" };
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    match (is_secure, port) {
        (true, 443) | (false, 80) => format!("{scheme}://{host}"),
        _ => format!("{scheme}://{host}:{port}"),
    }
}

/// The fields of a query, as a server reads them.
pub(crate) fn fields(query: &Query) -> impl Iterator<Item = (String, String)> {
    form_urlencoded::parse(query.as_str().as_bytes()).into_owned()
}

fn with_slash(name: String) -> String {
    if name.starts_with('/') { name } else { format!("/{name}") }
}
