//! One file's bytes, mode and times.
//!
//! The kernel copies where it offers to: as a clone that shares the blocks (Btrfs, XFS and others), else inside itself.
//! Holes stay holes. The modification time is set last, and the length never before the bytes are there: a file that
//! has both as its source has them is whole, unless the machine itself went down meanwhile.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Dir, Metadata, OpenOptions};

/// Bytes between two looks whether to stop.
const STEP: usize = 4 << 20;
/// Read and written at once where the kernel does not copy; files up to this length always are.
const BUFFER: usize = 128 * 1024;

/// What is told of every piece that was copied; an error ends the copying.
pub(super) type OnBytes<'a> = &'a mut dyn FnMut(u64) -> io::Result<()>;

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

    /// Copies what can be read from `from` into a new file.
    pub(super) fn copy(
        &mut self,
        from: &mut File,
        metadata: &Metadata,
        dir: &Dir,
        name: &OsStr,
        on_bytes: OnBytes<'_>,
    ) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        options.follow(FollowSymlinks::No);
        #[cfg(unix)]
        cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut to = dir.open_with(name, &options)?.into_std();
        self.fill(from, metadata, &mut to, on_bytes)?;
        finish(&to, metadata)?;
        // Where nothing syncs a whole file system at the end.
        #[cfg(not(target_os = "linux"))]
        to.sync_all()?;
        Ok(())
    }

    /// Copies all bytes into an empty file.
    pub(super) fn fill(
        &mut self,
        from: &mut File,
        metadata: &Metadata,
        to: &mut File,
        on_bytes: OnBytes<'_>,
    ) -> io::Result<()> {
        if metadata.len() > BUFFER as u64 {
            if self.try_clone(from, to)? {
                return on_bytes(metadata.len());
            }
            #[cfg(unix)]
            if is_sparse(metadata) {
                return self.copy_extents(from, metadata.len(), to, on_bytes);
            }
            self.copy_in_kernel(from, to, u64::MAX, on_bytes)?;
        }
        // What the kernel did not copy, and what was added meanwhile.
        self.copy_through(from, to, u64::MAX, on_bytes)?;
        Ok(())
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

    /// Copies what is between the holes. The length is set at the end.
    #[cfg(unix)]
    fn copy_extents(
        &mut self,
        from: &mut File,
        length: u64,
        to: &mut File,
        on_bytes: OnBytes<'_>,
    ) -> io::Result<()> {
        use rustix::fs::{SeekFrom, seek};
        use rustix::io::Errno;
        let mut end = 0;
        loop {
            let data = match seek(&*from, SeekFrom::Data(end)) {
                Ok(data) => data.min(length),
                // Nothing but a hole until the end.
                Err(Errno::NXIO) => length,
                // Nobody knows where the holes are.
                Err(Errno::INVAL | Errno::NOTSUP) if end == 0 => {
                    self.copy_through(from, to, u64::MAX, on_bytes)?;
                    return Ok(());
                }
                Err(errno) => return Err(errno.into()),
            };
            on_bytes(data - end)?;
            if data >= length {
                break;
            }
            end = seek(&*from, SeekFrom::Hole(data))?.min(length);
            seek(&*from, SeekFrom::Start(data))?;
            seek(&*to, SeekFrom::Start(data))?;
            let copied = self.copy_in_kernel(from, to, end - data, on_bytes)?;
            self.copy_through(from, to, end - data - copied, on_bytes)?;
        }
        to.set_len(length)
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
    let bits = rustix::fs::Mode::from_raw_mode(metadata.mode() & 0o777);
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
