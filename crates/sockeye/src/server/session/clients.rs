//! Which client a request is of, so that each has a share: by its address, or by what trusted proxies say of it.

use std::net::{IpAddr, SocketAddr};

use http::{Extensions, HeaderMap, HeaderName, HeaderValue, header};

use crate::server::address::{Household, Network, PeerAddress, is_one_client};

/// The header that most proxies set; those of RFC 7239 are fewer.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Who is counted as one client.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    proxies: Vec<Network>,
}

/// What a proxy's header says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Said {
    Nothing,
    /// What can't be read, or a name.
    Unclear,
    Address(IpAddr),
}

impl Clients {
    pub(crate) const fn behind(proxies: Vec<Network>) -> Self {
        Self { proxies }
    }

    /// Whose share a request takes from; `None` if nobody can say.
    pub(crate) fn household(
        &self,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Option<Household> {
        let peer = peer(extensions)?.ip();
        let client = if is_one_client(peer, &self.proxies) {
            peer
        } else if self.is_trusted(peer) {
            match self.said(headers) {
                Said::Nothing => return None,
                Said::Address(client) => client,
                // Somebody tries to be somebody else: all who do have one share together.
                Said::Unclear => peer,
            }
        } else {
            return None; // it may be a proxy that nobody has named
        };
        Household::of(client)
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|proxy| proxy.contains(address))
    }

    /// What the proxies say. A client can send either header itself, and a proxy that sets one may let the other pass: so
    /// they must not differ.
    fn said(&self, headers: &HeaderMap) -> Said {
        let said = self.last(values(headers, &X_FORWARDED_FOR).flat_map(|value| value.split(',')));
        let elements = values(headers, &header::FORWARDED).flat_map(elements);
        match (said, self.last(elements.map(node))) {
            (said, Said::Nothing) | (Said::Nothing, said) => said,
            (one, other) if one == other => one,
            _ => Said::Unclear,
        }
    }

    /// The last address of a list that is not a proxy's: what stands before it, anybody can write.
    fn last<'h>(&self, nodes: impl Iterator<Item = &'h str>) -> Said {
        let mut nodes: Vec<_> = nodes.collect();
        let mut said = Said::Nothing;
        while let Some(node) = nodes.pop() {
            let Some(address) = address(node.trim()) else { return Said::Unclear };
            said = Said::Address(address);
            if !self.is_trusted(address) {
                break;
            }
        }
        said
    }
}

/// The other end of the connection, if the HTTP server tells.
fn peer(extensions: &Extensions) -> Option<SocketAddr> {
    let peer = extensions.get().map(|PeerAddress(address)| *address);
    #[cfg(feature = "axum")]
    let peer = peer.or_else(|| {
        let info = extensions.get::<axum::extract::ConnectInfo<SocketAddr>>();
        info.map(|axum::extract::ConnectInfo(address)| *address)
    });
    peer
}

/// The lines of a header, as one list; one that is not text says nothing that could be read.
fn values<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    headers.get_all(name).iter().map(|value: &HeaderValue| value.to_str().unwrap_or("?"))
}

/// The elements of a `Forwarded` header, between commas that are not quoted.
fn elements(value: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    value.split(move |letter| {
        is_quoted ^= letter == '"';
        letter == ',' && !is_quoted
    })
}

/// The client of an element: the value of `for`, without its quotes.
fn node(element: &str) -> &str {
    let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut nodes = pairs.filter(|(name, _)| name.eq_ignore_ascii_case("for"));
    match (nodes.next(), nodes.next()) {
        (Some((_, node)), None) => node.trim_matches('"'),
        _ => "?",
    }
}

