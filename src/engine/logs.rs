//! Reads the log of a job, either as a whole or while it is written.

use bytes::Bytes;

use crate::engine::{Engine, Error};
use crate::job::{Job, Seq};
use crate::operations::LogReader;

impl Engine {
    /// The log of the last attempt at a job, as far as it is kept.
    ///
    /// # Errors
    /// An error if the database cannot be read.
    pub(crate) async fn log(&self, job: &Job) -> Result<Bytes, Error> {
        if let Some(log) = self.runner.log(job.seq) {
            return Ok(log.to_vec().into());
        }
        let Some(blob) = job.log else {
            return Ok(Bytes::new());
        };
        let reader = self.store.read_blob(blob);
        Ok(Self::blocking(move || reader.read_all()).await??.into())
    }

    /// A reader that follows the log of the attempt under way, or `None` if there is no attempt.
    pub(crate) fn follow_log(&self, seq: Seq) -> Option<LogReader> {
        self.runner.log(seq).map(LogReader::new)
    }
}
