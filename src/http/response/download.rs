//! Results on their way out: whole or a range, under conditions (RFC 9110, section 13).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

use crate::engine::Engine;
use crate::http::response::body::{BlobStream, Body};
use crate::http::response::conditions::{Conditions, Selected, evaluate, select};
use crate::http::response::problem::Problem;
use crate::http::response::reply::header;
use crate::job::{Job, Output, Status};

const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// What RFC 8187 does not allow to stand for itself.
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

/// The whole result of a job.
pub(in crate::http) async fn whole(engine: &Engine, job: &Job) -> Result<Response<Body>, Problem> {
    result(engine, job, &Method::GET, &HeaderMap::new()).await
}

/// As much of a job's result as the request's headers ask for.
pub(in crate::http) async fn result(
    engine: &Engine,
    job: &Job,
    method: &Method,
    request: &HeaderMap,
) -> Result<Response<Body>, Problem> {
    let Some(output) = job.output() else {
        return Err(without_result(job));
    };
    // Conditions are looked at only where there is something to hand out.
    let download = engine.download(job).await?.ok_or_else(gone)?;
    let tag = format!("\"{}\"", output.sha256);
    if evaluate(request, Some(&output.sha256))? == Conditions::NotModified {
        return Ok(reply(StatusCode::NOT_MODIFIED, Body::empty(), output, &tag));
    }
    let Selected {
        status,
        range,
        content_range,
    } = select(method, request, Some(&output.sha256), output.size)?;
    let is_whole = status == StatusCode::OK && *method == Method::GET;
    let body = Body::Blob(BlobStream::new(download, range, is_whole));
    let mut response = reply(status, body, output, &tag);
    if let Some(content_range) = content_range {
        response.headers_mut().insert(CONTENT_RANGE, content_range);
    }
    Ok(response)
}

fn reply(status: StatusCode, body: Body, output: &Output, tag: &str) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(ETAG, header(tag));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if status == StatusCode::NOT_MODIFIED {
        return response;
    }
    let media_type = HeaderValue::from_str(&output.media_type);
    headers.insert(
        CONTENT_TYPE,
        media_type.unwrap_or(HeaderValue::from_static("application/octet-stream")),
    );
    headers.insert(CONTENT_DISPOSITION, attachment(&output.filename));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    if let Ok(digest) = hex::decode(&output.sha256) {
        headers.insert(
            REPR_DIGEST,
            header(&format!("sha-256=:{}:", BASE64_STANDARD.encode(digest))),
        );
    }
    response
}

fn gone() -> Problem {
    let detail = "The result is gone: it was not to be kept, or its file is not what it was.";
    Problem::new(StatusCode::NOT_FOUND, "result_gone", detail)
}

fn without_result(job: &Job) -> Problem {
    if job.status() == Status::Succeeded {
        return gone();
    }
    if job.is_terminal() {
        let detail = format!("The job is {}: it has no result.", job.status().as_str());
        return Problem::new(StatusCode::NOT_FOUND, "no_result", detail);
    }
    let detail = format!(
        "The job is {}: there is no result yet.",
        job.status().as_str()
    );
    Problem::new(StatusCode::NOT_FOUND, "result_not_ready", detail).retry_after(1)
}

/// The name to save under: in plain ASCII for old clients, and whole (RFC 8187).
pub(in crate::http) fn attachment(filename: &str) -> HeaderValue {
    let is_plain = |c: char| c.is_ascii_graphic() && !"\"\\%".contains(c) || c == ' ';
    let plain: String = filename
        .chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .collect();
    let whole = percent_encoding::utf8_percent_encode(filename, NOT_ATTR_CHAR);
    header(&format!(
        "attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_given_twice() {
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
