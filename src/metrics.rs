//! Numbers that are counted while a server works and read whenever somebody asks. Pure: counting is an atomic addition,
//! nobody waits for anybody.
//!
//! Each part of the server has what it counts; what the numbers are called and how they are shown is the business of
//! whoever shows them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often something happened.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// It happened.
    pub(crate) fn count(&self) {
        self.add(1);
    }

    /// It happened so many times.
    pub(crate) fn add(&self, times: u64) {
        self.0.fetch_add(times, Ordering::Relaxed);
    }

    /// How often so far.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many there are of something now.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU64);

/// One of them, as long as it lives.
#[derive(Debug)]
pub(crate) struct GaugeGuard(Arc<Gauge>);

impl Gauge {
    /// One more.
    pub(crate) fn enter(self: &Arc<Self>) -> GaugeGuard {
        self.0.fetch_add(1, Ordering::Relaxed);
        GaugeGuard(Arc::clone(self))
    }

    /// How many there are.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How values are spread: how many are up to each of some bounds. Times are in microseconds.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for what is beyond the last.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// A histogram as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HistogramSnapshot {
    /// Each bound, and how many values are up to it but beyond the one before; none for what is beyond all.
    pub buckets: Vec<(Option<u64>, u64)>,
    /// All values together.
    pub sum: u64,
}

impl Histogram {
    /// With these bounds, which grow.
    pub(crate) fn new(bounds: &'static [u64]) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    /// There was such a value.
    pub(crate) fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Something took so long.
    pub(crate) fn observe_time(&self, time: Duration) {
        self.observe(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// How the values are spread.
    pub(crate) fn read(&self) -> HistogramSnapshot {
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        let counts = self.counts.iter().map(|n| n.load(Ordering::Relaxed));
        HistogramSnapshot {
            buckets: bounds.zip(counts).collect(),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_up_to_its_bound_and_beyond_the_one_before() {
        let histogram = Histogram::new(&[1, 10]);
        for value in [0, 1, 2, 10, 11, 1000] {
            histogram.observe(value);
        }
        histogram.observe_time(Duration::from_millis(1));
        let expected = HistogramSnapshot {
            buckets: vec![(Some(1), 2), (Some(10), 2), (None, 3)],
            sum: 2024,
        };
        assert_eq!(histogram.read(), expected);
    }

    #[test]
    fn a_level_falls_when_one_goes() {
        let level = Arc::<Gauge>::default();
        let (first, second) = (level.enter(), level.enter());
        drop(first);
        assert_eq!(level.get(), 1);
        drop(second);
        assert_eq!(level.get(), 0);
    }
}
