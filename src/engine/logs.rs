//! Reads the log of a job, either as a whole or while it is written.

use bytes::Bytes;

use crate::engine::Engine;
use crate::job::{Job, Seq};
use crate::operations::LogReader;
use crate::store;

impl Engine {
    /// The log of the last attempt at a job, as far as it is kept.
    ///
    /// # Errors
    /// An error if the database cannot be read.
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

    /// A reader that follows the log of the attempt under way, or `None` if there is no attempt.
    pub(crate) fn follow_log(&self, seq: Seq) -> Option<LogReader> {
        self.runner.log(seq).map(LogReader::new)
    }
}
