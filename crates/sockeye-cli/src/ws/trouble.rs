//! Why a raw WebSocket does not open, or ended badly, and which flag to change.

use std::fmt;

use sockeye::ws::{Close, ConnectError, DecodeError, Error};

use crate::{
    exit::Exit,
    failure::Ends,
    reach::{hint_of_dial, of_dial},
    values::printable,
};

/// What went wrong.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It did not open.
    Connect(ConnectError),
    /// It was lost.
    Lost(Error),
    /// The server closed it, and not because all is well.
    Closed(Close),
}

impl Ends for Trouble {
    fn exit(&self) -> Exit {
        match self {
            Self::Connect(error) => match error {
                ConnectError::Url(_)
                | ConnectError::Header(_)
                | ConnectError::Protocol(_)
                | ConnectError::Proxy(_) => Exit::Usage,
                ConnectError::Certificates(_) => Exit::Tls,
                ConnectError::Randomness(_) => Exit::Fault,
                ConnectError::Dial(error) => of_dial(error),
                _ => Exit::Handshake,
            },
            Self::Lost(_) | Self::Closed(_) => Exit::Lost,
        }
    }
}

impl Trouble {
    /// What to change.
    fn hint(&self) -> &'static str {
        match self {
            Self::Connect(ConnectError::Dial(error)) => hint_of_dial(error),
            Self::Connect(ConnectError::Protocol(_)) => "change --subprotocol",
            Self::Connect(ConnectError::Certificates(_)) => {
                "or name authorities with --cacert FILE"
            }
            Self::Connect(ConnectError::Proxy(_)) => "change -x, or go without a proxy: -x none",
            Self::Connect(ConnectError::Status(response)) => match response.status().as_u16() {
                300..=399 => "use the URL that it redirects to",
                401 | 403 => "it may want an origin, a cookie or a token: -H",
                429 | 503 => "try again later",
                _ => "check the URL's path, and what the server wants in headers (-H)",
            },
            Self::Lost(Error::Peer(DecodeError::MessageTooBig { .. })) => {
                "allow more with --max-message SIZE"
            }
            Self::Connect(ConnectError::Handshake(_)) => "change --subprotocol, or the URL",
            _ => "",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::Connect(error) => error.to_string(),
            Self::Lost(error) => error.to_string(),
            Self::Closed(Close { code, reason }) => {
                format!("the server closed with {} {reason}", code.as_u16())
            }
        };
        // Servers have their say in it.
        f.write_str(printable(&what).trim_end())?;
        let hint = self.hint();
        if hint.is_empty() { Ok(()) } else { write!(f, "; {hint}") }
    }
}

impl std::error::Error for Trouble {}
