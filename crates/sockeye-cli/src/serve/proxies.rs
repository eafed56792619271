//! The proxies in front of the server, whose word on its clients counts.

use std::{fmt, net::IpAddr, str::FromStr};

use crate::config::{Expected, Setting};

/// `none`, or addresses and networks with commas between them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Proxies(Vec<String>);

impl Proxies {
    /// Each as it was given; the server's builder checks them.
    pub(super) fn list(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for Proxies {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        if text == "none" {
            return Ok(Self::default());
        }
        let proxies: Vec<_> = text.split(',').map(str::trim).map(str::to_owned).collect();
        let is_network = |proxy: &String| {
            let (address, bits) = proxy.split_once('/').unwrap_or((proxy, "0"));
            let most =
                address.parse().map(|address: IpAddr| if address.is_ipv4() { 32 } else { 128 });
            bits.parse::<u8>().is_ok_and(|bits| most.is_ok_and(|most| bits <= most))
        };
        if proxies.iter().all(is_network) { Ok(Self(proxies)) } else { Err(Self::EXPECTED) }
    }
}

impl fmt::Display for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("none") } else { f.write_str(&self.0.join(",")) }
    }
}

impl Setting for Proxies {
    const EXPECTED: Expected =
        Expected(r#"none, or addresses and networks, such as "127.0.0.1,10.0.0.0/8""#);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(text: &str, shown: Option<&str>) {
            let found = text.parse::<Proxies>().ok().map(|proxies| proxies.to_string());
            assert_eq!(found.as_deref(), shown, "{text:?}");
        }
        check("none", Some("none"));
        check("127.0.0.1", Some("127.0.0.1"));
        check("::1, 10.0.0.0/8", Some("::1,10.0.0.0/8"));
        check("10.0.0.0/8,", None);
        check("10.0.0.0/33", None);
        check("::/129", None);
        check("proxy.example", None);
        check("", None);
    }
}
