//! One request on a connection of its own, and what came back. So that a balancer shows itself, none is kept.

use std::{cell::RefCell, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use sockeye::client::{USER_AGENT, UrlError};
use sockeye_proto::wire::{engine::Version, ws::handshake::Offer};
use tokio::{task::JoinSet, time};

use super::{
    beginning::{Beginning, Watched},
    reading::{Reply, Unanswered},
    websocket::RawWebSocket,
};
use crate::{
    doctor::{
        found::{Front, Raw, Reception, Stranger},
        target::Target,
    },
    secrets::Secrets,
};

/// Most of a body that is read.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Asks the server; keeps the cookies of one session, as clients do.
#[derive(Debug)]
pub(crate) struct Prober<'t> {
    pub(crate) target: &'t Target,
    pub(crate) secrets: &'t Secrets,
    /// Where Engine.IO is looked for.
    pub(crate) path: String,
    /// How long a request may take.
    pub(crate) limit: Duration,
    cookies: RefCell<Vec<(String, String)>>,
}

impl<'t> Prober<'t> {
    /// Asks for nothing yet. Each session needs one of its own, for its cookies.
    pub(crate) fn new(target: &'t Target, secrets: &'t Secrets, limit: Duration) -> Self {
        let path = target.path.clone();
        Self { target, secrets, path, limit, cookies: RefCell::default() }
    }

    /// The same at another path.
    pub(crate) fn at(
        target: &'t Target,
        secrets: &'t Secrets,
        limit: Duration,
        path: &str,
    ) -> Self {
        Self { path: path.to_owned(), ..Self::new(target, secrets, limit) }
    }

    /// A request of polling; without a body it is a GET.
    pub(crate) async fn polling(
        &self,
        version: Version,
        sid: Option<&str>,
        body: Option<(&'static str, Vec<u8>)>,
    ) -> Result<Reply, Unanswered> {
        let is_patient = sid.is_some() && body.is_none();
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let (content_type, bytes) = body.unwrap_or_default();
        let target = self.engine(version, "polling", sid)?;
        let mut request = self.request(method, target, bytes);
        if !content_type.is_empty() {
            request
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        // What asks for packets waits until there are some; whoever asks knows how long.
        let limit = if is_patient { Duration::MAX } else { self.limit };
        let asked = time::timeout(limit, self.exchange(request)).await;
        asked.unwrap_or(Err(Unanswered::Silent))
    }

    /// A WebSocket of Engine.IO; with a `sid` one that offers itself to that session.
    pub(crate) async fn websocket(
        &self,
        version: Version,
        sid: Option<&str>,
    ) -> Result<RawWebSocket, Reception> {
        self.upgrade(self.engine(version, "websocket", sid)?).await
    }

    /// A WebSocket at a path of one's own, without the query of Engine.IO.
    pub(crate) async fn raw_websocket(&self, path: &str) -> Result<RawWebSocket, Reception> {
        let query = self.target.query.as_str();
        let question = if query.is_empty() { "" } else { "?" };
        let target = format!("{path}{question}{query}");
        let too_long = |_| Unanswered::Target(UrlError::TooLong { bytes: target.len() });
        self.upgrade(target.parse().map_err(too_long)?).await
    }

    async fn upgrade(&self, target: Uri) -> Result<RawWebSocket, Reception> {
        let upgraded = time::timeout(self.limit, self.upgrade_in_any_time(target)).await;
        upgraded.unwrap_or(Err(Reception::Silent))
    }

    async fn upgrade_in_any_time(&self, target: Uri) -> Result<RawWebSocket, Reception> {
        let mut nonce = [0; 16];
        // Without randomness the nonce is one that everybody knows, which harms only caches that nobody should have.
        let _ = getrandom::fill(&mut nonce);
        let offer = Offer::new(nonce);
        let mut request = self.request(Method::GET, target, Vec::new());
        offer.write_headers(request.headers_mut());
        let (mut tasks, mut sender, beginning) = self.open().await.map_err(Reception::from)?;
        beginning.count_interim(&mut request);
        let mut response = sender
            .send_request(request)
            .await
            .map_err(|error| Unanswered::NoHttp(Stranger::of(&beginning.bytes(), &error)))?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(Reception::of_websocket(self.reply(response).await));
        }
        let front = Front::of(response.status(), response.headers());
        let accepted = offer.check(&response);
        self.keep_cookies(response.headers());
        let upgraded = hyper::upgrade::on(&mut response).await;
        let parts = upgraded.ok().and_then(|stream| stream.downcast::<TokioIo<Watched>>().ok());
        // It has let go of the stream.
        tasks.abort_all();
        let Some(parts) = parts else { return Err(Reception::Raw(front, Raw::Cut)) };
        match accepted {
            Ok(_) => Ok(RawWebSocket::new(parts.io.into_inner(), parts.read_buf, front)),
            Err(error) => Err(Reception::Raw(front, Raw::WrongHandshake(error.to_string()))),
        }
    }

    async fn exchange(&self, mut request: Request<Full<Bytes>>) -> Result<Reply, Unanswered> {
        let (_tasks, mut sender, beginning) = self.open().await?;
        beginning.count_interim(&mut request);
        match sender.send_request(request).await {
            Ok(response) => Ok(self.reply(response).await),
            Err(error) => Err(Unanswered::NoHttp(Stranger::of(&beginning.bytes(), &error))),
        }
    }

    /// A connection, served by a task that ends with its owner.
    async fn open(
        &self,
    ) -> Result<(JoinSet<()>, http1::SendRequest<Full<Bytes>>, Beginning), Unanswered> {
        let stream = self.target.dialer.dial().await.map_err(Unanswered::Dial)?;
        let (stream, beginning) = Watched::new(stream);
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|_| Unanswered::NoHttp(Stranger::Cut))?;
        let mut tasks = JoinSet::new();
        // Its errors come out of the exchange.
        tasks.spawn(async move {
            let _ = connection.with_upgrades().await;
        });
        Ok((tasks, sender, beginning))
    }

