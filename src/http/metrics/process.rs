//! Metrics of the process, under the names that Prometheus client libraries use everywhere.

use std::fmt::Error;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// When the first server of this process was created, in seconds since the Unix epoch.
static START: LazyLock<f64> = LazyLock::new(|| {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
});

/// Sets the start time of the process to now, unless it is set already.
pub(crate) fn begin() {
    LazyLock::force(&START);
}

/// Name, help, unit, type and value of a metric; no value if the system does not provide it.
type Value = (
    &'static str,
    &'static str,
    Option<Unit>,
    MetricType,
    Option<f64>,
);

/// The values of the process at one moment.
#[derive(Debug)]
pub(crate) struct Process {
    /// The resident memory, in bytes.
    resident_bytes: Option<u64>,
    /// The number of open files.
    open_files: Option<u64>,
    /// The largest allowed number of open files.
    max_files: Option<u64>,
    /// The processor time of all threads, in seconds.
    processor_seconds: Option<f64>,
}

impl Process {
    /// Reads the values. Blocks briefly.
    #[cfg(target_os = "linux")]
    pub(crate) fn read() -> Self {
        use rustix::process::{Resource, getrlimit};
        let resident = field("/proc/self/statm", 1);
        let stat = std::fs::read_to_string("/proc/self/stat").ok();
        Self {
            resident_bytes: resident.map(|pages| pages * rustix::param::page_size() as u64),
            // One of them is the folder that is being read.
            open_files: std::fs::read_dir("/proc/self/fd")
                .ok()
                .map(|files| files.count().saturating_sub(1) as u64),
            max_files: getrlimit(Resource::Nofile).current,
            processor_seconds: stat.as_deref().and_then(processor_seconds),
        }
    }

    /// No values are available on this system.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn read() -> Self {
        Self {
            resident_bytes: None,
            open_files: None,
            max_files: None,
            processor_seconds: None,
        }
    }
}

#[cfg(target_os = "linux")]
fn field(path: &str, index: usize) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    text.split_ascii_whitespace().nth(index)?.parse().ok()
}

/// The sum of user and system time, fields 14 and 15 of `stat` in proc(5). Field 2 may contain spaces.
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
                "Start time of the process since the Unix epoch.",
                Some(Unit::Seconds),
                MetricType::Gauge,
                Some(*START),
            ),
            (
                "process_cpu",
                "Total user and system CPU time spent.",
                Some(Unit::Seconds),
                MetricType::Counter,
                self.processor_seconds,
            ),
            (
                "process_resident_memory",
                "Resident memory size.",
                Some(Unit::Bytes),
                MetricType::Gauge,
                number(self.resident_bytes),
            ),
            (
                "process_open_fds",
                "Number of open file descriptors.",
                None,
                MetricType::Gauge,
                number(self.open_files),
            ),
            (
                "process_max_fds",
                "Maximum number of open file descriptors.",
                None,
                MetricType::Gauge,
                number(self.max_files),
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
    fn process_values_are_read_from_proc() {
        let process = Process::read();
        assert!(process.resident_bytes.is_some_and(|bytes| bytes > 1 << 20));
        assert!(process.open_files.is_some_and(|files| files > 0));
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let stat = "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 30 12 13";
        assert_eq!(processor_seconds(stat), Some(42.0 / ticks));
        assert_eq!(processor_seconds("7 (a) S 1"), None);
    }
}
