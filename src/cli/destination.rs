//! Where a result is saved: checked before the job starts, so that a typing error does not cost a long job.

use std::io;
use std::path::{Path, PathBuf};

use crate::cli::name::free_path;
use crate::cli::{EXIT_FAILED, Failure};

/// The argument that names the destination of a result.
#[derive(clap::Args)]
pub(super) struct DestinationArgs {
    /// File to save the result to, a folder to save it in, or "-" for stdout [default: the current folder].
    ///
    /// In a folder, the file has the result's own name, with a number if a file with that name exists. A file that is
    /// named here is replaced once the result is complete.
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
}

/// Where a result is saved.
pub(super) enum Destination {
    Stdout,
    /// A regular file, which is created or replaced.
    File(PathBuf),
    /// A device or pipe, which is written to.
    Device(PathBuf),
    /// A new file in a folder, with the result's own name.
    Folder(PathBuf),
}

impl DestinationArgs {
    /// The destination, if a file can be created there.
    ///
    /// # Errors
    /// A folder does not exist, or does not allow new files.
    pub(super) fn check(&self) -> Result<Destination, Failure> {
        let Some(path) = &self.output else {
            return check_folder(Path::new("."), Path::new("."))
                .map(|()| Destination::Folder(PathBuf::new()));
        };
        let text = path.as_os_str();
        if text == "-" {
            return Ok(Destination::Stdout);
        }
        let is_folder = text.to_string_lossy().ends_with(std::path::is_separator);
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => {
                check_folder(path, path).map(|()| Destination::Folder(path.clone()))
            }
            Ok(found) if !found.is_file() => Ok(Destination::Device(path.clone())),
            Err(error) if is_folder => Err(unsaved(path, &error)),
            _ => check_folder(path, folder_of(path)).map(|()| Destination::File(path.clone())),
        }
    }
}

impl Destination {
    /// The path of the result, whose own name is `name`; `None` for standard output.
    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        match self {
            Self::Stdout => None,
            Self::File(path) | Self::Device(path) => Some(path.clone()),
            Self::Folder(folder) => Some(free_path(folder, name)),
        }
    }

    /// Whether the destination is written to in place.
    pub(super) fn is_device(&self) -> bool {
        matches!(self, Self::Device(_))
    }
}

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// The failure for a result that cannot be saved.
pub(super) fn unsaved(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        EXIT_FAILED,
        format!("cannot save the result as {}: {error}", path.display()),
    )
}

fn check_folder(path: &Path, folder: &Path) -> Result<(), Failure> {
    match tempfile::tempfile_in(folder) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let (path, folder) = (path.display(), folder.display());
            let message = format!("cannot save the result as {path}: there is no folder {folder}");
            Err(Failure::new(EXIT_FAILED, message))
        }
        Err(error) => Err(unsaved(path, &error)),
    }
}
