//! Results on their way out: whole or a range, under conditions (RFC 9110, section 13).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH, IF_RANGE,
    RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

use super::body::{BlobStream, Body};
use super::problem::Problem;
use super::range::{Wanted, wanted};
use super::reply::header;
use crate::engine::Engine;
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
pub(super) async fn whole(engine: &Engine, job: &Job) -> Result<Response<Body>, Problem> {
    result(engine, job, &Method::GET, &HeaderMap::new()).await
}

/// As much of a job's result as the request's headers ask for.
pub(super) async fn result(
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
    let text = |name: HeaderName| request.get(name).and_then(|value| value.to_str().ok());
    let tag = format!("\"{}\"", output.sha256);
    if text(IF_MATCH).is_some_and(|tags| !names(tags, &tag, false)) {
        let detail = "The result is another than the one that If-Match names.";
        return Err(Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "precondition_failed",
            detail,
        ));
    }
    if text(IF_NONE_MATCH).is_some_and(|tags| names(tags, &tag, true)) {
        return Ok(reply(StatusCode::NOT_MODIFIED, Body::empty(), output, &tag));
    }
    // A range of something else than the client has begun with would not fit: then it gets all of it.
    let range = text(RANGE)
        .filter(|_| *method == Method::GET && text(IF_RANGE).is_none_or(|range| range == tag));
    let (status, range) = match wanted(range, output.size) {
        Wanted::Whole => (StatusCode::OK, 0..output.size),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Nothing => {
            let detail = format!("The result has {} bytes.", output.size);
            let problem = Problem::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "range_not_satisfiable",
                detail,
            );
            return Err(problem.with(CONTENT_RANGE, header(&format!("bytes */{}", output.size))));
        }
    };
    let content_range = format!(
        "bytes {}-{}/{}",
        range.start,
        range.end.saturating_sub(1),
        output.size
    );
    let is_whole = status == StatusCode::OK && *method == Method::GET;
    let body = Body::Blob(BlobStream::new(download, range, is_whole));
    let mut response = reply(status, body, output, &tag);
    if status == StatusCode::PARTIAL_CONTENT {
        response
            .headers_mut()
            .insert(CONTENT_RANGE, header(&content_range));
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

/// Whether a list of entity tags names `tag`; weak ones do where the comparison is weak.
fn names(tags: &str, tag: &str, weakly: bool) -> bool {
    tags.split(',').map(str::trim).any(|one| {
        let strong = one.strip_prefix("W/").filter(|_| weakly).unwrap_or(one);
        one == "*" || strong == tag
    })
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
pub(super) fn attachment(filename: &str) -> HeaderValue {
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

    #[test]
    fn tags_are_compared_as_their_header_wants() {
        assert!(
            names("\"a\"", "\"a\"", false)
                && names("\"x\", \"a\"", "\"a\"", false)
                && names("*", "\"a\"", false)
        );
        assert!(
            !names("W/\"a\"", "\"a\"", false)
                && names("W/\"a\"", "\"a\"", true)
                && !names("\"b\"", "\"a\"", true)
        );
    }
}
