//! How long what was written stays in the kernel's memory, synced or not.
//!
//! A crash of the server loses nothing of what it wrote; a crash of the machine, or a disk that went away and came back,
//! loses what was not synced yet. The two are told apart by a name for the time between: the machine's start and the
//! mount of the file system. Where it is the same as before, everything is as it was left.

use cap_std::fs::Dir;

/// The name of the present time for a folder's file system; none where the system does not tell.
#[cfg(target_os = "linux")]
pub(super) fn epoch(dir: &Dir) -> Option<String> {
    use rustix::fs::{AtFlags, StatxFlags, statx};
    /// `STATX_MNT_ID_UNIQUE`, since Linux 6.8: a number that no later mount gets.
    const UNIQUE_MOUNT: StatxFlags = StatxFlags::from_bits_retain(0x4000);
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let mount = statx(dir, "", AtFlags::EMPTY_PATH, UNIQUE_MOUNT).ok()?;
    let is_told = mount.stx_mask & UNIQUE_MOUNT.bits() != 0;
    is_told.then(|| format!("{}/{}", boot.trim(), mount.stx_mnt_id))
}

/// Elsewhere the system does not tell.
#[cfg(not(target_os = "linux"))]
pub(super) fn epoch(_: &Dir) -> Option<String> {
    None
}
