//! Asks an HTTP proxy for a tunnel: `CONNECT` (RFC 9110 §9.3.6).

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::Empty;

use super::{ProxyFailure, host_and_port};
use crate::net::{Plain, Stream, client::exchange};

/// The stream to the server, once the proxy says so.
pub(super) async fn connect(
    stream: Stream,
    (host, port): (&str, u16),
    authorization: Option<&HeaderValue>,
    agent: &HeaderValue,
) -> Result<Stream, ProxyFailure> {
    let refused = |said: &str| ProxyFailure::Refused { said: said.to_owned() };
    let authority = host_and_port(host, port);
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = Method::CONNECT;
    // An address was parsed from a URL, so this can't fail; if it does, no proxy is at fault, but none is asked either.
    *request.uri_mut() = Uri::builder()
        .authority(authority.as_str())
        .build()
        .map_err(|_| refused("nothing, as the server's name is none of HTTP"))?;
    let headers = request.headers_mut();
    if let Ok(host) = HeaderValue::from_str(&authority) {
        headers.insert(header::HOST, host);
    }
    if !agent.is_empty() {
        headers.insert(header::USER_AGENT, agent.clone());
    }
    if let Some(authorization) = authorization {
        headers.insert(header::PROXY_AUTHORIZATION, authorization.clone());
    }

    let (mut sender, connection) = exchange::open(stream).await.map_err(ProxyFailure::Http)?;
    let exchange = async {
        let mut response = sender.send(request).await.map_err(ProxyFailure::Http)?;
        if response.status().is_success() {
            let upgraded = hyper::upgrade::on(&mut response).await.map_err(ProxyFailure::Http)?;
            let (stream, early) = exchange::recover(upgraded);
            // The server waits for us, in TLS as in HTTP.
            return if early.is_empty() {
                Ok(stream)
            } else {
                Err(ProxyFailure::Early { bytes: early.len() })
            };
        }
        let response = exchange::excerpt(response).await;
        let (status, body) = (response.status(), Plain(response.body()));
        // The server has said nothing yet, so 401 is the proxy's as well; tinyproxy sends it.
        if matches!(status, StatusCode::PROXY_AUTHENTICATION_REQUIRED | StatusCode::UNAUTHORIZED) {
            let wanted = response.headers().get(header::PROXY_AUTHENTICATE);
            let wanted = wanted.map(|wanted| String::from_utf8_lossy(wanted.as_bytes()));
            return Err(ProxyFailure::Credentials {
                had_credentials: authorization.is_some(),
                said: format!("{status} {}", wanted.unwrap_or_default()).trim_end().to_owned(),
            });
        }
        Err(refused(&format!("{status} {body}")))
    };
    exchange::serve(connection, exchange).await
}
