//! Opens results for download.

use std::sync::Arc;

use crate::engine::handle::Engine;
use crate::engine::idle_tracker::Hold;
use crate::engine::results::{ConsumeGuard, ResultReader};
use crate::job::{Job, ResultLocation};
use crate::metrics::GaugeGuard;
use crate::operations::open_output;
use crate::store;

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
