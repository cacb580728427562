//! One file's bytes, mode and times.
//!
//! The kernel copies where it offers to: as a clone that shares the blocks (Btrfs, XFS and others), else inside itself.
//! Holes stay holes. The modification time is set last, and the length never before the bytes are there: a file that
//! has both as its source has them is whole, unless the machine itself went down meanwhile.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Dir, Metadata, OpenOptions};

/// Bytes between two looks whether to stop.
const STEP: usize = 4 << 20;
/// Read and written at once where the kernel does not copy; files up to this length always are.
const BUFFER: usize = 128 * 1024;

/// What is told of every piece that was copied; an error ends the copying.
type OnBytes<'a> = &'a mut dyn FnMut(u64) -> io::Result<()>;

/// Copies files, one after the other.
pub(super) struct FileCopier {
    buffer: Vec<u8>,
    /// Until a file system has said that it does not.
    clones: bool,
    copies: bool,
}

impl FileCopier {
    pub(super) fn new() -> Self {
        Self {
            buffer: vec![0; BUFFER],
            clones: true,
            copies: true,
        }
    }

    /// Copies what can be read from `from` into a new file, as [`FileCopier::fill`] does.
    pub(super) fn copy(
        &mut self,
        from: &mut File,
        metadata: &Metadata,
        dir: &Dir,
        name: &OsStr,
        on_bytes: OnBytes<'_>,
    ) -> io::Result<u64> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        options.follow(FollowSymlinks::No);
        #[cfg(unix)]
        cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut to = dir.open_with(name, &options)?.into_std();
        let copied = self.fill(from, metadata, &mut to, on_bytes)?;
        finish(&to, metadata)?;
        // Where nothing syncs a whole file system at the end.
        #[cfg(not(target_os = "linux"))]
        to.sync_all()?;
        Ok(copied)
    }

    /// Copies as many bytes as `from` had when its metadata was read, or those that it still has, into an empty file.
    /// Gives how many that were; `from` stands behind them.
    pub(super) fn fill(
        &mut self,
        from: &mut File,
        metadata: &Metadata,
        to: &mut File,
        on_bytes: OnBytes<'_>,
    ) -> io::Result<u64> {
        let length = metadata.len();
        let mut copied = 0;
        if length > BUFFER as u64 {
            if self.try_clone(from, to)? {
                let cloned = to.metadata()?.len().min(length);
                to.set_len(cloned)?;
                from.seek(SeekFrom::Start(cloned))?;
                on_bytes(cloned)?;
                return Ok(cloned);
            }
            #[cfg(unix)]
            if is_sparse(metadata) {
                return self.copy_extents(from, length, to, on_bytes);
            }
            copied = self.copy_in_kernel(from, to, length, on_bytes)?;
        }
        // What the kernel did not copy.
        Ok(copied + self.copy_through(from, to, length - copied, on_bytes)?)
    }

    #[cfg(target_os = "linux")]
    fn try_clone(&mut self, from: &File, to: &File) -> io::Result<bool> {
        if !self.clones {
            return Ok(false);
        }
        match rustix::fs::ioctl_ficlone(to, from) {
            Ok(()) => Ok(true),
            Err(errno) if is_refusal(errno) => {
                self.clones = false;
                Ok(false)
            }
            Err(errno) => Err(errno.into()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn try_clone(&mut self, _: &File, _: &File) -> io::Result<bool> {
        let _ = self.clones;
        Ok(false)
    }

    /// Copies up to `most` bytes from where both files are; gives how many there were.
    #[cfg(target_os = "linux")]
    fn copy_in_kernel(
        &mut self,
        from: &File,
        to: &File,
        most: u64,
        on_bytes: OnBytes<'_>,
    ) -> io::Result<u64> {
        let mut copied = 0;
        while self.copies && copied < most {
            let step = (most - copied).min(STEP as u64) as usize;
            match rustix::fs::copy_file_range(from, None, to, None, step) {
                Ok(0) => break,
                Ok(bytes) => {
                    copied += bytes as u64;
                    on_bytes(bytes as u64)?;
                }
                Err(errno) if is_refusal(errno) => self.copies = false,
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(copied)
    }

    #[cfg(not(target_os = "linux"))]
    fn copy_in_kernel(&mut self, _: &File, _: &File, _: u64, _: OnBytes<'_>) -> io::Result<u64> {
        let _ = (self.copies, STEP);
        Ok(0)
    }

    /// The same, by reading and writing.
    fn copy_through(
        &mut self,
        from: &mut File,
        to: &mut File,
        most: u64,
        on_bytes: OnBytes<'_>,
    ) -> io::Result<u64> {
        let mut copied = 0;
        while copied < most {
            let room = (most - copied).min(BUFFER as u64) as usize;
            match from.read(&mut self.buffer[..room]) {
                Ok(0) => break,
                Ok(bytes) => {
                    to.write_all(&self.buffer[..bytes])?;
                    copied += bytes as u64;
                    on_bytes(bytes as u64)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(copied)
    }

    /// Copies what is between the holes of the first `length` bytes. The length is set at the end.
    #[cfg(unix)]
    fn copy_extents(
        &mut self,
        from: &mut File,
        length: u64,
        to: &mut File,
        on_bytes: OnBytes<'_>,
    ) -> io::Result<u64> {
        use rustix::fs::{SeekFrom as Seek, seek};
        use rustix::io::Errno;
        let mut end = 0;
        let mut whole = length;
        loop {
            let data = match seek(&*from, Seek::Data(end)) {
                Ok(data) => data.min(length),
                // Nothing but a hole until the end.
                Err(Errno::NXIO) => length,
                // Nobody knows where the holes are.
                Err(Errno::INVAL | Errno::NOTSUP) if end == 0 => {
                    return self.copy_through(from, to, length, on_bytes);
                }
                Err(errno) => return Err(errno.into()),
            };
            on_bytes(data - end)?;
            if data >= length {
                break;
            }
            end = seek(&*from, Seek::Hole(data))?.min(length);
            seek(&*from, Seek::Start(data))?;
            seek(&*to, Seek::Start(data))?;
            let mut copied = self.copy_in_kernel(from, to, end - data, on_bytes)?;
            copied += self.copy_through(from, to, end - data - copied, on_bytes)?;
            if copied < end - data {
                whole = data + copied;
                break;
            }
        }
        // A hole that is no longer there must not become zeros.
        let whole = whole.min(from.metadata()?.len());
        from.seek(SeekFrom::Start(whole))?;
        to.set_len(whole)?;
        Ok(whole)
    }
}

/// Whether the kernel does not do this between these files, so that it must be done in another way.
#[cfg(target_os = "linux")]
fn is_refusal(errno: rustix::io::Errno) -> bool {
    use rustix::io::Errno;
    let refusals = [
        Errno::NOSYS,
        Errno::NOTSUP,
        Errno::XDEV,
        Errno::INVAL,
        Errno::NOTTY,
        Errno::PERM,
        Errno::TXTBSY,
        Errno::BADF,
    ];
    refusals.contains(&errno)
}

#[cfg(unix)]
fn is_sparse(metadata: &Metadata) -> bool {
    use cap_std::fs::MetadataExt;
    /// What `st_blocks` counts in, whatever the file system's blocks are.
    const BLOCK: u64 = 512;
    metadata.blocks() * BLOCK < metadata.len()
}

/// Gives a file or folder the mode and the times of another; the times last. Bits that lend somebody's rights are left
/// out, since the copy is the server's own.
#[cfg(unix)]
pub(super) fn finish(made: impl std::os::fd::AsFd, metadata: &Metadata) -> io::Result<()> {
    use cap_std::fs::MetadataExt;
    // Modes have 16 bits on some systems and 32 on others; these nine fit either.
    let bits = rustix::fs::Mode::from_raw_mode((metadata.mode() & 0o777) as rustix::fs::RawMode);
    rustix::fs::fchmod(&made, bits)?;
    Ok(rustix::fs::futimens(&made, &times(metadata))?)
}

/// When something was last read and changed.
#[cfg(unix)]
pub(super) fn times(metadata: &Metadata) -> rustix::fs::Timestamps {
    use cap_std::fs::MetadataExt;
    use rustix::fs::{Timespec, Timestamps};
    Timestamps {
        last_access: Timespec {
            tv_sec: metadata.atime(),
            tv_nsec: metadata.atime_nsec(),
        },
        last_modification: Timespec {
            tv_sec: metadata.mtime(),
            tv_nsec: metadata.mtime_nsec(),
        },
    }
}

/// Elsewhere they are left as they come.
#[cfg(not(unix))]
pub(super) fn finish<T>(_: T, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Whether a file has the length and the time of its source.
#[cfg(unix)]
pub(super) fn looks_whole(made: &Metadata, source: &Metadata) -> bool {
    use cap_std::fs::MetadataExt;
    let stamp = |m: &Metadata| (m.len(), m.mtime(), m.mtime_nsec());
    made.is_file() && stamp(made) == stamp(source)
}

/// Without times that can be set, none is known to.
#[cfg(not(unix))]
pub(super) fn looks_whole(_: &Metadata, _: &Metadata) -> bool {
    false
}

/// Whether two files have the same bytes.
pub(super) fn is_same(one: &mut File, other: &mut File, on_bytes: OnBytes<'_>) -> io::Result<bool> {
    let (mut some, mut more) = (Vec::new(), Vec::new());
    loop {
        some.clear();
        more.clear();
        one.take(BUFFER as u64).read_to_end(&mut some)?;
        other.take(BUFFER as u64).read_to_end(&mut more)?;
        if some != more {
            return Ok(false);
        }
        if some.is_empty() {
            return Ok(true);
        }
        on_bytes(0)?;
    }
}

#[cfg(test)]
mod tests {
    use cap_std::ambient_authority;

    use super::*;
    use crate::operations::files::changes::Change;

    /// Copies a file that changes after it was looked at; gives the copy, and what is said of the change.
    fn copied_while(
        change: impl FnOnce(&File),
        length: u64,
        sparse: bool,
    ) -> (Vec<u8>, Option<Change>) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("from");
        let mut from = File::create_new(&path).expect("a file");
        if sparse {
            from.set_len(length).expect("its length");
            from.write_all(&[7; 10]).expect("its start");
        } else {
            from.write_all(&vec![7; length as usize])
                .expect("its bytes");
        }
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).expect("the folder");
        let metadata = dir.metadata("from").expect("its metadata");
        change(&from);
        let mut from = File::open(&path).expect("it opens");
        let copied =
            FileCopier::new().copy(&mut from, &metadata, &dir, "to".as_ref(), &mut |_| Ok(()));
        let copied = copied.expect("it is copied");
        let change = Change::find(&mut from, length, copied).expect("it can be read");
        let bytes = std::fs::read(folder.path().join("to")).expect("the copy");
        assert_eq!(bytes.len() as u64, copied);
        (bytes, change)
    }

    #[test]
    fn growing_file_is_copied_up_to_its_initial_length() {
        for (length, sparse) in [
            (0, false),
            (1000, false),
            (1_000_000, false),
            (1_000_000, true),
        ] {
            let grow = |mut from: &File| {
                from.seek(SeekFrom::End(0)).expect("its end");
                from.write_all(&vec![8; 500_000]).expect("more");
            };
            let (bytes, change) = copied_while(grow, length, sparse);
            assert_eq!(bytes.len() as u64, length);
            assert!(!bytes.contains(&8));
            assert_eq!(change, Some(Change::Grew), "{length} {sparse}");
        }
    }

    #[test]
    fn shrinking_file_is_not_padded() {
        for (length, sparse) in [(1000, false), (1_000_000, false), (1_000_000, true)] {
            let shrink = |from: &File| from.set_len(length / 3).expect("it is cut");
            let (bytes, change) = copied_while(shrink, length, sparse);
            assert_eq!(bytes.len() as u64, length / 3);
            assert_eq!(change, Some(Change::Shrank), "{length} {sparse}");
        }
    }

    #[test]
    fn unchanged_file_is_copied_without_a_log_line() {
        for (length, sparse) in [(0, false), (1000, false), (1_000_000, true)] {
            let (bytes, change) = copied_while(|_| (), length, sparse);
            assert_eq!((bytes.len() as u64, change), (length, None));
        }
    }
}
