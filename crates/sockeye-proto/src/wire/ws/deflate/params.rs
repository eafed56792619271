//! The parameters of `permessage-deflate` in an extensions header (RFC 7692 §7.1).

use super::DEFAULT_WINDOW_BITS;

pub(super) const NAME: &str = "permessage-deflate";

/// The four parameters as they stand in an offer or a response.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Params {
    pub(super) server_no_context_takeover: bool,
    pub(super) client_no_context_takeover: bool,
    pub(super) server_max_window_bits: Option<u8>,
    pub(super) client_max_window_bits: Option<ClientBits>,
}

/// In an offer the client may only say that it knows the parameter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ClientBits {
    Known,
    AtMost(u8),
}

impl ClientBits {
    /// The limit it stands for.
    pub(super) fn bits(self) -> u8 {
        match self {
            Self::Known => DEFAULT_WINDOW_BITS,
            Self::AtMost(bits) => bits,
        }
    }
}

impl Params {
    /// Reads one element of the header's list; `None` if it is another extension or breaks a rule.
    pub(super) fn parse(element: &str) -> Option<Self> {
        let mut parts = element.split(';').map(str::trim);
        if parts.next()? != NAME {
            return None;
        }
        let mut params = Self::default();
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim_end(), Some(unquote(value.trim_start()))),
                None => (part, None),
            };
            // `replace` finds doubles, which §7.1 forbids.
            let repeated = match (name, value) {
                ("server_no_context_takeover", None) => {
                    std::mem::replace(&mut params.server_no_context_takeover, true)
                }
                ("client_no_context_takeover", None) => {
                    std::mem::replace(&mut params.client_no_context_takeover, true)
                }
                ("server_max_window_bits", Some(value)) => {
                    params.server_max_window_bits.replace(window_bits(value)?).is_some()
                }
                ("client_max_window_bits", value) => {
                    let bits = match value {
                        Some(value) => ClientBits::AtMost(window_bits(value)?),
                        None => ClientBits::Known,
                    };
                    params.client_max_window_bits.replace(bits).is_some()
                }
                _ => return None,
            };
            if repeated {
                return None;
            }
        }
        Some(params)
    }

    /// The element for the header.
    pub(super) fn to_element(self) -> String {
        let mut element = String::from(NAME);
        if self.server_no_context_takeover {
            element.push_str("; server_no_context_takeover");
        }
        if self.client_no_context_takeover {
            element.push_str("; client_no_context_takeover");
        }
        if let Some(bits) = self.server_max_window_bits {
            element.push_str(&format!("; server_max_window_bits={bits}"));
        }
        match self.client_max_window_bits {
            Some(ClientBits::Known) => element.push_str("; client_max_window_bits"),
            Some(ClientBits::AtMost(bits)) => {
                element.push_str(&format!("; client_max_window_bits={bits}"));
            }
            None => {}
        }
        element
    }
}

/// A value may be a token or a quoted string (RFC 6455 §9.1).
fn unquote(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

/// 8 to 15 in decimal, without leading zeros (§7.1.2).
fn window_bits(value: &str) -> Option<u8> {
    Some(match value {
        "8" => 8,
        "9" => 9,
        "10" => 10,
        "11" => 11,
        "12" => 12,
        "13" => 13,
        "14" => 14,
        "15" => 15,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements() {
        #[track_caller]
        fn check(element: &str, expect: Option<&str>) {
            let found = Params::parse(element).map(Params::to_element);
            assert_eq!(found.as_deref(), expect, "{element}");
        }
        check("permessage-deflate", Some("permessage-deflate"));
        let all = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                   server_max_window_bits=8; client_max_window_bits=15";
        check(all, Some(all));
        let known = "permessage-deflate; client_max_window_bits";
        check(known, Some(known));
        check(
            "permessage-deflate ;server_max_window_bits = \"10\"",
            Some("permessage-deflate; server_max_window_bits=10"),
        );
        check("permessage-bzip2", None);
        check("permessage-deflate; x", None);
        check("permessage-deflate;", None);
        check("permessage-deflate; server_no_context_takeover=1", None);
        check("permessage-deflate; server_max_window_bits", None);
        for value in ["7", "16", "08", "+9", "", "9a", "99999999999999999999"] {
            check(&format!("permessage-deflate; server_max_window_bits={value}"), None);
            check(&format!("permessage-deflate; client_max_window_bits={value}"), None);
        }
        for param in ["server_no_context_takeover", "client_max_window_bits"] {
            check(&format!("permessage-deflate; {param}; {param}"), None);
        }
    }
}