/// An address, with or without a port; IPv6 with brackets, or bare.
fn address(node: &str) -> Option<IpAddr> {
    let bare = node.strip_prefix('[').and_then(|node| node.strip_suffix(']')).unwrap_or(node);
    let address = bare.parse().ok().or_else(|| Some(node.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who a request of `peer` with these headers is, where these proxies are trusted.
    #[track_caller]
    fn check(proxies: &[&str], peer: &str, headers: &[(&str, &str)], client: Option<&str>) {
        let clients =
            Clients::behind(proxies.iter().map(|text| Network::parse(text).unwrap()).collect());
        let mut extensions = Extensions::new();
        extensions.insert(PeerAddress(SocketAddr::new(peer.parse().unwrap(), 1)));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let found = clients.household(&map, &extensions);
        let expect = client.and_then(|client| Household::of(client.parse().unwrap()));
        assert_eq!(found, expect, "{peer} {headers:?}, behind {proxies:?}");
    }

    const XFF: &str = "x-forwarded-for";
    const FORWARDED: &str = "forwarded";
    const CLIENT: &str = "203.0.113.7";

    #[test]
    fn without_proxies_it_is_the_peer_and_headers_say_nothing() {
        check(&[], CLIENT, &[], Some(CLIENT));
        check(&[], CLIENT, &[(XFF, "198.51.100.1")], Some(CLIENT));
        check(&[], "127.0.0.1", &[], None);
        check(&[], "10.0.0.1", &[(XFF, "198.51.100.1")], None);
        check(&[], "::1", &[], None);
    }

    #[test]
    fn behind_proxies_it_is_the_last_address_that_is_none_of_theirs() {
        let local = &["127.0.0.1", "10.0.0.0/8"];
        check(local, CLIENT, &[(XFF, "198.51.100.1")], Some(CLIENT)); // not by a proxy
        check(local, "192.168.0.9", &[], Some("192.168.0.9"));
        check(local, "127.0.0.1", &[], None);
        check(local, "127.0.0.1", &[(XFF, CLIENT)], Some(CLIENT));
        check(local, "::ffff:127.0.0.1", &[(XFF, CLIENT)], Some(CLIENT));
        check(local, "127.0.0.1", &[(XFF, "198.51.100.1, 203.0.113.7")], Some(CLIENT));
        check(local, "127.0.0.1", &[(XFF, "198.51.100.1,203.0.113.7 , 10.1.1.1")], Some(CLIENT));
        check(local, "127.0.0.1", &[(XFF, "198.51.100.1"), (XFF, CLIENT)], Some(CLIENT));
        check(local, "127.0.0.1", &[(XFF, "anything, 203.0.113.7")], Some(CLIENT));
        check(local, "127.0.0.1", &[(XFF, "10.0.0.2, 10.0.0.3")], Some("10.0.0.2"));
        check(local, "127.0.0.1", &[(XFF, "203.0.113.7:4711")], Some(CLIENT));
        check(local, "127.0.0.1", &[(XFF, "[2001:db8::1]:4711")], Some("2001:db8::1"));
        check(local, "127.0.0.1", &[(XFF, "2001:db8::1")], Some("2001:db8::1"));
        check(local, "127.0.0.1", &[(FORWARDED, "for=203.0.113.7;proto=http")], Some(CLIENT));
        check(
            local,
            "127.0.0.1",
            &[(FORWARDED, r#"for="a,b";by=x, proto=https; For="[2001:db8::1]:1" ,for=10.0.0.1"#)],
            Some("2001:db8::1"),
        );
        check(local, "127.0.0.1", &[(XFF, CLIENT), (FORWARDED, "for=203.0.113.7")], Some(CLIENT));
    }

    #[cfg(feature = "axum")]
    #[test]
    fn where_axum_serves_its_word_counts_as_ours() {
        let peer = SocketAddr::new(CLIENT.parse().unwrap(), 1);
        let mut extensions = Extensions::new();
        extensions.insert(axum::extract::ConnectInfo(peer));
        let found = Clients::default().household(&HeaderMap::new(), &extensions);
        assert_eq!(found, Household::of(peer.ip()));
    }

    #[test]
    fn who_pretends_shares_with_all_who_pretend() {
        let local = &["127.0.0.1"];
        for headers in [
            &[(XFF, "unknown")][..],
            &[(XFF, "198.51.100.1, unknown")],
            &[(XFF, "")],
            &[(XFF, "203.0.113.7, ")],
            &[(XFF, "é")],
            &[(FORWARDED, "for=_hidden")],
            &[(FORWARDED, "proto=https")],
            &[(FORWARDED, "for=203.0.113.7;for=198.51.100.1")],
            &[(XFF, CLIENT), (FORWARDED, "for=198.51.100.1")],
            &[(XFF, "unknown"), (FORWARDED, "for=203.0.113.7")],
        ] {
            check(local, "127.0.0.1", headers, Some("127.0.0.1"));
        }
    }
}
