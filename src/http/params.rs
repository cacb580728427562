//! A request's body and query become a submission's params.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use http::request::Parts;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use serde_json::Value;

use super::problem::Problem;

/// Reads the params from a JSON body of at most `limit` bytes, which may pause for `patience`; no body is `{}`.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Incoming,
    limit: usize,
    patience: Duration,
) -> Result<Value, Problem> {
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(unsupported(
            "This server takes bodies without Content-Encoding only.",
        ));
    }
    let bytes = collect(body, limit, patience).await?;
    if bytes.is_empty() {
        return Ok(serde_json::json!({}));
    }
    let content_type = headers
        .get(CONTENT_TYPE)
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

/// All bytes of a body that is known to be short.
async fn collect(mut body: Incoming, limit: usize, patience: Duration) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("The params may be {limit} bytes long.");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "params_too_large", detail)
    };
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let mut bytes = BytesMut::new();
    while !body.is_end_stream() {
        let frame = tokio::time::timeout(patience, body.frame())
            .await
            .map_err(|_| {
                let detail = format!(
                    "No byte of the body came for {}.",
                    humantime::format_duration(patience)
                );
                Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail)
            })?;
        let Some(frame) = frame else { break };
        let frame =
            frame.map_err(|_| Problem::malformed("The body ended early or is not framed well."))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        if bytes.len() + data.len() > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes.freeze())
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
