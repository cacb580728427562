//! Files below roots on their way out, whole or a range.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, HeaderMap, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, Response, StatusCode};
use tokio::task::JoinHandle;

use crate::http::response::body::Body;
use crate::http::response::conditions::{Conditions, Selected, evaluate, select};
use crate::http::response::download::attachment;
use crate::http::response::problem::Problem;
use crate::http::response::reply::{empty, header};

const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");
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
    pub(in crate::http) fn remaining(&self) -> u64 {
        self.remaining
    }

    /// An error ends the connection short of its Content-Length, which is how the client knows.
    pub(in crate::http) fn poll_piece(
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
pub(in crate::http) fn reply(
    mut file: File,
    name: &str,
    size: u64,
    method: &Method,
    request: &HeaderMap,
) -> Result<Response<Body>, Problem> {
    // Files have no tag: that the client has this one, or a part of it, cannot be told.
    if evaluate(request, None)? == Conditions::NotModified {
        let mut response = empty(StatusCode::NOT_MODIFIED);
        response.headers_mut().insert(CACHE_CONTROL, PRIVATE);
        return Ok(response);
    }
    let Selected {
        status,
        range,
        content_range,
    } = select(method, request, None, size)?;
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
    if let Some(content_range) = content_range {
        headers.insert(CONTENT_RANGE, content_range);
    }
    headers.insert(CONTENT_TYPE, header(&media_type(name)));
    headers.insert(CONTENT_DISPOSITION, attachment(name));
    headers.insert(CACHE_CONTROL, PRIVATE);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    Ok(response)
}

/// What a file's name says that it is.
pub(in crate::http) fn media_type(name: &str) -> String {
    mime_guess::from_path(name)
        .first_or_octet_stream()
        .essence_str()
        .to_owned()
}
