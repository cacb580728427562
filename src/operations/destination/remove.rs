//! Removes what a job made or replaced.

use std::ffi::{OsStr, OsString};
use std::io;

use cap_std::fs::{Dir, ReadDir};

use crate::operations::destination::sys::open_folder;

/// Folders inside each other; each costs two descriptors.
const DEPTH: usize = 512;

/// A folder that is being emptied.
struct Level {
    dir: Dir,
    name: OsString,
    entries: ReadDir,
    /// Something was removed since the entries were listed, so that some may have been missed.
    has_changed: bool,
}

/// Removes a file or a folder with all that is in it; links are removed, not followed. False if it is not there.
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
            if levels.len() == DEPTH {
                return Err(io::Error::other("folders are nested too deep"));
            }
            levels.push(below);
            continue;
        }
        let done = levels.pop().expect("it was there just now");
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
    /// Removes what is no folder, up to the next folder that is not empty, which it enters.
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

/// Opens a folder, and makes sure that its entries can be removed: it may be the copy of one that nobody writes to.
fn enter(dir: &Dir, name: &OsStr) -> io::Result<Level> {
    let folder = open_folder(dir, name)?;
    // Where this fails the removal will, and say why.
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
