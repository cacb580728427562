//! Readers of results, and the guard that consumes one-time results.
//!
//! A one-time result is deleted after its first complete download. Once its last byte was read, no new download may
//! begin. The store deletes the result when all downloads that had begun before have ended.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::job::{Event, Seq};
use crate::store::{self, BlobReader, CHUNK_BYTES, Store};

/// Reads the bytes of a result from where they are stored.
#[derive(Debug, Clone)]
pub(crate) enum ResultReader {
    /// From the database.
    Blob(BlobReader),
    /// From a file below a root.
    File(Arc<File>),
}

impl ResultReader {
    /// Reads the chunk with this index, counted from 0. All chunks but the last are [`CHUNK_BYTES`] long; past the end
    /// there is `None`. Blocks on the disk.
    ///
    /// # Errors
    /// An error if the file or the database cannot be read.
    pub(crate) fn chunk(&self, number: u32) -> io::Result<Option<Bytes>> {
        match self {
            Self::Blob(blob) => Ok(blob.chunk(number)?),
            Self::File(file) => {
                let chunk = read_at(file, u64::from(number) * CHUNK_BYTES as u64)?;
                Ok((!chunk.is_empty()).then(|| chunk.into()))
            }
        }
    }
}

fn read_at(file: &File, offset: u64) -> io::Result<Vec<u8>> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut filled = 0;
    while filled < chunk.len() {
        #[cfg(unix)]
        let read =
            std::os::unix::fs::FileExt::read_at(file, &mut chunk[filled..], offset + filled as u64);
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(
            file,
            &mut chunk[filled..],
            offset + filled as u64,
        );
        match read {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    chunk.truncate(filled);
    Ok(chunk)
}

#[derive(Debug, Default)]
struct ActiveRead {
    readers: usize,
    is_consumed: bool,
}

/// The one-time results that are being downloaded.
#[derive(Debug)]
pub(super) struct OneTimeResults {
    store: Arc<Store>,
    runtime: Handle,
    by_job: Mutex<HashMap<Seq, ActiveRead>>,
}

/// The right to download a one-time result.
#[derive(Debug)]
pub(crate) struct ConsumeGuard {
    one_time_results: Arc<OneTimeResults>,
    seq: Seq,
}

impl OneTimeResults {
    /// Needs a tokio runtime.
    pub(super) fn new(store: Arc<Store>) -> Arc<Self> {
        Arc::new(Self {
            store,
            runtime: Handle::current(),
            by_job: Mutex::default(),
        })
    }

    /// Begins a download. Returns `None` if the result was consumed.
    pub(super) fn begin(self: &Arc<Self>, seq: Seq) -> Option<ConsumeGuard> {
        let mut by_job = self.by_job.lock();
        let active = by_job.entry(seq).or_default();
        if active.is_consumed {
            return None;
        }
        active.readers += 1;
        Some(ConsumeGuard {
            one_time_results: Arc::clone(self),
            seq,
        })
    }

    async fn forget(&self, seq: Seq) {
        match self.store.record(seq, Event::ResultConsumed).await {
            // From here on the job's row says that the result is gone.
            Ok(_) | Err(store::Error::NotFound) => {
                self.by_job.lock().remove(&seq);
            }
            Err(error) => {
                tracing::warn!(job.seq = seq.0, %error, "cannot delete a one-time result that was downloaded");
            }
        }
    }
}

impl ConsumeGuard {
    /// Calls `take`, which hands out the last bytes of the result, and marks the result as consumed if `take` returns
    /// `true`. No other download begins during the call.
    pub(crate) fn consume_if<T>(&self, take: impl FnOnce() -> (bool, T)) -> T {
        let mut by_job = self.one_time_results.by_job.lock();
        let (is_consumed, value) = take();
        if is_consumed && let Some(active) = by_job.get_mut(&self.seq) {
            active.is_consumed = true;
        }
        value
    }
}

impl Drop for ConsumeGuard {
    fn drop(&mut self) {
        let mut by_job = self.one_time_results.by_job.lock();
        let Some(active) = by_job.get_mut(&self.seq) else {
            return;
        };
        active.readers -= 1;
        if active.readers > 0 {
            return;
        }
        if active.is_consumed {
            let (one_time_results, seq) = (Arc::clone(&self.one_time_results), self.seq);
            self.one_time_results
                .runtime
                .spawn(async move { one_time_results.forget(seq).await });
        } else {
            by_job.remove(&self.seq);
        }
    }
}
