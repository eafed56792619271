//! Asks a SOCKS5 proxy to connect (RFC 1928), with user and password if there are (RFC 1929).

use std::net::IpAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::ProxyFailure;
use crate::net::Stream;

const VERSION: u8 = 5;

/// The version of the exchange of user and password.
const PASSWORD_VERSION: u8 = 1;

const WITHOUT_PASSWORD: u8 = 0;
const BY_PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;

/// The stream to the server, once the proxy says so. Nothing is read beyond its answer.
pub(super) async fn connect(
    mut stream: Stream,
    host: &str,
    port: u16,
    credentials: Option<(&str, &str)>,
) -> Result<Stream, ProxyFailure> {
    let request = request(host, port)?;
    let had_credentials = credentials.is_some();
    let methods: &[u8] =
        if had_credentials { &[WITHOUT_PASSWORD, BY_PASSWORD] } else { &[WITHOUT_PASSWORD] };
    let mut greeting = vec![VERSION, methods.len() as u8];
    greeting.extend_from_slice(methods);
    write(&mut stream, &greeting).await?;
    let [version, method] = read(&mut stream).await?;
    expect(version, VERSION)?;
    match (method, credentials) {
        (WITHOUT_PASSWORD, _) => {}
        (BY_PASSWORD, Some((user, password))) => {
            // Not longer than 255 bytes each: that was checked with the URL.
            let mut login = vec![PASSWORD_VERSION, user.len() as u8];
            login.extend_from_slice(user.as_bytes());
            login.push(password.len() as u8);
            login.extend_from_slice(password.as_bytes());
            write(&mut stream, &login).await?;
            let [version, status] = read(&mut stream).await?;
            expect(version, PASSWORD_VERSION)?;
            if status != 0 {
                let said = format!("status {status}");
                return Err(ProxyFailure::Credentials { had_credentials, said });
            }
        }
        (NO_METHOD | BY_PASSWORD, _) => {
            let said = "none of the methods of authentication will do".to_owned();
            return Err(ProxyFailure::Credentials { had_credentials, said });
        }
        (found, _) => return Err(ProxyFailure::NotSocks { found }),
    }

    write(&mut stream, &request).await?;
    let [version, reply, _reserved, kind] = read(&mut stream).await?;
    expect(version, VERSION)?;
    if reply != 0 {
        return Err(ProxyFailure::Refused { said: format!("{} (code {reply})", meaning(reply)) });
    }
    // Where the proxy connects from is of no interest, but has to be read.
    let bound = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => usize::from(read::<1>(&mut stream).await?[0]),
        found => return Err(ProxyFailure::NotSocks { found }),
    };
    let mut rest = [0; 255 + 2];
    stream.read_exact(&mut rest[..bound + 2]).await.map_err(ProxyFailure::Broken)?;
    Ok(stream)
}

const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

fn request(host: &str, port: u16) -> Result<Vec<u8>, ProxyFailure> {
    let mut request = vec![VERSION, 1, 0]; // to connect
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(IPV4);
            request.extend_from_slice(&address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(IPV6);
            request.extend_from_slice(&address.octets());
        }
        Err(_) => {
            let length = u8::try_from(host.len())
                .map_err(|_| ProxyFailure::HostTooLong { bytes: host.len() })?;
            request.extend_from_slice(&[NAME, length]);
            request.extend_from_slice(host.as_bytes());
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    Ok(request)
}

async fn write(stream: &mut Stream, bytes: &[u8]) -> Result<(), ProxyFailure> {
    stream.write_all(bytes).await.map_err(ProxyFailure::Broken)?;
    stream.flush().await.map_err(ProxyFailure::Broken)
}

async fn read<const BYTES: usize>(stream: &mut Stream) -> Result<[u8; BYTES], ProxyFailure> {
    let mut bytes = [0; BYTES];
    stream.read_exact(&mut bytes).await.map_err(ProxyFailure::Broken)?;
    Ok(bytes)
}

fn expect(found: u8, version: u8) -> Result<(), ProxyFailure> {
    if found == version { Ok(()) } else { Err(ProxyFailure::NotSocks { found }) }
}

/// RFC 1928 §6.
fn meaning(reply: u8) -> &'static str {
    match reply {
        1 => "general failure",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "time to live expired",
        7 => "it does not know the command to connect",
        8 => "it does not know this kind of address",
        _ => "a failure that SOCKS5 does not name",
    }
}
