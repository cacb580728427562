//! A cache of rendered jobs, bounded by their size in bytes.
//!
//! Each job keeps its last rendered form, with its version and the base URL of the links in it. When all of them together
//! exceed the bound, the oldest are dropped. A form that was dropped is rendered again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;

use super::cached_job::CachedJob;
use super::rendered_slot::{Rendered, Weight};
use crate::job::Version;

/// Maximum size of all rendered jobs together, in bytes.
const RENDERED_BYTES: usize = 4 << 20;
/// Maximum size of one rendered job, in bytes; longer ones are not cached.
const ONE_BYTES: usize = RENDERED_BYTES / 2;
/// Number of entries from which on entries without a rendered form are removed now and then.
const STALE_ENTRIES: usize = 1024;

/// The total size, and the order in which rendered forms are dropped.
#[derive(Debug, Default)]
pub(super) struct RenderedCache {
    total: Arc<AtomicUsize>,
    order: Mutex<VecDeque<Weak<CachedJob>>>,
}

impl RenderedCache {
    /// Caches the rendered form of a job in place of the previous one, unless it is too long.
    pub(super) fn keep(
        &self,
        job: &Arc<CachedJob>,
        version: Version,
        variant: &str,
        bytes: &Bytes,
    ) {
        let weight = bytes.len() + variant.len();
        if weight > ONE_BYTES {
            return;
        }
        let weight = Weight::new(weight, &self.total);
        let rendered = Rendered::new(version, variant, bytes.clone(), weight);
        let before = job.rendered().replace(rendered);
        if before.is_none() {
            self.enter(job);
        }
        drop(before);
        while self.total.load(Ordering::Relaxed) > RENDERED_BYTES {
            let Some(first) = self.order.lock().pop_front() else {
                return;
            };
            if let Some(first) = first.upgrade() {
                first.rendered().clear();
            }
        }
    }

    fn enter(&self, job: &Arc<CachedJob>) {
        let mut order = self.order.lock();
        order.push_back(Arc::downgrade(job));
        // The capacity doubles with the number of entries, so this full pass is rare.
        if order.len() == order.capacity() && order.len() >= STALE_ENTRIES {
            order.retain(|entry| {
                let job = entry.upgrade();
                job.is_some_and(|job| !job.rendered().is_empty())
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::test_job::a_job;

    fn cached_job(seq: i64) -> Arc<CachedJob> {
        Arc::new(CachedJob::new(Arc::new(a_job(seq))))
    }

    #[test]
    fn rendered_jobs_are_bounded_by_their_bytes() {
        let cache = RenderedCache::default();
        let bytes = Bytes::from(vec![b' '; RENDERED_BYTES / 8]);
        let jobs: Vec<_> = (0..100).map(cached_job).collect();
        for job in &jobs {
            cache.keep(job, Version(1), "http://a", &bytes);
            assert!(cache.total.load(Ordering::Relaxed) <= RENDERED_BYTES);
        }
        let kept = |job: &Arc<CachedJob>| job.rendered().get(Version(1), "http://a").is_some();
        assert!(!kept(&jobs[0]) && kept(&jobs[99]));
        let too_long = Bytes::from(vec![b' '; ONE_BYTES + 1]);
        cache.keep(&jobs[0], Version(1), "http://a", &too_long);
        assert!(!kept(&jobs[0]));
        drop(jobs);
        assert_eq!(cache.total.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn another_base_url_replaces_the_cached_entry() {
        let cache = RenderedCache::default();
        let job = cached_job(1);
        for host in 0..10_000 {
            let base = format!("http://host-{host:05}");
            cache.keep(&job, Version(1), &base, &Bytes::from_static(b"{}"));
        }
        assert_eq!(
            cache.total.load(Ordering::Relaxed),
            2 + "http://host-00000".len()
        );
        assert_eq!(cache.order.lock().len(), 1);
        assert_eq!(job.rendered().get(Version(1), "http://host-00000"), None);
        assert!(
            job.rendered()
                .get(Version(1), "http://host-09999")
                .is_some()
        );
        assert_eq!(job.rendered().get(Version(2), "http://host-09999"), None);
    }

    #[test]
    fn deleted_jobs_leave_no_entries() {
        let cache = RenderedCache::default();
        for seq in 0..100_000 {
            cache.keep(
                &cached_job(seq),
                Version(1),
                "http://a",
                &Bytes::from_static(b"{}"),
            );
        }
        assert!(cache.order.lock().len() <= 4 * STALE_ENTRIES);
    }
}
