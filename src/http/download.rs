//! Results on their way out.

use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

use super::body::{BlobStream, Body};
use super::problem::Problem;
use crate::engine::Engine;
use crate::job::Job;
use crate::store;

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
pub(super) fn whole(engine: &Engine, job: &Job) -> Result<Response<Body>, Problem> {
    let Some(output) = job.output() else {
        return Err(without_result(job));
    };
    let (reader, hold) = engine.result(job).ok_or(store::Error::NotFound)?;
    let mut response = Response::new(Body::Blob(BlobStream::new(reader, output.size, hold)));
    let headers = response.headers_mut();
    let media_type = HeaderValue::from_str(&output.media_type);
    headers.insert(
        CONTENT_TYPE,
        media_type.unwrap_or(HeaderValue::from_static("application/octet-stream")),
    );
    headers.insert(CONTENT_DISPOSITION, attachment(&output.filename));
    headers.insert(
        ETAG,
        super::reply::header(&format!("\"{}\"", output.sha256)),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("none"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    Ok(response)
}

fn without_result(job: &Job) -> Problem {
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
fn attachment(filename: &str) -> HeaderValue {
    let plain: String = filename
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() && !"\"\\%".contains(c) || c == ' ' {
                c
            } else {
                '_'
            }
        })
        .collect();
    let whole = percent_encoding::utf8_percent_encode(filename, NOT_ATTR_CHAR);
    super::reply::header(&format!(
        "attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}"
    ))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_is_given_twice() {
        let check =
            |name: &str, expected: &str| assert_eq!(super::attachment(name), expected, "{name}");
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
