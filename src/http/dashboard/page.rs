//! The dashboard's page, assembled from its parts.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use sha2::{Digest, Sha256};

use crate::http::response::body::Body;
use crate::http::response::reply::header;

pub(crate) const PAGE: &str = include_str!("page.html");
pub(crate) const STYLE: &str = include_str!("style.css");
/// The scripts as one scope, ordered so that constants are defined before they are used.
pub(crate) const SCRIPT: &str = concat!(
    include_str!("api.js"),
    include_str!("show.js"),
    include_str!("jobs.js"),
    include_str!("details.js"),
    include_str!("form.js"),
    include_str!("main.js"),
);

/// The assembled page and its Content-Security-Policy.
pub(crate) static PAGE_AND_POLICY: LazyLock<(Bytes, HeaderValue)> = LazyLock::new(|| {
    let page = PAGE
        .replacen("/*style*/", STYLE, 1)
        .replacen("/*script*/", SCRIPT, 1);
    let digest = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
        digest(SCRIPT),
        digest(STYLE)
    );
    (page.into(), header(&policy))
});

/// The response with the page.
pub(crate) fn page() -> Response<Body> {
    let (page, policy) = &*PAGE_AND_POLICY;
    let mut response = Response::new(Body::Full(page.clone()));
    let headers = response.headers_mut();
    let fixed = HeaderValue::from_static;
    headers.insert(CONTENT_TYPE, fixed("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, fixed("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, policy.clone());
    headers.insert(X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(X_FRAME_OPTIONS, fixed("DENY"));
    headers.insert(REFERRER_POLICY, fixed("no-referrer"));
    response
}
