//! A control group for each attempt (`cgroups(7)`, version 2): all descendants of a command start
//! in it, regardless of their session and environment.
//!
//! The groups are made below the server's own, which works where the server may write there: as root outside of a
//! container, and as a service with `Delegate=yes`. No controller is enabled, so the rule against processes in inner
//! groups does not apply. A group is removed when its attempt ends; those of a server that was killed are found by
//! their names when the next one starts on the same data.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// The prefix of our groups' names, before the attempt's tag.
const PREFIX: &str = "cloakroom-";

/// How long to wait for a group's change before looking again: the kernel may report several as one.
const CHANGE_TIMEOUT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

/// Reported between fork and exec when the group cannot be entered; neither fork nor exec fail with it.
const NOT_ENTERED: Errno = Errno::XDEV;

/// Set once a group could be created but not entered. No more groups are created then.
static IS_REFUSED: AtomicBool = AtomicBool::new(false);

/// The control group of one attempt. Dropping it removes the group if it is empty.
#[derive(Debug)]
pub(in crate::operations::command::process) struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Creates the group of the attempt with this tag; `None` if the system does not allow it.
    pub(in crate::operations::command::process) fn new(tag: &str) -> Option<Self> {
        if IS_REFUSED.load(Ordering::Relaxed) {
            return None;
        }
        match make(tag) {
            Ok(cgroup) => Some(cgroup),
            Err(error) => {
                explain_absence(&error);
                None
            }
        }
    }

    /// The descriptor by which a process enters the group, see [`enter`].
    pub(in crate::operations::command::process) fn entrance(&self) -> io::Result<OwnedFd> {
        let file = File::options()
            .write(true)
            .open(self.path.join("cgroup.procs"))?;
        Ok(file.into())
    }

    /// Kills every process in the group, without waiting.
    pub(in crate::operations::command::process) fn kill(&self) {
        if let Err(error) = kill(&self.path) {
            tracing::error!(%error, "cannot kill a command's control group");
        }
    }

    /// Kills every process in the group, and removes it. Returns whether it is gone.
    pub(super) fn clear(&self, until: Instant) -> bool {
        clear(&self.path, until).unwrap_or_else(|error| {
            tracing::error!(%error, "cannot remove a command's control group");
            false
        })
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // `clear` usually has removed it; if this fails, the next start does.
        let _ = fs::remove_dir(&self.path);
    }
}

/// Between fork and exec: moves this process, and so its future children, into a group. Does nothing once a group could
/// not be entered, so that the same command can be started again without one.
pub(in crate::operations::command::process) fn enter(entrance: &OwnedFd) -> io::Result<()> {
    if IS_REFUSED.load(Ordering::Relaxed) {
        return Ok(());
    }
    match rustix::io::write(entrance, b"0") {
        Ok(_) => Ok(()),
        Err(_) => Err(NOT_ENTERED.into()),
    }
}

/// Whether a command failed to start because its group could not be entered. No more groups are created then.
pub(in crate::operations::command::process) fn is_refused(error: &io::Error) -> bool {
    let is_refused = error.raw_os_error() == Some(NOT_ENTERED.raw_os_error());
    if is_refused && !IS_REFUSED.swap(true, Ordering::Relaxed) {
        explain_absence(&io::Error::other(
            "a group was created but cannot be entered",
        ));
    }
    is_refused
}

/// Kills and removes all groups on the machine whose tag satisfies `matches`. Returns how many of them had processes.
pub(super) fn clear_leftovers(matches: impl Fn(&str) -> bool, until: Instant) -> usize {
    let mut populated = 0;
    let mut folders: Vec<_> = mounts().into_iter().map(|mount| mount.at).collect();
    while let Some(folder) = folders.pop() {
        for path in subfolders(&folder) {
            let name = path.file_name().and_then(|name| name.to_str());
            let tag = name.and_then(|name| name.strip_prefix(PREFIX));
            if !tag.is_some_and(&matches) {
                folders.push(path);
                continue;
            }
            populated += usize::from(is_populated(&path));
            match clear(&path, until) {
                Ok(true) => {}
                Ok(false) => tracing::error!(
                    cgroup = %path.display(),
                    "cannot kill processes of an earlier server"
                ),
                Err(error) => tracing::warn!(
                    cgroup = %path.display(),
                    %error,
                    "cannot remove a control group of an earlier server"
                ),
            }
        }
    }
    populated
}

