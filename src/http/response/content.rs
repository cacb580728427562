//! Bytes to download, a job's result or a file: conditions, ranges and headers (RFC 9110, sections 13 and 14).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

use crate::http::response::body::Body;
use crate::http::response::conditions::{Conditions, Selected, evaluate, select};
use crate::http::response::problem::Problem;
use crate::http::response::reply::header;

const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// The bytes that RFC 8187 does not allow unencoded in an extended parameter value.
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Bytes that can be downloaded.
#[derive(Debug)]
pub(crate) struct Content<'a> {
    /// The number of bytes.
    pub(crate) size: u64,
    /// The value of `Content-Type`.
    pub(crate) media_type: &'a str,
    /// The name to save the bytes under.
    pub(crate) filename: &'a str,
    /// The SHA-256 of the bytes in hexadecimal, if it is known: the strong entity tag and the digest.
    pub(crate) sha256: Option<&'a str>,
}

/// A response with the part of `content` that the request asks for, whose body `open` makes.
///
/// # Errors
/// - 412 if `If-Match` does not match
/// - 416 if the range lies outside of the content
/// - The errors of `open`
pub(crate) fn respond(
    content: &Content<'_>,
    method: &Method,
    request: &HeaderMap,
    open: impl FnOnce(&Selected) -> Result<Body, Problem>,
) -> Result<Response<Body>, Problem> {
    if evaluate(request, content.sha256)? == Conditions::NotModified {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        add_validators(response.headers_mut(), content);
        return Ok(response);
    }
    let selected = select(method, request, content.sha256, content.size)?;
    let mut response = Response::new(open(&selected)?);
    *response.status_mut() = selected.status;
    let headers = response.headers_mut();
    add_validators(headers, content);
    add_representation(headers, content);
    if let Some(content_range) = selected.content_range {
        headers.insert(CONTENT_RANGE, content_range);
    }
    Ok(response)
}

/// Adds the headers that a 304 response has as well.
fn add_validators(headers: &mut HeaderMap, content: &Content<'_>) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Some(sha256) = content.sha256 {
        headers.insert(ETAG, header(&format!("\"{sha256}\"")));
    }
}

fn add_representation(headers: &mut HeaderMap, content: &Content<'_>) {
    let media_type = HeaderValue::from_str(content.media_type);
    headers.insert(
        CONTENT_TYPE,
        media_type.unwrap_or(HeaderValue::from_static("application/octet-stream")),
    );
    headers.insert(CONTENT_DISPOSITION, attachment(content.filename));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    if let Some(Ok(digest)) = content.sha256.map(hex::decode) {
        let digest = format!("sha-256=:{}:", BASE64_STANDARD.encode(digest));
        headers.insert(REPR_DIGEST, header(&digest));
    }
}

/// The `Content-Disposition` of a file to save: its name in ASCII for old clients, and in full (RFC 8187).
pub(crate) fn attachment(filename: &str) -> HeaderValue {
    let is_plain = |c: char| c.is_ascii_graphic() && !"\"\\%".contains(c) || c == ' ';
    let plain: String = filename
        .chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .collect();
    let encoded = percent_encoding::utf8_percent_encode(filename, NOT_ATTR_CHAR);
    header(&format!(
        "attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filename_is_sent_in_ascii_and_in_full() {
        let check = |name: &str, expected: &str| assert_eq!(attachment(name), expected, "{name}");
        check(
            "a b.zip",
            "attachment; filename=\"a b.zip\"; filename*=UTF-8''a%20b.zip",
        );
        check(
            "Zürich\".zip",
            "attachment; filename=\"Z_rich_.zip\"; filename*=UTF-8''Z%C3%BCrich%22.zip",
        );
        check(
            "a\r\nb",
            "attachment; filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab",
        );
    }
}
