//! Reads the result of a job as an async stream of bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::JoinHandle;

use crate::cloakroom::runtime::Runtime;
use crate::engine::Download;
use crate::job::Output;

/// The result of a job, as a reader. A one-time result is deleted once it was read to its end.
#[derive(Debug)]
pub struct JobResult {
    output: Output,
    download: Download,
    runtime: Runtime,
    /// The rest of the current chunk.
    chunk: Bytes,
    /// The index of the next chunk.
    next: u32,
    /// The number of bytes after the current chunk.
    left: u64,
    reading: Option<JoinHandle<io::Result<Option<Bytes>>>>,
}

impl JobResult {
    pub(super) fn new(output: Output, download: Download, runtime: Runtime) -> Self {
        Self {
            left: output.size,
            output,
            download,
            runtime,
            chunk: Bytes::new(),
            next: 0,
            reading: None,
        }
    }

    /// The result's size, media type and name.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// Loads the next chunk if the current one is used up, on a thread for blocking work.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.chunk.is_empty() && self.left > 0 {
            let (reader, number) = (self.download.reader.clone(), self.next);
            let runtime = self.runtime.clone();
            let reading = self
                .reading
                .get_or_insert_with(|| runtime.spawn_blocking(move || reader.chunk(number)));
            let read = ready!(Pin::new(reading).poll(context));
            self.reading = None;
            let chunk = read.map_err(io::Error::other)??;
            // `None`: the job was deleted, or its file truncated.
            let chunk = chunk.ok_or(io::ErrorKind::UnexpectedEof)?;
            self.left = self.left.saturating_sub(chunk.len() as u64);
            self.next += 1;
            self.chunk = chunk;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for JobResult {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_chunk(context))?;
        let bytes = self.chunk.len().min(buffer.remaining());
        buffer.put_slice(&self.chunk[..bytes]);
        self.chunk.advance(bytes);
        if self.chunk.is_empty()
            && self.left == 0
            && let Some(guard) = &self.download.consume
        {
            guard.consume_if(|| (true, ()));
        }
        Poll::Ready(Ok(()))
    }
}
