//! The HTTP side of the chat: page, health, and the Socket.IO service.

use axum::{
    Router,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
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
    let lists = headers.get_all(header::ACCEPT_ENCODING).iter();
    let accepted: Vec<_> = lists.filter_map(|list| list.to_str().ok()).collect();
    let asset = asset.accepting(&accepted.join(","));
    let (status, body) = match is_known(&headers, asset.etag()) {
        true => (StatusCode::NOT_MODIFIED, &[][..]),
        false => (StatusCode::OK, asset.bytes()),
    };
    let mut response = (status, body).into_response();
    response.headers_mut().clear();
    for (name, value) in asset.headers() {
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
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
