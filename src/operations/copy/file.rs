//! Copies the bytes, mode and times of one file.
//!
//! If possible the kernel copies: as a clone that shares blocks (Btrfs, XFS and others), else with `copy_file_range`. Holes
//! stay holes. The modification time is set last, and the file never gets longer than the bytes copied. So a file with the
//! length and the modification time of its source is complete, unless the machine has crashed since.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Dir, Metadata, OpenOptions};

/// The kernel copies this many bytes at once. The attempt can stop after each step.
const STEP_BYTES: usize = 4 << 20;
/// The size of the buffer for files that the kernel does not copy. Files up to this length are always copied through it.
const BUFFER_BYTES: usize = 128 * 1024;

/// Called with the number of bytes after each part that was copied. An error ends the copy.
type OnBytes<'a> = &'a mut dyn FnMut(u64) -> io::Result<()>;

/// Copies files, one after the other.
pub(super) struct FileCopier {
    buffer: Vec<u8>,
    /// Whether to try cloning. False once a file system has refused it.
    can_clone: bool,
    /// Whether to try copying in the kernel. False once a file system has refused it.
    can_copy_in_kernel: bool,
}

impl FileCopier {
    pub(super) fn new() -> Self {
        Self {
            buffer: vec![0; BUFFER_BYTES],
            can_clone: true,
            can_copy_in_kernel: true,
        }
    }

    /// Creates a file and copies `from` into it, like [`FileCopier::fill`], with mode and times.
    ///
    /// # Errors
    /// The I/O error of reading or writing, or the error of `on_bytes`.
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
        // On Linux the whole file system is synced at the end.
        #[cfg(not(target_os = "linux"))]
        to.sync_all()?;
        Ok(copied)
    }

    /// Copies the bytes of `from` into an empty file, up to the length in `metadata`, and returns their number. The
    /// position of `from` is behind them afterwards.
    ///
    /// # Errors
    /// The I/O error of reading or writing, or the error of `on_bytes`.
    pub(super) fn fill(
        &mut self,
        from: &mut File,
        metadata: &Metadata,
        to: &mut File,
        on_bytes: OnBytes<'_>,
    ) -> io::Result<u64> {
        let length = metadata.len();
        let mut copied = 0;
        if length > BUFFER_BYTES as u64 {
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
        // Copy what the kernel did not.
        Ok(copied + self.copy_through(from, to, length - copied, on_bytes)?)
    }

    #[cfg(target_os = "linux")]
    fn try_clone(&mut self, from: &File, to: &File) -> io::Result<bool> {
        if !self.can_clone {
            return Ok(false);
        }
        match rustix::fs::ioctl_ficlone(to, from) {
            Ok(()) => Ok(true),
            Err(errno) if is_refusal(errno) => {
                self.can_clone = false;
                Ok(false)
            }
            Err(errno) => Err(errno.into()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn try_clone(&mut self, _: &File, _: &File) -> io::Result<bool> {
        let _ = self.can_clone;
        Ok(false)
    }

    /// Copies up to `max_bytes` bytes at the positions of both files in the kernel, and returns their number.
    #[cfg(target_os = "linux")]
    fn copy_in_kernel(
        &mut self,
        from: &File,
        to: &File,
        max_bytes: u64,
        on_bytes: OnBytes<'_>,
    ) -> io::Result<u64> {
        let mut copied = 0;
        while self.can_copy_in_kernel && copied < max_bytes {
            let step = (max_bytes - copied).min(STEP_BYTES as u64) as usize;
            match rustix::fs::copy_file_range(from, None, to, None, step) {
                Ok(0) => break,
                Ok(bytes) => {
                    copied += bytes as u64;
                    on_bytes(bytes as u64)?;
                }
                Err(errno) if is_refusal(errno) => self.can_copy_in_kernel = false,
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(copied)
    }

    #[cfg(not(target_os = "linux"))]
    fn copy_in_kernel(&mut self, _: &File, _: &File, _: u64, _: OnBytes<'_>) -> io::Result<u64> {
        let _ = (self.can_copy_in_kernel, STEP_BYTES);
        Ok(0)
    }

    /// Copies up to `max_bytes` bytes through the buffer, and returns their number.
    fn copy_through(
        &mut self,
        from: &mut File,
        to: &mut File,
        max_bytes: u64,
        on_bytes: OnBytes<'_>,
    ) -> io::Result<u64> {
        let mut copied = 0;
        while copied < max_bytes {
            let room = (max_bytes - copied).min(BUFFER_BYTES as u64) as usize;
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

    /// Copies the first `length` bytes without the holes. The length is set at the end.
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
                // Only a hole follows.
                Err(Errno::NXIO) => length,
                // The file system does not report holes.
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
        // If the file was truncated in a hole, do not extend the copy with zeros.
        let whole = whole.min(from.metadata()?.len());
        from.seek(SeekFrom::Start(whole))?;
        to.set_len(whole)?;
        Ok(whole)
    }
}

/// Whether the error means that the kernel cannot do this between these files.
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
    /// The unit of `st_blocks`, independent of the file system's block size.
    const ST_BLOCK_BYTES: u64 = 512;
    metadata.blocks() * ST_BLOCK_BYTES < metadata.len()
}

/// Sets the mode and then the times of a copied file or folder. The setuid, setgid and sticky bits are not copied, because
/// the copy belongs to the server's user.
#[cfg(unix)]
pub(super) fn finish(made: impl std::os::fd::AsFd, metadata: &Metadata) -> io::Result<()> {
    use cap_std::fs::MetadataExt;
    // Modes have 16 bits on some systems and 32 on others; these nine fit either.
    let bits = rustix::fs::Mode::from_raw_mode((metadata.mode() & 0o777) as rustix::fs::RawMode);
    rustix::fs::fchmod(&made, bits)?;
    Ok(rustix::fs::futimens(&made, &times(metadata))?)
}

/// The access and modification times.
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

/// Mode and times are not copied on other systems.
#[cfg(not(unix))]
pub(super) fn finish<T>(_: T, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Whether a file has the length and the modification time of its source.
#[cfg(unix)]
pub(super) fn looks_whole(made: &Metadata, source: &Metadata) -> bool {
    use cap_std::fs::MetadataExt;
    let stamp = |m: &Metadata| (m.len(), m.mtime(), m.mtime_nsec());
    made.is_file() && stamp(made) == stamp(source)
}

/// Times are not copied on other systems, so a complete copy cannot be recognized.
#[cfg(not(unix))]
pub(super) fn looks_whole(_: &Metadata, _: &Metadata) -> bool {
    false
}

/// Whether two files have the same bytes. Calls `on_bytes` regularly with 0.
pub(super) fn is_same(one: &mut File, other: &mut File, on_bytes: OnBytes<'_>) -> io::Result<bool> {
    let (mut some, mut more) = (Vec::new(), Vec::new());
    loop {
        some.clear();
        more.clear();
        one.take(BUFFER_BYTES as u64).read_to_end(&mut some)?;
        other.take(BUFFER_BYTES as u64).read_to_end(&mut more)?;
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

    /// Copies a file that changes after its metadata was read. Returns the copy and the change that was found.
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
