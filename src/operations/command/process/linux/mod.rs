//! What Linux adds: children that die with their parent, orphans that come to us, control groups that no process
//! leaves by itself, and `/proc`, where the others are found.

mod cgroup;
mod proc;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, kill_process, pidfd_open, pidfd_send_signal,
    set_child_subreaper, set_parent_process_death_signal, waitpid,
};

use super::CHILDREN;
pub(super) use cgroup::{Cgroup, enter, is_refused};
use proc::{Entry, Tag};

/// The variable that all that a command starts inherits.
pub(super) const TAG: &str = "CLOAKROOM_ATTEMPT";
/// How long it is tried to kill what starts more of itself meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two looks for more.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};
/// How often it is looked again for somebody who is just becoming another program.
const LOOKS: u32 = 5;
/// Who is older than the one who looks by so many ticks (of which a second has 100) becomes nothing else.
const YOUNG: u64 = 1000;

/// Whether orphans come to us.
static IS_REAPER: AtomicBool = AtomicBool::new(false);

/// Lets orphans of commands come to this process, which has no other children: they can then be found whatever they
/// have become, and leave nothing behind. For a program that is nothing but a server.
pub(crate) fn become_reaper() {
    match set_child_subreaper(Some(rustix::process::getpid())) {
        Ok(()) => IS_REAPER.store(true, Ordering::Relaxed),
        Err(error) => tracing::warn!(%error, "orphans of commands go to another process"),
    }
}

/// A tag that no other attempt has: it tells the data, the server and the attempt.
pub(super) fn new_tag(data: &Path) -> io::Result<String> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let own = proc::entry(std::process::id()).ok_or_else(|| io::Error::other("no /proc"))?;
    let Entry { pid, started, .. } = own;
    Ok(format!("{}:{pid}:{started}:{number}", data_tag(data)?))
}

/// What tags of all servers on this data begin with, whatever path leads there.
fn data_tag(data: &Path) -> io::Result<String> {
    let metadata = std::fs::metadata(data)?;
    Ok(format!("{:x}:{:x}", metadata.dev(), metadata.ino()))
}

/// Between fork and exec: this process is to die when the thread that spawned it does.
pub(super) fn end_with(server: Pid) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if rustix::process::getppid() == Some(server) {
        Ok(())
    } else {
        // It died before that was known to be wished.
        Err(Errno::SRCH.into())
    }
}

/// Between fork and exec: of what this process has inherited from those before it, only the streams stay open.
pub(super) fn close_others() {
    const FIRST: libc::c_uint = 4;
    #[allow(unsafe_code, reason = "the C library has no safe function for it")]
    // SAFETY: numbers alone are passed, and nothing is closed before this process becomes another program.
    unsafe {
        let flags = libc::CLOSE_RANGE_CLOEXEC;
        // A kernel before 5.11 does not know it, and leaves them open.
        libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, flags);
    }
}

/// Whether somebody of a group is alive.
pub(super) fn has_members(group: u32) -> bool {
    proc::entries().any(|entry| entry.group == group && !entry.is_zombie)
}

/// Kills all that was started by the attempt with this tag, and takes the status of orphans. The process that leads
/// it was not waited for.
///
/// Its group, if it has one, holds all but processes that something else has moved out of it, such as a daemon that
/// made a session for them. Those are orphans now, and known by their tag.
pub(super) fn kill_strays(tag: &str, leader: u32, cgroup: Option<&Cgroup>) {
    let until = Instant::now() + PATIENCE;
    // Nothing that it has started is older.
    let since = proc::entry(leader).map_or(0, |leader| leader.started);
    let is_stray = |entry: &Entry, found: &Tag| match found {
        Tag::Is(found) => found == tag,
        // Who has put off the tag is known by having come to us, if nobody else's orphan can be meant.
        Tag::None | Tag::Unknown => {
            let children = CHILDREN.lock();
            children.len() <= 1 && is_orphan(entry, &children)
        }
    };
    let is_clear = cgroup.is_none_or(|cgroup| cgroup.clear(until));
    let among = if cgroup.is_some() { orphans } else { everybody };
    if kill_all(since, until, among, is_stray).is_none() || !is_clear {
        tracing::error!("what a command has started does not go away");
    }
    reap();
}

