//! What every program's metrics say of its process, under the names that they have everywhere.

use std::fmt::Error;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// When the first of this process's servers was made, in seconds since the Unix epoch.
static START: LazyLock<f64> = LazyLock::new(|| {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
});

/// Begins to count from now on how long the process is there.
pub(in crate::http) fn begin() {
    LazyLock::force(&START);
}

/// A number under its name, as far as this system tells it.
type Value = (
    &'static str,
    &'static str,
    Option<Unit>,
    MetricType,
    Option<f64>,
);

/// The process as it was looked at.
#[derive(Debug)]
pub(in crate::http) struct Process {
    /// Of memory.
    resident_bytes: Option<u64>,
    open_files: Option<u64>,
    most_files: Option<u64>,
    /// Of all its threads.
    processor_seconds: Option<f64>,
}

impl Process {
    /// Looks. Blocks for a moment.
    #[cfg(target_os = "linux")]
    pub(in crate::http) fn look() -> Self {
        use rustix::process::{Resource, getrlimit};
        let resident = field("/proc/self/statm", 1);
        let stat = std::fs::read_to_string("/proc/self/stat").ok();
        Self {
            resident_bytes: resident.map(|pages| pages * rustix::param::page_size() as u64),
            // One of them is open for the look.
            open_files: std::fs::read_dir("/proc/self/fd")
                .ok()
                .map(|files| files.count().saturating_sub(1) as u64),
            most_files: getrlimit(Resource::Nofile).current,
            processor_seconds: stat.as_deref().and_then(processor_seconds),
        }
    }

    /// Nothing is known here.
    #[cfg(not(target_os = "linux"))]
    pub(in crate::http) fn look() -> Self {
        Self {
            resident_bytes: None,
            open_files: None,
            most_files: None,
            processor_seconds: None,
        }
    }
}

#[cfg(target_os = "linux")]
fn field(path: &str, place: usize) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    text.split_ascii_whitespace().nth(place)?.parse().ok()
}

/// The user's and the system's time, fields 14 and 15 of proc(5)'s `stat`; the second may have spaces in it.
#[cfg(target_os = "linux")]
fn processor_seconds(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let ticks = ticks()? + ticks()?;
    Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        let number = |number: Option<u64>| number.map(|number| number as f64);
        let values: [Value; 5] = [
            (
                "process_start_time",
                "When the process was started, since the Unix epoch.",
                Some(Unit::Seconds),
                MetricType::Gauge,
                Some(*START),
            ),
            (
                "process_cpu",
                "What the processors have worked for the process.",
                Some(Unit::Seconds),
                MetricType::Counter,
                self.processor_seconds,
            ),
            (
                "process_resident_memory",
                "Memory that the process has.",
                Some(Unit::Bytes),
                MetricType::Gauge,
                number(self.resident_bytes),
            ),
            (
                "process_open_fds",
                "Files that the process has open.",
                None,
                MetricType::Gauge,
                number(self.open_files),
            ),
            (
                "process_max_fds",
                "Files that the process may have open.",
                None,
                MetricType::Gauge,
                number(self.most_files),
            ),
        ];
        for (name, help, unit, kind, value) in values {
            let Some(value) = value else { continue };
            let mut metric = encoder.encode_descriptor(name, help, unit.as_ref(), kind)?;
            match kind {
                MetricType::Counter => {
                    metric.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
                }
                _ => metric.encode_gauge(&value)?,
            }
        }
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_looked_at() {
        let process = Process::look();
        assert!(process.resident_bytes.is_some_and(|bytes| bytes > 1 << 20));
        assert!(process.open_files.is_some_and(|files| files > 0));
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let stat = "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 30 12 13";
        assert_eq!(processor_seconds(stat), Some(42.0 / ticks));
        assert_eq!(processor_seconds("7 (a) S 1"), None);
    }
}
