//! What can be wrong between a client and a server, by the ids that scripts rely on.

use std::{fmt, str::FromStr};

use super::explain::NoSuchVerdict;
use crate::exit::Exit;

/// Declares the verdicts: one row of the contract for each.
macro_rules! verdicts {
    ($($(#[$doc:meta])* $variant:ident = $id:literal, $exit:ident, $means:literal;)+) => {
        /// What the doctor found.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub(crate) enum Verdict { $($(#[$doc])* $variant,)+ }

        impl Verdict {
            /// All of them, in the order of the contract.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its name, in JSON and in the names of its pages.
            pub(crate) const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)+ }
            }

            /// The exit code that it ends the doctor with.
            pub(crate) const fn exit(self) -> Exit {
                match self { $(Self::$variant => Exit::$exit,)+ }
            }

            /// What it means, in a few words.
            pub(crate) const fn means(self) -> &'static str {
                match self { $(Self::$variant => $means,)+ }
            }
        }
    };
}

verdicts! {
    Ok = "ok", Done, "it connects and joins";
    NoAnswer = "no-answer", Handshake, "the server takes the connection and then says nothing";
    BadUrl = "bad-url", Usage, "the URL can't be used";
    DnsFailed = "dns-failed", Network, "the server's name has no address";
    ConnectionRefused = "connection-refused", Network, "nothing listens at this address and port";
    ConnectTimeout = "connect-timeout", Network, "the server's address does not answer";
    NetworkUnreachable = "network-unreachable", Network, "there is no way to the server's address";
    TlsSelfSigned = "tls-self-signed", Tls, "the server's certificate is signed by itself";
    TlsUnknownCa = "tls-unknown-ca", Tls, "the authority that signed the server's certificate is not believed";
    TlsMissingIntermediate = "tls-missing-intermediate", Tls, "the server leaves out a certificate of its chain";
    TlsExpired = "tls-expired", Tls, "the server's certificate has expired";
    TlsNotYetValid = "tls-not-yet-valid", Tls, "the server's certificate is not valid yet";
    TlsWrongName = "tls-wrong-name", Tls, "the server's certificate is for another name";
    TlsClientCertificateRequired = "tls-client-certificate-required", Tls, "the server wants a client certificate";
    TlsVersion = "tls-version", Tls, "client and server have no version of TLS in common";
    /// The URL says `https`.
    PlainHttpOnTlsPort = "plain-http-on-tls-port", Tls, "the URL says https, and the port speaks plain HTTP";
    /// The URL says `http`.
    TlsOnPlainPort = "tls-on-plain-port", Tls, "the URL says http, and the port speaks TLS";
    Redirect = "redirect", Handshake, "the server sends us to another URL";
    WrongPath = "wrong-path", Handshake, "Engine.IO listens on another path";
    NotSocketIo = "not-socketio", Handshake, "something else than Socket.IO answers";
    Forbidden = "forbidden", Handshake, "the server does not let this client in";
    RateLimited = "rate-limited", Handshake, "the server has no time for us now";
    Http2Only = "http2-only", Handshake, "the front speaks no HTTP/1.1";
    PollingDisabled = "polling-disabled", Done, "the server speaks WebSocket alone";
    WebSocketDisabled = "websocket-disabled", Done, "the server speaks polling alone";
    WebSocketBlocked = "websocket-blocked", Handshake, "something between does not let WebSocket through";
    NoStickySessions = "no-sticky-sessions", Handshake, "requests of one session reach several servers";
    Eio3Server = "eio3-server", Version, "the server speaks Engine.IO 3 (Socket.IO 1 and 2)";
    Eio4OnlyServer = "eio4-only-server", Version, "the server speaks Engine.IO 4 alone (Socket.IO 3 and newer)";
    UnknownNamespace = "unknown-namespace", Refused, "the server has no such namespace";
    AuthRefused = "auth-refused", Refused, "the namespace does not take what we come with";
    WrongParser = "wrong-parser", Refused, "the server writes packets with another parser";
    ConnectNoReply = "connect-no-reply", Refused, "the server does not answer the request to join";
    ServerGone = "server-gone", Lost, "the link broke, and the server takes no connections any more";
    NoHeartbeat = "no-heartbeat", Lost, "the ping that the server announced did not come";
    IdleDrop = "idle-drop", Lost, "only the silent link was cut";
    LifetimeDrop = "lifetime-drop", Lost, "all links were cut at the same age";
    RandomDrop = "random-drop", Lost, "links were cut without a pattern";
    VersionDrop = "version-drop", Lost, "the link was cut as one that speaks the wrong version";
}

impl FromStr for Verdict {
    type Err = NoSuchVerdict;

    fn from_str(id: &str) -> Result<Self, NoSuchVerdict> {
        let found = Self::ALL.iter().copied().find(|verdict| verdict.id() == id);
        found.ok_or_else(|| NoSuchVerdict(id.to_owned()))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_apart_and_read_back() {
        for verdict in Verdict::ALL {
            assert_eq!(verdict.id().parse::<Verdict>().ok(), Some(*verdict));
            assert!(
                verdict
                    .id()
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
                "{verdict}"
            );
        }
        assert!("Ok".parse::<Verdict>().is_err());
    }
}
