//! Free disk space: the minimum below which no new data is accepted, and the ballast that is given up so that deleting still
//! works on a full disk. SQLite in WAL mode needs space even to delete.

use std::fs::{self, File};
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::StoreStats;
use crate::data_dir;

/// The default minimum of free space is the size of the file system divided by this.
const MIN_FREE_DIVISOR: u64 = 20;
/// Upper bound of the default minimum, in bytes.
const MAX_DEFAULT_MIN_FREE: u64 = 1 << 30;
/// The WAL is copied each time it has grown by the size of the file system divided by this, within the bounds in bytes.
const WAL_STEP_DIVISOR: u64 = 32;
const WAL_STEP_BYTES: RangeInclusive<u64> = 256 << 10..=4 << 20;
/// The ballast is the minimum divided by this, within the bounds in bytes. It has to hold the WAL of a few deletions.
const BALLAST_DIVISOR: u64 = 4;
const BALLAST_BYTES: RangeInclusive<u64> = 256 << 10..=8 << 20;

/// The file system of the data folder.
#[derive(Debug)]
pub(super) struct Disk {
    data: PathBuf,
    min_free: u64,
    quota: Option<u64>,
    ballast: PathBuf,
    ballast_bytes: u64,
    wal_step: u64,
    low: AtomicBool,
    /// Bytes in used pages of the database; kept only if there is a quota.
    used: AtomicU64,
    /// Bytes in the WAL: the database may have to grow by this much.
    wal: AtomicU64,
    /// Bytes in free pages of the database.
    free_inside: AtomicU64,
}

impl Disk {
    /// Measures the file system of `data` and creates the ballast. `min_free` is the number of bytes to keep free, `quota` the
    /// maximum size of the database's content in bytes.
    pub(super) fn new(data: &Path, min_free: Option<u64>, quota: Option<u64>) -> io::Result<Self> {
        let (_, total) = room(data)?;
        let min_free =
            min_free.unwrap_or_else(|| (total / MIN_FREE_DIVISOR).min(MAX_DEFAULT_MIN_FREE));
        let disk = Self {
            data: data.to_owned(),
            min_free,
            quota,
            ballast: data.join(data_dir::BALLAST),
            ballast_bytes: (min_free / BALLAST_DIVISOR)
                .clamp(*BALLAST_BYTES.start(), *BALLAST_BYTES.end()),
            wal_step: (total / WAL_STEP_DIVISOR)
                .clamp(*WAL_STEP_BYTES.start(), *WAL_STEP_BYTES.end()),
            low: AtomicBool::new(false),
            used: AtomicU64::new(0),
            wal: AtomicU64::new(0),
            free_inside: AtomicU64::new(0),
        };
        disk.measure();
        Ok(disk)
    }

    /// Whether new data may be stored, according to the last measurement.
    pub(super) fn has_room(&self) -> bool {
        let used = self.used.load(Ordering::Relaxed);
        if self.quota.is_some_and(|quota| used >= quota) {
            return false;
        }
        !self.is_low()
            || self.free_inside.load(Ordering::Relaxed) >= self.min_free.max(self.ballast_bytes)
    }

    /// Like [`Disk::has_room`], but measures first; for large data.
    pub(super) fn has_room_now(&self) -> bool {
        self.measure();
        self.has_room()
    }

    /// The WAL is copied each time it has grown by this many bytes.
    pub(super) fn wal_step(&self) -> u64 {
        self.wal_step
    }

    /// SQLite's shared memory file, through which the processes that use the database coordinate.
    pub(super) fn shared_memory(&self) -> PathBuf {
        self.data.join(data_dir::DATABASE_SHARED_MEMORY)
    }

    /// Notes the length of the WAL, in bytes.
    pub(super) fn set_wal(&self, bytes: u64) {
        self.wal.store(bytes, Ordering::Relaxed);
    }

    /// Whether less space is free than the minimum.
    pub(super) fn is_low(&self) -> bool {
        self.low.load(Ordering::Relaxed)
    }