    async fn reply(&self, response: Response<Incoming>) -> Reply {
        let (parts, mut body) = response.into_parts();
        self.keep_cookies(&parts.headers);
        let mut bytes = BytesMut::new();
        // What came before it broke is still worth reading.
        while bytes.len() < MAX_BODY_BYTES
            && let Some(Ok(frame)) = body.frame().await
        {
            bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| &data[..]));
        }
        bytes.truncate(MAX_BODY_BYTES);
        Reply { status: parts.status, headers: parts.headers, body: bytes.freeze() }
    }

    fn request(&self, method: Method, target: Uri, body: Vec<u8>) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = method;
        *request.uri_mut() = target;
        let headers = request.headers_mut();
        *headers = self.target.headers.clone();
        headers.entry(header::HOST).or_insert_with(|| self.target.authority.clone());
        let agent = headers.entry(header::USER_AGENT);
        if agent.or_insert(HeaderValue::from_static(USER_AGENT)).is_empty() {
            headers.remove(header::USER_AGENT);
        }
        let cookies = self.cookies.borrow();
        if !cookies.is_empty() {
            let given = headers.get(header::COOKIE).and_then(|value| value.to_str().ok());
            let kept = cookies.iter().map(|(name, value)| format!("{name}={value}"));
            let all: Vec<_> = given.map(str::to_owned).into_iter().chain(kept).collect();
            if let Ok(value) = HeaderValue::from_str(&all.join("; ")) {
                headers.insert(header::COOKIE, value);
            }
        }
        request
    }

    fn engine(
        &self,
        version: Version,
        transport: &str,
        sid: Option<&str>,
    ) -> Result<Uri, Unanswered> {
        self.target.query.target(&self.path, version, transport, sid).map_err(Unanswered::Target)
    }

    fn keep_cookies(&self, headers: &HeaderMap) {
        let mut cookies = self.cookies.borrow_mut();
        for value in headers.get_all(header::SET_COOKIE) {
            let pair = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else { continue };
            let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
            self.secrets.add_part(&value);
            cookies.retain(|(known, _)| *known != name);
            cookies.push((name, value));
        }
    }
}
