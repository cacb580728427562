//! Finds other processes that read a database, as far as the system shows them.

use std::path::Path;

/// The byte range of the shared memory file that SQLite's readers lock.
#[cfg(target_os = "linux")]
const READ_LOCKS: std::ops::RangeInclusive<u64> = 123..=127;

/// The other processes that read from the write-ahead log with this shared memory file. Processes in other containers or on
/// other machines are not found.
#[cfg(target_os = "linux")]
pub(super) fn readers(shared_memory: &Path) -> Vec<u32> {
    use std::os::unix::fs::MetadataExt;

    // Uses the path: opening and closing the file would release SQLite's own locks.
    let Ok(found) = std::fs::metadata(shared_memory) else {
        return Vec::new();
    };
    let device = found.dev();
    let file = format!(
        "{:02x}:{:02x}:{}",
        rustix::fs::major(device),
        rustix::fs::minor(device),
        found.ino()
    );
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    parse(&locks, &file, std::process::id())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn readers(_: &Path) -> Vec<u32> {
    Vec::new()
}

/// The processes other than `own` that hold read locks on `file`, according to the text of `/proc/locks`.
#[cfg(target_os = "linux")]
fn parse(locks: &str, file: &str, own: u32) -> Vec<u32> {
    let mut processes: Vec<u32> = locks
        .lines()
        .filter_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            // Lines of processes that wait for a lock have an arrow before the type.
            let [_, "POSIX" | "OFDLCK", _, _, process, on, start, end] = fields[..] else {
                return None;
            };
            let (start, end) = (start.parse::<u64>().ok()?, end.parse().unwrap_or(u64::MAX));
            let reads = start <= *READ_LOCKS.end() && end >= *READ_LOCKS.start();
            let process = process.parse().ok()?;
            (on == file && reads && process != own).then_some(process)
        })
        .collect();
    processes.sort_unstable();
    processes.dedup();
    processes
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_other_readers_of_the_wal_are_listed() {
        let locks = "\
            1: POSIX  ADVISORY  READ 7 fe:01:99 123 124\n\
            2: POSIX  ADVISORY  READ 7 fe:01:99 128 128\n\
            2: -> POSIX  ADVISORY  WRITE 9 fe:01:99 124 124\n\
            3: POSIX  ADVISORY  READ 12 fe:01:99 124 124\n\
            4: POSIX  ADVISORY  READ 12 fe:01:99 126 126\n\
            5: POSIX  ADVISORY  READ 13 fe:01:99 128 128\n\
            6: POSIX  ADVISORY  WRITE 14 fe:01:98 120 0\n\
            7: FLOCK  ADVISORY  WRITE 15 fe:01:99 0 EOF\n\
            8: POSIX  ADVISORY  READ 11 fe:01:99 0 EOF\n";
        assert_eq!(parse(locks, "fe:01:99", 7), [11, 12]);
        for nothing in ["", "nonsense\n1: POSIX\n"] {
            assert!(parse(nothing, "fe:01:99", 7).is_empty());
        }
    }
}
