//! What the work at a job writes for people: read back, or along as it is written.

use bytes::Bytes;

use crate::engine::Engine;
use crate::job::{Job, Seq};
use crate::operations::LogReader;
use crate::store;

impl Engine {
    /// What the work at a job wrote last, as far as it is kept.
    ///
    /// # Errors
    /// What the disk may say.
    pub(crate) async fn log(&self, job: &Job) -> Result<Bytes, store::Error> {
        if let Some(log) = self.runner.log(job.seq) {
            return Ok(log.to_vec().into());
        }
        let Some(blob) = job.log else {
            return Ok(Bytes::new());
        };
        let reader = self.store.read_blob(blob);
        let read = tokio::task::spawn_blocking(move || reader.read_all()).await;
        let read = read.map_err(|e| store::Error::Database(e.to_string()))?;
        read.map(Bytes::from)
    }

    /// Reads along what the attempt at a job writes, if one is under way.
    pub(crate) fn follow_log(&self, seq: Seq) -> Option<LogReader> {
        self.runner.log(seq).map(LogReader::new)
    }
}
