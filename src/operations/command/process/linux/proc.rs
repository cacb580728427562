//! Reads processes from `/proc` (`proc_pid_stat(5)`).

use std::fs::{self, File};
use std::io::Read;

use super::tag::{TAG, Tag};

/// The longest environment that is searched, in bytes; the default maximum of Linux.
const ENVIRONMENT_BYTES: u64 = 6 << 20;

/// The flag of kernel threads, which have no environment.
const PF_KTHREAD: u64 = 0x0020_0000;

/// A snapshot of a process.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) group: u32,
    /// The start time in clock ticks since boot. With the pid it identifies one process forever.
    pub(super) started: u64,
    /// Whether the process has exited but was not waited for.
    pub(super) is_zombie: bool,
    is_kernel: bool,
}

impl Entry {
    /// The tag that the process has inherited.
    pub(super) fn tag(&self) -> Tag {
        let mut environment = Vec::new();
        let read = File::open(format!("/proc/{}/environ", self.pid))
            .and_then(|file| file.take(ENVIRONMENT_BYTES).read_to_end(&mut environment));
        if let (Ok(0), false) = (&read, self.is_kernel) {
            return Tag::Unknown;
        }
        let value = |variable: &[u8]| {
            let value = variable.strip_prefix(TAG.as_bytes())?.strip_prefix(b"=")?;
            String::from_utf8(value.to_vec()).ok()
        };
        let tag = environment.split(|byte| *byte == 0).find_map(value);
        tag.map_or(Tag::None, Tag::Is)
    }
}

/// All processes.
pub(super) fn entries() -> impl Iterator<Item = Entry> {
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
    folders.filter_map(|folder| entry(folder.file_name().to_str()?.parse().ok()?))
}

/// The children of this process's main thread; `None` if the kernel does not list them.
pub(super) fn children() -> Option<Vec<Entry>> {
    let first = std::process::id();
    let pids = fs::read_to_string(format!("/proc/self/task/{first}/children")).ok()?;
    let pids = pids.split_whitespace();
    Some(pids.filter_map(|pid| entry(pid.parse().ok()?)).collect())
}

/// The process with this pid.
pub(super) fn entry(pid: u32) -> Option<Entry> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = String::from_utf8_lossy(stat.get(end + 2..)?);
    let fields: Vec<_> = rest.split(' ').collect();
    Some(Entry {
        pid,
        is_zombie: fields
            .first()
            .is_some_and(|state| matches!(*state, "Z" | "X")),
        is_kernel: fields.get(6)?.parse::<u64>().ok()? & PF_KTHREAD != 0,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}
