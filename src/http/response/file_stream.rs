//! A file as a stream of bytes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::task::JoinHandle;

/// The number of bytes that one read asks for.
const READ_BYTES: u64 = 256 * 1024;

/// A file, or a range of one, that is being sent.
#[derive(Debug)]
pub(crate) struct FileStream {
    /// The file, except while a read is running.
    file: Option<File>,
    /// The number of bytes that have not been handed out yet.
    remaining: u64,
    read: Option<JoinHandle<io::Result<(File, Bytes)>>>,
}

impl FileStream {
    /// A stream of the bytes in `range`.
    ///
    /// # Errors
    /// The error of a failed seek.
    pub(crate) fn new(mut file: File, range: Range<u64>) -> io::Result<Self> {
        file.seek(SeekFrom::Start(range.start))?;
        Ok(Self {
            file: Some(file),
            remaining: range.end - range.start,
            read: None,
        })
    }

    /// The number of bytes that have not been handed out yet.
    pub(crate) fn remaining(&self) -> u64 {
        self.remaining
    }

    /// The next bytes. An error closes the connection before `Content-Length` bytes are sent, so the client notices.
    pub(crate) fn poll_bytes(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Bytes>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        if let Some(file) = self.file.take() {
            let max_bytes = self.remaining.min(READ_BYTES);
            self.read = Some(tokio::task::spawn_blocking(move || read(file, max_bytes)));
        }
        let Some(task) = &mut self.read else {
            return Poll::Ready(Some(Err(io::Error::other("the file could not be read"))));
        };
        let finished = ready!(Pin::new(task).poll(context));
        self.read = None;
        let (file, bytes) = match finished {
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

fn read(file: File, max_bytes: u64) -> io::Result<(File, Bytes)> {
    let mut bytes = Vec::with_capacity(max_bytes as usize);
    (&file).take(max_bytes).read_to_end(&mut bytes)?;
    Ok((file, bytes.into()))
}
