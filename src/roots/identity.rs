//! The identity of a file or folder, independent of its path.

use std::path::Path;

use cap_std::fs::Metadata;

/// Identifies a file or folder independent of its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// The identity of the file with this metadata.
    #[cfg(unix)]
    pub(crate) fn of(metadata: &Metadata) -> Self {
        use cap_std::fs::MetadataExt;
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    /// On systems without inode numbers all files have the same identity.
    #[cfg(not(unix))]
    pub(crate) fn of(_: &Metadata) -> Self {
        Self {
            device: 0,
            inode: 0,
        }
    }

    /// The identity of the file at this path, if there is one. Does not follow a link at the end of the path.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        let metadata = std::fs::symlink_metadata(path).ok()?;
        Some(Self::of(&Metadata::from_just_metadata(metadata)))
    }
}
