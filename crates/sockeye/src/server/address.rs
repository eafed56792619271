//! Whose places are counted together: the address of a client, as far as it says who somebody is.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU64,
};

/// The address at the other end of the connection, which [`serve`](fn@super::serve) puts into the extensions of each request.
///
/// Behind a proxy it is the proxy's.
///
/// # Examples
///
/// ```
/// use sockeye::server::{Handshake, PeerAddress};
///
/// fn port_of(handshake: &Handshake) -> Option<u16> {
///     handshake.extensions.get::<PeerAddress>().map(|PeerAddress(address)| address.port())
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct PeerAddress(pub SocketAddr);

/// An address of IPv4, or a network of 64 bits of IPv6, which is what one customer has.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Household(NonZeroU64);

impl Household {
    pub(super) fn of(address: IpAddr) -> Option<Self> {
        let bits = match address.to_canonical() {
            // No network of IPv6 begins with so many zeros.
            IpAddr::V4(address) => u64::from(address.to_bits()),
            IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
        };
        NonZeroU64::new(bits).map(Self)
    }
}

/// Whether many may be behind the address without being one: this machine, a local network, a provider's shared one.
const fn is_shared(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_shared_v4(address),
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
        }
    }
}

const fn is_shared_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_loopback()
        || address.is_unspecified()
        || address.is_private()
        || address.is_link_local()
        || (a == 100 && b & 0xc0 == 64) // RFC 6598
}

/// Whether the address is one client's: that of no proxy, nor, as long as none is named, one where a proxy may be.
pub(super) fn is_one_client(address: IpAddr, proxies: &[Network]) -> bool {
    if proxies.is_empty() {
        return !is_shared(address);
    }
    !proxies.iter().any(|proxy| proxy.contains(address))
}

/// Addresses that share their first bits: `10.0.0.0/8`, `2001:db8::/32`, or a single one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Network {
    first: Ipv6Addr,
    bits: u32,
}

impl Network {
    /// Reads it; `None` if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            // `+8` and `008` are numbers to Rust.
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) && bits.len() <= 3 => {
                bits.parse().ok().filter(|bits| *bits <= most)?
            }
            Some(_) => return None,
            None => most,
        };
        Some(Self { first: mapped(address), bits: 128 - most + bits })
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let differ = self.first.to_bits() ^ mapped(address.to_canonical()).to_bits();
        differ.leading_zeros() >= self.bits
    }
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_household_is_one_address_or_one_network() {
        #[track_caller]
        fn check(one: &str, other: &str, same: bool) {
            let (one, other) = (Household::of(address(one)), Household::of(address(other)));
            assert_eq!(one == other, same, "{one:?} {other:?}");
        }
        check("203.0.113.7", "203.0.113.7", true);
        check("203.0.113.7", "203.0.113.8", false);
        check("203.0.113.7", "::ffff:203.0.113.7", true);
        check("2001:db8:1:2::3", "2001:db8:1:2:ffff::4", true);
        check("2001:db8:1:2::3", "2001:db8:1:3::3", false);
        check("2001:db8::", "32.1.13.184", false);
    }

    #[test]
    fn local_addresses_are_shared() {
        for shared in [
            "127.0.0.1",
            "127.9.9.9",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "0.0.0.0",
            "::1",
            "::",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_shared(address(shared)), "{shared}");
        }
        for own in ["203.0.113.7", "172.32.0.1", "100.128.0.1", "2001:db8::1", "::ffff:8.8.8.8"] {
            assert!(!is_shared(address(own)), "{own}");
        }
    }

    #[test]
    fn an_address_is_one_client_unless_a_proxy_is_there_or_may_be() {
        #[track_caller]
        fn check(text: &str, proxies: &[&str], expect: bool) {
            let proxies: Vec<_> =
                proxies.iter().map(|text| Network::parse(text).unwrap()).collect();
            assert_eq!(is_one_client(address(text), &proxies), expect, "{text} {proxies:?}");
        }
        check("203.0.113.7", &[], true);
        check("127.0.0.1", &[], false);
        check("127.0.0.1", &["10.0.0.0/8"], true);
        check("10.1.2.3", &["::1", "10.0.0.0/8"], false);
        check("::ffff:10.1.2.3", &["10.0.0.0/8"], false);
        check("203.0.113.7", &["203.0.113.7"], false);
    }

    #[test]
    fn networks() {
        #[track_caller]
        fn check(text: &str, inside: &[&str], outside: &[&str]) {
            let network = Network::parse(text).unwrap();
            assert!(inside.iter().all(|text| network.contains(address(text))), "{text}");
            assert!(!outside.iter().any(|text| network.contains(address(text))), "{text}");
        }
        check("127.0.0.1", &["127.0.0.1", "::ffff:127.0.0.1"], &["127.0.0.2", "::1"]);
        check("10.0.0.0/8", &["10.255.0.1"], &["11.0.0.0", "::a00:1"]);
        check("0.0.0.0/0", &["1.2.3.4"], &["2001:db8::1"]);
        check("::/0", &["1.2.3.4", "2001:db8::1"], &[]);
        check("2001:db8::/32", &["2001:db8:ffff::"], &["2001:db9::"]);
        for wrong in [
            "",
            "10",
            "10.0.0.0/33",
            "::1/129",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "localhost",
            "1.2.3.4:5",
        ] {
            assert_eq!(Network::parse(wrong), None, "{wrong:?}");
        }
    }
}
