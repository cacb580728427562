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

use crate::engine::{Engine, Hold};
use crate::job::{Event, Job, ResultLocation, Seq};
use crate::metrics::GaugeGuard;
use crate::operations::open_output;
use crate::store::{self, BlobReader, CHUNK_BYTES, Store};

/// A result that is being handed out. The job stays until this is dropped.
#[derive(Debug)]
pub(crate) struct Download {
    /// The bytes.
    pub reader: ResultReader,
    /// Keeps the job from expiry.
    pub hold: Hold,
    /// Of a result that is not to be kept.
    pub consume: Option<ConsumeGuard>,
    /// Counts it among those that are being read.
    pub open: GaugeGuard,
}

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
    fn begin(self: &Arc<Self>, seq: Seq) -> Option<ConsumeGuard> {
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

impl Engine {
    /// A job's result, to be handed out; none if there is none, or none any more.
    ///
    /// # Errors
    /// [`store::Error::NotFound`] for a job that has expired.
    pub(crate) async fn download(&self, job: &Job) -> Result<Option<Download>, store::Error> {
        let Some(output) = job.output() else {
            return Ok(None);
        };
        let hold = self.idle_tracker.hold(job).ok_or(store::Error::NotFound)?;
        let (reader, lease) = match &output.location {
            ResultLocation::Blob(blob) if job.options.keep => {
                (ResultReader::Blob(self.store.read_blob(*blob)), None)
            }
            ResultLocation::Blob(blob) => {
                let Some(lease) = self.one_time_results.begin(job.seq) else {
                    return Ok(None);
                };
                // It may have been taken and forgotten since the job was looked at; from here on it stays.
                if self.find(job.seq).await?.job.output().is_none() {
                    return Ok(None);
                }
                (ResultReader::Blob(self.store.read_blob(*blob)), Some(lease))
            }
            ResultLocation::File { path, modified_ns } => {
                let (roots, path) = (Arc::clone(&self.roots), path.clone());
                let (size, modified_ns) = (output.size, *modified_ns);
                let open = move || open_output(&roots, &path, size, modified_ns);
                let opened = tokio::task::spawn_blocking(open).await;
                match opened.map_err(|e| store::Error::Database(e.to_string()))? {
                    Some(file) => (ResultReader::File(Arc::new(file)), None),
                    None => return Ok(None),
                }
            }
            ResultLocation::Consumed => return Ok(None),
        };
        Ok(Some(Download {
            reader,
            hold,
            consume: lease,
            open: self.metrics.downloads.enter(),
        }))
    }
}
