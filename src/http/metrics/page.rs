//! Names, types and help texts of the server's own metrics.

use std::collections::BTreeMap;
use std::fmt::Error;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::engine::{ActiveJobs, CommitMetrics, JobMetrics, StoreStats};
use crate::http::metrics::requests::RequestCount;
use crate::metrics::HistogramSnapshot;

/// The number of microseconds in a second.
const MICROS_PER_SECOND: f64 = 1e6;

/// The names and values of labels.
type Labels<'a> = &'a [(&'static str, &'a str)];

/// All values at one moment.
#[derive(Debug)]
pub(crate) struct Page {
    /// Whether the server accepts new jobs.
    pub(crate) ready: bool,
    pub(crate) jobs: Arc<JobMetrics>,
    pub(crate) active: BTreeMap<Arc<str>, ActiveJobs>,
    pub(crate) commits: Arc<CommitMetrics>,
    pub(crate) store: Option<StoreStats>,
    pub(crate) requests: Vec<RequestCount>,
    /// The number of connections accepted so far.
    pub(crate) accepted: u64,
    /// The number of open connections.
    pub(crate) open: u64,
}

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), Error> {
        let mut writer = MetricWriter(encoder);
        writer.info(
            "build",
            "The version of Cloakroom.",
            &[("version", env!("CARGO_PKG_VERSION"))],
        )?;
        writer.gauge(
            (
                "ready",
                "Whether new jobs are accepted and every root is usable.",
                None,
            ),
            self.ready.into(),
        )?;
        self.jobs(&mut writer)?;
        self.callbacks(&mut writer)?;
        self.http(&mut writer)?;
        self.store(&mut writer)
    }
}

impl Page {
    fn jobs(&self, writer: &mut MetricWriter<'_>) -> Result<(), Error> {
        let operations = self.jobs.operations();
        let submitted = ("jobs_submitted", "Jobs accepted.", None);
        writer.family(submitted, MetricType::Counter, |family| {
            operations.iter().try_for_each(|(name, of)| {
                family.counter(&[("operation", name)], of.submitted.get())
            })
        })?;
        let ended = (
            "jobs_ended",
            "Jobs that have ended, including jobs deleted before their end.",
            None,
        );
        writer.family(ended, MetricType::Counter, |family| {
            for (name, of) in &operations {
                for (status, counter) in [
                    ("succeeded", &of.succeeded),
                    ("failed", &of.failed),
                    ("canceled", &of.canceled),
                    ("deleted", &of.deleted),
                ] {
                    family.counter(&[("operation", name), ("status", status)], counter.get())?;
                }
            }
            Ok(())
        })?;
        let active = ("jobs_active", "Jobs that have not ended.", None);
        writer.family(active, MetricType::Gauge, |family| {
            for (name, active) in &self.active {
                for (status, jobs) in [("queued", active.queued), ("running", active.running)] {
                    family.gauge(&[("operation", name), ("status", status)], jobs)?;
                }
            }
            Ok(())
        })?;
        let wait = (
            "job_wait",
            "Time from submission to the first attempt.",
            Some(Unit::Seconds),
        );
        writer.family(wait, MetricType::Histogram, |family| {
            operations.iter().try_for_each(|(name, of)| {
                family.histogram(&[("operation", name)], &of.waited.read(), MICROS_PER_SECOND)
            })
        })?;
        let duration = (
            "job_duration",
            "Duration of the attempt that ended the job.",
            Some(Unit::Seconds),
        );
        writer.family(duration, MetricType::Histogram, |family| {
            operations.iter().try_for_each(|(name, of)| {
                family.histogram(&[("operation", name)], &of.worked.read(), MICROS_PER_SECOND)
            })
        })?;
        let expired = (
            "jobs_expired",
            "Ended jobs deleted because they had been idle for too long.",
            None,
        );
        writer.counter(expired, self.jobs.expired.get())?;
        let downloads = ("downloads_open", "Downloads of results in progress.", None);
        writer.gauge(downloads, self.jobs.downloads.get())
    }

    fn callbacks(&self, writer: &mut MetricWriter<'_>) -> Result<(), Error> {
        let callbacks = &self.jobs.callbacks;
        let attempts = (
            "callback_attempts",
            "Callback attempts: delivered, to be retried, or failed for good.",
            None,
        );
        writer.family(attempts, MetricType::Counter, |family| {
            for (outcome, counter) in [
                ("delivered", &callbacks.delivered),
                ("postponed", &callbacks.postponed),
                ("failed", &callbacks.failed),
            ] {
                family.counter(&[("outcome", outcome)], counter.get())?;
            }
            Ok(())
        })?;
        let Some(stats) = &self.store else {
            return Ok(());
        };
        let pending = (
            "callbacks_pending",
            "Callbacks that are neither delivered nor failed for good.",
            None,
        );
        writer.gauge(pending, stats.pending_callbacks)
    }

