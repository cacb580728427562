//! Responses with files below roots.

use std::fs::File;

use http::{HeaderMap, Method, Response};

use crate::http::response::body::Body;
use crate::http::response::content::{Content, respond};
use crate::http::response::file_stream::FileStream;
use crate::http::response::problem::Problem;

/// A response with the part of a file that the request asks for, to be saved as `name`. A file has no entity tag, so
/// only `*` matches it in a condition.
///
/// # Errors
/// - 404 if the file cannot be read
/// - 412 if `If-Match` is given with anything but `*`
/// - 416 if the range lies outside of the file
pub(crate) fn reply(
    file: File,
    name: &str,
    size: u64,
    method: &Method,
    request: &HeaderMap,
) -> Result<Response<Body>, Problem> {
    let content = Content {
        size,
        media_type: &media_type(name),
        filename: name,
        sha256: None,
    };
    respond(&content, method, request, |selected| {
        FileStream::new(file, selected.range.clone())
            .map(Body::File)
            .map_err(|_| Problem::not_found("The file cannot be read."))
    })
}

/// The media type that the extension of a file's name stands for.
pub(crate) fn media_type(name: &str) -> String {
    mime_guess::from_path(name)
        .first_or_octet_stream()
        .essence_str()
        .to_owned()
}
