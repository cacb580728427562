//! Helpers that build common responses and headers.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};

use crate::engine::View;
use crate::http::response::body::Body;
use crate::job::WallMs;

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A JSON response.
pub(crate) fn json(status: StatusCode, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::Full(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(CACHE_CONTROL, NO_STORE);
    response
}

/// The response to OPTIONS.
pub(crate) fn options(allowed: &'static str) -> Response<Body> {
    let mut response = empty(StatusCode::NO_CONTENT);
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// A 204 response.
pub(crate) fn no_content() -> Response<Body> {
    empty(StatusCode::NO_CONTENT)
}

/// A 304 response for a client that has this version of a job.
pub(crate) fn not_modified(view: &View) -> Response<Body> {
    let mut response = empty(StatusCode::NOT_MODIFIED);
    add_version(&mut response, view);
    response
}

/// Adds the version of the job as `ETag`, and `Retry-After` while the job has not ended.
pub(crate) fn add_version(response: &mut Response<Body>, view: &View) {
    let headers = response.headers_mut();
    headers.insert(ETAG, header(&format!("W/\"{:x}\"", view.job.version.0)));
    if !view.job.is_terminal() {
        retry_after(headers);
    }
}

/// Asks the client to retry after one second.
pub(crate) fn retry_after(headers: &mut HeaderMap) {
    headers.insert(RETRY_AFTER, 1.into());
}

/// The current time.
pub(crate) fn now() -> WallMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    WallMs(since.unwrap_or_default().as_millis() as i64)
}

/// A header value made of visible ASCII.
pub(crate) fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("made of URLs and identifiers, which are visible ASCII")
}

/// A response without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Full(Bytes::new()));
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}
