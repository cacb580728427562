//! What the operating system does with names and folders, and the plain way where it offers nothing better.

use std::ffi::OsStr;
use std::io;

use cap_std::fs::Dir;

/// Opens a folder that is in `dir`, never through a link; it can be listed, synced and given other modes.
pub(crate) fn open_folder(dir: &Dir, name: &OsStr) -> io::Result<Dir> {
    #[cfg(unix)]
    {
        use rustix::fs::{Mode, OFlags};
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::openat(dir, name, flags, Mode::empty())?;
        Ok(Dir::from_std_file(folder.into()))
    }
    #[cfg(not(unix))]
    {
        use cap_fs_ext::DirExt;
        dir.open_dir_nofollow(name)
    }
}

/// Makes a folder that only the server can enter.
pub(crate) fn make_folder(dir: &Dir, name: &OsStr) -> io::Result<()> {
    #[cfg(unix)]
    return Ok(rustix::fs::mkdirat(dir, name, rustix::fs::Mode::RWXU)?);
    #[cfg(not(unix))]
    dir.create_dir(name)
}

/// Writes the names in a folder to the disk.
pub(crate) fn sync_folder(dir: &Dir) -> io::Result<()> {
    #[cfg(unix)]
    {
        // The handle that we have may be good for looking things up only.
        let folder = open_folder(dir, OsStr::new("."))?;
        rustix::fs::fsync(&folder)?;
    }
    #[cfg(not(unix))]
    let _ = dir;
    Ok(())
}

/// How long a name in a folder may be, in bytes. Never more than 255: where a file system counts otherwise (FAT and NTFS
/// count UTF-16 units) so many bytes always fit.
pub(super) fn name_bytes(dir: &Dir) -> usize {
    const MOST: usize = 255;
    #[cfg(unix)]
    {
        let told = rustix::fs::fstatvfs(dir).ok();
        let told = told.and_then(|told| usize::try_from(told.f_namemax).ok());
        told.filter(|&bytes| bytes > 0)
            .map_or(MOST, |bytes| bytes.min(MOST))
    }
    #[cfg(not(unix))]
    {
        let _ = dir;
        MOST
    }
}

/// Renames, but never over something that is there.
pub(super) fn rename_to_free(dir: &Dir, from: &OsStr, to: &OsStr) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        let renamed = rustix::fs::renameat_with(dir, from, dir, to, flags);
        if !renamed.is_err_and(is_not_offered) {
            return Ok(renamed?);
        }
    }
    // Between the look and the renaming somebody may take the name; this file system cannot do better.
    if dir.symlink_metadata(to).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    dir.rename(from, dir, to)
}

/// Lets two entries change names at once; false where that is not offered.
pub(super) fn exchange(dir: &Dir, one: &OsStr, other: &OsStr) -> io::Result<bool> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        let flags = rustix::fs::RenameFlags::EXCHANGE;
        let renamed = rustix::fs::renameat_with(dir, one, dir, other, flags);
        if !renamed.is_err_and(is_not_offered) {
            renamed?;
            return Ok(true);
        }
    }
    let _ = (dir, one, other);
    Ok(false)
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn is_not_offered(error: rustix::io::Errno) -> bool {
    use rustix::io::Errno;
    [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP].contains(&error)
}
