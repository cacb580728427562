//! Finds and kills processes of commands that left their process group, and reaps orphans.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, kill_process, pidfd_open, pidfd_send_signal,
    set_child_subreaper, waitpid,
};

use super::super::children::{CHILDREN, Children};
use super::cgroup::{self, Cgroup};
use super::proc::{self, Entry};
use super::tag::{Tag, data_tag, server_of};

/// How long to keep killing processes that start new ones meanwhile.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// The interval between two scans for more processes.
const SCAN_INTERVAL: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};
/// The number of scans without a match while a process is executing `exec` and its tag is unknown.
const MAX_QUIET_SCANS: u32 = 5;
/// A process older than this, in clock ticks of 10 ms, is not about to finish `exec`.
const EXEC_TICKS: u64 = 1000;

/// Whether this process adopts orphans.
static IS_REAPER: AtomicBool = AtomicBool::new(false);

/// Makes this process adopt the orphans of commands, so that they can always be found and reaped. Only for a program that
/// has no other children.
pub(crate) fn become_reaper() {
    match set_child_subreaper(Some(rustix::process::getpid())) {
        Ok(()) => IS_REAPER.store(true, Ordering::Relaxed),
        Err(error) => {
            tracing::warn!(%error, "cannot adopt orphans of commands; another process does");
        }
    }
}

/// Whether a process group has a living member.
pub(in crate::operations::command::process) fn has_members(group: u32) -> bool {
    proc::entries().any(|entry| entry.group == group && !entry.is_zombie)
}

/// Kills all processes of the attempt with this tag and reaps orphans. The leading process must not have been waited for.
///
/// The control group, if any, contains all of them except processes that another program moved out, such as a daemon that
/// created a session for them. Those are orphans now and are found by their tag.
pub(in crate::operations::command::process) fn kill_strays(
    tag: &str,
    leader: u32,
    cgroup: Option<&Cgroup>,
) {
    let until = Instant::now() + KILL_TIMEOUT;
    // None of its descendants is older.
    let since = proc::entry(leader).map_or(0, |leader| leader.started);
    let is_stray = |entry: &Entry, found: &Tag| match found {
        Tag::Is(found) => found == tag,
        // A process without its tag counts if it is an adopted orphan and no other command runs.
        Tag::None | Tag::Unknown => {
            let children = CHILDREN.lock();
            children.len() <= 1 && is_orphan(entry, &children)
        }
    };
    let is_clear = cgroup.is_none_or(|cgroup| cgroup.clear(until));
    let candidates = if cgroup.is_some() {
        orphans
    } else {
        all_processes
    };
    if kill_all(since, until, candidates, is_stray).is_none() || !is_clear {
        tracing::error!("cannot kill all processes of a command");
    }
    reap();
}

/// Kills processes that earlier servers on this data folder left. The caller must hold the lock on the data folder.
pub(crate) fn kill_leftovers(data: &Path) {
    let Ok(data_tag) = data_tag(data) else {
        return;
    };
    let until = Instant::now() + KILL_TIMEOUT;
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
    match kill_all(0, until, all_processes, is_leftover) {
        Some(0) if attempts == 0 => {}
        Some(processes) => tracing::warn!(
            attempts,
            processes,
            "killed commands that an earlier server left running"
        ),
        None => tracing::error!("cannot kill all processes of an earlier server"),
    }
}

/// All processes.
fn all_processes() -> Vec<Entry> {
    proc::entries().collect()
}

/// Candidates for orphans of commands. The kernel makes them children of the main thread, which has no other children.
fn orphans() -> Vec<Entry> {
    let ours = IS_REAPER.load(Ordering::Relaxed).then(proc::children);
    ours.flatten().unwrap_or_else(all_processes)
}

/// Kills all matching processes started since `since`, including new ones. Returns their number; `None` if some are left.
fn kill_all(
    since: u64,
    until: Instant,
    candidates: fn() -> Vec<Entry>,
    is_meant: impl Fn(&Entry, &Tag) -> bool,
) -> Option<usize> {
    let own = proc::entry(std::process::id())?;
    let (mut count, mut quiet) = (0, 0);
    while Instant::now() < until {
        let (mut meant, mut is_unsure) = (Vec::new(), false);
        for entry in candidates() {
            if entry.is_zombie || entry.started < since || entry.pid == own.pid {
                continue;
            }
            let tag = entry.tag();
            // A process without an environment for a long time is not executing `exec`.
            is_unsure |= tag == Tag::Unknown && entry.started + EXEC_TICKS > own.started.max(since);
            if is_meant(&entry, &tag) {
                meant.push(entry);
            }
        }
        quiet = if meant.is_empty() { quiet + 1 } else { 0 };
        if quiet > 0 && (!is_unsure || quiet >= MAX_QUIET_SCANS) {
            return Some(count);
        }
        let killed: Vec<_> = meant
            .iter()
            .filter_map(|entry| kill(entry, &is_meant))
            .collect();
        count += killed.len();
        // Wait until the killed processes exit or it is time to scan again.
        let mut ends: Vec<_> = killed
            .iter()
            .map(|killed| PollFd::new(killed, PollFlags::IN))
            .collect();
        let _ = poll(&mut ends, Some(&SCAN_INTERVAL));
    }
    None
}

/// Kills one process, but never another one that has reused its pid.
fn kill(entry: &Entry, is_meant: impl Fn(&Entry, &Tag) -> bool) -> Option<OwnedFd> {
    let pid = Pid::from_raw(entry.pid.cast_signed())?;
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(process) => {
            // The descriptor refers to one process from here on. Check that it is the scanned one.
            let again = proc::entry(entry.pid)?;
            if again.started == entry.started && is_meant(&again, &again.tag()) {
                let _ = pidfd_send_signal(&process, Signal::KILL);
            }
            Some(process)
        }
        // Kernels before 5.3.
        Err(Errno::NOSYS) => {
            let _ = kill_process(pid, Signal::KILL);
            None
        }
        Err(_) => None,
    }
}

/// Reaps orphans that have exited.
fn reap() {
    if !IS_REAPER.load(Ordering::Relaxed) {
        return;
    }
    // Hold the lock so that a child that was just spawned is not taken for an orphan.
    let children = CHILDREN.lock();
    for entry in orphans() {
        if entry.is_zombie && is_orphan(&entry, &children) {
            let _ = waitpid(Pid::from_raw(entry.pid.cast_signed()), WaitOptions::NOHANG);
        }
    }
}

/// Whether a process is an orphan that this process has adopted.
fn is_orphan(entry: &Entry, children: &Children) -> bool {
    let is_ours = IS_REAPER.load(Ordering::Relaxed) && entry.parent == std::process::id();
    is_ours && !children.contains_key(&entry.pid)
}
