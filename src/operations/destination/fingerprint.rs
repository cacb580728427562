//! Fingerprints, by which an attempt recognizes a file or folder that an earlier attempt created, even after the file
//! system was mounted again.
//!
//! Device numbers change with each mount, and on some file systems (FAT, many in user space) inode numbers do too. The
//! creation time does not change: only the file system sets it. On file systems without creation times, a file is
//! recognized by its length and digest, and a tree by a digest of its listing.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::time::UNIX_EPOCH;

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Dir, Metadata, OpenOptions};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::failpoints;
use crate::operations::destination::sys::open_folder;

/// The maximum depth of nested folders in a listing.
const MAX_FOLDER_DEPTH: usize = 512;
/// The resolution of times in a listing. Some file systems store times in steps of two seconds, and show finer times until
/// the next mount.
const TIME_STEP_SECONDS: u64 = 2;

/// Identifies a file or folder independently of its path.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    /// The creation time, in nanoseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created_ns: Option<u64>,
    /// The length in bytes and the SHA-256 of a file whose digest is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<(u64, String)>,
    /// The SHA-256 of all names, kinds, lengths and times, if neither of the others is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    listing: Option<String>,
}

impl Fingerprint {
    /// Takes the fingerprint of the entry `name`. `content` is the length in bytes and the SHA-256 of a file, if known.
    ///
    /// # Errors
    /// The I/O error if the entry does not exist or a tree cannot be listed.
    pub(super) fn of(dir: &Dir, name: &OsStr, content: Option<(u64, &str)>) -> io::Result<Self> {
        let created_ns = created_ns(&dir.symlink_metadata(name)?);
        let listing = match (created_ns, content) {
            (None, None) => Some(listing(dir, name)?),
            _ => None,
        };
        Ok(Self {
            created_ns,
            content: content.map(|(length, sha256)| (length, sha256.to_owned())),
            listing,
        })
    }

    /// Whether this is the fingerprint of the entry `name`. Reads the file or lists the tree if the creation time does not
    /// decide.
    ///
    /// # Errors
    /// The I/O error if the file cannot be read or the tree cannot be listed.
    pub(super) fn is_of(&self, dir: &Dir, name: &OsStr) -> io::Result<bool> {
        let there = match dir.symlink_metadata(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            there => there?,
        };
        if self.created_ns.is_some() && self.created_ns == created_ns(&there) {
            return Ok(true);
        }
        match (&self.content, &self.listing) {
            (Some((length, sha256)), _) => {
                let fits = there.is_file() && there.len() == *length;
                Ok(fits && digest(dir, name, *length)? == *sha256)
            }
            (None, Some(expected)) => Ok(listing(dir, name)? == *expected),
            (None, None) => Ok(false),
        }
    }
}

/// The creation time of an entry. `None` if the file system has none, or only whole seconds, which are not unique enough.
fn created_ns(metadata: &Metadata) -> Option<u64> {
    if failpoints::is_planned("no-creation-times") {
        return None;
    }
    let created = metadata.created().ok()?.into_std();
    let since = created.duration_since(UNIX_EPOCH).ok()?;
    (since.subsec_nanos() != 0).then(|| u64::try_from(since.as_nanos()).ok())?
}

fn digest(dir: &Dir, name: &OsStr, length: u64) -> io::Result<String> {
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No);
    let file: File = dir.open_with(name, &options)?.into_std();
    // Read one byte more than expected: a longer file has another digest, however long it is.
    let mut file = file.take(length + 1);
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 64 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex::encode(digest.finalize())),
            read => digest.update(&buffer[..read]),
        }
    }
}

/// The digest of an entry and everything in it, without the entry's own name.
fn listing(dir: &Dir, name: &OsStr) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut levels = Vec::new();
    let mut found = describe(dir, name, b"", &mut digest)?;
    loop {
        match found {
            Some(level) if levels.len() == MAX_FOLDER_DEPTH => {
                drop(level);
                let message = format!("folders are nested more than {MAX_FOLDER_DEPTH} deep");
                return Err(io::Error::other(message));
            }
            Some(level) => levels.push(level),
            None => {}
        }
        let Some(Level { dir, names }) = levels.last_mut() else {
            return Ok(hex::encode(digest.finalize()));
        };
        found = if let Some(name) = names.next() {
            describe(dir, &name, name.as_encoded_bytes(), &mut digest)?
        } else {
            digest.update([END]);
            levels.pop();
            None
        };
    }
}

