//! A pool of threads that are started when there is work, and end after an idle timeout.

use std::collections::VecDeque;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::vital::Vital;

/// The time after which an idle thread ends.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// The queue of work, and the number of idle threads.
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
    /// Hands work to an idle thread, or to a new one that runs `serve`, which must call [`Workers::serve`]. Does not
    /// block.
    ///
    /// # Errors
    /// An error if no thread can be started. The work then waits for a running thread.
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

    /// Runs queued work until there has been none for the idle timeout.
    pub(super) fn serve(&self, mut run: impl FnMut(T)) {
        loop {
            let mut waiting = self.waiting.lock();
            let until = Instant::now() + IDLE_TIMEOUT;
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
