//! What a command has left in its folder becomes the result. Links are not followed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, copy};
use std::path::{Path, PathBuf};

use crate::job::Failure;
use crate::operations::command::declaration::Plan;
use crate::operations::files::changes::FixedFile;
use crate::operations::{Context, OperationError, OperationOutput, zip};

/// Between two looks whether to stop, in bytes.
const PIECE_BYTES: u64 = 8 << 20;

/// The file that the command was told to write.
///
/// # Errors
/// `no_result` where it is not there.
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
        if copy(&mut from.by_ref().take(PIECE_BYTES), &mut result)? == 0 {
            return result.finish();
        }
    }
}

/// What is in the folder that the command was told to fill: a file as it is, several as an archive.
///
/// # Errors
/// `no_result` where there is nothing.
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

/// The one thing in a folder, if that is a file; none if there is more.
fn only_file(folder: &Path) -> Result<Option<PathBuf>, OperationError> {
    let mut entries = fs::read_dir(folder)?;
    let first = entries.next().ok_or_else(missing)??;
    let is_only = entries.next().is_none();
    Ok((is_only && first.file_type()?.is_file()).then(|| first.path()))
}

/// Opens a plain file; gives its length too.
fn open(path: &Path, name: &str) -> Result<(File, u64), OperationError> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        // A FIFO would be waited for.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.bits().cast_signed());
    }
    let look = |file: File| file.metadata().map(|metadata| (file, metadata));
    match options.open(path).and_then(look) {
        Ok((file, metadata)) if metadata.is_file() => Ok((file, metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let message = format!("The command's result {name} cannot be read: {error}.");
            Err(Failure::new("no_result", message).into())
        }
        Ok(_) | Err(_) => Err(missing().into()),
    }
}

fn missing() -> Failure {
    Failure::new(
        "no_result",
        "The command ended well but has made no result.",
    )
}
