//! CORS headers for pages of allowed origins.

use http::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderValue, VARY,
};

use crate::http::response::body::Body;
use crate::http::response::reply as response;

/// The request headers that such a page may send.
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, if-match, if-none-match, if-range, last-event-id, prefer, range, \
     x-request-id, traceparent, tracestate",
);
/// The response headers that such a page may read.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "location, operation-location, retry-after, etag, link, preference-applied, content-disposition, content-range, \
     repr-digest, x-request-id",
);
/// How long a browser may cache a preflight, in seconds.
const PREFLIGHT_MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The response to a preflight. [`add`] adds the allowed origin.
pub(crate) fn preflight(allowed: &'static str) -> Response<Body> {
    let mut response = response::options(allowed);
    let headers = response.headers_mut();
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static(allowed),
    );
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE);
    response
}

/// Allows a page of `origin` to read a response.
pub(crate) fn add(response: &mut Response<Body>, origin: Option<&str>) {
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin.and_then(|origin| HeaderValue::from_str(origin).ok()) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    }
}
