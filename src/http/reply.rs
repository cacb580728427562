//! What replies have in common.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, RETRY_AFTER};
use http::request::Parts;
use http::{Response, StatusCode};

use super::body::Body;
use crate::engine::View;
use crate::job::{Version, WallMs};

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A JSON reply.
pub(super) fn json(status: StatusCode, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::Full(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(CACHE_CONTROL, NO_STORE);
    response
}

/// What OPTIONS is answered.
pub(super) fn options(allowed: &'static str) -> Response<Body> {
    let mut response = empty(StatusCode::NO_CONTENT);
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// Nothing to say.
pub(super) fn no_content() -> Response<Body> {
    empty(StatusCode::NO_CONTENT)
}

/// The client has this version of a job.
pub(super) fn not_modified(view: &View) -> Response<Body> {
    let mut response = empty(StatusCode::NOT_MODIFIED);
    add_version(&mut response, view);
    response
}

/// Says which version of a job a reply shows, and when to ask for the next.
pub(super) fn add_version(response: &mut Response<Body>, view: &View) {
    let headers = response.headers_mut();
    headers.insert(ETAG, header(&format!("W/\"{:x}\"", view.job.version.0)));
    if !view.job.is_terminal() {
        retry_after(headers);
    }
}

/// Asks for a little patience.
pub(super) fn retry_after(headers: &mut HeaderMap) {
    headers.insert(RETRY_AFTER, 1.into());
}

/// The version that the client has, if it says that it has one; what is none of ours stands for one before all of them.
pub(super) fn seen_version(request: &Parts) -> Option<Version> {
    const NONE_OF_OURS: Version = Version(0);
    let tags = request.headers.get_all(http::header::IF_NONE_MATCH);
    tags.iter().next()?;
    let tags = tags.iter().filter_map(|tags| tags.to_str().ok());
    let versions = tags.flat_map(|tags| tags.split(',')).filter_map(|tag| {
        let tag = tag.trim();
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        let hex = tag.strip_prefix('"')?.strip_suffix('"')?;
        i64::from_str_radix(hex, 16).ok().map(Version)
    });
    // Of several the latest: a version never comes back.
    Some(versions.max().unwrap_or(NONE_OF_OURS))
}

/// What the clock says.
pub(super) fn now() -> WallMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    WallMs(since.unwrap_or_default().as_millis() as i64)
}

/// A header that we made.
pub(super) fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("made of URLs and identifiers, which are visible ASCII")
}

/// A reply without a body.
pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Full(Bytes::new()));
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}
