//! Prepares a new process: its tag, its parent-death signal and its inherited descriptors.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, set_parent_process_death_signal};

use super::proc::{self, Entry};
use super::tag::data_tag;

/// A unique tag that identifies the data folder, the server and the attempt.
pub(in crate::operations::command::process) fn new_tag(data: &Path) -> io::Result<String> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let own = proc::entry(std::process::id()).ok_or_else(|| io::Error::other("no /proc"))?;
    let Entry { pid, started, .. } = own;
    Ok(format!("{}:{pid}:{started}:{number}", data_tag(data)?))
}

/// Between fork and exec: makes this process die with the thread that spawned it.
pub(in crate::operations::command::process) fn end_with(server: Pid) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if rustix::process::getppid() == Some(server) {
        Ok(())
    } else {
        // The parent died before the signal was set.
        Err(Errno::SRCH.into())
    }
}

/// Between fork and exec: marks all inherited descriptors except 0 to 3 close-on-exec.
pub(in crate::operations::command::process) fn close_others() {
    const FIRST: libc::c_uint = 4;
    #[allow(unsafe_code, reason = "the C library has no safe function for it")]
    // SAFETY: numbers alone are passed, and nothing is closed before this process becomes another program.
    unsafe {
        let flags = libc::CLOSE_RANGE_CLOEXEC;
        // Kernels before 5.11 do not know the flag and leave the descriptors open.
        libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, flags);
    }
}