    /// Notes the number of bytes in free pages of the database.
    pub(super) fn set_free_inside(&self, bytes: u64) {
        self.free_inside.store(bytes, Ordering::Relaxed);
    }

    /// Whether there is a quota, so that [`Disk::set_used`] is needed.
    pub(super) fn has_quota(&self) -> bool {
        self.quota.is_some()
    }

    /// Notes the number of bytes in used pages of the database.
    pub(super) fn set_used(&self, bytes: u64) {
        self.used.store(bytes, Ordering::Relaxed);
    }

    /// Measures the free space, and restores the ballast once there is room for it beyond the minimum.
    pub(super) fn measure(&self) {
        let Ok((free, _)) = room(&self.data) else {
            return;
        };
        let ballast = self.ballast_is_there();
        let missing = if ballast { 0 } else { self.ballast_bytes };
        let low = free < self.min_free + missing + self.wal.load(Ordering::Relaxed);
        if self.low.swap(low, Ordering::Relaxed) != low {
            if low {
                tracing::warn!(
                    free,
                    min_free = self.min_free,
                    "the disk is nearly full: no new data is accepted"
                );
            } else {
                tracing::info!(
                    free,
                    min_free = self.min_free,
                    "there is enough free disk space again"
                );
            }
        }
        if !low
            && !ballast
            && let Err(error) = self.put_ballast()
        {
            tracing::warn!(%error, "cannot create the ballast file");
            // An incomplete ballast is useless.
            let _ = fs::remove_file(&self.ballast);
        }
    }

    /// File sizes and free space; the caller adds the free space inside the database.
    pub(super) fn stats(&self) -> StoreStats {
        // Uses the path: opening and closing the file would release SQLite's own locks on it.
        let length = |name: &str| {
            let metadata = fs::metadata(self.data.join(name));
            metadata.map_or(0, |metadata| metadata.len())
        };
        StoreStats {
            database: length(data_dir::DATABASE),
            wal: length(data_dir::DATABASE_WAL),
            free_outside: room(&self.data).map_or(0, |(free, _)| free),
            min_free: self.min_free,
            ..StoreStats::default()
        }
    }

    /// Deletes the ballast; true if that freed space.
    pub(super) fn release(&self) -> bool {
        self.low.store(true, Ordering::Relaxed);
        let released = fs::remove_file(&self.ballast).is_ok();
        if released {
            tracing::warn!(
                bytes = self.ballast_bytes,
                "the disk is full: the ballast file was deleted to make room"
            );
        }
        released
    }

    fn ballast_is_there(&self) -> bool {
        fs::metadata(&self.ballast).is_ok_and(|metadata| metadata.len() == self.ballast_bytes)
    }

    /// Creates the ballast with allocated blocks: a sparse file would reserve no space.
    fn put_ballast(&self) -> io::Result<()> {
        let file = File::create(&self.ballast)?;
        #[cfg(target_os = "linux")]
        match rustix::fs::fallocate(
            &file,
            rustix::fs::FallocateFlags::empty(),
            0,
            self.ballast_bytes,
        ) {
            Err(rustix::io::Errno::OPNOTSUPP) => {}
            result => return Ok(result?),
        }
        write_zeros(&file, self.ballast_bytes)
    }
}

fn write_zeros(mut file: &File, bytes: u64) -> io::Result<()> {
    io::copy(&mut io::Read::take(io::repeat(0), bytes), &mut file).map(drop)
}

/// Bytes available to this process and total bytes of the file system of `path`.
fn room(path: &Path) -> io::Result<(u64, u64)> {
    #[cfg(unix)]
    {
        let system = rustix::fs::statvfs(path)?;
        Ok((
            system.f_bavail * system.f_frsize,
            system.f_blocks * system.f_frsize,
        ))
    }
    #[cfg(not(unix))]
    {
        // Without a measurement only the disk itself refuses data.
        let _ = path;
        Ok((u64::MAX / 2, 0))
    }
}
