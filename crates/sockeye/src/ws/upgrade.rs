//! The server's side of the handshake, for any HTTP server built on hyper.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use sockeye_proto::wire::ws::handshake::{self, RequestError};
use thiserror::Error;

use super::{Options, WebSocket, socket::Agreed};
use crate::net::Stream;

/// Accepts a WebSocket request: send the response, then await the [`Upgrade`] in a task of its own.
///
/// This works in every server that keeps hyper's upgrade in the request's extensions: hyper itself (serve the
/// connection `with_upgrades`), hyper-util, axum, warp. If a whole route is a WebSocket, [`service`](super::service)
/// is shorter.
///
/// # Errors
///
/// [`UpgradeError`]: answer with its [`response`](UpgradeError::response).
///
/// # Examples
///
/// A handler of axum:
///
/// ```
/// use axum::{body::Body, extract::Request, response::Response};
/// use sockeye::ws;
///
/// async fn greet(mut request: Request) -> Response {
///     let (response, upgrade) = match ws::upgrade(&mut request, &ws::Options::default()) {
///         Ok(accepted) => accepted,
///         Err(refused) => return refused.response().map(Body::from),
///     };
///     tokio::spawn(async move {
///         let mut socket = upgrade.await?;
///         socket.send("hello").await?;
///         socket.close(ws::CloseCode::NORMAL, "that was all").await?;
///         Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
///     });
///     response.map(|()| Body::empty())
/// }
///
/// let app: axum::Router = axum::Router::new().route("/greet", axum::routing::get(greet));
/// ```
pub fn upgrade<B>(
    request: &mut Request<B>,
    options: &Options,
) -> Result<(Response<()>, Upgrade), UpgradeError> {
    let on_upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let mut handshake = handshake::Request::read(request)?;
    let on_upgrade = on_upgrade.ok_or(UpgradeError::Unsupported)?;
    let preferred: Vec<&str> = options.protocols.iter().map(String::as_str).collect();
    let agreed = Agreed {
        protocol: handshake.choose_protocol(&preferred).map(Box::from),
        deflate: options.deflate.and_then(|config| handshake.negotiate_deflate(&config)),
    };
    let upgrade = Upgrade { on_upgrade, options: options.clone(), agreed };
    Ok((handshake.response(), upgrade))
}

/// The WebSocket that a client was promised; ready once the response has been sent.
#[derive(Debug)]
#[must_use = "the client waits for somebody to take the connection"]
pub struct Upgrade {
    on_upgrade: OnUpgrade,
    options: Options,
    agreed: Agreed,
}

impl Future for Upgrade {
    type Output = Result<WebSocket, UpgradeError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let upgraded = ready!(Pin::new(&mut this.on_upgrade).poll(cx))?;
        let (stream, early) = Stream::recover_guarded(upgraded);
        let agreed = std::mem::take(&mut this.agreed);
        Poll::Ready(Ok(WebSocket::new(stream, early, None, &this.options, agreed)))
    }
}

/// Why a request became no WebSocket.
#[non_exhaustive]
#[derive(Error)]
pub enum UpgradeError {
    /// The request is no WebSocket handshake, or a wrong one. The client's fault.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The connection broke before the handshake was done.
    #[error("the connection was lost in the handshake: {0}")]
    Connection(#[from] hyper::Error),
    /// The client ended the connection without a request.
    #[error("the client left without a request")]
    NoRequest,
    /// The client took too long.
    #[error("the client sent no complete request in time")]
    Timeout,
    /// The HTTP server offers no upgrade. The caller's to mend.
    #[error(
        "the HTTP server does not support upgrades; with hyper, serve the connection `with_upgrades`"
    )]
    Unsupported,
}

reads_as_text!(UpgradeError);

impl UpgradeError {
    /// The response that says so.
    #[must_use]
    pub fn response(&self) -> Response<String> {
        match self {
            Self::Request(error) => error.response(),
            Self::Connection(_) | Self::NoRequest | Self::Timeout | Self::Unsupported => {
                let mut response = Response::new(String::new());
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        }
    }
}
