//! Close codes and the body of a close frame (RFC 6455 §5.5.1, §7.4).

use std::fmt;

use super::{DecodeError, MAX_CONTROL_BYTES, ProtocolError};

/// A close code that may appear on the wire.
///
/// 1005 (no code) and 1006 (no close frame) are reports of the receiver and have no value here: an
/// `Option` says the same.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::ws::CloseCode;
///
/// assert_eq!(CloseCode::new(4001).map(CloseCode::as_u16), Some(4001));
/// assert_eq!(CloseCode::new(1006), None);
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server goes down or the page was left.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the framing.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: this kind of data is not accepted, such as binary where only text is.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007: the data does not fit its kind, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a policy was violated and no other code says more.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: the message is longer than we accept.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: the client needed an extension that the server did not grant.
    pub const MISSING_EXTENSION: Self = Self(1010);
    /// 1011: the server met a condition it did not expect.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the server restarts; come back after a random delay.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: the server is overloaded; try another or try later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);

    /// The code, if it may be sent: 1000..=1003, 1007..=1014 and 3000..=4999.
    ///
    /// 1012 to 1014 came after the RFC; they are in the IANA registry.
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The code as a number.
    pub const fn as_u16(self) -> u16 {
        self.0
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.0)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a close frame says, if it says anything.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct CloseFrame<'s> {
    /// Why the connection ends, for machines.
    pub code: CloseCode,
    /// Why the connection ends, for people; may be empty.
    pub reason: &'s str,
}

impl<'s> CloseFrame<'s> {
    /// Longest reason that fits in a close frame, in bytes.
    pub const MAX_REASON_BYTES: usize = MAX_CONTROL_BYTES - 2;

    /// Reads the unmasked body of a close frame; an empty body is `None`.
    ///
    /// # Errors
    ///
    /// Every [`DecodeError`] is the peer's fault; close with its
    /// [`close_code`](DecodeError::close_code).
    pub fn decode(body: &'s [u8]) -> Result<Option<Self>, DecodeError> {
        match body {
            [] => Ok(None),
            [_] => Err(ProtocolError::HalfCloseCode.into()),
            [high, low, reason @ ..] => {
                let code = u16::from_be_bytes([*high, *low]);
                let code =
                    CloseCode::new(code).ok_or(ProtocolError::CloseCodeNotAllowed { code })?;
                let reason = str::from_utf8(reason).map_err(|_| DecodeError::InvalidUtf8)?;
                Ok(Some(Self { code, reason }))
            }
        }
    }

    /// The reason as far as it fits in a frame, cut between two characters.
    pub fn fitting_reason(&self) -> &'s str {
        &self.reason[..self.reason.floor_char_boundary(Self::MAX_REASON_BYTES)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_of_the_registry_may_be_sent() {
        #[track_caller]
        fn check(codes: impl IntoIterator<Item = u16>, allowed: bool) {
            for code in codes {
                assert_eq!(CloseCode::new(code).is_some(), allowed, "{code}");
            }
        }
        check(0..1000, false);
        check(1000..=1003, true);
        check(1004..=1006, false);
        check(1007..=1014, true);
        check(1015..3000, false);
        check(3000..=4999, true);
        check(5000..=u16::MAX, false);
    }

    #[test]
    fn bodies() {
        #[track_caller]
        fn check(body: &[u8], expect: Result<Option<(u16, &str)>, DecodeError>) {
            let found = CloseFrame::decode(body);
            assert_eq!(found.map(|f| f.map(|f| (f.code.as_u16(), f.reason))), expect, "{body:x?}");
        }
        fn not_allowed<T>(code: u16) -> Result<T, DecodeError> {
            Err(ProtocolError::CloseCodeNotAllowed { code }.into())
        }
        check(b"", Ok(None));
        check(b"\x03", Err(ProtocolError::HalfCloseCode.into()));
        check(b"\x03\xe8", Ok(Some((1000, ""))));
        check(b"\x03\xe8bye", Ok(Some((1000, "bye"))));
        check(b"\x03\xec", not_allowed(1004));
        check(b"\x03\xed", not_allowed(1005));
        check(b"\x03\xee", not_allowed(1006));
        check(b"\x03\xf7", not_allowed(1015));
        check(b"\x0b\xb7", not_allowed(2999));
        check(b"\x00\x00", not_allowed(0));
        check(b"\xff\xff", not_allowed(65535));
        check(b"\x03\xe8\xce", Err(DecodeError::InvalidUtf8));
        check(b"\x03\xe8\xed\xa0\x80", Err(DecodeError::InvalidUtf8));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let reason = "é".repeat(100);
        let frame = CloseFrame { code: CloseCode::NORMAL, reason: &reason };
        assert_eq!(frame.fitting_reason(), "é".repeat(61));
    }
}
