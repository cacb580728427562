//! The result of an attempt, streamed into the store or into the file that the submission named.
//!
//! A result file is written like every file that a job makes ([`StagedFile`]): under a temporary name in the same folder,
//! synced, then recorded as an intent in the store, then renamed. If the server dies after the rename, the next start
//! recognizes the file by the intent and the job succeeds.

use std::fs::File;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::failpoints;
use crate::job::{Output, ResultLocation};
use crate::operations::context::too_large;
use crate::operations::destination::{Conflict, Destination, PlacedContent, StagedFile};
use crate::operations::files::source::Source;
use crate::operations::files::walk;
use crate::operations::intents::Slot;
use crate::operations::{Context, OperationError};
use crate::roots::Roots;
use crate::store::{BlobWriter, WholeBlob};

/// Writes the result of a job. Create it with [`Context::result`], write the bytes with [`Write`], and call
/// [`finish`](Self::finish).
///
/// A write fails with [`io::ErrorKind::FileTooLarge`] once the result exceeds the server's limit.
#[derive(Debug)]
pub struct ResultWriter {
    sink: Sink,
    max_bytes: u64,
    media_type: String,
    filename: String,
}

#[derive(Debug)]
enum Sink {
    Blob(BlobWriter),
    File(Box<FileWriter>),
    /// The file could not be created. The first write or `finish` returns the error.
    Refused(Option<OperationError>),
}

#[derive(Debug)]
struct FileWriter {
    target: Destination,
    file: File,
    digest: Sha256,
    size: u64,
}

impl Context {
    /// Creates a writer for the result. The bytes are streamed into the store, or into the file that the submission
    /// named with `output=`. They become the job's result when [`Operation::run`](crate::operations::Operation::run) returns
    /// the finished [`OperationOutput`]; a writer that is dropped before that leaves nothing behind.
    pub fn result(&self, media_type: &str, filename: &str) -> ResultWriter {
        let sink = match self.output().map(|path| FileWriter::create(self, path)) {
            None => Sink::Blob(self.store().write_blob()),
            Some(Ok(file)) => Sink::File(Box::new(file)),
            Some(Err(error)) => Sink::Refused(Some(error)),
        };
        ResultWriter {
            sink,
            max_bytes: self.max_result_bytes(),
            media_type: media_type.to_owned(),
            filename: filename.to_owned(),
        }
    }
}

impl ResultWriter {
    /// The SHA-256 digest of all bytes written so far.
    pub fn sha256(&self) -> [u8; 32] {
        match &self.sink {
            Sink::Blob(blob) => blob.sha256(),
            Sink::File(file) => file.digest.clone().finalize().into(),
            Sink::Refused(_) => [0; 32],
        }
    }

    /// Completes the result and syncs it to the disk. Return the output from [`Operation::run`](crate::operations::Operation::run).
    ///
    /// # Errors
    /// [`OperationError::Failed`] if the last bytes cannot be written or synced, or if the file named by `output=`
    /// could not be created.
    pub fn finish(self) -> Result<OperationOutput, OperationError> {
        let made = match self.sink {
            Sink::Blob(blob) => Made::Blob(blob.finish().map_err(io::Error::from)?),
            Sink::File(file) => Made::File(Box::new(file.finish()?)),
            Sink::Refused(error) => return Err(error.unwrap_or(OperationError::Canceled)),
        };
        Ok(OperationOutput {
            made,
            media_type: self.media_type,
            filename: self.filename,
            target_path: None,
        })
    }

    fn size(&self) -> u64 {
        match &self.sink {
            Sink::Blob(blob) => blob.size(),
            Sink::File(file) => file.size,
            Sink::Refused(_) => 0,
        }
    }
}

