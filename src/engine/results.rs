//! Results on their way out: where the bytes are, who is reading them, and what goes once it was taken.
//!
//! A result that is not to be kept goes after its first whole download: from the moment that its last byte was taken
//! nobody else gets it, and when those who had begun are through the store forgets it.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::job::{Event, Seq};
use crate::store::{self, BlobReader, CHUNK_BYTES, Store};

/// Where the bytes of a result are.
#[derive(Debug, Clone)]
pub(crate) enum ResultReader {
    /// In the store.
    Blob(BlobReader),
    /// In a file.
    File(Arc<File>),
}

impl ResultReader {
    /// The chunk with this number from 0, [`CHUNK_BYTES`] long but for the last; none past the end. Blocks on the disk.
    ///
    /// # Errors
    /// What the disk may say.
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
    is_taken: bool,
}

/// Who is reading results that are not to be kept.
#[derive(Debug)]
pub(super) struct OneTimeResults {
    store: Arc<Store>,
    runtime: Handle,
    by_job: Mutex<HashMap<Seq, ActiveRead>>,
}

/// The right to read a result that is not to be kept.
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

    /// None if the result was taken.
    pub(super) fn begin(self: &Arc<Self>, seq: Seq) -> Option<ConsumeGuard> {
        let mut by_job = self.by_job.lock();
        let taking = by_job.entry(seq).or_default();
        if taking.is_taken {
            return None;
        }
        taking.readers += 1;
        Some(ConsumeGuard {
            one_time_results: Arc::clone(self),
            seq,
        })
    }

    async fn forget(&self, seq: Seq) {
        match self.store.record(seq, Event::ResultConsumed).await {
            // From here on the job itself says that its result is gone.
            Ok(_) | Err(store::Error::NotFound) => {
                self.by_job.lock().remove(&seq);
            }
            Err(error) => {
                tracing::warn!(job.seq = seq.0, %error, "a result that was taken is still on the disk");
            }
        }
    }
}

impl ConsumeGuard {
    /// Tries to have the last byte of the whole result taken: `take` says whether it was. Meanwhile nobody begins.
    pub(crate) fn consume_if<T>(&self, take: impl FnOnce() -> (bool, T)) -> T {
        let mut by_job = self.one_time_results.by_job.lock();
        let (is_taken, value) = take();
        if is_taken && let Some(taking) = by_job.get_mut(&self.seq) {
            taking.is_taken = true;
        }
        value
    }
}

impl Drop for ConsumeGuard {
    fn drop(&mut self) {
        let mut by_job = self.one_time_results.by_job.lock();
        let Some(taking) = by_job.get_mut(&self.seq) else {
            return;
        };
        taking.readers -= 1;
        if taking.readers > 0 {
            return;
        }
        if taking.is_taken {
            let (one_time_results, seq) = (Arc::clone(&self.one_time_results), self.seq);
            self.one_time_results
                .runtime
                .spawn(async move { one_time_results.forget(seq).await });
        } else {
            by_job.remove(&self.seq);
        }
    }
}
