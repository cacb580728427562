//! Files below roots on their way out, whole or a range.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, HeaderMap, HeaderValue, IF_RANGE, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, Response, StatusCode};
use tokio::task::JoinHandle;

use super::body::Body;
use super::download::attachment;
use super::problem::Problem;
use super::range::{Wanted, wanted};
use super::reply::header;

/// Bytes that are read at once.
const PIECE: u64 = 256 * 1024;

/// A file, or a part of one, on its way out.
#[derive(Debug)]
pub(crate) struct FileStream {
    /// None while it is being read.
    file: Option<File>,
    remaining: u64,
    read: Option<JoinHandle<io::Result<(File, Bytes)>>>,
}

impl FileStream {
    /// How many bytes are still to come.
    pub(super) fn remaining(&self) -> u64 {
        self.remaining
    }

    /// An error ends the connection short of its Content-Length, which is how the client knows.
    pub(super) fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Bytes>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        if let Some(file) = self.file.take() {
            let most = self.remaining.min(PIECE);
            self.read = Some(tokio::task::spawn_blocking(move || read(file, most)));
        }
        let Some(task) = &mut self.read else {
            return Poll::Ready(Some(Err(io::Error::other("the file could not be read"))));
        };
        let answer = ready!(Pin::new(task).poll(context));
        self.read = None;
        let (file, bytes) = match answer {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => return Poll::Ready(Some(Err(error))),
            Err(error) => return Poll::Ready(Some(Err(io::Error::other(error)))),
        };
        if bytes.is_empty() {
            let error = io::Error::other("the file has become shorter");
            return Poll::Ready(Some(Err(error)));
        }
        self.file = Some(file);
        self.remaining -= bytes.len() as u64;
        Poll::Ready(Some(Ok(bytes)))
    }
}

fn read(file: File, most: u64) -> io::Result<(File, Bytes)> {
    let mut bytes = Vec::with_capacity(most as usize);
    (&file).take(most).read_to_end(&mut bytes)?;
    Ok((file, bytes.into()))
}

/// As much of a file as the request asks for, to be saved under `name`.
pub(super) fn reply(
    mut file: File,
    name: &str,
    size: u64,
    method: &Method,
    request: &HeaderMap,
) -> Result<Response<Body>, Problem> {
    // Files have no tag, so a range of what the client has begun with may be of another.
    let range = request
        .get(RANGE)
        .and_then(|range| range.to_str().ok())
        .filter(|_| *method == Method::GET && !request.contains_key(IF_RANGE));
    let (status, range) = match wanted(range, size) {
        Wanted::Whole => (StatusCode::OK, 0..size),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Nothing => {
            let detail = format!("The file has {size} bytes.");
            let problem = Problem::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "range_not_satisfiable",
                detail,
            );
            return Err(problem.with(CONTENT_RANGE, header(&format!("bytes */{size}"))));
        }
    };
    let Range { start, end } = range;
    file.seek(SeekFrom::Start(start))
        .map_err(|_| Problem::not_found("The file cannot be read."))?;
    let body = Body::File(FileStream {
        file: Some(file),
        remaining: end - start,
        read: None,
    });
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {start}-{}/{size}", end - 1);
        headers.insert(CONTENT_RANGE, header(&range));
    }
    headers.insert(CONTENT_TYPE, header(&media_type(name)));
    headers.insert(CONTENT_DISPOSITION, attachment(name));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    Ok(response)
}

/// What a file's name says that it is.
pub(super) fn media_type(name: &str) -> String {
    mime_guess::from_path(name)
        .first_or_octet_stream()
        .essence_str()
        .to_owned()
}
