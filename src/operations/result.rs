//! The result of an attempt: streamed into the store, or into the file that the submission named.
//!
//! A file goes the way of every file that a job makes ([`StagedFile`]): under a temporary name beside its own until it is
//! whole and on the disk, then the store learns of the intent, then it gets its name. A server that starts again finds
//! by the intent what is in its place already, and the job has succeeded.

use std::fs::File;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::failpoints;
use crate::job::{Output, ResultLocation};
use crate::operations::context::Slot;
use crate::operations::destination::{Conflict, Destination, PlacedContent, StagedFile};
use crate::operations::files::source::Source;
use crate::operations::files::walk;
use crate::operations::{Context, OperationError};
use crate::roots::Roots;
use crate::store::{BlobWriter, WholeBlob};

/// A result under way.
#[derive(Debug)]
pub struct ResultWriter {
    sink: Sink,
    most_bytes: u64,
    media_type: String,
    filename: String,
}

#[derive(Debug)]
enum Sink {
    Blob(BlobWriter),
    File(Box<FileWriter>),
    /// The file cannot be written; whoever writes hears why.
    Refused(Option<OperationError>),
}

#[derive(Debug)]
struct FileWriter {
    target: Destination,
    file: File,
    digest: Sha256,
    size: u64,
}

impl ResultWriter {
    /// Into the store, or into the file at `output`.
    pub(in crate::operations) fn begin(
        context: &Context,
        output: Option<&str>,
        most_bytes: u64,
        media_type: &str,
        filename: &str,
    ) -> Self {
        let sink = match output.map(|path| FileWriter::create(context, path)) {
            None => Sink::Blob(context.store().write_blob()),
            Some(Ok(file)) => Sink::File(Box::new(file)),
            Some(Err(stop)) => Sink::Refused(Some(stop)),
        };
        Self {
            sink,
            most_bytes,
            media_type: media_type.to_owned(),
            filename: filename.to_owned(),
        }
    }

    /// The digest of all that was written so far.
    pub fn sha256(&self) -> [u8; 32] {
        match &self.sink {
            Sink::Blob(blob) => blob.sha256(),
            Sink::File(file) => file.digest.clone().finalize().into(),
            Sink::Refused(_) => [0; 32],
        }
    }

    /// The result is whole.
    ///
    /// # Errors
    /// What the disk said to the last bytes.
    pub fn finish(self) -> Result<OperationOutput, OperationError> {
        let made = match self.sink {
            Sink::Blob(blob) => Made::Blob(blob.finish().map_err(io::Error::from)?),
            Sink::File(file) => Made::File(Box::new(file.finish()?)),
            Sink::Refused(stop) => return Err(stop.unwrap_or(OperationError::Canceled)),
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
        if self.size() + bytes.len() as u64 > self.most_bytes {
            // The kind says it to whoever passes the error on in one of its own.
            let message = too_large(self.most_bytes);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        match &mut self.sink {
            Sink::Blob(blob) => blob.write(bytes),
            Sink::File(file) => file.write(bytes),
            Sink::Refused(stop) => Err(stop.take().unwrap_or(OperationError::Canceled).into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is said of a result that is longer than it may be.
pub(in crate::operations) fn too_large(most_bytes: u64) -> String {
    format!("The result is longer than the {most_bytes} bytes that it may have.")
}

impl FileWriter {
    fn create(context: &Context, path: &str) -> Result<Self, OperationError> {
        let target = Destination::open(context.roots(), path)?;
        let draft = StagedFile::new(&target, context, Slot::Result);
        let file = draft.create_file()?;
        // The engine puts it into its place, or removes it.
        draft.keep();
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

/// A file that is whole and on the disk, under its temporary name.
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

/// A result that is whole, and how to hand it out.
#[derive(Debug)]
pub struct OperationOutput {
    made: Made,
    media_type: String,
    filename: String,
    target_path: Option<String>,
}

impl OperationOutput {
    /// The same, of work that put something at this path on the wire besides.
    #[must_use]
    pub fn with_target(self, path: String) -> Self {
        Self {
            target_path: Some(path),
            ..self
        }
    }

    /// Puts the result into its place; what is in the store gets there with the commit that ends the attempt.
    ///
    /// # Errors
    /// What the file system says, or that it is not wanted any more; nothing of it is left then.
    pub(crate) fn finalize(
        self,
        context: &Context,
    ) -> Result<(Output, Option<WholeBlob>), OperationError> {
        let output = |place, size, sha256| Output {
            location: place,
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
                let place = ResultLocation::File {
                    path: whole.target.path(),
                    modified_ns: whole.modified_ns,
                };
                let mut output = output(place, whole.size, whole.sha256);
                whole.target.name().clone_into(&mut output.filename);
                let draft = StagedFile::new(&whole.target, context, Slot::Result);
                draft.place(Conflict::Replace, &output)?;
                Ok((output, None))
            }
        }
    }
}

/// Finds out whether a result can be put at `path`, before the work for it is done.
pub(crate) fn check_output(context: &Context, path: &str) -> Result<(), OperationError> {
    let target = Destination::open(context.roots(), path)?;
    target.check_file(context.roots())
}

/// The result that an attempt put at `path` before the server died, if it came so far.
pub(crate) fn finalized_output(
    context: &Context,
    path: &str,
) -> Result<Option<Output>, OperationError> {
    let target = Destination::open(context.roots(), path)?;
    let mut draft = StagedFile::new(&target, context, Slot::Result);
    let placed = draft.placed::<Output>()?;
    draft.keep();
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

/// Removes what an attempt made for `path` under its temporary name, unless another attempt follows.
pub(crate) fn discard_output(context: &Context, path: &str) {
    // A folder that is not there holds nothing.
    if let Ok(target) = Destination::open(context.roots(), path) {
        drop(StagedFile::new(&target, context, Slot::Result));
    }
}

impl PlacedContent for Output {
    fn content(&self) -> Option<(u64, &str)> {
        Some((self.size, &self.sha256))
    }
}

/// Opens a result that was put into a file; none if it is gone, or is not what was put there any more.
pub(crate) fn open_output(roots: &Roots, path: &str, size: u64, modified_ns: i64) -> Option<File> {
    let source = Source::open(roots, path).ok()?;
    let (file, metadata) = walk::open_file(roots, &source.dir, source.file.as_ref()?).ok()??;
    let is_same = metadata.len() == size && is_moment(modified_ns, modified(&file).ok()?);
    is_same.then_some(file)
}

/// Whether a file system that keeps times in steps of its own, of 2 seconds at most, may show the first time as the second.
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