    fn http(&self, writer: &mut MetricWriter<'_>) -> Result<(), Error> {
        let answered = ("http_requests", "Requests answered.", None);
        writer.family(answered, MetricType::Counter, |family| {
            self.requests.iter().try_for_each(|count| {
                let labels = [
                    ("route", count.route.as_str()),
                    ("method", count.method),
                    ("code", count.code),
                ];
                family.counter(&labels, count.requests)
            })
        })?;
        let accepted = ("http_connections", "Connections accepted.", None);
        writer.counter(accepted, self.accepted)?;
        let open = ("http_connections_open", "Open connections.", None);
        writer.gauge(open, self.open)
    }

    fn store(&self, writer: &mut MetricWriter<'_>) -> Result<(), Error> {
        let time = (
            "commit_duration",
            "Duration of commits to the database.",
            Some(Unit::Seconds),
        );
        writer.family(time, MetricType::Histogram, |family| {
            family.histogram(&[], &self.commits.time.read(), MICROS_PER_SECOND)
        })?;
        let commands = (
            "commit_commands",
            "Commands and chunks of results per commit.",
            None,
        );
        writer.family(commands, MetricType::Histogram, |family| {
            family.histogram(&[], &self.commits.sharers.read(), 1.0)
        })?;
        let Some(stats) = &self.store else {
            return Ok(());
        };
        for (name, help, bytes) in [
            ("database", "Size of the database file.", stats.database),
            ("database_wal", "Size of the write-ahead log.", stats.wal),
            (
                "database_free",
                "Unused space inside the database file.",
                stats.free_inside,
            ),
            (
                "disk_free",
                "Free space on the file system of the data folder.",
                stats.free_outside,
            ),
            (
                "disk_reserve",
                "Free space on the file system of the data folder below which jobs are rejected.",
                stats.min_free,
            ),
        ] {
            writer.gauge((name, help, Some(Unit::Bytes)), bytes)?;
        }
        Ok(())
    }
}

/// The name without prefix, unit and `_total`, the help text, and the unit.
type Title = (&'static str, &'static str, Option<Unit>);

/// Writes metrics to an encoder.
pub(crate) struct MetricWriter<'a>(pub(in crate::http) DescriptorEncoder<'a>);

impl MetricWriter<'_> {
    pub(crate) fn gauge(&mut self, title: Title, value: u64) -> Result<(), Error> {
        self.family(title, MetricType::Gauge, |family| family.gauge(&[], value))
    }

    fn counter(&mut self, title: Title, value: u64) -> Result<(), Error> {
        self.family(title, MetricType::Counter, |family| {
            family.counter(&[], value)
        })
    }

    fn info(&mut self, name: &str, help: &str, labels: Labels<'_>) -> Result<(), Error> {
        self.0
            .encode_descriptor(name, help, None, MetricType::Info)?
            .encode_info(&labels)
    }

    /// Writes the values of one metric with different labels.
    pub(crate) fn family(
        &mut self,
        (name, help, unit): Title,
        kind: MetricType,
        write: impl FnOnce(&mut Family<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let encoder = self.0.encode_descriptor(name, help, unit.as_ref(), kind)?;
        write(&mut Family(encoder))
    }
}

/// Writes the values of one metric.
pub(crate) struct Family<'a>(MetricEncoder<'a>);

impl Family<'_> {
    fn gauge(&mut self, labels: Labels<'_>, value: u64) -> Result<(), Error> {
        self.with(labels, |number| number.encode_gauge(&value))
    }

    fn counter(&mut self, labels: Labels<'_>, value: u64) -> Result<(), Error> {
        self.with(labels, |number| {
            number.encode_counter::<NoLabelSet, _, u64>(&value, None)
        })
    }

    /// Writes a histogram, dividing its values by `scale`.
    fn histogram(
        &mut self,
        labels: Labels<'_>,
        histogram: &HistogramSnapshot,
        scale: f64,
    ) -> Result<(), Error> {
        let bound = |bound: Option<u64>| bound.map_or(f64::INFINITY, |bound| bound as f64 / scale);
        let buckets: Vec<_> = histogram
            .buckets
            .iter()
            .map(|(upper, count)| (bound(*upper), *count))
            .collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = histogram.sum as f64 / scale;
        self.with(labels, |number| {
            number.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
        })
    }

    fn with(
        &mut self,
        labels: Labels<'_>,
        write: impl FnOnce(&mut MetricEncoder<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if labels.is_empty() {
            // Without labels there are no braces either.
            write(&mut self.0)
        } else {
            write(&mut self.0.encode_family(&labels)?)
        }
    }
}
