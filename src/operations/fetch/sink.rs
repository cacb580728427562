//! Where fetched bytes go.

use std::fs::File;
use std::io::{Seek, Write};

use sha2::{Digest, Sha256};

use crate::operations::destination::Destination;
use crate::operations::fetch::disk::wait_for_disk;
use crate::operations::fetch::label::Label;
use crate::operations::{Context, OperationError, OperationOutput, ResultWriter};

/// Takes bytes in order, and may be told to forget them all.
pub(in crate::operations) trait Sink {
    /// The next bytes.
    ///
    /// # Errors
    /// What the disk says.
    fn take(&mut self, bytes: &[u8]) -> Result<(), OperationError>;

    /// Everything comes once more, and may be called something else.
    ///
    /// # Errors
    /// What the disk says.
    fn restart(&mut self, label: &Label) -> Result<(), OperationError>;

    /// The digest of all that was taken.
    fn sha256(&self) -> [u8; 32];
}

/// Into the store.
pub(in crate::operations) struct ResultSink<'a> {
    context: &'a Context,
    writer: ResultWriter,
}

impl<'a> ResultSink<'a> {
    pub(in crate::operations) fn new(context: &'a Context, label: &Label) -> Self {
        let writer = context.result(&label.media_type, &label.filename);
        Self { context, writer }
    }

    pub(in crate::operations) fn finish(self) -> Result<OperationOutput, OperationError> {
        self.writer.finish()
    }
}

impl Sink for ResultSink<'_> {
    fn take(&mut self, bytes: &[u8]) -> Result<(), OperationError> {
        Ok(self.writer.write_all(bytes)?)
    }

    fn restart(&mut self, label: &Label) -> Result<(), OperationError> {
        // What was stored of the last one is freed.
        *self = Self::new(self.context, label);
        Ok(())
    }

    fn sha256(&self) -> [u8; 32] {
        self.writer.sha256()
    }
}

/// Into a file that has no name of its own yet.
pub(in crate::operations) struct FileSink<'a> {
    file: File,
    target: &'a Destination,
    digest: Sha256,
}

impl<'a> FileSink<'a> {
    pub(in crate::operations) fn new(file: File, target: &'a Destination) -> Self {
        Self {
            file,
            target,
            digest: Sha256::new(),
        }
    }

    pub(in crate::operations) fn flush_to_disk(
        self,
        context: &Context,
    ) -> Result<(), OperationError> {
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
