//! Sinks for downloaded bytes: the result, or a file.

use std::fs::File;
use std::io::{Seek, Write};

use sha2::{Digest, Sha256};

use crate::operations::destination::Destination;
use crate::operations::fetch::disk::wait_for_disk;
use crate::operations::fetch::label::Label;
use crate::operations::{Context, OperationError, OperationOutput, ResultWriter};

/// Takes bytes in order, and can start over.
pub(super) trait Sink {
    /// Writes the next bytes.
    ///
    /// # Errors
    /// [`OperationError::Failed`] if they cannot be written.
    fn take(&mut self, bytes: &[u8]) -> Result<(), OperationError>;

    /// Discards all bytes, because the download starts over, possibly with another name or media type.
    ///
    /// # Errors
    /// [`OperationError::Failed`] if a file cannot be emptied.
    fn restart(&mut self, label: &Label) -> Result<(), OperationError>;

    /// The SHA-256 digest of all bytes taken.
    fn sha256(&self) -> [u8; 32];
}

/// Writes to the job's result.
pub(super) struct ResultSink<'a> {
    context: &'a Context,
    writer: ResultWriter,
}

impl<'a> ResultSink<'a> {
    pub(super) fn new(context: &'a Context, label: &Label) -> Self {
        let writer = context.result(&label.media_type, &label.filename);
        Self { context, writer }
    }

    pub(super) fn finish(self) -> Result<OperationOutput, OperationError> {
        self.writer.finish()
    }
}

impl Sink for ResultSink<'_> {
    fn take(&mut self, bytes: &[u8]) -> Result<(), OperationError> {
        Ok(self.writer.write_all(bytes)?)
    }

    fn restart(&mut self, label: &Label) -> Result<(), OperationError> {
        // Dropping the old writer frees the stored bytes.
        *self = Self::new(self.context, label);
        Ok(())
    }

    fn sha256(&self) -> [u8; 32] {
        self.writer.sha256()
    }
}

/// Writes to a temporary file.
pub(super) struct FileSink<'a> {
    file: File,
    target: &'a Destination,
    digest: Sha256,
}

impl<'a> FileSink<'a> {
    pub(super) fn new(file: File, target: &'a Destination) -> Self {
        Self {
            file,
            target,
            digest: Sha256::new(),
        }
    }

    pub(super) fn flush_to_disk(self, context: &Context) -> Result<(), OperationError> {
        let Self { file, target, .. } = self;
        let flushed = wait_for_disk(context, move || file.sync_all())?;
        flushed.map_err(|e| target.failed(&e).into())
    }
}

impl Sink for FileSink<'_> {
    fn take(&mut self, bytes: &[u8]) -> Result<(), OperationError> {
        self.digest.update(bytes);
        let written = self.file.write_all(bytes);
        written.map_err(|e| self.target.failed(&e).into())
    }

    fn restart(&mut self, _: &Label) -> Result<(), OperationError> {
        self.digest.reset();
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        emptied.map_err(|e| self.target.failed(&e).into())
    }

    fn sha256(&self) -> [u8; 32] {
        self.digest.clone().finalize().into()
    }
}
