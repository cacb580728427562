//! A document from another server, read as a file is.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use http::header::CONTENT_TYPE;

use crate::header_params::charset;
use crate::job::Failure;
use crate::operations::documents::remote::{Piece, Remote};
use crate::operations::{Context, OperationError};

/// A document from elsewhere, one byte after the other. Its errors become what they were on the way to a [`OperationError`].
pub(in crate::operations) struct RemoteReader<'a> {
    remote: Remote<'a>,
    piece: Bytes,
    left: u64,
    is_over: bool,
}

impl<'a> RemoteReader<'a> {
    /// Asks for it.
    ///
    /// # Errors
    /// As [`Remote::open`]; `over_limit` where it is too long.
    pub(in crate::operations) fn open(
        context: &'a Context,
        url: &str,
        authorization: Option<&str>,
    ) -> Result<Self, OperationError> {
        let remote = Remote::open(context, url, authorization)?;
        let left = context.outside().input_bytes;
        if remote.total().is_some_and(|total| total > left) {
            return Err(too_long(left).into());
        }
        Ok(Self {
            remote,
            piece: Bytes::new(),
            left,
            is_over: false,
        })
    }

    /// The `charset` that its media type gives.
    pub(in crate::operations) fn charset(&self) -> Option<String> {
        let media_type = self.remote.headers().get(CONTENT_TYPE)?;
        charset(&String::from_utf8_lossy(media_type.as_bytes()))
    }

    fn next(&mut self) -> Result<Bytes, OperationError> {
        match self.remote.next()? {
            Piece::Bytes(bytes) => {
                let left = self.left.checked_sub(bytes.len() as u64);
                self.left =
                    left.ok_or_else(|| too_long(self.remote.context.outside().input_bytes))?;
                Ok(bytes)
            }
            Piece::End => Ok(Bytes::new()),
            Piece::Again => Err(self.remote.cannot_go_on()),
        }
    }
}

fn too_long(most: u64) -> Failure {
    let message = format!("A document from elsewhere may be {most} bytes long.");
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