/// Logs once why commands have no control groups.
fn explain_absence(reason: &io::Error) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::info!(
            %reason,
            "commands run without control groups: processes that leave their session and clear their environment may \
             outlive them"
        );
    });
}

fn make(tag: &str) -> io::Result<Cgroup> {
    let path = own()?.join(format!("{PREFIX}{tag}"));
    fs::create_dir(&path)?;
    let cgroup = Cgroup { path };
    // Before Linux 5.14 this file does not exist, and processes that keep forking cannot be killed reliably.
    fs::metadata(cgroup.path.join("cgroup.kill"))?;
    Ok(cgroup)
}

/// The folder of this process's current group, which may change at any time.
fn own() -> io::Result<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup")?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"));
    let own = own.and_then(|own| mounts().iter().find_map(|mount| mount.folder_of(own)));
    own.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no cgroup2 file system is mounted"))
}

/// A mount of the cgroup2 file system.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    /// The group at the top of the mount.
    root: PathBuf,
    at: PathBuf,
}

impl Mount {
    /// Parses a line of `proc_pid_mountinfo(5)` if it is a cgroup2 mount. Mounts with escaped characters, like spaces, in
    /// their path are not used.
    fn parse(line: &str) -> Option<Self> {
        let (place, kind) = line.split_once(" - ")?;
        let mut fields = place.split(' ').skip(3);
        let (root, at) = (fields.next()?, fields.next()?);
        let is_usable = kind.starts_with("cgroup2 ") && !place.contains('\\');
        is_usable.then(|| Self {
            root: root.into(),
            at: at.into(),
        })
    }

    fn folder_of(&self, group: &str) -> Option<PathBuf> {
        let below = Path::new(group).strip_prefix(&self.root).ok()?;
        let folder = self.at.join(below);
        folder.join("cgroup.procs").exists().then_some(folder)
    }
}

fn mounts() -> Vec<Mount> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    mounts.lines().filter_map(Mount::parse).collect()
}

fn kill(group: &Path) -> io::Result<()> {
    let mut file = File::options()
        .write(true)
        .open(group.join("cgroup.kill"))?;
    file.write_all(b"1")
}

/// Kills a group and removes it. Returns false if a process could not be killed in time.
fn clear(group: &Path, until: Instant) -> io::Result<bool> {
    // Most commands leave no processes behind.
    while !removed(fs::remove_dir(group))? {
        kill(group)?;
        let mut events = File::open(group.join("cgroup.events"))?;
        let mut text = String::new();
        events.read_to_string(&mut text)?;
        if !says_populated(&text) {
            remove_subgroups(group)?;
            continue;
        }
        if Instant::now() >= until {
            return Ok(false);
        }
        let mut change = [PollFd::from_borrowed_fd(events.as_fd(), PollFlags::PRI)];
        let _ = poll(&mut change, Some(&CHANGE_TIMEOUT));
    }
    Ok(true)
}

/// Whether removing a group succeeded: false if it still has processes or subgroups.
fn removed(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes the subgroups that a command created, innermost first.
fn remove_subgroups(group: &Path) -> io::Result<()> {
    let mut folders = subfolders(group);
    let mut next = 0;
    while let Some(folder) = folders.get(next) {
        folders.extend(subfolders(folder));
        next += 1;
    }
    for folder in folders.iter().rev() {
        removed(fs::remove_dir(folder))?;
    }
    Ok(())
}

fn is_populated(group: &Path) -> bool {
    let events = fs::read_to_string(group.join("cgroup.events"));
    events.is_ok_and(|events| says_populated(&events))
}

fn says_populated(events: &str) -> bool {
    events.lines().any(|line| line == "populated 1")
}

fn subfolders(group: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_of_control_groups_are_read_from_mountinfo() {
        let whole =
            "41 31 0:38 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate";
        let mount = Mount::parse(whole).expect("a mount");
        assert_eq!(mount.root, Path::new("/"));
        assert_eq!(mount.at, Path::new("/sys/fs/cgroup"));
        // Below a container's group, only what is inside it can be seen.
        let part = Mount::parse("41 31 0:38 /docker/a /cg rw - cgroup2 none rw").expect("a mount");
        assert_eq!(part.root, Path::new("/docker/a"));
        assert_eq!(part.folder_of("/docker/ab"), None);
        for other in [
            "30 31 0:27 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids",
            r"41 31 0:38 / /my\040groups rw - cgroup2 cgroup2 rw",
            "41 31 0:38 /",
            "",
        ] {
            assert_eq!(Mount::parse(other), None, "{other}");
        }
    }
}