/// Kills what earlier servers on this data have left. The caller has the data to itself.
pub(crate) fn kill_leftovers(data: &Path) {
    let Ok(data_tag) = data_tag(data) else {
        return;
    };
    let until = Instant::now() + PATIENCE;
    let is_dead = |tag: &str| {
        server_of(tag, &data_tag).is_some_and(|(pid, started)| {
            proc::entry(pid).is_none_or(|server| server.started != started)
        })
    };
    let attempts = cgroup::clear_leftovers(is_dead, until);
    let is_leftover = |_: &Entry, tag: &Tag| match tag {
        Tag::Is(tag) => is_dead(tag),
        Tag::None | Tag::Unknown => false,
    };
    match kill_all(0, until, everybody, is_leftover) {
        Some(0) if attempts == 0 => {}
        Some(processes) => tracing::warn!(
            attempts,
            processes,
            "commands of a server that was killed were still there"
        ),
        None => tracing::error!("what an earlier server has started does not go away"),
    }
}

/// The server's pid and start in a tag of this data.
fn server_of(tag: &str, data_tag: &str) -> Option<(u32, u64)> {
    let mut parts = tag.strip_prefix(data_tag)?.strip_prefix(':')?.split(':');
    let server = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(server)
}

/// Every process that there is.
fn everybody() -> Vec<Entry> {
    proc::entries().collect()
}

/// Every process that orphans of commands are among. The kernel gives them to our first thread, which has no other
/// children.
fn orphans() -> Vec<Entry> {
    let ours = IS_REAPER.load(Ordering::Relaxed).then(proc::children);
    ours.flatten().unwrap_or_else(everybody)
}

/// Kills every process of a kind that was started since then, and those that it starts meanwhile. Says how many; none
/// if some are left.
fn kill_all(
    since: u64,
    until: Instant,
    among: fn() -> Vec<Entry>,
    is_meant: impl Fn(&Entry, &Tag) -> bool,
) -> Option<usize> {
    let own = proc::entry(std::process::id())?;
    let (mut count, mut quiet) = (0, 0);
    while Instant::now() < until {
        let (mut meant, mut is_unsure) = (Vec::new(), false);
        for entry in among() {
            if entry.is_zombie || entry.started < since || entry.pid == own.pid {
                continue;
            }
            let tag = entry.tag();
            // A process that has been like that for long has no environment at all.
            is_unsure |= tag == Tag::Unknown && entry.started + YOUNG > own.started.max(since);
            if is_meant(&entry, &tag) {
                meant.push(entry);
            }
        }
        quiet = if meant.is_empty() { quiet + 1 } else { 0 };
        if quiet > 0 && (!is_unsure || quiet >= LOOKS) {
            return Some(count);
        }
        let killed: Vec<_> = meant
            .iter()
            .filter_map(|entry| kill(entry, &is_meant))
            .collect();
        count += killed.len();
        // Their ends, or time for one more look.
        let mut ends: Vec<_> = killed
            .iter()
            .map(|killed| PollFd::new(killed, PollFlags::IN))
            .collect();
        let _ = poll(&mut ends, Some(&LOOK));
    }
    None
}

/// Kills one process, and never another that has its number by now.
fn kill(entry: &Entry, is_meant: impl Fn(&Entry, &Tag) -> bool) -> Option<OwnedFd> {
    let pid = Pid::from_raw(entry.pid.cast_signed())?;
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(process) => {
            // From here on it is this one or none. Is it the one that was meant?
            let again = proc::entry(entry.pid)?;
            if again.started == entry.started && is_meant(&again, &again.tag()) {
                let _ = pidfd_send_signal(&process, Signal::KILL);
            }
            Some(process)
        }
        // A kernel before 5.3.
        Err(Errno::NOSYS) => {
            let _ = kill_process(pid, Signal::KILL);
            None
        }
        Err(_) => None,
    }
}

/// Takes the status of orphans that have ended.
fn reap() {
    if !IS_REAPER.load(Ordering::Relaxed) {
        return;
    }
    // Held, so that no child is taken for an orphan before it is known.
    let children = CHILDREN.lock();
    for entry in orphans() {
        if entry.is_zombie && is_orphan(&entry, &children) {
            let _ = waitpid(Pid::from_raw(entry.pid.cast_signed()), WaitOptions::NOHANG);
        }
    }
}

/// Whether it was nobody's child and has come to us.
fn is_orphan(entry: &Entry, children: &BTreeMap<u32, Option<Arc<Cgroup>>>) -> bool {
    let is_ours = IS_REAPER.load(Ordering::Relaxed) && entry.parent == std::process::id();
    is_ours && !children.contains_key(&entry.pid)
}
