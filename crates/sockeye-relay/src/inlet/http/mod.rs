//! Tasks by HTTP: posted, looked for, taken back; and whether the relay lives, is ready, and how it does.
//!
//! | request | answer |
//! |---|---|
//! | `POST /tasks` | 201 once all are in the store: `{"id","state"}` with `queued` or `known`, or a list of them |
//! | `GET /tasks/{id}` | 200: `{"id","state","attempts"}`, with `since`, `result`, `error` if there are any; 404 |
//! | `DELETE /tasks/{id}` | 200 if it waited; 409 with its state, if it does not; 404 |
//! | `GET /healthz`, `/readyz` | 200 or 503; they need no token |
//! | `GET /metrics` | what [`Probes::metrics`] says |
//!
//! Mistakes are `{"error":{"code","message"}}`. A list is taken as a whole, or not at all.

mod answer;
mod posted;
mod token;

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing,
};
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::json;
use sockeye::server::{self, serve::Limits};
use tokio::{net::TcpListener, sync::watch, time::timeout};

use self::answer::{Mistake, Taken, json, seen};
pub use self::token::{Exposed, Token, TokenError, check_exposure};
use super::Reading;
use crate::{metrics, queue::Queue};

/// How long a store may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(2);

/// How much may be posted.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Bounds {
    max_body_bytes: usize,
    max_task_bytes: usize,
    max_tasks: usize,
    max_connections: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            max_body_bytes: 4 << 20,
            max_task_bytes: 1 << 20,
            max_tasks: 10_000,
            max_connections: 1_000,
        }
    }
}

impl Bounds {
    /// Largest body of a request, in bytes. Default: 4 MiB.
    pub const fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// Largest task, in bytes. Default: 1 MiB.
    pub const fn max_task_bytes(mut self, bytes: usize) -> Self {
        self.max_task_bytes = bytes;
        self
    }

    /// Most tasks of one request. Default: 10 000.
    pub const fn max_tasks(mut self, count: usize) -> Self {
        self.max_tasks = count;
        self
    }

    /// Most connections at a time; a further one is answered 503. Default: 1000.
    pub const fn max_connections(mut self, count: usize) -> Self {
        self.max_connections = count;
        self
    }
}

type Probe<T> = Arc<dyn Fn() -> T + Send + Sync>;

/// What is asked of the relay behind the inlet.
#[derive(Clone)]
pub struct Probes {
    is_alive: Probe<bool>,
    unready: Probe<Option<String>>,
    metrics: Option<Probe<String>>,
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probes").finish_non_exhaustive()
    }
}

impl Default for Probes {
    fn default() -> Self {
        Self { is_alive: Arc::new(|| true), unready: Arc::new(|| None), metrics: None }
    }
}

impl Probes {
    /// Whether the relay's loop goes round. Default: yes.
    #[must_use]
    pub fn alive(mut self, is_alive: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.is_alive = Arc::new(is_alive);
        self
    }

    /// Why the relay can't send at present; `None` if it can. Whether the store is there is asked beside it. Default: `None`.
    #[must_use]
    pub fn unready(mut self, why: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        self.unready = Arc::new(why);
        self
    }

    /// The text of the metrics, as OpenMetrics. Default: there are none, and the page is unknown.
    #[must_use]
    pub fn metrics(mut self, text: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.metrics = Some(Arc::new(text));
        self
    }
}

/// The inlet. Its pages are those of [the module](self).
#[derive(Clone, Debug)]
pub struct Inlet(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Arc<dyn Queue>,
    reading: Reading,
    token: Option<Token>,
    bounds: Bounds,
    probes: Probes,
}

impl Inlet {
    /// One that puts tasks here. Without a token anybody who reaches it may: see [`check_exposure`].
    #[must_use]
    pub fn new(
        queue: Arc<dyn Queue>,
        reading: Reading,
        token: Option<Token>,
        bounds: Bounds,
        probes: Probes,
    ) -> Self {
        Self(Arc::new(Shared { queue, reading, token, bounds, probes }))
    }

