//! What can be wrong between a client and a server, by the ids that scripts rely on.

use std::{fmt, str::FromStr};

use crate::exit::Exit;

/// Declares the verdicts: one row of the contract for each.
macro_rules! verdicts {
    ($($(#[$doc:meta])* $variant:ident = $id:literal, $exit:ident;)+) => {
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
        }
    };
}

verdicts! {
    Ok = "ok", Done;
    NoAnswer = "no-answer", Handshake;
    BadUrl = "bad-url", Usage;
    DnsFailed = "dns-failed", Network;
    ConnectionRefused = "connection-refused", Network;
    ConnectTimeout = "connect-timeout", Network;
    NetworkUnreachable = "network-unreachable", Network;
    TlsSelfSigned = "tls-self-signed", Tls;
    TlsUnknownCa = "tls-unknown-ca", Tls;
    TlsMissingIntermediate = "tls-missing-intermediate", Tls;
    TlsExpired = "tls-expired", Tls;
    TlsNotYetValid = "tls-not-yet-valid", Tls;
    TlsWrongName = "tls-wrong-name", Tls;
    TlsClientCertificateRequired = "tls-client-certificate-required", Tls;
    TlsVersion = "tls-version", Tls;
    /// The URL says `https`.
    PlainHttpOnTlsPort = "plain-http-on-tls-port", Tls;
    /// The URL says `http`.
    TlsOnPlainPort = "tls-on-plain-port", Tls;
    Redirect = "redirect", Handshake;
    WrongPath = "wrong-path", Handshake;
    NotSocketIo = "not-socketio", Handshake;
    Forbidden = "forbidden", Handshake;
    RateLimited = "rate-limited", Handshake;
    Http2Only = "http2-only", Handshake;
    PollingDisabled = "polling-disabled", Done;
    WebSocketDisabled = "websocket-disabled", Done;
    WebSocketBlocked = "websocket-blocked", Handshake;
    NoStickySessions = "no-sticky-sessions", Handshake;
    Eio3Server = "eio3-server", Version;
    Eio4OnlyServer = "eio4-only-server", Version;
    UnknownNamespace = "unknown-namespace", Refused;
    AuthRefused = "auth-refused", Refused;
    SilentNamespace = "silent-namespace", Done;
    BrokenHandshake = "broken-handshake", Handshake;
    PingFlood = "ping-flood", Lost;
    WrongParser = "wrong-parser", Refused;
    ConnectNoReply = "connect-no-reply", Refused;
    ServerGone = "server-gone", Lost;
    NoHeartbeat = "no-heartbeat", Lost;
    IdleDrop = "idle-drop", Lost;
    LifetimeDrop = "lifetime-drop", Lost;
    RandomDrop = "random-drop", Lost;
    VersionDrop = "version-drop", Lost;
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

/// The name of a verdict that there is not.
#[derive(Debug)]
pub(crate) struct NoSuchVerdict(String);

/// A name that is this much alike may have been meant.
const ALIKE: f64 = 0.8;

impl fmt::Display for NoSuchVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = || Verdict::ALL.iter().map(|verdict| verdict.id());
        let alike = |id: &&str| strsim::jaro_winkler(id, &self.0);
        let mut near: Vec<_> =
            ids().filter(|id| self.0.len() > 2 && id.contains(&self.0)).collect();
        if near.is_empty() {
            near.extend(ids().max_by(|a, b| alike(a).total_cmp(&alike(b))));
            near.retain(|id| alike(id) >= ALIKE);
        }
        if !near.is_empty() {
            write!(f, "did you mean {}? ", near.join(" or "))?;
        }
        write!(f, "The verdicts are: {}", ids().collect::<Vec<_>>().join(", "))
    }
}

impl std::error::Error for NoSuchVerdict {}

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

    #[test]
    fn a_name_that_is_wrong_finds_its_neighbours() {
        let said = |name: &str| NoSuchVerdict(name.to_owned()).to_string();
        assert!(said("eio3server").starts_with("did you mean eio3-server? The verdicts are: ok, "));
        assert!(said("expired").starts_with("did you mean tls-expired? "));
        assert!(said("").starts_with("The verdicts are: "));
        assert!(said("xxxxxxxxxx").starts_with("The verdicts are: "));
    }
}
