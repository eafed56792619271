//! The service proper: each request is checked, and carried out or refused.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};

use super::{
    body::Whole,
    opening, polling,
    refused::Refused,
    wish::{self, Wish},
};
use crate::server::shared::Shared;

/// What compression and CORS stand around.
#[derive(Clone)]
pub(super) struct Door(Arc<Shared>);

impl Door {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }
}

pub(super) type DoorFuture =
    Pin<Box<dyn Future<Output = Result<Response<Whole>, Infallible>> + Send>>;

impl<B> tower::Service<Request<B>> for Door
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<Whole>;
    type Error = Infallible;
    type Future = DoorFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> DoorFuture {
        let shared = Arc::clone(&self.0);
        Box::pin(async move {
            let is_old_browser = is_old_browser(&request);
            let mut response = answer(shared, request).await.unwrap_or_else(|refused| {
                tracing::debug!(target: "sockeye::engine", %refused, "request refused");
                refused.response()
            });
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                let headers = response.headers_mut();
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                if is_old_browser {
                    let name = HeaderName::from_static("x-xss-protection");
                    headers.insert(name, HeaderValue::from_static("0"));
                }
            }
            Ok(response)
        })
    }
}

async fn answer<B>(shared: Arc<Shared>, request: Request<B>) -> Result<Response<Whole>, Refused>
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
{
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts, ());
    match wish::check(&request, &shared)? {
        Wish::WebSocket { encoding, accepted } => {
            opening::on_websocket(shared, request, encoding, accepted).await
        }
        Wish::Polling { encoding } => opening::on_polling(shared, request, encoding).await,
        Wish::Get(conn) => polling::get(&conn, request.extensions().get()).await,
        Wish::Post(conn) => polling::post(&shared, &conn, request.map(|()| body)).await,
        Wish::Upgrade { conn, accepted, base64 } => {
            opening::upgrade(&shared, request, conn, (accepted, base64))
        }
    }
}

/// Whether it is an Internet Explorer, whose filter takes packets for an attack.
fn is_old_browser<B>(request: &Request<B>) -> bool {
    let agent = request.headers().get(header::USER_AGENT).map(HeaderValue::as_bytes);
    agent.is_some_and(|agent| {
        ["MSIE ", "Trident/"]
            .iter()
            .any(|mark| agent.windows(mark.len()).any(|window| window == mark.as_bytes()))
    })
}
