//! What a job was pointed at: a file or folder below a root, found step by step from the root's own handle.
//!
//! Links on the way are followed as long as they stay inside; nothing is opened before it is known not to be the
//! server's own, and every folder is opened without following links, so that no swap in between leads out.

use std::ffi::OsString;
use std::io;
use std::path::{Component, Path};

use cap_fs_ext::DirExt;
use cap_std::fs::{Dir, Metadata};

use crate::job::Failure;
use crate::operations::OperationError;
use crate::operations::files::walk::DEPTH;
use crate::roots::{Identity, Location, Roots};

/// Links that a path may lead through, as many as Linux allows (`path_resolution(7)`).
const LINKS: usize = 40;

/// A file or folder to read.
pub(in crate::operations) struct Source {
    /// Its path as the job's params have it, for messages.
    pub(in crate::operations) path: String,
    /// Its name; of a link that leads to it, the link's.
    pub(in crate::operations) name: String,
    /// Every folder from the root down to `dir`.
    pub(in crate::operations) above: Vec<Identity>,
    /// How many folders deep below the root `dir` is.
    pub(in crate::operations) depth: usize,
    /// The folder itself, or the one that the file is in.
    pub(in crate::operations) dir: Dir,
    /// The file's name there; none if it is the folder that is meant.
    pub(in crate::operations) file: Option<OsString>,
    /// Of the file or folder.
    pub(in crate::operations) metadata: Metadata,
}

impl Source {
    /// Finds what `path` names.
    ///
    /// # Errors
    /// Code `source_not_found` or `source_unreadable`, with `path` in the message.
    pub(in crate::operations) fn open(roots: &Roots, path: &str) -> Result<Self, OperationError> {
        let place = roots
            .locate(path)
            .map_err(|refusal| Failure::new("source_not_found", format!("{refusal}.")))?;
        Self::find(roots, &place, path)
    }

    /// As [`Source::open`], for a place; `path` is what messages call it.
    pub(in crate::operations) fn find(
        roots: &Roots,
        place: &Location<'_>,
        path: &str,
    ) -> Result<Self, OperationError> {
        Finder { roots, path }.find(place)
    }
}

struct Finder<'a> {
    roots: &'a Roots,
    path: &'a str,
}

impl Finder<'_> {
    fn find(&self, place: &Location<'_>) -> Result<Source, OperationError> {
        let name = place.name();
        let root = place.open().map_err(|e| self.failed(&e))?;
        let mut above = vec![self.look(&root)?];
        let mut folders = vec![root];
        let mut rest = Vec::new();
        push(&mut rest, place.rest());
        let mut links = 0;
        while let Some(part) = rest.pop() {
            if part == ".." {
                folders.pop();
                above.pop();
            }
            let Some(dir) = folders.last() else {
                return Err(self.missing("a link on the way leads out of the root"));
            };
            if part == ".." {
                continue;
            }
            let metadata = dir.symlink_metadata(&part).map_err(|e| self.failed(&e))?;
            self.refuse_own(&metadata)?;
            if metadata.is_symlink() {
                let target = dir.read_link_contents(&part).map_err(|e| self.failed(&e))?;
                links += 1;
                if links > LINKS || !push(&mut rest, &target) {
                    return Err(
                        self.missing("a link on the way leads out of the root or in circles")
                    );
                }
            } else if metadata.is_dir() {
                let folder = dir.open_dir_nofollow(&part).map_err(|e| self.failed(&e))?;
                let identity = self.look(&folder)?;
                if folders.len() > DEPTH {
                    return Err(self.missing("it is too deep"));
                }
                above.push(identity);
                folders.push(folder);
            } else if metadata.is_file() && rest.is_empty() {
                let depth = folders.len() - 1;
                let dir = folders.pop().expect("the file is in one of them");
                return Ok(Source {
                    path: self.path.to_owned(),
                    name,
                    above,
                    depth,
                    dir,
                    file: Some(part),
                    metadata,
                });
            } else {
                return Err(self.missing("it is neither a file nor a folder"));
            }
        }
        let depth = folders.len() - 1;
        let dir = folders.pop().expect("the root stays");
        let metadata = dir.dir_metadata().map_err(|e| self.failed(&e))?;
        Ok(Source {
            path: self.path.to_owned(),
            name,
            above,
            depth,
            dir,
            file: None,
            metadata,
        })
    }

    /// Looks at a folder that was opened.
    fn look(&self, folder: &Dir) -> Result<Identity, OperationError> {
        let metadata = folder.dir_metadata().map_err(|e| self.failed(&e))?;
        self.refuse_own(&metadata)?;
        Ok(Identity::of(&metadata))
    }

    fn refuse_own(&self, metadata: &Metadata) -> Result<(), OperationError> {
        if self.roots.is_own(metadata) {
            Err(self.missing("it belongs to the server's own data, which no job reads"))
        } else {
            Ok(())
        }
    }

    fn missing(&self, why: &str) -> OperationError {
        let message = format!("{} cannot be read: {why}.", self.path);
        Failure::new("source_not_found", message).into()
    }

    fn failed(&self, error: &io::Error) -> OperationError {
        if error.kind() == io::ErrorKind::PermissionDenied {
            return unreadable(self.path, error).into();
        }
        self.missing(&error.to_string())
    }
}

/// Reading at `path`, a path as the job's params have it or one below, failed.
pub(in crate::operations) fn unreadable(path: &str, error: &io::Error) -> Failure {
    let message = format!("{path} cannot be read: {error}.");
    Failure::new("source_unreadable", message)
}

/// Puts the parts of a relative path before what is left, the first on top; false for an absolute path.
fn push(rest: &mut Vec<OsString>, path: &Path) -> bool {
    for part in path.components().rev() {
        match part {
            Component::Normal(_) | Component::ParentDir => rest.push(part.as_os_str().to_owned()),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}
