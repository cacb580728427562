//! File systems of a test's own.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{run, skipped};

/// A file system of its own; unmounted when it is dropped, which a panic does too.
pub(crate) struct Mount {
    arguments: Vec<String>,
    at: PathBuf,
}

impl Mount {
    /// Runs `mount` with these arguments; none where the machine does not allow that, which is said aloud.
    pub(crate) fn new(arguments: &[&str], at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a folder");
        let mount = Self {
            arguments: arguments.iter().map(|&a| a.to_owned()).collect(),
            at: at.to_owned(),
        };
        match mount.mount() {
            Ok(()) => Some(mount),
            Err(reason) => {
                skipped(&reason);
                None
            }
        }
    }

    /// Unmounts it and mounts it again, so that only what is on the disk is left.
    pub(crate) fn again(&self) {
        run(Command::new("umount").arg(&self.at)).expect("nobody uses it any more");
        self.mount().expect("it could be mounted before");
    }

    fn mount(&self) -> Result<(), String> {
        run(Command::new("mount").args(&self.arguments).arg(&self.at))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: after a panic somebody may still use it.
        let _ = Command::new("umount").arg("-l").arg(&self.at).output();
    }
}
