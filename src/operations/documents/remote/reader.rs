//! Reads a remote document like a file.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use http::header::CONTENT_TYPE;

use crate::header_params::charset;
use crate::job::Failure;
use crate::operations::documents::remote::{Piece, Remote};
use crate::operations::{Context, OperationError};

/// Reads a remote document with [`Read`]. An [`io::Error`] returned by a read converts into the [`OperationError`] that
/// caused it.
pub(in crate::operations) struct RemoteReader<'a> {
    remote: Remote<'a>,
    piece: Bytes,
    /// The number of bytes that may still follow within the limit.
    left: u64,
    is_over: bool,
}

impl<'a> RemoteReader<'a> {
    /// Sends the request.
    ///
    /// # Errors
    /// The errors of [`Remote::open`], and a failure with code `over_limit` if the document is too long.
    pub(in crate::operations) fn open(
        context: &'a Context,
        url: &str,
        authorization: Option<&str>,
    ) -> Result<Self, OperationError> {
        let remote = Remote::open(context, url, authorization)?;
        let max_bytes = context.outbound().input_bytes;
        if remote.total().is_some_and(|total| total > max_bytes) {
            return Err(too_long(max_bytes).into());
        }
        Ok(Self {
            remote,
            piece: Bytes::new(),
            left: max_bytes,
            is_over: false,
        })
    }

    /// The `charset` parameter of the response's media type.
    pub(in crate::operations) fn charset(&self) -> Option<String> {
        let media_type = self.remote.headers().get(CONTENT_TYPE)?;
        charset(&String::from_utf8_lossy(media_type.as_bytes()))
    }

    fn next(&mut self) -> Result<Bytes, OperationError> {
        match self.remote.next()? {
            Piece::Bytes(bytes) => {
                let left = self.left.checked_sub(bytes.len() as u64);
                self.left =
                    left.ok_or_else(|| too_long(self.remote.context.outbound().input_bytes))?;
                Ok(bytes)
            }
            Piece::End => Ok(Bytes::new()),
            Piece::Again => Err(self.remote.cannot_resume()),
        }
    }
}

fn too_long(max_bytes: u64) -> Failure {
    let message = format!("The remote document is longer than the limit of {max_bytes} bytes.");
    Failure::new("over_limit", message)
}

impl Read for RemoteReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() && !self.is_over {
            self.piece = self.next()?;
            self.is_over = self.piece.is_empty();
        }
        let taken = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..taken]);
        Ok(taken)
    }
}
