//! GET and POST of a session on polling.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Response, header};
use http_body_util::BodyExt as _;
use sockeye_proto::{session, wire::polling::Format};
use tokio::time;

use super::{body::Whole, refused::Refused};
use crate::{
    net::{Answered, Conn, PostError},
    server::shared::Shared,
};

/// Between two notes to the machine that a body is still coming in.
const HEARD_PAUSE: Duration = Duration::from_millis(100);

/// Answers a GET: with what waits, or as soon as there is something. The connection remembers whose packets it carries.
///
/// # Cancel safety
///
/// Dropped half-way, the client has given up, and the session is over.
pub(super) async fn get(
    conn: &Arc<Conn>,
    answered: Option<&Answered>,
) -> Result<Response<Whole>, Refused> {
    let answer = conn.get(now()).map_err(refused)?.await.map_err(refused)?;
    if let Some(answered) = answered {
        answered.set(conn);
    }
    let content_type = HeaderValue::from_static(answer.body.content_type);
    let mut response = Response::new(Whole::delivered(answer.body.bytes, answer.delivery));
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    Ok(response)
}

/// Takes the packets of a POST.
///
/// # Cancel safety
///
/// Dropped before the body is there in whole, the session is over.
pub(super) async fn post<B>(
    shared: &Shared,
    conn: &Arc<Conn>,
    request: Request<B>,
) -> Result<Response<Whole>, Refused>
where
    B: hyper::body::Body<Data = Bytes> + Send,
{
    let post = conn.begin_post().map_err(refused)?;
    let (parts, body) = request.into_parts();
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let format = match Format::of_request(conn.encoding.version, content_type) {
        Ok(format) => format,
        Err(error) => {
            post.malformed();
            return Err(Refused::BadRequest(error.to_string()));
        }
    };
    let limit = shared.config.max_payload_bytes;
    // The pong may be queued behind it.
    let heard = || conn.command(|machine| machine.heard(now()));
    let read = time::timeout(shared.post_timeout, read(body, limit, heard)).await;
    let body = match read.map_err(|_| Refused::TooSlow { limit: shared.post_timeout })? {
        Err(refused @ Refused::TooLarge { .. }) => {
            post.give_back();
            return Err(refused);
        }
        body => body?,
    };
    match post.deliver(format, body).await {
        Ok(()) => {
            let mut response = Response::new(Whole::new("ok"));
            // Browsers would offer `text/plain` as a download.
            let html = HeaderValue::from_static("text/html");
            response.headers_mut().insert(header::CONTENT_TYPE, html);
            Ok(response)
        }
        Err(PostError::Malformed(why)) => Err(Refused::BadRequest(why)),
        Err(PostError::Closed) => Err(Refused::UnknownSession),
    }
}

/// Reads a body of at most `limit` bytes; `heard` is called now and then while it comes in.
async fn read<B>(body: B, limit: usize, heard: impl Fn()) -> Result<Bytes, Refused>
where
    B: hyper::body::Body<Data = Bytes> + Send,
{
    let too_large = || Refused::TooLarge { limit };
    let mut body = pin!(body);
    // What is announced to be too large is not even begun.
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let mut first = Bytes::new();
    let mut whole = BytesMut::new(); // grows with what arrives, not with what is announced
    let mut last_heard = now();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Refused::BadRequest("the body broke off".to_owned()));
        };
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + whole.len() + data.len() > limit {
            return Err(too_large());
        }
        if first.is_empty() && whole.is_empty() {
            first = data; // most bodies come in one piece, and need no copy
            continue;
        }
        if whole.is_empty() {
            whole.extend_from_slice(&std::mem::take(&mut first));
        }
        whole.extend_from_slice(&data);
        if last_heard.elapsed() >= HEARD_PAUSE {
            last_heard = now();
            heard();
        }
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

fn refused(refused: session::Refused) -> Refused {
    match refused {
        session::Refused::Closed => Refused::UnknownSession,
        session::Refused::NotPolling => {
            Refused::BadRequest("this session is on websocket".to_owned())
        }
        session::Refused::Overlap => {
            Refused::BadRequest("another request of this kind is under way".to_owned())
        }
    }
}

fn now() -> std::time::Instant {
    time::Instant::now().into_std()
}
