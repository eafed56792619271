//! The way to a server, for Socket.IO and raw WebSocket alike: headers, TLS, proxy.

use std::{fs, io, path::PathBuf, str::FromStr};

use clap::Args;
use http::{HeaderName, HeaderValue, header};
use sockeye::client::{OwnHeader, Proxy, ProxyError, Tls, TlsBuilder, TlsError};
use thiserror::Error;

use crate::{config::Expected, exit::Exit, failure::Ends, secrets::Secrets};

/// Whom to believe, who to be, and through which proxy to go.
#[derive(Clone, Debug, Args)]
pub(crate) struct Road {
    /// Believe every certificate, so that anybody on the way can read and change everything; --pin is as easy and safe
    #[arg(short = 'k', long, help_heading = "TLS and proxy")]
    pub(crate) insecure: bool,
    /// Believe only the certificates in this file (PEM), and those that they signed; may be repeated
    #[arg(long, value_name = "FILE", help_heading = "TLS and proxy")]
    pub(crate) cacert: Vec<PathBuf>,
    /// Certificate of this client, with those between it and its authority (PEM)
    #[arg(long, value_name = "FILE", help_heading = "TLS and proxy")]
    pub(crate) cert: Option<PathBuf>,
    /// Private key of the certificate (PEM, not encrypted); without it, it is looked for in the file of --cert
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "TLS and proxy")]
    pub(crate) key: Option<PathBuf>,
    /// Believe the server that holds the key with this hash, whatever its certificate: sha256/BASE64; may be repeated
    #[arg(long, value_name = "HASH", help_heading = "TLS and proxy")]
    pub(crate) pin: Vec<String>,
    /// Proxy to go through, [http|https|socks5|socks5h]://[user:password@]host[:port], or none; without it the
    /// environment's (HTTPS_PROXY and the like)
    #[arg(short = 'x', long, value_name = "URL", help_heading = "TLS and proxy")]
    pub(crate) proxy: Option<String>,
}

impl Road {
    /// What the options say about TLS, if they say anything.
    ///
    /// # Errors
    ///
    /// [`RoadError`].
    pub(crate) fn tls(&self) -> Result<Option<Tls>, RoadError> {
        let Self { insecure, cacert, cert, key: _, pin, proxy: _ } = self;
        if !insecure && cacert.is_empty() && cert.is_none() && pin.is_empty() {
            return Ok(None);
        }
        self.tls_builder()?.build().map(Some).map_err(RoadError::Tls)
    }

    /// What the options say about TLS, not yet checked.
    ///
    /// # Errors
    ///
    /// [`RoadError::Unreadable`].
    pub(crate) fn tls_builder(&self) -> Result<TlsBuilder, RoadError> {
        let Self { insecure, cacert, cert, key, pin, proxy: _ } = self;
        let mut builder = Tls::builder().danger_accept_invalid_certs(*insecure);
        for file in cacert {
            builder = builder.add_pem(read("cacert", file)?).believe_platform(false);
        }
        for pin in pin {
            builder = builder.pin(pin);
        }
        if let Some(cert) = cert {
            let chain = read("cert", cert)?;
            let key = key.as_ref().map_or_else(|| Ok(chain.clone()), |key| read("key", key))?;
            builder = builder.identity_pem(chain, key);
        }
        Ok(builder)
    }

    /// Whom they say to believe.
    pub(crate) const fn belief(&self) -> Belief {
        match self {
            Self { insecure: true, .. } => Belief::Anyone,
            Self { pin, .. } if !pin.is_empty() => Belief::Pins,
            Self { cacert, .. } if !cacert.is_empty() => Belief::Given,
            _ => Belief::Platform,
        }
    }

    /// The proxy, if one was named.
    ///
    /// # Errors
    ///
    /// [`RoadError::Proxy`].
    pub(crate) fn proxy(&self) -> Result<Option<Proxy>, RoadError> {
        match self.proxy.as_deref() {
            None => Ok(None),
            Some("" | "none") => Ok(Some(Proxy::none())),
            Some(url) => {
                Secrets::of_process().user(url);
                Proxy::new(url).map(Some).map_err(RoadError::Proxy)
            }
        }
    }
}

fn read(flag: &'static str, file: &PathBuf) -> Result<Vec<u8>, RoadError> {
    fs::read(file).map_err(|source| RoadError::Unreadable { flag, file: file.clone(), source })
}

/// Who decides which servers are believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Belief {
    /// The authorities of the operating system.
    Platform,
    /// Those of `--cacert`.
    Given,
    /// The keys of `--pin`.
    Pins,
    /// Nobody: `-k`.
    Anyone,
}

/// Why there is no way to a server.
#[derive(Debug, Error)]
pub(crate) enum RoadError {
    #[error("{}: {source}; name a file that can be read with --{flag} FILE", file.display())]
    Unreadable { flag: &'static str, file: PathBuf, source: io::Error },
    #[error("{0} (of --cacert, --cert, --key, --pin and -k)")]
    Tls(#[source] TlsError),
    #[error("-x: {0}")]
    Proxy(#[source] ProxyError),
    #[error("-H gives {0} twice, and a request has one; give it once")]
    Twice(HeaderName),
}

impl Ends for RoadError {
    fn exit(&self) -> Exit {
        match self {
            Self::Unreadable { .. }
            | Self::Proxy(_)
            | Self::Twice(_)
            | Self::Tls(TlsError::Conflict { .. } | TlsError::Pin { .. }) => Exit::Usage,
            Self::Tls(_) => Exit::Tls,
        }
    }
}

/// A header to send.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderValue,
}

impl FromStr for Header {
    type Err = NoHeader;

    fn from_str(text: &str) -> Result<Self, NoHeader> {
        const EXPECTED: NoHeader = NoHeader::Expected(Expected(
            r#"a name and a value, such as "origin: https://a.example""#,
        ));
        let (name, value) = text.split_once(':').ok_or(EXPECTED)?;
        let header = Self {
            name: name.trim().parse().map_err(|_| EXPECTED)?,
            value: value.trim().parse().map_err(|_| EXPECTED)?,
        };
        OwnHeader::check(&header.name)?;
        Ok(header)
    }
}

/// What of the headers given is sent along: as in curl, one without a value stands for none. Of `User-Agent` that leaves
/// out our own, so it is kept for the client to see.
///
/// # Errors
///
/// [`RoadError::Twice`]: only one of both would be sent.
pub(crate) fn to_send(given: &[Header]) -> Result<Vec<Header>, RoadError> {
    for once in [header::HOST, header::USER_AGENT] {
        if given.iter().filter(|header| header.name == once).count() > 1 {
            return Err(RoadError::Twice(once));
        }
    }
    let is_sent = |header: &&Header| !header.value.is_empty() || header.name == header::USER_AGENT;
    Ok(given.iter().filter(is_sent).cloned().collect())
}

/// Why a header can't be sent along.
#[derive(Debug, Error)]
pub(crate) enum NoHeader {
    #[error(transparent)]
    Expected(Expected),
    #[error(transparent)]
    Own(#[from] OwnHeader),
}
