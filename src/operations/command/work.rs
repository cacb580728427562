//! The private folder of an attempt, with its inputs, its output and its home.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::data_dir;

/// A work folder, removed when dropped.
#[derive(Debug)]
pub(in crate::operations) struct WorkFolder {
    path: PathBuf,
}

impl WorkFolder {
    /// Creates a work folder below the data folder.
    pub(in crate::operations) fn new(data: &Path) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let parent = std::path::absolute(data)?.join(data_dir::WORK);
        data_dir::create_private_dir_all(&parent)?;
        let work = loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(number.to_string());
            match data_dir::create_private_dir(&path) {
                // An earlier server left this folder and could not remove it.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                created => break created.map(|()| Self { path })?,
            }
        };
        for folder in [work.inputs(), work.output(), work.home()] {
            data_dir::create_private_dir(&folder)?;
        }
        Ok(work)
    }

    /// The folder of the command's input documents.
    pub(in crate::operations) fn inputs(&self) -> PathBuf {
        self.path.join("in")
    }

    /// The folder of the command's output.
    pub(in crate::operations) fn output(&self) -> PathBuf {
        self.path.join("out")
    }

    /// The command's working directory, `HOME` and `TMPDIR`.
    pub(in crate::operations) fn home(&self) -> PathBuf {
        self.path.join("home")
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove a work folder; it stays until the next start");
        }
    }
}

/// Whether a server has run commands on this data folder.
pub(in crate::operations) fn exists(data: &Path) -> bool {
    data.join(data_dir::WORK).exists()
}

/// Removes the work folders that earlier servers left.
pub(in crate::operations) fn sweep(data: &Path) -> io::Result<()> {
    remove(&data.join(data_dir::WORK))
}

/// Removes a folder with everything in it. Links are removed, never followed. Folders inside are moved up to the top
/// one after the other, so that neither memory nor descriptors nor the stack grow with their depth.
fn remove(top: &Path) -> io::Result<()> {
    match fs::symlink_metadata(top) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.is_dir() => return fs::remove_file(top),
        Ok(_) => {}
    }
    open_up(top)?;
    let mut number = 0_u64;
    loop {
        let mut folders = Vec::new();
        for entry in fs::read_dir(top)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
                // The next round finds the rest.
                if folders.len() == 1000 {
                    break;
                }
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        if folders.is_empty() {
            return fs::remove_dir(top);
        }
        for folder in folders {
            open_up(&folder)?;
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                if !entry.file_type()?.is_dir() {
                    fs::remove_file(entry.path())?;
                    continue;
                }
                open_up(&entry.path())?;
                // Skip names that the command has used.
                let free = loop {
                    number += 1;
                    let free = top.join(format!(".{number}"));
                    if fs::symlink_metadata(&free).is_err() {
                        break free;
                    }
                };
                fs::rename(entry.path(), free)?;
            }
            fs::remove_dir(&folder)?;
        }
    }
}

/// Makes a folder accessible. No process is left that could replace it with a link.
fn open_up(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn dropping_a_work_folder_removes_its_contents_but_no_link_targets() {
        let outside = tempfile::tempdir().expect("a temporary folder");
        fs::write(outside.path().join("kept"), "kept").expect("a file");
        let data = tempfile::tempdir().expect("a temporary folder");
        let work = WorkFolder::new(data.path()).expect("a work folder");
        let home = work.home();
        symlink(outside.path(), home.join("folder")).expect("a link");
        symlink(outside.path().join("kept"), home.join("file")).expect("a link");
        symlink("nowhere", home.join("dangling")).expect("a link");
        fs::create_dir_all(home.join("a/b/c")).expect("folders");
        fs::create_dir_all(home.join(".1/.2/.3")).expect("folders");
        fs::write(home.join("a/b/file"), "x").expect("a file");
        let closed = fs::Permissions::from_mode(0o000);
        fs::set_permissions(home.join("a/b"), closed).expect("permissions");
        // Deeper than any path may be long.
        let mut deep = home.join("deep");
        for _ in 0..3 {
            let mut path = deep.clone();
            for _ in 0..1500 {
                path.push("d");
            }
            fs::create_dir_all(&path).expect("folders");
            let top = home.join("top");
            fs::create_dir(&top).expect("a folder");
            fs::rename(&deep, top.join("d")).expect("it can be moved");
            deep = home.join("deep");
            fs::rename(top, &deep).expect("it can be moved");
        }
        let path = work.path.clone();
        drop(work);
        assert!(!path.exists());
        let taken = data.path().join(data_dir::WORK);
        for number in 0..100 {
            let _ = fs::create_dir(taken.join(number.to_string()));
        }
        drop(WorkFolder::new(data.path()).expect("another one"));
        assert!(outside.path().join("kept").exists());
        sweep(data.path()).expect("it can be swept");
        assert!(!data.path().join(data_dir::WORK).exists());
        sweep(data.path()).expect("sweeping nothing succeeds");
    }
}