impl Write for ResultWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.size() + bytes.len() as u64 > self.max_bytes {
            // The error's kind survives in code that wraps the error in one of its own.
            let message = too_large(self.max_bytes);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        match &mut self.sink {
            Sink::Blob(blob) => blob.write(bytes),
            Sink::File(file) => file.write(bytes),
            Sink::Refused(error) => Err(error.take().unwrap_or(OperationError::Canceled).into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl FileWriter {
    fn create(context: &Context, path: &str) -> Result<Self, OperationError> {
        let target = Destination::open(context.roots(), path)?;
        let staged = StagedFile::new(&target, context, Slot::Result);
        let file = staged.create_file()?;
        // The engine renames the file to its target, or removes it.
        staged.keep();
        Ok(Self {
            target,
            file,
            digest: Sha256::new(),
            size: 0,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self
            .file
            .write(bytes)
            .map_err(|error| io::Error::from(OperationError::from(self.target.failed(&error))))?;
        self.digest.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn finish(self) -> Result<WholeFile, OperationError> {
        let synced = self.file.sync_all().and_then(|()| modified(&self.file));
        let modified_ns = synced.map_err(|error| self.target.failed(&error))?;
        failpoints::failpoint("written");
        Ok(WholeFile {
            target: self.target,
            size: self.size,
            sha256: hex::encode(self.digest.finalize()),
            modified_ns,
        })
    }
}

/// A complete, synced file under its temporary name.
#[derive(Debug)]
struct WholeFile {
    target: Destination,
    size: u64,
    sha256: String,
    modified_ns: i64,
}

#[derive(Debug)]
enum Made {
    Blob(WholeBlob),
    File(Box<WholeFile>),
}

/// A complete result: its bytes, media type and file name. Made by [`ResultWriter::finish`].
#[derive(Debug)]
pub struct OperationOutput {
    made: Made,
    media_type: String,
    filename: String,
    target_path: Option<String>,
}

impl OperationOutput {
    /// Records that the work also created a file or folder at `path`, given as clients see it.
    #[must_use]
    pub fn with_target(self, path: String) -> Self {
        Self {
            target_path: Some(path),
            ..self
        }
    }

    /// Renames a result file to its target. A result in the store is published by the commit that ends the attempt.
    ///
    /// # Errors
    /// [`OperationError::Canceled`] if the attempt was asked to stop before the rename, [`OperationError::Failed`] if
    /// the file system refuses it. The temporary file is removed in both cases.
    pub(crate) fn finalize(
        self,
        context: &Context,
    ) -> Result<(Output, Option<WholeBlob>), OperationError> {
        let output = |location, size, sha256| Output {
            location,
            size,
            sha256,
            media_type: self.media_type,
            filename: self.filename,
            target_path: self.target_path,
        };
        match self.made {
            Made::Blob(whole) => {
                let sha256 = hex::encode(whole.sha256);
                let output = output(ResultLocation::Blob(whole.blob), whole.size, sha256);
                Ok((output, Some(whole)))
            }
            Made::File(whole) => {
                let location = ResultLocation::File {
                    path: whole.target.path(),
                    modified_ns: whole.modified_ns,
                };
                let mut output = output(location, whole.size, whole.sha256);
                whole.target.name().clone_into(&mut output.filename);
                let staged = StagedFile::new(&whole.target, context, Slot::Result);
                staged.place(Conflict::Replace, &output)?;
                Ok((output, None))
            }
        }
    }
}

/// Checks that a result can be written to `path`, before the work starts.
///
/// # Errors
/// [`OperationError::Failed`] if the target folder cannot be opened or the target cannot be replaced.
pub(crate) fn check_output(context: &Context, path: &str) -> Result<(), OperationError> {
    let target = Destination::open(context.roots(), path)?;
    target.check_file(context.roots())
}

/// The result that an earlier attempt renamed to `path` before the server died; `None` if it did not get that far.
///
/// # Errors
/// [`OperationError::Failed`] if the target folder or the stored intent cannot be read.
pub(crate) fn finalized_output(
    context: &Context,
    path: &str,
) -> Result<Option<Output>, OperationError> {
    let target = Destination::open(context.roots(), path)?;
    let mut staged = StagedFile::new(&target, context, Slot::Result);
    let placed = staged.placed::<Output>()?;
    staged.keep();
    Ok(placed.map(|(_, mut output)| {
        if let ResultLocation::File { modified_ns, .. } = &mut output.location
            && let Ok(there) = target.dir().symlink_metadata(target.name())
            && let Ok(modified) = there.modified()
        {
            *modified_ns = nanoseconds(modified.into_std());
        }
        output
    }))
}

/// Removes the temporary file that an attempt made for `path`, unless another attempt follows.
pub(crate) fn discard_output(context: &Context, path: &str) {
    // A missing folder holds no temporary file.
    if let Ok(target) = Destination::open(context.roots(), path) {
        drop(StagedFile::new(&target, context, Slot::Result));
    }
}

impl PlacedContent for Output {
    fn content(&self) -> Option<(u64, &str)> {
        Some((self.size, &self.sha256))
    }
}

/// Opens a result file. Returns `None` if the file is gone or its size or modification time has changed.
pub(crate) fn open_output(roots: &Roots, path: &str, size: u64, modified_ns: i64) -> Option<File> {
    let source = Source::open(roots, path).ok()?;
    let (file, metadata) = walk::open_file(roots, &source.dir, source.file.as_ref()?).ok()??;
    let is_same = metadata.len() == size && is_moment(modified_ns, modified(&file).ok()?);
    is_same.then_some(file)
}

/// Whether a file system that rounds times down, to 2 seconds at the coarsest, may show `time_ns` as `shown_ns`.
fn is_moment(time_ns: i64, shown_ns: i64) -> bool {
    let steps = [
        1,
        100,
        1_000,
        1_000_000,
        10_000_000,
        1_000_000_000,
        2_000_000_000,
    ];
    steps
        .iter()
        .any(|step| time_ns - time_ns % step == shown_ns)
}

fn modified(file: &File) -> io::Result<i64> {
    Ok(nanoseconds(file.metadata()?.modified()?))
}

fn nanoseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
