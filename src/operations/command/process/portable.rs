//! The fallback without parent-death signals and `/proc`: processes that leave their group or outlive a killed server are
//! not found.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) const TAG: &str = "CLOAKROOM_ATTEMPT";

pub(super) fn new_tag(_data: &Path) -> io::Result<String> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    Ok(format!("{}-{number}", std::process::id()))
}

#[cfg(unix)]
pub(super) fn end_with(_server: rustix::process::Pid) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
pub(super) fn close_others() {}

/// A control group; never constructed on this platform.
#[derive(Debug)]
pub(super) enum Cgroup {}

impl Cgroup {
    pub(super) fn new(_tag: &str) -> Option<Self> {
        None
    }

    #[cfg(unix)]
    pub(super) fn entrance(&self) -> io::Result<std::os::fd::OwnedFd> {
        match *self {}
    }

    #[cfg(unix)]
    pub(super) fn kill(&self) {
        match *self {}
    }
}

#[cfg(unix)]
pub(super) fn enter(_entrance: &std::os::fd::OwnedFd) -> io::Result<()> {
    Ok(())
}

pub(super) fn is_refused(_error: &io::Error) -> bool {
    false
}

/// Always false: the members are unknown, so no process is waited for.
pub(super) fn has_members(_group: u32) -> bool {
    false
}

pub(super) fn kill_strays(_tag: &str, _leader: u32, _cgroup: Option<&Cgroup>) {}

/// Does nothing here.
pub(crate) fn become_reaper() {}

/// Does nothing here.
pub(crate) fn kill_leftovers(_data: &Path) {}
