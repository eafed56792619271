//! One Engine.IO server as a client reaches it: its URLs, and the way there, for each transport.

use std::{future::ready, io, sync::Arc};

use bytes::Bytes;
use futures_util::future::Either;
use http::{HeaderMap, HeaderValue, Uri};
use sockeye_proto::wire::{
    engine::Version,
    polling::Body,
    ws::{
        deflate::{Agreement, Config},
        handshake::Offer,
    },
};
use thiserror::Error;

use super::{
    Address, Carries, Cookies, Deadline, DialError, HandshakeError, Http, HttpError, KeepAlive,
    Keys, Query, Response, Route, Step, Stream, UrlError, dial, upgrade,
};

/// A server and the way to it; clones share connections and cookies.
#[derive(Clone, Debug)]
pub(crate) struct Remote(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    address: Address,
    route: Route,
    headers: HeaderMap,
    cookies: Option<Cookies>,
    http: Http,
    path: String,
    query: Query,
    deflate: Option<Config>,
}

impl Remote {
    /// The server at `address`, whose Engine.IO listens at `path`; `headers` and `query` go along with each request, and
    /// `deflate` is offered for WebSockets.
    pub(crate) fn new(
        address: Address,
        route: Route,
        (headers, cookies, keep_alive): (HeaderMap, Option<Cookies>, KeepAlive),
        path: &Uri,
        query: Query,
        deflate: Option<Config>,
    ) -> Self {
        let (to, by) = (address.clone(), route.clone());
        let http = Http::new(to, by, headers.clone(), cookies.clone(), keep_alive);
        let path = path.path().to_owned();
        Self(Arc::new(Inner { address, route, headers, cookies, http, path, query, deflate }))
    }

    /// Asks for packets; without a `sid`, for a session.
    pub(crate) fn get(
        &self,
        version: Version,
        sid: Option<&str>,
        max_bytes: usize,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Response, HttpError>> + Send + use<> {
        // No async block: that would hold the request's future three times over, eight kilobytes each.
        match self.target(version, "polling", sid) {
            Ok(target) => Either::Left(self.0.http.get(target, max_bytes, deadline)),
            Err(error) => Either::Right(ready(Err(error.into()))),
        }
    }

    /// Brings packets.
    pub(crate) fn post(
        &self,
        version: Version,
        sid: &str,
        body: Body,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Response, HttpError>> + Send + use<> {
        /// Enough for `ok`, and to show what it is instead.
        const MAX_BYTES: usize = 16 * 1024;

        let content_type = HeaderValue::from_static(body.content_type);
        let body = Bytes::from(body.bytes);
        match self.target(version, "polling", Some(sid)) {
            Ok(target) => {
                let post = self.0.http.post(target, content_type, body, MAX_BYTES, deadline);
                Either::Left(post)
            }
            Err(error) => Either::Right(ready(Err(error.into()))),
        }
    }

    /// Opens a WebSocket; with a `sid` it is one that offers to carry that session.
    pub(crate) async fn websocket(
        self,
        version: Version,
        sid: Option<String>,
        deadline: Deadline,
    ) -> Result<Offered, WebSocketError> {
        let target = self.target(version, "websocket", sid.as_deref())?;
        let Inner { address, route, headers, cookies, deflate, .. } = &*self.0;
        let mut keys = Keys::new().map_err(WebSocketError::Randomness)?;
        let mut offer = Offer::new(keys.next());
        if let Some(deflate) = deflate {
            offer = offer.deflate(*deflate);
        }
        let mut headers = headers.clone();
        if let Some(cookies) = cookies {
            cookies.write(address, target.path(), &mut headers);
        }
        let path = target.path().to_owned();
        let tap = route.tap();
        let stream = dial(route, deadline).await?;
        let upgrade = upgrade(stream, target, address, headers, &offer, tap);
        let upgraded = deadline.within(Step::Http, upgrade).await??;
        if let Some(cookies) = cookies {
            cookies.store(address, &path, &upgraded.headers);
        }
        let deflate = upgraded.accepted.deflate;
        let (mut stream, early) = (upgraded.stream, upgraded.early);
        if let Some(tap) = tap {
            stream = tap.watch(stream, &early, deflate, Carries::Packets);
        }
        Ok(Offered { stream: (stream, early), keys, deflate })
    }

    fn target(
        &self,
        version: Version,
        transport: &str,
        sid: Option<&str>,
    ) -> Result<Uri, UrlError> {
        let Inner { path, query, .. } = &*self.0;
        query.target(path, version, transport, sid)
    }
}

/// A WebSocket whose handshake is done, and the keys that its frames are masked with.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) stream: (Stream, Bytes),
    pub(crate) keys: Keys,
    /// The compression that was agreed on.
    pub(crate) deflate: Option<Agreement>,
}

/// Why there is no WebSocket.
#[derive(Error)]
pub(crate) enum WebSocketError {
    /// The system has no randomness to give.
    #[error("no randomness for the handshake: {0}")]
    Randomness(#[source] io::Error),
    /// The request can't be made.
    #[error(transparent)]
    Target(#[from] UrlError),
    /// The server can't be reached, or not in time.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The server can be reached, but does not agree.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
}

reads_as_text!(WebSocketError);

#[cfg(test)]
mod tests {
    use super::*;

    fn output_bytes<F>(_: impl Fn(&Remote, Version, Option<&str>, usize, Deadline) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_request_under_way_is_not_held_twice() {
        // Thousands of clients that connect at a time have one each; more needs a reason.
        assert!(output_bytes(Remote::get) <= 9_216, "{}", output_bytes(Remote::get));
    }
}
