//! Operating-system calls for names and folders, with portable fallbacks.

use std::ffi::OsStr;
use std::io;

use cap_std::fs::Dir;

/// Opens a folder in `dir` without following links. The handle can be listed and synced, and its mode can be changed.
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

/// Creates a folder that only the server's user can access.
pub(crate) fn make_folder(dir: &Dir, name: &OsStr) -> io::Result<()> {
    #[cfg(unix)]
    return Ok(rustix::fs::mkdirat(dir, name, rustix::fs::Mode::RWXU)?);
    #[cfg(not(unix))]
    dir.create_dir(name)
}

/// Syncs the names in a folder to the disk.
pub(crate) fn sync_folder(dir: &Dir) -> io::Result<()> {
    #[cfg(unix)]
    {
        // `dir` may have been opened with O_PATH, and such a handle cannot be synced.
        let folder = open_folder(dir, OsStr::new("."))?;
        rustix::fs::fsync(&folder)?;
    }
    #[cfg(not(unix))]
    let _ = dir;
    Ok(())
}

/// The maximum length of a name in a folder, in bytes; at most 255. Some file systems (FAT, NTFS) count UTF-16 units
/// instead, and a name of 255 bytes never has more than 255 of those.
pub(super) fn name_bytes(dir: &Dir) -> usize {
    const MAX_NAME_BYTES: usize = 255;
    #[cfg(unix)]
    {
        let stat = rustix::fs::fstatvfs(dir).ok();
        let name_bytes = stat.and_then(|stat| usize::try_from(stat.f_namemax).ok());
        name_bytes
            .filter(|&bytes| bytes > 0)
            .map_or(MAX_NAME_BYTES, |bytes| bytes.min(MAX_NAME_BYTES))
    }
    #[cfg(not(unix))]
    {
        let _ = dir;
        MAX_NAME_BYTES
    }
}

/// Renames an entry without replacing another one.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if `to` exists, or the error of the rename.
pub(super) fn rename_to_free(dir: &Dir, from: &OsStr, to: &OsStr) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        let renamed = rustix::fs::renameat_with(dir, from, dir, to, flags);
        if !renamed.is_err_and(is_unsupported) {
            return Ok(renamed?);
        }
    }
    // Another program may take the name between the check and the rename. This file system offers no atomic way.
    if dir.symlink_metadata(to).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    dir.rename(from, dir, to)
}

/// Exchanges the names of two entries atomically. False if the file system does not support this.
pub(super) fn exchange(dir: &Dir, one: &OsStr, other: &OsStr) -> io::Result<bool> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        let flags = rustix::fs::RenameFlags::EXCHANGE;
        let renamed = rustix::fs::renameat_with(dir, one, dir, other, flags);
        if !renamed.is_err_and(is_unsupported) {
            renamed?;
            return Ok(true);
        }
    }
    let _ = (dir, one, other);
    Ok(false)
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn is_unsupported(error: rustix::io::Errno) -> bool {
    use rustix::io::Errno;
    [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP].contains(&error)
}
