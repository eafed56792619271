//! The HTTP client of polling: requests to one server, on connections that are kept (RFC 9112).

mod idle;
mod kept;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::Full;
use parking_lot::Mutex;
use thiserror::Error;

pub(crate) use self::idle::KeepAlive;
use self::{
    idle::Idle,
    kept::{Failure, Kept},
};
use super::{
    Address, Causes, Cookies, Deadline, DialError, Plain, Route, Step, UrlError, dial,
    exchange::EXCERPT_BYTES, headers::complete,
};

/// Sends requests to one server; a clone shares its connections.
///
/// Nothing runs beside the requests: a connection that no request uses is not looked at, and dropping a request closes
/// the one that it has. No compression is asked for and no redirect is followed.
#[derive(Clone, Debug)]
pub(crate) struct Http(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    address: Address,
    route: Route,
    headers: HeaderMap,
    cookies: Option<Cookies>,
    idle: Mutex<Idle>,
    keep_alive: KeepAlive,
}

impl Http {
    /// Requests to `address` by `route`. `headers` go along with each, except those that HTTP itself decides, and so
    /// do the `cookies`, if there are to be any.
    pub(crate) fn new(
        address: Address,
        route: Route,
        mut headers: HeaderMap,
        cookies: Option<Cookies>,
        keep_alive: KeepAlive,
    ) -> Self {
        for decided in [
            header::ACCEPT_ENCODING,
            header::CONNECTION,
            header::CONTENT_LENGTH,
            header::EXPECT,
            header::TRANSFER_ENCODING,
            header::UPGRADE,
        ] {
            headers.remove(decided);
        }
        complete(&mut headers, &address);
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        let idle = Mutex::default();
        Self(Arc::new(Shared { address, route, headers, cookies, idle, keep_alive }))
    }

    /// Asks for `target`, a path with a query. An answer of more than `max_bytes` is an error.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection. Whether the server has got the request is then unknown.
    pub(crate) fn get(
        &self,
        target: Uri,
        max_bytes: usize,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Response, HttpError>> + Send + use<> {
        let request = self.request(Method::GET, target, Bytes::new());
        exchange(Arc::clone(&self.0), request, max_bytes, deadline)
    }

    /// Sends `body` to `target`. For the rest see [`Self::get`].
    pub(crate) fn post(
        &self,
        target: Uri,
        content_type: HeaderValue,
        body: Bytes,
        max_bytes: usize,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Response, HttpError>> + Send + use<> {
        let mut request = self.request(Method::POST, target, body);
        request.headers_mut().insert(header::CONTENT_TYPE, content_type);
        exchange(Arc::clone(&self.0), request, max_bytes, deadline)
    }

    fn request(&self, method: Method, target: Uri, body: Bytes) -> Request<Full<Bytes>> {
        let shared = &*self.0;
        let mut request = Request::new(Full::new(body));
        *request.headers_mut() = shared.headers.clone();
        if let Some(cookies) = &shared.cookies {
            cookies.write(&shared.address, target.path(), request.headers_mut());
        }
        *request.method_mut() = method;
        *request.uri_mut() = target;
        request
    }
}

async fn exchange(
    shared: Arc<Shared>,
    mut request: Request<Full<Bytes>>,
    max_bytes: usize,
    deadline: Deadline,
) -> Result<Response, HttpError> {
    let path = request.uri().path().to_owned();
    let is_post = request.method() == Method::POST;
    let (kept, answer) = loop {
        let idle = shared.idle.lock().take(shared.keep_alive.habit());
        let (mut kept, waited) = match idle {
            Some((kept, waited)) => {
                // The reactor has its turn: the end of the connection may have come behind the last answer.
                tokio::task::yield_now().await;
                (kept, Some(waited))
            }
            None => {
                let stream = dial(&shared.route, deadline).await;
                let stream = stream.inspect_err(|_| shared.keep_alive.forget())?;
                (Kept::new(stream).await.map_err(|source| broken(source, false))?, None)
            }
        };
        if let Some(tap) = shared.route.tap() {
            tap.request(&request);
        }
        let outcome = deadline.within(Step::Http, kept.exchange(request, max_bytes)).await?;
        match (&outcome, waited) {
            (Ok(_), Some(_)) => shared.keep_alive.was_open(),
            (Err(Failure::Unsent { .. }), Some(waited)) => shared.keep_alive.was_closed(waited),
            (Err(Failure::Broken(_)), _) => shared.keep_alive.forget(),
            _ => {}
        }
        match outcome {
            Ok(answer) => break (kept, answer),
            // The server had closed a connection that was idle: another will do, as it can't have got the request.
            Err(Failure::Unsent { request: unsent, .. }) if waited.is_some() => request = *unsent,
            Err(Failure::Unsent { source, .. }) => return Err(broken(source, false)),
            Err(Failure::Broken(source)) => return Err(broken(source, true)),
            Err(Failure::TooLong) => return Err(HttpError::TooLong { max_bytes }),
        }
    };
    if let Some(tap) = shared.route.tap() {
        tap.answer(if is_post { &Method::POST } else { &Method::GET }, &answer);
    }
    // Who refuses may do so before the end of a long request, of which some still waits to be sent.
    if answer.status.is_success() && kept.is_ready() {
        shared.idle.lock().put(kept, &answer.headers, shared.keep_alive.habit());
    }
    if let Some(cookies) = &shared.cookies {
        cookies.store(&shared.address, &path, &answer.headers);
    }
    match answer.headers.get(header::LOCATION) {
        Some(location) if answer.status.is_redirection() => Err(HttpError::Redirect {
            status: answer.status,
            location: String::from_utf8_lossy(location.as_bytes()).into_owned(),
        }),
        _ => Ok(answer),
    }
}

fn broken(source: hyper::Error, may_have_arrived: bool) -> HttpError {
    HttpError::Broken { source, may_have_arrived }
}

/// A server's answer. That of a refusal is cut after its first KiB.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Response {
    /// What the body is said to be; empty if nothing was said.
    pub(crate) fn content_type(&self) -> &str {
        let value = self.headers.get(header::CONTENT_TYPE);
        value.and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// What the beginning of the body says, for people, in one line.
    pub(crate) fn excerpt(&self) -> String {
        let beginning = &self.body[..self.body.len().min(EXCERPT_BYTES)];
        Plain(&String::from_utf8_lossy(beginning)).to_string()
    }
}

/// Why there is no answer, or none that can be used: the caller, the network, or the server.
#[derive(Error)]
pub(crate) enum HttpError {
    /// The request can't be made.
    #[error(transparent)]
    Target(#[from] UrlError),
    /// The server can't be reached, or not in time.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The exchange broke off, or the server does not speak HTTP.
    #[error("no HTTP response: {}", Causes(.source))]
    Broken {
        /// What happened.
        source: hyper::Error,
        /// Whether the server may have got the request.
        may_have_arrived: bool,
    },
    /// The answer is longer than it may be.
    #[error(
        "the server's answer has more than {max_bytes} bytes; allow more, or look what answers there"
    )]
    TooLong {
        /// What was allowed.
        max_bytes: usize,
    },
    /// The server sends us elsewhere.
    #[error(
        "the server answered {status} and sends us to {location:?}; use that URL, if it is the right one"
    )]
    Redirect {
        /// The status.
        status: StatusCode,
        /// Where to, as the server has it.
        location: String,
    },
}

reads_as_text!(HttpError);

#[cfg(test)]
mod tests;
