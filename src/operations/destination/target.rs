//! The destination of a file or folder that a job creates: a name in a folder below a root.
//!
//! The folder is located like a source, step by step from the root's handle, so that no link and no race leads out of the
//! root. New content is renamed to its name through a [`StagedFile`](super::StagedFile), so that
//! incomplete content never has the name.

use std::io;
use std::path::Path;

use cap_std::fs::Dir;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::job::Failure;
use crate::operations::files::source::Source;
use crate::operations::{InvalidParam, OperationError};
use crate::roots::{Identity, Roots};

/// What to do if the name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(in crate::operations) enum Conflict {
    /// Fail, code `name_exists`.
    #[default]
    Fail,
    /// Replace the existing file or folder.
    Replace,
    /// Use the name with the lowest free number, for example `name (1).ext`.
    Rename,
}

impl Conflict {
    /// Whether a taken name makes the job fail.
    pub(in crate::operations) fn is_fail(self) -> bool {
        self == Self::Fail
    }
}

/// A name in an existing folder.
#[derive(Debug)]
pub(in crate::operations) struct Destination {
    pub(super) dir: Dir,
    /// The folder's path as clients see it.
    folder: String,
    pub(super) name: String,
    above: Vec<Identity>,
}

impl Destination {
    /// Opens the folder that contains `path`.
    ///
    /// # Errors
    /// A failure with code `target_not_found` if the folder does not exist or is not below a root, `target_unwritable` if
    /// it cannot be opened. The message contains `path`.
    pub(in crate::operations) fn open(roots: &Roots, path: &str) -> Result<Self, OperationError> {
        let refused = |why: &str| {
            let message = format!("{path} cannot be created: {why}.");
            Failure::new("target_not_found", message)
        };
        let place = roots
            .locate_target(path)
            .map_err(|refusal| refused(&refusal.to_string()))?;
        let (parent, name) = place.parent().ok_or_else(|| refused("it is a root"))?;
        let folder = Path::new(path).parent().map(Path::to_string_lossy);
        let folder = folder.unwrap_or_default().into_owned();
        let found = Source::find(roots, &parent, &folder).map_err(|error| match error {
            OperationError::Failed(failure) => {
                refused(failure.message.trim_end_matches('.')).into()
            }
            OperationError::Canceled => OperationError::Canceled,
        })?;
        if found.file.is_some() {
            return Err(refused(&format!("{folder} is a file, not a folder")).into());
        }
        Ok(Self {
            dir: found.dir,
            folder,
            name,
            above: found.above,
        })
    }

    /// The folder.
    pub(in crate::operations) fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Every folder from the root down to the opened folder.
    pub(in crate::operations) fn above(&self) -> &[Identity] {
        &self.above
    }

    /// The last component of the path.
    pub(in crate::operations) fn name(&self) -> &str {
        &self.name
    }

    /// The path as clients see it.
    pub(in crate::operations) fn path(&self) -> String {
        self.path_of(&self.name)
    }

    /// Checks that the path still leads to the opened folder. The folder, a link on the way, or the root itself may have
    /// been replaced since.
    ///
    /// # Errors
    /// A failure with code `target_not_found` if the path leads elsewhere now.
    pub(super) fn check_path(&self, roots: &Roots) -> Result<(), OperationError> {
        let now = Self::open(&roots.unpinned(), &self.path())?;
        if now.above.last() == self.above.last() {
            return Ok(());
        }
        let message = format!(
            "The result is not at {}: its folder was moved or replaced while the job was running.",
            self.path()
        );
        Err(Failure::new("target_not_found", message).into())
    }

    /// Checks that a file can be written here, possibly replacing a file or link.
    ///
    /// # Errors
    /// A failure with code `target_unwritable` if there is a folder, device, FIFO, socket or a file of the server itself,
    /// or if the file system does not accept the name.
    pub(in crate::operations) fn check_file(&self, roots: &Roots) -> Result<(), OperationError> {
        match self.dir.symlink_metadata(&self.name) {
            // A link itself is replaced, not its target.
            Ok(there) if !(there.is_file() || there.is_symlink()) || roots.must_stay(&there) => {
                let message = format!(
                    "{} cannot be replaced: it is not a regular file or link, or it belongs to the server.",
                    self.path()
                );
                Err(Failure::new("target_unwritable", message).into())
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.failed(&error).into())
            }
            _ => Ok(()),
        }
    }

    /// The path, as clients see it, of another name in the same folder.
    pub(super) fn path_of(&self, name: &str) -> String {
        format!("{}/{name}", self.folder.trim_end_matches('/'))
    }

    /// The metadata of the entry that has the name now, or `None` if the name is free.
    ///
    /// # Errors
    /// A failure with code `target_unwritable` if the file system does not accept the name.
    pub(in crate::operations) fn look(&self) -> Result<Option<Identity>, Failure> {
        match self.dir.symlink_metadata(&self.name) {
            Ok(there) => Ok(Some(Identity::of(&there))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// The failure for a name that is taken.
    pub(in crate::operations) fn already_exists(&self) -> Failure {
        let message = format!("{} already exists.", self.path_of(&self.name));
        Failure::new("name_exists", message)
    }

    /// Converts an I/O error from writing here into a failure.
    pub(in crate::operations) fn failed(&self, error: &io::Error) -> Failure {
        writing_failed(&self.path_of(&self.name), error)
    }
}

/// Converts an I/O error from writing to `path` into a failure.
pub(in crate::operations) fn writing_failed(path: &str, error: &io::Error) -> Failure {
    let code = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "storage_full",
        io::ErrorKind::NotFound => "target_not_found",
        _ => "target_unwritable",
    };
    Failure::new(code, format!("{path} cannot be written: {error}."))
}

/// Validates a param that names a target.
pub(in crate::operations) fn check(
    roots: &Roots,
    pointer: &str,
    path: &str,
) -> Option<InvalidParam> {
    let fault = |detail| {
        Some(InvalidParam {
            pointer: pointer.to_owned(),
            detail,
        })
    };
    match roots.admit_target(path) {
        Err(refusal) => fault(refusal.to_string()),
        Ok(place) if place.parent().is_none() => {
            fault(format!("{path:?} is a root, which cannot be replaced"))
        }
        Ok(_) => None,
    }
}
