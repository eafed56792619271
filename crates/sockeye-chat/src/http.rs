//! The HTTP side of the chat: page, health, and the Socket.IO service.

use axum::{
    Router,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use sockeye::server::Server;

use crate::page;

/// Every path that the chat answers.
pub(crate) fn router(server: &Server) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route_service("/socket.io", server.service())
        .route_service("/socket.io/", server.service())
        .fallback_service(get(file))
}

/// For load balancers and supervisors: whoever answers is alive.
async fn health() -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], "ok\n")
}

/// A file of the page.
async fn file(uri: Uri, headers: HeaderMap) -> Response {
    let Some(asset) = page::asset(uri.path()) else {
        return (StatusCode::NOT_FOUND, "not found\n").into_response();
    };
    if is_known(&headers, asset.etag()) {
        return (StatusCode::NOT_MODIFIED, asset.headers()).into_response();
    }
    (asset.headers(), asset.bytes()).into_response()
}

/// Whether the client has the file already (RFC 9110 §13.1.2; the comparison is the weak one).
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter();
    lists.filter_map(|list| list.to_str().ok()).any(|list| {
        // A comma can't be in our tags, so splitting at each is safe.
        list.split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    })
}
