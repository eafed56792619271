//! Asks a server that refuses TLS 1.2 and 1.3 which older version it speaks: a hello of TLS 1.1, by hand, for rustls
//! has none.

/// Suites that servers of that time have: by elliptic curves, by Diffie and Hellman, by RSA alone.
const SUITES: [u16; 11] = [
    0xc009, 0xc00a, 0xc013, 0xc014, 0xc012, // ECDHE
    0x0033, 0x0039, 0x0016, // DHE
    0x002f, 0x0035, 0x000a, // RSA
];

/// The first message of a client that speaks TLS 1.1 and older (RFC 4346 §7.4.1.2), to the server of this name.
pub(super) fn hello(host: &str) -> Vec<u8> {
    let mut hello = vec![3, 2]; // 3.2 is TLS 1.1
    hello.extend([0x5a; 32]); // what is random in a handshake that is to go on
    hello.push(0); // no session to resume
    put(&mut hello, &SUITES.iter().flat_map(|suite| suite.to_be_bytes()).collect::<Vec<_>>());
    hello.extend([1, 0]); // no compression

    let mut extensions = Vec::new();
    // RFC 6066 §3: a name, but no address.
    if host.parse::<std::net::IpAddr>().is_err() && host.len() < 256 {
        let mut name = vec![0];
        put(&mut name, host.as_bytes());
        extension(&mut extensions, 0, &list(&name));
    }
    extension(&mut extensions, 10, &list(&[0, 23, 0, 24, 0, 25, 0, 29])); // curves: secp256r1 …
    extension(&mut extensions, 11, &[1, 0]); // their points, uncompressed
    put(&mut hello, &extensions);

    let mut message = vec![1, 0]; // a ClientHello, its length in three bytes
    put(&mut message, &hello);
    let mut record = vec![22, 3, 1];
    put(&mut record, &message);
    record
}

/// The version that a server's first bytes agree to, if they do.
pub(super) fn agreed(answer: &[u8]) -> Option<&'static str> {
    match answer {
        // A handshake record with a ServerHello: type, version, length; type, length, version.
        [22, 3, _, _, _, 2, _, _, _, 3, minor, ..] => match minor {
            0 => Some("SSL 3.0"),
            1 => Some("TLS 1.0"),
            2 => Some("TLS 1.1"),
            _ => None,
        },
        _ => None,
    }
}

/// How many bytes of the answer [`agreed`] looks at.
pub(super) const ENOUGH: usize = 11;

/// Bytes behind their length, which is short: nothing here is long.
fn put(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend(u16::try_from(bytes.len()).unwrap_or_default().to_be_bytes());
    to.extend(bytes);
}

fn list(bytes: &[u8]) -> Vec<u8> {
    let mut list = Vec::new();
    put(&mut list, bytes);
    list
}

fn extension(to: &mut Vec<u8>, number: u16, content: &[u8]) {
    to.extend(number.to_be_bytes());
    put(to, content);
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::server::Acceptor;

    use super::*;

    #[test]
    fn a_server_reads_the_hello() {
        for (host, name) in [("a.example", Some("a.example")), ("127.0.0.1", None), ("::1", None)] {
            let mut acceptor = Acceptor::default();
            acceptor.read_tls(&mut &hello(host)[..]).unwrap();
            // rustls reads it, and refuses none but its version.
            match acceptor.accept() {
                Ok(Some(accepted)) => assert_eq!(accepted.client_hello().server_name(), name),
                Err((error, _)) => assert!(
                    !matches!(error, tokio_rustls::rustls::Error::InvalidMessage(_)),
                    "{error}"
                ),
                Ok(None) => panic!("the hello is not whole"),
            }
        }
    }

    #[test]
    fn answers() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(answer: &[u8], expect: Option<&str>) {
            assert_eq!(agreed(answer), expect, "{answer:?}");
        }
        check(&[22, 3, 1, 0, 70, 2, 0, 0, 66, 3, 1, 9], Some("TLS 1.0"));
        check(&[22, 3, 2, 0, 70, 2, 0, 0, 66, 3, 2], Some("TLS 1.1"));
        check(&[22, 3, 0, 0, 70, 2, 0, 0, 66, 3, 0], Some("SSL 3.0"));
        check(&[22, 3, 3, 0, 70, 2, 0, 0, 66, 3, 3], None);
        check(&[21, 3, 1, 0, 2, 2, 70], None); // an alert
        check(b"HTTP/1.1 400", None);
        check(&[22, 3, 1], None);
        check(&[], None);
    }
}
