//! Records as requests to a server, signed.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::{FutureExt as _, future::BoxFuture};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use sha2::Sha256;
use sockeye::client::{Dialer, DialerBuilder};
use thiserror::Error;
use tokio::time::timeout;
use url::Url;

use super::{Record, Sink, SinkError};

/// A request for each record, in their order: `POST`, the record's line of JSON as its body.
///
/// It is signed as in Standard Webhooks: `webhook-id` is the record's id (and so is `idempotency-key`), `webhook-timestamp` the
/// seconds since 1970, and `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `{id}.{timestamp}.{body}`. Any
/// 2xx takes the record; 408, 425, 429, 5xx and a missing answer are tried again; other answers refuse it for good.
pub struct Webhook {
    dialer: Dialer,
    target: String,
    headers: HeaderMap,
    secret: Option<Vec<u8>>,
    timeout: Duration,
    sender: Option<SendRequest<Full<Bytes>>>,
}

/// Builds a [`Webhook`].
#[must_use = "nothing is checked until `build` is called"]
pub struct WebhookBuilder {
    url: String,
    dialer: DialerBuilder,
    headers: HeaderMap,
    secret: Option<String>,
    timeout: Duration,
}

/// Why a webhook can't be built.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum WebhookError {
    /// The URL can't be used.
    #[error(
        "the webhook's URL can't be used; expected http:// or https://, a host, and no password"
    )]
    Url,
    /// The secret can't be read.
    #[error(
        "the webhook's secret is no base64 after `whsec_`; copy it as a whole, or give one without that prefix"
    )]
    Secret,
    /// The way to the server can't be prepared.
    #[error("the webhook's server can't be dialled")]
    Dialer(#[source] sockeye::client::BuildError),
}

impl Webhook {
    /// To be posted to this URL.
    pub fn builder(url: impl Into<String>) -> WebhookBuilder {
        let url = url.into();
        WebhookBuilder {
            dialer: Dialer::builder(&url),
            url,
            headers: HeaderMap::new(),
            secret: None,
            timeout: Duration::from_secs(15),
        }
    }

    async fn post(
        &mut self,
        mut sender: SendRequest<Full<Bytes>>,
        record: &Record,
    ) -> Result<(), SinkError> {
        let failed = |error: hyper::Error| SinkError::Failed {
            reason: format!("no answer ({error})"),
            retry_after: None,
        };
        let answer = sender.send_request(self.request(record)?).await.map_err(failed)?;
        let (status, retry_after) = (answer.status(), retry_after(answer.headers()));
        if drain(answer.into_body()).await {
            self.sender = Some(sender);
        }
        if status.is_success() {
            return Ok(());
        }
        let reason = format!("the server answered {status}");
        let passes = matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        );
        if status.is_server_error() || passes {
            return Err(SinkError::Failed { reason, retry_after });
        }
        Err(SinkError::Refused { reason })
    }

    /// A connection that takes a request: the last one, or another.
    async fn connected(&mut self) -> Result<SendRequest<Full<Bytes>>, SinkError> {
        if let Some(mut sender) = self.sender.take()
            && let Ok(Ok(())) = timeout(self.timeout, sender.ready()).await
        {
            return Ok(sender);
        }
        self.connect().await
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, SinkError> {
        let stream = self.dialer.dial().await.map_err(SinkError::unreachable)?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(SinkError::unreachable)?;
        // It ends with its sender; what fails is told to that.
        tokio::spawn(connection.map(drop));
        Ok(sender)
    }

    fn request(&self, record: &Record) -> Result<Request<Full<Bytes>>, SinkError> {
        let refused = |error: http::Error| SinkError::Refused { reason: error.to_string() };
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut request = Request::post(&self.target)
            .header(header::HOST, self.dialer.authority())
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", &*record.id)
            .header("idempotency-key", &*record.id)
            .header("webhook-timestamp", seconds);
        if let Some(secret) = &self.secret {
            let signature = sign(secret, &record.id, seconds, &record.line);
            request = request.header("webhook-signature", signature);
        }
        let mut request = request.body(Full::new(record.line.clone())).map_err(refused)?;
        request.headers_mut().extend(self.headers.clone());
        Ok(request)
    }
}

/// `v1,` and the signature.
fn sign(secret: &[u8], id: &str, seconds: u64, body: &[u8]) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length is a key");
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

/// Reads what is left of an answer, so that its connection can be used again; gives up if that is much.
async fn drain(mut body: hyper::body::Incoming) -> bool {
    use http_body_util::BodyExt as _;

    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        bytes += frame.data_ref().map_or(0, Bytes::len);
        if bytes > 64 << 10 {
            return false;
        }
    }
    true
}

/// When to come again, in seconds or as a date; at most an hour.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_secs(3600);

    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let form = time::macros::format_description!(
                version = 2,
                "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
            );
            let date = time::PrimitiveDateTime::parse(text, &form).ok()?;
            SystemTime::from(date.assume_utc())
                .duration_since(SystemTime::now())
                .unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST))
}

impl Sink for Webhook {
    fn deliver<'a>(&'a mut self, batch: &'a [Record]) -> BoxFuture<'a, Result<usize, SinkError>> {
        async move {
            let Some(record) = batch.first() else { return Ok(0) };
            // That nobody is there is no fault of the record: the dialer has a limit of its own.
            let sender = self.connected().await?;
            let time = self.timeout;
            timeout(time, self.post(sender, record)).await.unwrap_or_else(|_| {
                Err(SinkError::Failed {
                    reason: format!("no answer within {} ms", time.as_millis()),
                    retry_after: None,
                })
            })?;
            Ok(1)
        }
        .boxed()
    }
}

impl WebhookBuilder {
    /// What requests are signed with: `whsec_` and base64, or any text. Default: not signed.
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.secret = Some(secret.into());
        self
    }

    /// A header of each request, such as `authorization`.
    pub fn header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// How long a request may take, from its begin to the end of the answer; dialling has a time of its own, that of the dialer.
    /// Default: 15 s.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how the server is dialled: TLS, proxy.
    pub fn dial(mut self, set: impl FnOnce(DialerBuilder) -> DialerBuilder) -> Self {
        self.dialer = set(self.dialer);
        self
    }

    /// Checks what was given.
    ///
    /// # Errors
    ///
    /// [`WebhookError`]: the caller's fault.
    pub fn build(self) -> Result<Webhook, WebhookError> {
        let Self { url, dialer, headers, secret, timeout } = self;
        let url = Url::parse(&url).map_err(|_| WebhookError::Url)?;
        if !matches!(url.scheme(), "http" | "https") || url.password().is_some() {
            return Err(WebhookError::Url);
        }
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let secret = secret
            .map(|secret| match secret.strip_prefix("whsec_") {
                Some(base64) => BASE64_STANDARD.decode(base64).map_err(|_| WebhookError::Secret),
                None => Ok(secret.into_bytes()),
            })
            .transpose()?;
        let dialer = dialer.build().map_err(WebhookError::Dialer)?;
        Ok(Webhook { dialer, target, headers, secret, timeout, sender: None })
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // URLs and headers of webhooks are secrets more often than not.
        f.debug_struct("Webhook")
            .field("host", &self.dialer.host())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for WebhookBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookBuilder").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