    /// Its pages.
    pub fn router(&self) -> Router {
        let guarded = Router::new()
            .route("/tasks", routing::post(post))
            .route("/tasks/{id}", routing::get(find).delete(cancel))
            .route("/metrics", routing::get(metrics))
            .layer(middleware::from_fn_with_state(self.clone(), guard));
        Router::new()
            .route("/healthz", routing::get(healthz))
            .route("/readyz", routing::get(readyz))
            .merge(guarded)
            .method_not_allowed_fallback(other_method)
            .fallback(unknown_page)
            .with_state(self.clone())
    }

    /// The pages that say how the relay is, alone: they take no tasks, and need no token.
    pub fn probes(&self) -> Router {
        Router::new()
            .route("/healthz", routing::get(healthz))
            .route("/readyz", routing::get(readyz))
            .route("/metrics", routing::get(metrics))
            .method_not_allowed_fallback(other_method)
            .fallback(unknown_probe)
            .with_state(self.clone())
    }

    /// Serves [`Self::probes`] on this listener, which may have any address, until `stop` is ready.
    ///
    /// # Errors
    ///
    /// The listener can't be used.
    ///
    /// # Cancel safety
    ///
    /// As [`Self::serve`].
    pub async fn serve_probes(
        &self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        self.serve_pages(listener, self.probes(), stop).await
    }

    /// Serves its pages on this listener until `stop` is ready; then answers under way have ten seconds.
    ///
    /// # Errors
    ///
    /// The listener has an address that others reach, and there is no token ([`Exposed`], as
    /// [`io::ErrorKind::PermissionDenied`]).
    ///
    /// # Cancel safety
    ///
    /// As [`server::serve()`]: answers that are under way end.
    pub async fn serve(
        &self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        check_exposure(listener.local_addr()?, self.0.token.as_ref())
            .map_err(|exposed| io::Error::new(io::ErrorKind::PermissionDenied, exposed))?;
        self.serve_pages(listener, self.router(), stop).await
    }

    async fn serve_pages(
        &self,
        listener: TcpListener,
        pages: Router,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let limits = Limits::default().max_connections(self.0.bounds.max_connections);
        let (_limits, watched) = watch::channel(limits);
        server::serve(listener, pages).limits(watched).until(stop).await.map(drop)
    }
}

/// Lets nobody in who may not put tasks.
async fn guard(State(inlet): State<Inlet>, request: Request, next: Next) -> Response {
    match &inlet.0.token {
        Some(token) if !token.is_shown(request.headers()) => {
            let message =
                "the token is missing, or another; send it as \"Authorization: Bearer TOKEN\"";
            Mistake::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
                .header(header::WWW_AUTHENTICATE, "Bearer")
                .into_response()
        }
        None if !token::names_this_machine(request.headers()) => {
            let message =
                "without a token only requests to localhost are answered; the Host is another";
            Mistake::new(StatusCode::FORBIDDEN, "host", message).into_response()
        }
        _ => next.run(request).await,
    }
}

async fn post(
    State(inlet): State<Inlet>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Mistake> {
    let Shared { queue, reading, bounds, .. } = &*inlet.0;
    let body = body(request.into_body(), bounds.max_body_bytes).await?;
    let posted = posted::read(&headers, &body, reading, bounds)?;
    // Once it is on its way to the store it is driven to its end, whether somebody waits for the answer or not.
    let (queue, tasks) = (Arc::clone(queue), posted.tasks);
    let put = tokio::spawn(async move { queue.put(tasks).await });
    let accepted = put.await.map_err(|_| {
        Mistake::new(StatusCode::INTERNAL_SERVER_ERROR, "fault", "a mistake of this program")
    })??;
    let taken: Vec<Taken> = accepted.iter().map(Taken::from).collect();
    let answer = match (&taken[..], posted.is_single) {
        ([one], true) => json(one),
        (all, _) => json(&all),
    };
    Ok((StatusCode::CREATED, answer).into_response())
}

async fn body(body: Body, bound: usize) -> Result<bytes::Bytes, Mistake> {
    match Limited::new(body, bound).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Mistake::too_large(format!(
            "the body may have at most {bound} bytes; post less at once"
        ))),
        Err(error) => Err(Mistake::invalid(format!("the body did not come: {error}"))),
    }
}

