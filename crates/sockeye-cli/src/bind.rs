//! The address to listen on, and what the system says when it can't be had.

use std::{fmt, io, net::SocketAddr, str::FromStr};

use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket, lookup_host};

use crate::{
    config::{Expected, Setting},
    exit::Exit,
    failure::Ends,
};

/// A host (name or address) and a port: `127.0.0.1:3000`, `[::1]:3000`, `localhost:0`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Listen {
    host: String,
    port: u16,
}

impl Listen {
    /// Listens.
    pub(crate) async fn bind(&self) -> Result<TcpListener, BindError> {
        self.try_bind().await.map_err(|source| self.blame(source))
    }

    /// On the first address of the name that can be had.
    async fn try_bind(&self) -> io::Result<TcpListener> {
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in lookup_host(self.to_string()).await? {
            match listen(address) {
                Ok(listener) => return Ok(listener),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn blame(&self, source: io::Error) -> BindError {
        let listen = self.clone();
        match source.kind() {
            io::ErrorKind::AddrInUse => {
                // The highest port has no next one.
                let port = self.port.checked_add(1).unwrap_or(self.port - 1);
                BindError::InUse { other: Self { port, ..self.clone() }, listen }
            }
            io::ErrorKind::PermissionDenied => {
                let port = self.port.saturating_add(8_000);
                BindError::Denied { other: Self { port, ..self.clone() }, listen }
            }
            io::ErrorKind::AddrNotAvailable => BindError::NotOurs { listen, port: self.port },
            _ => BindError::Other { listen, source },
        }
    }
}

/// Listens, with as many connections waiting to be accepted as the system bears: in a storm of them those that find no
/// room try again only after a second.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    const AS_MANY_AS_MAY_BE: u32 = i32::MAX as u32;

    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Else its port would be blocked for a while after a restart. Elsewhere it means something else.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(AS_MANY_AS_MAY_BE)
}

impl Default for Listen {
    fn default() -> Self {
        Self { host: "127.0.0.1".into(), port: 3000 }
    }
}

impl FromStr for Listen {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        let (host, port) = text.rsplit_once(':').ok_or(Self::EXPECTED)?;
        let bracketed = host.starts_with('[') && host.ends_with(']');
        // `::1:3000` is an address without a port, or one of six groups with a port: nobody can tell.
        if host.is_empty() || (host.contains(':') && !bracketed) {
            return Err(Self::EXPECTED);
        }
        Ok(Self { host: host.into(), port: port.parse().map_err(|_| Self::EXPECTED)? })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Setting for Listen {
    const EXPECTED: Expected = Expected(
        r#"an address and a port, such as "127.0.0.1:3000", "0.0.0.0:80" or "[::1]:3000""#,
    );
}

/// Why we can't listen there.
#[derive(Debug, Error)]
pub(crate) enum BindError {
    #[error("{listen} is in use; choose another with --listen {other}")]
    InUse { listen: Listen, other: Listen },
    #[error(
        "{listen} is not allowed to this user (ports below 1024 rarely are); choose another with --listen {other}"
    )]
    Denied { listen: Listen, other: Listen },
    #[error(
        "{listen} is not an address of this machine; listen on all of them with --listen 0.0.0.0:{port}, or on this \
         machine only with --listen 127.0.0.1:{port}"
    )]
    NotOurs { listen: Listen, port: u16 },
    #[error(
        "{listen} can't be listened on: {source}; choose another address with --listen ADDRESS"
    )]
    Other { listen: Listen, source: io::Error },
}

impl Ends for BindError {
    fn exit(&self) -> Exit {
        Exit::Network
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(text: &str, valid: bool) {
            let shown = text.parse::<Listen>().ok().map(|listen| listen.to_string());
            assert_eq!(shown, valid.then(|| text.to_owned()), "{text:?}");
        }
        check("127.0.0.1:3000", true);
        check("[::1]:3000", true);
        check("localhost:0", true);
        check("3000", false);
        check(":3000", false);
        check("::1:3000", false);
        check("127.0.0.1", false);
        check("127.0.0.1:", false);
        check("127.0.0.1:65536", false);
        check("127.0.0.1:http", false);
        check("", false);
    }

    #[test]
    fn errors_name_what_to_type_instead() {
        #[track_caller]
        fn check(listen: &str, kind: io::ErrorKind, expect: &str) {
            let error = listen.parse::<Listen>().unwrap().blame(kind.into());
            assert!(error.to_string().ends_with(expect), "{error}");
        }
        check("[::1]:3000", io::ErrorKind::AddrInUse, "--listen [::1]:3001");
        check("localhost:65535", io::ErrorKind::AddrInUse, "--listen localhost:65534");
        check("0.0.0.0:80", io::ErrorKind::PermissionDenied, "--listen 0.0.0.0:8080");
        check("10.9.9.9:80", io::ErrorKind::AddrNotAvailable, "--listen 127.0.0.1:80");
        check("nowhere:80", io::ErrorKind::Other, "--listen ADDRESS");
    }
}