/// A folder that is being listed.
struct Level {
    dir: Dir,
    names: std::vec::IntoIter<OsString>,
}

// The first byte of each record in the digested listing.
const END: u8 = 0;
const FOLDER: u8 = 1;
const FILE: u8 = 2;
const LINK: u8 = 3;
const OTHER: u8 = 4;

/// Adds an entry to the digest. Returns a folder, whose entries come next.
fn describe(
    dir: &Dir,
    name: &OsStr,
    shown: &[u8],
    digest: &mut Sha256,
) -> io::Result<Option<Level>> {
    let metadata = dir.symlink_metadata(name)?;
    let mut add = |kind: u8, length: u64, text: &[u8]| {
        digest.update([kind]);
        for part in [shown, text] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        digest.update(length.to_le_bytes());
    };
    if metadata.is_dir() {
        add(FOLDER, 0, b"");
        let dir = open_folder(dir, name)?;
        let names = dir.entries()?.map(|entry| Ok(entry?.file_name()));
        let mut names = names.collect::<io::Result<Vec<_>>>()?;
        names.sort();
        let names = names.into_iter();
        return Ok(Some(Level { dir, names }));
    }
    if metadata.is_symlink() {
        let target = dir.read_link_contents(name)?;
        add(LINK, 0, target.as_os_str().as_encoded_bytes());
    } else if metadata.is_file() {
        let modified = metadata.modified()?.into_std();
        let seconds = modified
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_secs() / TIME_STEP_SECONDS);
        add(FILE, metadata.len(), &seconds.to_le_bytes());
    } else {
        add(OTHER, 0, b"");
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use cap_std::ambient_authority;

    use super::*;

    type Change = fn(&Path);

    fn create_tree(top: &Path) {
        fs::create_dir_all(top.join("a/b")).expect("folders");
        for (name, bytes) in [("a/one", "1"), ("a/b/two", "22"), ("three", "")] {
            fs::write(top.join(name), bytes).expect("a file");
            let file = File::options().write(true).open(top.join(name));
            let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_000_002_500);
            file.and_then(|file| file.set_modified(time))
                .expect("a time");
        }
    }

    #[test]
    fn listing_changes_with_names_positions_lengths_and_times() {
        let folder = tempfile::tempdir().expect("a folder");
        let listing_of = |name: &str| {
            let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).expect("a folder");
            listing(&dir, OsStr::new(name)).expect("a listing")
        };
        create_tree(&folder.path().join("original"));
        let original = listing_of("original");
        let changes: [(&str, bool, Change); 6] = [
            ("nothing", true, |_| {}),
            ("renamed", false, |top| {
                fs::rename(top.join("a/one"), top.join("a/eno")).expect("it can be renamed");
            }),
            ("moved", false, |top| {
                fs::rename(top.join("a/one"), top.join("a/b/one")).expect("it can be moved");
            }),
            ("longer", false, |top| {
                fs::write(top.join("a/b/two"), "333").expect("it can be written");
            }),
            ("a-coarser-clock", true, |top| {
                let file = File::options().write(true).open(top.join("three"));
                let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_002);
                file.and_then(|file| file.set_modified(time))
                    .expect("a time");
            }),
            ("newer", false, |top| {
                let file = File::options().write(true).open(top.join("three"));
                file.and_then(|file| file.set_modified(SystemTime::now()))
                    .expect("a time");
            }),
        ];
        for (what, is_same, change) in changes {
            let top = folder.path().join(what);
            create_tree(&top);
            change(&top);
            assert_eq!(listing_of(what) == original, is_same, "{what}");
        }
        assert_ne!(listing_of("original/three"), original);
    }
}
