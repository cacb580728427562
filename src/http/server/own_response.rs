//! Responses to heads that never become requests: malformed, too long or too slow. The HTTP library makes them without the
//! id that each response has, so it is added on the way to the socket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

use crate::http::request::request_id::{RequestIds, X_REQUEST_ID};

/// The response of a connection to a head that is no request. The connection is closed after it.
pub(crate) struct OwnResponse {
    request_ids: Arc<RequestIds>,
    /// The rest of the response with its id that the socket has not taken yet.
    rest: Option<Vec<u8>>,
}

impl OwnResponse {
    pub(crate) fn new(request_ids: Arc<RequestIds>) -> Self {
        Self {
            request_ids,
            rest: None,
        }
    }

    /// Writes the response with an id. Ready once the socket has taken all of it.
    pub(crate) fn poll_write(
        &mut self,
        mut socket: Pin<&mut impl AsyncWrite>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum();
        let ids = &self.request_ids;
        let rest = self.rest.get_or_insert_with(|| {
            let slices: Vec<&[u8]> = slices.iter().map(|slice| &**slice).collect();
            with_id(&slices.concat(), ids)
        });
        while !rest.is_empty() {
            match socket.as_mut().poll_write(context, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(taken)) => drop(rest.drain(..taken)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        self.rest = None;
        Poll::Ready(Ok(length))
    }
}

/// Adds an id after the status line.
fn with_id(response: &[u8], ids: &RequestIds) -> Vec<u8> {
    let line_end = response.windows(2).position(|pair| pair == b"\r\n");
    let (line, headers) = response.split_at(line_end.map_or(response.len(), |end| end + 2));
    if line_end.is_none() {
        return response.to_vec();
    }
    let id = ids.next();
    let name = X_REQUEST_ID;
    [
        line,
        name.as_str().as_bytes(),
        b": ",
        id.as_bytes(),
        b"\r\n",
        headers,
    ]
    .concat()
}
