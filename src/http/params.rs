//! A request's body and query become a submission's params.

use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use serde_json::Value;

use super::problem::Problem;

/// Reads the params from a JSON body of at most `limit` bytes; no body is `{}`.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Incoming,
    limit: usize,
) -> Result<Value, Problem> {
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(unsupported(
            "This server takes bodies without Content-Encoding only.",
        ));
    }
    let too_large = || {
        let detail = format!("The params may be {limit} bytes long.");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "params_too_large", detail)
    };
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let content_type = headers.get(CONTENT_TYPE);
    let body = Limited::new(body, limit).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            too_large()
        } else {
            Problem::malformed("The body ended early.")
        }
    })?;
    let bytes = body.to_bytes();
    if bytes.is_empty() {
        return Ok(serde_json::json!({}));
    }
    let content_type = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(unsupported("The params are sent as application/json."));
    }
    let params: Value = serde_json::from_slice(&bytes).map_err(|error| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed_json",
            format!("The body is not JSON: {error}."),
        )
    })?;
    Ok(params)
}

/// The first value of a query parameter, as it stands.
pub(super) fn query<'a>(request: &'a Parts, name: &str) -> Option<&'a str> {
    let pairs = request
        .uri
        .query()?
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value)
        .next()
}

fn unsupported(detail: &str) -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        detail,
    )
}
