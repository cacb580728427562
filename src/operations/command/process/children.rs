//! The commands that are running in this process.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::system::Cgroup;
#[cfg(unix)]
use super::unix::signal_group;

/// Running commands by pid, with their control groups.
pub(super) type Children = BTreeMap<u32, Option<Arc<Cgroup>>>;

/// All children that were not waited for, with their control groups. Hold the lock while spawning or waiting for a child.
pub(super) static CHILDREN: Mutex<Children> = Mutex::new(BTreeMap::new());

/// Kills all running commands without waiting for them, before the server exits immediately.
pub(crate) fn kill_all() {
    #[cfg(unix)]
    for (child, cgroup) in CHILDREN.lock().iter() {
        signal_group(*child, rustix::process::Signal::KILL);
        if let Some(cgroup) = cgroup {
            cgroup.kill();
        }
    }
}
