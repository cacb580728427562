//! Threads that come when there is work and go when there has been none for a while.

use std::collections::VecDeque;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::vital::Vital;

/// How long a thread without work stays.
const PATIENCE: Duration = Duration::from_secs(10);

/// Work that waits for a thread, and threads that wait for work.
pub(super) struct Workers<T> {
    waiting: Mutex<Waiting<T>>,
    has_work: Condvar,
}

struct Waiting<T> {
    work: VecDeque<T>,
    idle_threads: usize,
}

impl<T> Default for Workers<T> {
    fn default() -> Self {
        let waiting = Waiting {
            work: VecDeque::new(),
            idle_threads: 0,
        };
        Self {
            waiting: Mutex::new(waiting),
            has_work: Condvar::new(),
        }
    }
}

impl<T> Workers<T> {
    /// Hands work to a thread that is idle, or to a new one, which is to call [`Workers::serve`]. Does not block.
    ///
    /// # Errors
    /// What the system says to a new thread; the work waits for one of the threads that there are then.
    pub(super) fn hand(
        &self,
        work: T,
        vital: &Vital,
        serve: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let mut waiting = self.waiting.lock();
        waiting.work.push_back(work);
        if waiting.idle_threads >= waiting.work.len() {
            self.has_work.notify_one();
            return Ok(());
        }
        drop(waiting);
        vital
            .thread("worker", thread::Builder::new(), serve)
            .map(drop)
    }

    /// Does what work there is, until there has been none for a while.
    pub(super) fn serve(&self, mut run: impl FnMut(T)) {
        loop {
            let mut waiting = self.waiting.lock();
            let until = Instant::now() + PATIENCE;
            waiting.idle_threads += 1;
            while waiting.work.is_empty()
                && !self.has_work.wait_until(&mut waiting, until).timed_out()
            {}
            waiting.idle_threads -= 1;
            let Some(work) = waiting.work.pop_front() else {
                return;
            };
            drop(waiting);
            run(work);
        }
    }
}
