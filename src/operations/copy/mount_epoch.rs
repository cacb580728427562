//! Decides whether unsynced writes of an earlier attempt are still intact.
//!
//! A crash of the server loses no writes. A crash of the machine, or a disk that was detached, loses writes that were not
//! synced. The mount epoch distinguishes the two: the boot of the machine and the mount of the file system. If it has not
//! changed, all writes are intact.

use cap_std::fs::Dir;

/// The current mount epoch of a folder's file system. `None` if the system does not report it.
#[cfg(target_os = "linux")]
pub(super) fn epoch(dir: &Dir) -> Option<String> {
    use rustix::fs::{AtFlags, StatxFlags, statx};
    /// `STATX_MNT_ID_UNIQUE`, since Linux 6.8: a mount id that is never used again.
    const UNIQUE_MOUNT: StatxFlags = StatxFlags::from_bits_retain(0x4000);
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let mount = statx(dir, "", AtFlags::EMPTY_PATH, UNIQUE_MOUNT).ok()?;
    let has_id = mount.stx_mask & UNIQUE_MOUNT.bits() != 0;
    has_id.then(|| format!("{}/{}", boot.trim(), mount.stx_mnt_id))
}

/// Other systems do not report it.
#[cfg(not(target_os = "linux"))]
pub(super) fn epoch(_: &Dir) -> Option<String> {
    None
}
