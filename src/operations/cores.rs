//! Permits for the machine's cores, shared by all jobs. An operation that computes on threads of its own takes a permit
//! for each, so that all jobs together use no more threads than there are cores. Threads that answer requests take no
//! permits.

use std::thread;

use parking_lot::{Condvar, Mutex};

/// A set of permits, one for each core, shared by all jobs.
#[derive(Debug)]
pub struct Cores {
    count: usize,
    free: Mutex<usize>,
    freed: Condvar,
}

/// Permission to keep one core busy, released on drop. Hold it for milliseconds only, and never while waiting.
#[derive(Debug)]
pub struct Permit<'a>(&'a Cores);

impl Default for Cores {
    fn default() -> Self {
        Self::new(thread::available_parallelism().map_or(1, usize::from))
    }
}

impl Cores {
    /// Creates a set of `count` permits.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            count,
            free: Mutex::new(count),
            freed: Condvar::new(),
        }
    }

    /// The number of permits. A job gains nothing from more threads than this.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Waits until a core is free and takes its permit.
    pub fn acquire(&self) -> Permit<'_> {
        let mut free = self.free.lock();
        self.freed.wait_while(&mut free, |free| *free == 0);
        *free -= 1;
        Permit(self)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.0.free.lock() += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn concurrent_work_never_exceeds_the_permits() {
        let cores = Cores::new(2);
        let busy = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let _permit = cores.acquire();
                        let now = busy.fetch_add(1, Ordering::SeqCst) + 1;
                        assert!(now <= 2, "{now} at once");
                        busy.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(*cores.free.lock(), 2);
    }
}
