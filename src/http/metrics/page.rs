//! What the server's own numbers are called, and what they mean.

use std::collections::BTreeMap;
use std::fmt::Error;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::engine::{ActiveJobs, CommitMetrics, JobMetrics, StoreStats};
use crate::http::metrics::requests::Answers;
use crate::metrics::HistogramSnapshot;

/// Microseconds in a second.
const MICROS: f64 = 1e6;

/// Names and values of labels.
type Labels<'a> = &'a [(&'static str, &'a str)];

/// Everything, as it was read.
#[derive(Debug)]
pub(in crate::http) struct Page {
    /// Whether new jobs are taken on.
    pub(in crate::http) ready: bool,
    pub(in crate::http) tally: Arc<JobMetrics>,
    pub(in crate::http) active: BTreeMap<Arc<str>, ActiveJobs>,
    pub(in crate::http) commits: Arc<CommitMetrics>,
    pub(in crate::http) figures: Option<StoreStats>,
    pub(in crate::http) answers: Vec<Answers>,
    /// Connections so far.
    pub(in crate::http) accepted: u64,
    /// Connections now.
    pub(in crate::http) open: u64,
}

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), Error> {
        let mut sheet = Sheet(encoder);
        sheet.info(
            "build",
            "Which Cloakroom this is.",
            &[("version", env!("CARGO_PKG_VERSION"))],
        )?;
        sheet.gauge(
            (
                "ready",
                "Whether new jobs are taken on and every root can be used.",
                None,
            ),
            self.ready.into(),
        )?;
        self.jobs(&mut sheet)?;
        self.callbacks(&mut sheet)?;
        self.http(&mut sheet)?;
        self.store(&mut sheet)
    }
}

