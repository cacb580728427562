//! Removes files and folders that a job created or replaced.

use std::ffi::{OsStr, OsString};
use std::io;

use cap_std::fs::{Dir, ReadDir};

use crate::operations::destination::sys::open_folder;

/// The maximum depth of nested folders. Each level costs two descriptors.
const MAX_FOLDER_DEPTH: usize = 512;

/// A folder that is being emptied.
struct Level {
    dir: Dir,
    name: OsString,
    entries: ReadDir,
    /// Whether an entry was removed since the listing began, so that the listing may have missed others.
    has_changed: bool,
}

/// Removes a file or a folder with everything in it. Links are removed, not followed. False if there is no such entry.
///
/// # Errors
/// The I/O error of the first entry that cannot be removed, or an error if folders are nested too deep.
pub(in crate::operations) fn remove(dir: &Dir, name: &OsStr) -> io::Result<bool> {
    match dir.symlink_metadata(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
        Ok(metadata) if metadata.is_dir() => remove_folder(dir, name)?,
        Ok(_) => dir.remove_file(name)?,
    }
    Ok(true)
}

fn remove_folder(dir: &Dir, name: &OsStr) -> io::Result<()> {
    let mut levels = vec![enter(dir, name)?];
    while let Some(level) = levels.last_mut() {
        if let Some(below) = level.empty()? {
            if levels.len() == MAX_FOLDER_DEPTH {
                let message = format!("folders are nested more than {MAX_FOLDER_DEPTH} deep");
                return Err(io::Error::other(message));
            }
            levels.push(below);
            continue;
        }
        let done = levels.pop().expect("the loop condition saw a level");
        let parent = levels.last().map_or(dir, |level| &level.dir);
        match parent.remove_dir(&done.name) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && done.has_changed => {
                levels.push(enter(parent, &done.name)?);
            }
            removed => removed?,
        }
    }
    Ok(())
}

impl Level {
    /// Removes files, links and empty folders. At the first folder that is not empty, enters and returns it.
    fn empty(&mut self) -> io::Result<Option<Self>> {
        for entry in self.entries.by_ref() {
            let entry = entry?;
            let name = entry.file_name();
            self.has_changed = true;
            if !entry.file_type()?.is_dir() {
                self.dir.remove_file(&name)?;
            } else if self.dir.remove_dir(&name).is_err() {
                return enter(&self.dir, &name).map(Some);
            }
        }
        Ok(None)
    }
}

/// Opens a folder and makes it writable, so that its entries can be removed. The copy of a read-only folder is read-only.
fn enter(dir: &Dir, name: &OsStr) -> io::Result<Level> {
    let folder = open_folder(dir, name)?;
    // If this fails, the removal fails too and reports the error.
    #[cfg(unix)]
    let _ = rustix::fs::fchmod(&folder, rustix::fs::Mode::RWXU);
    Ok(Level {
        entries: folder.entries()?,
        dir: folder,
        name: name.to_owned(),
        has_changed: false,
    })
}

#[cfg(test)]
mod tests {
    use cap_std::ambient_authority;

    use super::*;

    #[test]
    fn tree_is_removed_and_link_targets_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let tree = folder.path().join("tree");
        for below in ["a/b/c", "a/d", "e"] {
            std::fs::create_dir_all(tree.join(below)).expect("folders");
            for number in 0..300 {
                std::fs::write(tree.join(below).join(number.to_string()), b"x").expect("a file");
            }
        }
        std::fs::write(folder.path().join("kept"), b"x").expect("a file");
        #[cfg(unix)]
        {
            use std::os::unix::fs::{PermissionsExt, symlink};
            symlink("../..", tree.join("a/up")).expect("a link");
            let closed = std::fs::Permissions::from_mode(0o555);
            std::fs::set_permissions(tree.join("e"), closed).expect("a mode");
        }
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).expect("a folder");
        assert!(remove(&dir, OsStr::new("tree")).expect("it goes"));
        assert!(!remove(&dir, OsStr::new("tree")).expect("it is gone"));
        let left: Vec<_> = dir
            .entries()
            .expect("entries")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        assert_eq!(left, ["kept"]);
    }
}
