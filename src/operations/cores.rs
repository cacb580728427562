//! The machine's cores, shared by all jobs: whatever computes on threads of its own takes a permit first, so that
//! many jobs at once compute no more in parallel than there are cores. The threads that answer requests take none.

use std::thread;

use parking_lot::{Condvar, Mutex};

/// As many permits as there are cores.
#[derive(Debug)]
pub struct Cores {
    count: usize,
    free: Mutex<usize>,
    freed: Condvar,
}

/// The right to keep one core busy, until it is dropped. Hold it for milliseconds, and never while waiting.
#[derive(Debug)]
pub struct Permit<'a>(&'a Cores);

impl Default for Cores {
    fn default() -> Self {
        Self::new(thread::available_parallelism().map_or(1, usize::from))
    }
}

impl Cores {
    /// That many permits.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            count,
            free: Mutex::new(count),
            freed: Condvar::new(),
        }
    }

    /// How many permits there are: more threads than these are of no use to one job.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Waits until a core is free.
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
    fn no_more_work_at_once_than_there_are_permits() {
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