impl Page {
    fn jobs(&self, sheet: &mut Sheet<'_>) -> Result<(), Error> {
        let operations = &self.tally.operations;
        let submitted = ("jobs_submitted", "Jobs that were taken on.", None);
        sheet.family(submitted, MetricType::Counter, |family| {
            operations.iter().try_for_each(|(name, of)| {
                family.counter(&[("operation", name)], of.submitted.get())
            })
        })?;
        let ended = (
            "jobs_ended",
            "Jobs that have ended, those among them that were deleted before.",
            None,
        );
        sheet.family(ended, MetricType::Counter, |family| {
            for (name, of) in operations {
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
        sheet.family(active, MetricType::Gauge, |family| {
            for (name, active) in &self.active {
                for (status, jobs) in [("queued", active.queued), ("running", active.running)] {
                    family.gauge(&[("operation", name), ("status", status)], jobs)?;
                }
            }
            Ok(())
        })?;
        let waited = (
            "job_wait",
            "How long jobs waited for their first attempt.",
            Some(Unit::Seconds),
        );
        sheet.family(waited, MetricType::Histogram, |family| {
            operations.iter().try_for_each(|(name, of)| {
                family.histogram(&[("operation", name)], &of.waited.read(), MICROS)
            })
        })?;
        let worked = (
            "job_duration",
            "How long the attempts took that ended jobs.",
            Some(Unit::Seconds),
        );
        sheet.family(worked, MetricType::Histogram, |family| {
            operations.iter().try_for_each(|(name, of)| {
                family.histogram(&[("operation", name)], &of.worked.read(), MICROS)
            })
        })?;
        let expired = (
            "jobs_expired",
            "Ended jobs that were forgotten because nobody used them.",
            None,
        );
        sheet.counter(expired, self.tally.expired.get())?;
        let reading = ("downloads_open", "Results that are being read.", None);
        sheet.gauge(reading, self.tally.downloads.get())
    }

    fn callbacks(&self, sheet: &mut Sheet<'_>) -> Result<(), Error> {
        let tellings = &self.tally.tellings;
        let attempts = (
            "callback_attempts",
            "Callbacks that were sent: taken, to be sent again, or given up.",
            None,
        );
        sheet.family(attempts, MetricType::Counter, |family| {
            for (outcome, counter) in [
                ("delivered", &tellings.delivered),
                ("postponed", &tellings.postponed),
                ("failed", &tellings.failed),
            ] {
                family.counter(&[("outcome", outcome)], counter.get())?;
            }
            Ok(())
        })?;
        let Some(figures) = &self.figures else {
            return Ok(());
        };
        let pending = (
            "callbacks_pending",
            "Callbacks that are neither delivered nor given up.",
            None,
        );
        sheet.gauge(pending, figures.untold)
    }

    fn http(&self, sheet: &mut Sheet<'_>) -> Result<(), Error> {
        let answered = ("http_requests", "Requests that were answered.", None);
        sheet.family(answered, MetricType::Counter, |family| {
            self.answers.iter().try_for_each(|answers| {
                let labels = [
                    ("route", answers.route.as_str()),
                    ("method", answers.method),
                    ("code", answers.code),
                ];
                family.counter(&labels, answers.times)
            })
        })?;
        let accepted = ("http_connections", "Connections that were accepted.", None);
        sheet.counter(accepted, self.accepted)?;
        let open = ("http_connections_open", "Connections that are open.", None);
        sheet.gauge(open, self.open)
    }

    fn store(&self, sheet: &mut Sheet<'_>) -> Result<(), Error> {
        let time = (
            "commit_duration",
            "How long the disk took for commits of the database.",
            Some(Unit::Seconds),
        );
        sheet.family(time, MetricType::Histogram, |family| {
            family.histogram(&[], &self.commits.time.read(), MICROS)
        })?;
        let sharers = (
            "commit_commands",
            "How many commands and pieces of results shared a commit.",
            None,
        );
        sheet.family(sharers, MetricType::Histogram, |family| {
            family.histogram(&[], &self.commits.sharers.read(), 1.0)
        })?;
        let Some(figures) = &self.figures else {
            return Ok(());
        };
        for (name, help, bytes) in [
            ("database", "The database's file.", figures.database),
            ("database_wal", "Its write-ahead log.", figures.wal),
            (
                "database_free",
                "What of the database's file holds nothing.",
                figures.free_inside,
            ),
            (
                "disk_free",
                "What of the data's file system is free.",
                figures.free_outside,
            ),
            (
                "disk_reserve",
                "Jobs are refused while less than this is free on the data's file system.",
                figures.mark,
            ),
        ] {
            sheet.gauge((name, help, Some(Unit::Bytes)), bytes)?;
        }
        Ok(())
    }
}

/// A name without prefix, unit and `_total`; what it means; its unit.
type Title = (&'static str, &'static str, Option<Unit>);

/// What names and numbers are written on.
pub(in crate::http) struct Sheet<'a>(pub(in crate::http) DescriptorEncoder<'a>);

impl Sheet<'_> {
    pub(in crate::http) fn gauge(&mut self, title: Title, value: u64) -> Result<(), Error> {
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

    /// Numbers of one name with different labels.
    pub(in crate::http) fn family(
        &mut self,
        (name, help, unit): Title,
        kind: MetricType,
        write: impl FnOnce(&mut Family<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let encoder = self.0.encode_descriptor(name, help, unit.as_ref(), kind)?;
        write(&mut Family(encoder))
    }
}

/// Where numbers of one name go.
pub(in crate::http) struct Family<'a>(MetricEncoder<'a>);

impl Family<'_> {
    fn gauge(&mut self, labels: Labels<'_>, value: u64) -> Result<(), Error> {
        self.with(labels, |number| number.encode_gauge(&value))
    }

    fn counter(&mut self, labels: Labels<'_>, value: u64) -> Result<(), Error> {
        self.with(labels, |number| {
            number.encode_counter::<NoLabelSet, _, u64>(&value, None)
        })
    }

    /// `scale` of the histogram's own units are one of those that are shown.
    fn histogram(
        &mut self,
        labels: Labels<'_>,
        spread: &HistogramSnapshot,
        scale: f64,
    ) -> Result<(), Error> {
        let bound = |bound: Option<u64>| bound.map_or(f64::INFINITY, |bound| bound as f64 / scale);
        let buckets: Vec<_> = spread
            .buckets
            .iter()
            .map(|(upper, count)| (bound(*upper), *count))
            .collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = spread.sum as f64 / scale;
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
            // No braces either.
            write(&mut self.0)
        } else {
            write(&mut self.0.encode_family(&labels)?)
        }
    }
}
