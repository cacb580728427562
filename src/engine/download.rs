//! Opens results for download.

use std::sync::Arc;

use crate::engine::error::Error;
use crate::engine::handle::Engine;
use crate::engine::idle_tracker::Hold;
use crate::engine::results::{ConsumeGuard, ResultReader};
use crate::job::{Job, ResultLocation};
use crate::metrics::GaugeGuard;
use crate::operations::open_output;

/// A download of a result. The job is kept until this is dropped.
#[derive(Debug)]
pub(crate) struct Download {
    /// Reads the bytes.
    pub reader: ResultReader,
    /// Keeps the job from expiring.
    pub hold: Hold,
    /// The guard of a one-time result.
    pub consume: Option<ConsumeGuard>,
    /// Counts the download in the metrics while it is open.
    pub open: GaugeGuard,
}

impl Engine {
    /// Opens a job's result. Returns `None` if the job has no result or the result is gone.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the job has expired; other errors if the database cannot be read.
    pub(crate) async fn download(&self, job: &Job) -> Result<Option<Download>, Error> {
        let Some(output) = job.output() else {
            return Ok(None);
        };
        let hold = self.idle_tracker.hold(job).ok_or(Error::NotFound)?;
        let (reader, guard) = match &output.location {
            ResultLocation::Blob(blob) if job.options.keep => {
                (ResultReader::Blob(self.store.read_blob(*blob)), None)
            }
            ResultLocation::Blob(blob) => {
                let Some(guard) = self.one_time_results.begin(job.seq) else {
                    return Ok(None);
                };
                // The result may have been consumed since the job was read. From here on the guard keeps it.
                if self.find(job.seq).await?.job.output().is_none() {
                    return Ok(None);
                }
                (ResultReader::Blob(self.store.read_blob(*blob)), Some(guard))
            }
            ResultLocation::File { path, modified_ns } => {
                let (roots, path) = (Arc::clone(&self.roots), path.clone());
                let (size, modified_ns) = (output.size, *modified_ns);
                let open = move || open_output(&roots, &path, size, modified_ns);
                match Self::blocking(open).await? {
                    Some(file) => (ResultReader::File(Arc::new(file)), None),
                    None => return Ok(None),
                }
            }
            ResultLocation::Consumed => return Ok(None),
        };
        Ok(Some(Download {
            reader,
            hold,
            consume: guard,
            open: self.metrics.downloads.enter(),
        }))
    }
}
