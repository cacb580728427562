//! Turns the files that a command wrote into the job's result. Links are not followed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, copy};
use std::path::{Path, PathBuf};

use crate::job::Failure;
use crate::operations::command::declaration::Plan;
use crate::operations::files::changes::FixedFile;
use crate::operations::{Context, OperationError, OperationOutput, zip};

/// Bytes copied between two checks for cancellation.
const CHUNK_BYTES: u64 = 8 << 20;

/// Saves the file `{output}` as the result.
///
/// # Errors
/// `no_result` if the file is missing, unreadable or not a regular file; fails if the job is canceled or the disk is full.
pub(in crate::operations) fn file(
    plan: &Plan,
    context: &Context,
    path: &Path,
    name: &str,
) -> Result<OperationOutput, OperationError> {
    context.set_phase("Saving");
    let (from, length) = open(path, name)?;
    let mut from = FixedFile::new(context.log(), name.to_owned(), from, length);
    let mut result = context.result(&plan.media_type, name);
    loop {
        context.check()?;
        if copy(&mut from.by_ref().take(CHUNK_BYTES), &mut result)? == 0 {
            return result.finish();
        }
    }
}

/// Saves the contents of the folder `{output.dir}`: a single file as it is, anything else as a ZIP archive.
///
/// # Errors
/// `no_result` if the folder is empty; fails if the job is canceled or the disk is full.
pub(in crate::operations) fn folder(
    plan: &Plan,
    context: &Context,
    folder: &Path,
    name: &str,
) -> Result<OperationOutput, OperationError> {
    if let Some(path) = only_file(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        return file(plan, context, &path, &name);
    }
    context.set_phase("Zipping");
    let name = match name.strip_suffix(".zip") {
        Some(_) => name.to_owned(),
        None => format!("{name}.zip"),
    };
    zip::folder(context, folder, &name)
}

/// The path of the only entry of a folder, if that is a regular file.
fn only_file(folder: &Path) -> Result<Option<PathBuf>, OperationError> {
    let mut entries = fs::read_dir(folder)?;
    let first = entries.next().ok_or_else(missing)??;
    let is_only = entries.next().is_none();
    Ok((is_only && first.file_type()?.is_file()).then(|| first.path()))
}

/// Opens a regular file and returns its length.
fn open(path: &Path, name: &str) -> Result<(File, u64), OperationError> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        // Opening a FIFO would block without `NONBLOCK`.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.bits().cast_signed());
    }
    let with_metadata = |file: File| file.metadata().map(|metadata| (file, metadata));
    match options.open(path).and_then(with_metadata) {
        Ok((file, metadata)) if metadata.is_file() => Ok((file, metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let message = format!("Cannot read the command's result {name}: {error}.");
            Err(Failure::new("no_result", message).into())
        }
        Ok(_) | Err(_) => Err(missing().into()),
    }
}

fn missing() -> Failure {
    Failure::new("no_result", "The command succeeded but wrote no result.")
}