async fn find(State(inlet): State<Inlet>, Path(id): Path<String>) -> Result<Response, Mistake> {
    match inlet.0.queue.find(&id).await? {
        Some(task) => Ok(json(&seen(&task))),
        None => Err(Mistake::unknown(&id, &*inlet.0.queue)),
    }
}

async fn cancel(State(inlet): State<Inlet>, Path(id): Path<String>) -> Result<Response, Mistake> {
    let (queue, name) = (Arc::clone(&inlet.0.queue), id.clone());
    let cancelled = tokio::spawn(async move { queue.cancel(&name).await });
    let is_cancelled = cancelled.await.map_err(|_| {
        Mistake::new(StatusCode::INTERNAL_SERVER_ERROR, "fault", "a mistake of this program")
    })??;
    if is_cancelled {
        return Ok(json(&json!({ "id": id, "state": "cancelled" })));
    }
    match inlet.0.queue.find(&id).await? {
        Some(task) => {
            let state = task.state.as_str();
            let message = format!("the task is {state}; only one that waits can be taken back");
            Err(Mistake::new(StatusCode::CONFLICT, "not-waiting", message).with("state", state))
        }
        None => Err(Mistake::unknown(&id, &*inlet.0.queue)),
    }
}

async fn healthz(State(inlet): State<Inlet>) -> Result<&'static str, Mistake> {
    if (inlet.0.probes.is_alive)() {
        return Ok("ok\n");
    }
    let message = "the relay's loop does not go round";
    Err(Mistake::new(StatusCode::SERVICE_UNAVAILABLE, "stuck", message))
}

async fn readyz(State(inlet): State<Inlet>) -> Result<&'static str, Mistake> {
    let unready = |why: String| Mistake::new(StatusCode::SERVICE_UNAVAILABLE, "unready", why);
    if let Some(why) = (inlet.0.probes.unready)() {
        return Err(unready(why));
    }
    match timeout(PATIENCE, inlet.0.queue.stats()).await {
        Ok(Ok(_)) => Ok("ok\n"),
        Ok(Err(error)) => Err(unready(error.to_string())),
        Err(_) => Err(unready(format!("the store has not answered within {PATIENCE:?}"))),
    }
}

async fn metrics(State(inlet): State<Inlet>) -> Result<Response, Mistake> {
    match &inlet.0.probes.metrics {
        Some(text) => Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text()).into_response()),
        None => Err(unknown_page().await),
    }
}

async fn unknown_page() -> Mistake {
    let message = "there are /tasks, /tasks/{id}, /healthz, /readyz and /metrics";
    Mistake::new(StatusCode::NOT_FOUND, "unknown-page", message)
}

async fn unknown_probe() -> Mistake {
    let message = "there are /healthz, /readyz and /metrics; tasks are put elsewhere";
    Mistake::new(StatusCode::NOT_FOUND, "unknown-page", message)
}

async fn other_method() -> Mistake {
    let message = "the method is another; see Allow for those that there are";
    Mistake::new(StatusCode::METHOD_NOT_ALLOWED, "method", message)
}

/// The address that an inlet listens on, checked before anything is served.
///
/// # Errors
///
/// [`Exposed`] as [`io::ErrorKind::PermissionDenied`], or the address can't be had.
pub async fn bind(address: SocketAddr, token: Option<&Token>) -> io::Result<TcpListener> {
    check_exposure(address, token)
        .map_err(|exposed| io::Error::new(io::ErrorKind::PermissionDenied, exposed))?;
    TcpListener::bind(address).await
}
