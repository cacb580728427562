//! The source of a job: a file or folder below a root, located step by step from the root's own handle.
//!
//! Links on the way are followed as long as they stay inside the root. Files of the server itself are recognized before
//! they are opened, and every folder is opened without following links, so that a swapped entry cannot lead out.

use std::ffi::OsString;
use std::io;
use std::path::{Component, Path};

use cap_fs_ext::DirExt;
use cap_std::fs::{Dir, Metadata};

use crate::job::Failure;
use crate::operations::OperationError;
use crate::roots::{Identity, Location, Roots};

/// The maximum depth of nested folders. Deeper trees are loops or mistakes, and every level costs a descriptor.
pub(super) const MAX_FOLDER_DEPTH: usize = 256;
/// The maximum number of links that a path may lead through, the same as in Linux (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// A file or folder to read.
pub(in crate::operations) struct Source {
    /// The path as given in the params, for messages.
    pub(in crate::operations) path: String,
    /// The last name in the path, which may be the name of a link to the source.
    pub(in crate::operations) name: String,
    /// Every folder from the root down to `dir`.
    pub(in crate::operations) above: Vec<Identity>,
    /// The number of folders between the root and `dir`.
    pub(super) depth: usize,
    /// The source folder, or the folder that contains the source file.
    pub(in crate::operations) dir: Dir,
    /// The name of the file in `dir`, or `None` if the source is a folder.
    pub(in crate::operations) file: Option<OsString>,
    /// The metadata of the file or folder.
    pub(in crate::operations) metadata: Metadata,
}

impl Source {
    /// Locates the file or folder at `path`.
    ///
    /// # Errors
    /// A failure with code `source_not_found` or `source_unreadable`, with `path` in the message.
    pub(in crate::operations) fn open(roots: &Roots, path: &str) -> Result<Self, OperationError> {
        let place = roots
            .locate(path)
            .map_err(|refusal| Failure::new("source_not_found", format!("{refusal}.")))?;
        Self::find(roots, &place, path)
    }

    /// As [`Source::open`], for a known location. `path` is used in messages.
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
                return Err(self.missing("a link in the path leads out of the root"));
            };
            if part == ".." {
                continue;
            }
            let metadata = dir.symlink_metadata(&part).map_err(|e| self.failed(&e))?;
            self.refuse_own(&metadata)?;
            if metadata.is_symlink() {
                let target = dir.read_link_contents(&part).map_err(|e| self.failed(&e))?;
                links += 1;
                if links > MAX_LINKS || !push(&mut rest, &target) {
                    return Err(
                        self.missing("a link in the path leads out of the root or into a loop")
                    );
                }
            } else if metadata.is_dir() {
                let folder = dir.open_dir_nofollow(&part).map_err(|e| self.failed(&e))?;
                let identity = self.look(&folder)?;
                if folders.len() > MAX_FOLDER_DEPTH {
                    let why = format!("it is nested more than {MAX_FOLDER_DEPTH} folders deep");
                    return Err(self.missing(&why));
                }
                above.push(identity);
                folders.push(folder);
            } else if metadata.is_file() && rest.is_empty() {
                let depth = folders.len() - 1;
                let dir = folders.pop().expect("the stack contains at least the root");
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
        let dir = folders.pop().expect("the stack contains at least the root");
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

    /// The identity of an open folder. Refuses the server's own folders.
    fn look(&self, folder: &Dir) -> Result<Identity, OperationError> {
        let metadata = folder.dir_metadata().map_err(|e| self.failed(&e))?;
        self.refuse_own(&metadata)?;
        Ok(Identity::of(&metadata))
    }

    fn refuse_own(&self, metadata: &Metadata) -> Result<(), OperationError> {
        if self.roots.is_own(metadata) {
            Err(self.missing("it belongs to the server's own data, which jobs cannot read"))
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

/// The failure of reading the file or folder at `path`, given as clients see it.
pub(in crate::operations) fn unreadable(path: &str, error: &io::Error) -> Failure {
    let message = format!("{path} cannot be read: {error}.");
    Failure::new("source_unreadable", message)
}

/// Pushes the parts of a relative path on the stack of parts that are left, the first part on top. False if the path is
/// absolute.
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
