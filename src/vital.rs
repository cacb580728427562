//! Threads and tasks that the server cannot work without.
//!
//! After a panic in one of them the server would still accept requests but never answer them. The panic is therefore
//! reported as a failure of the whole server, whose process then ends; the next start recovers. All such threads and tasks
//! are spawned here.
//!
//! A panic inside an operation is different: it fails only its job.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::thread;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Spawns the vital threads and tasks of one server, and records their failure.
#[derive(Debug, Clone, Default)]
pub(crate) struct Vital {
    failure: Arc<watch::Sender<Option<String>>>,
}

impl Vital {
    /// Spawns a thread.
    ///
    /// # Errors
    /// The operating system cannot start another thread.
    pub(crate) fn thread(
        &self,
        name: &'static str,
        thread: thread::Builder,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<thread::JoinHandle<()>> {
        let vital = self.clone();
        thread.name(name.into()).spawn(move || {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
                vital.panicked(name, &*panic);
            }
        })
    }

    /// Spawns a task. Needs a tokio runtime.
    pub(crate) fn task(
        &self,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        let vital = self.clone();
        tokio::spawn(async move {
            if let Err(panic) = catch_panic(work).await {
                vital.panicked(name, &*panic);
            }
        })
    }

    /// Reports that the server cannot continue. The first reason is kept.
    pub(crate) fn fail(&self, reason: String) {
        self.failure.send_if_modified(|failure| {
            let is_first = failure.is_none();
            failure.get_or_insert(reason);
            is_first
        });
    }

    /// A channel that holds the reason once the server cannot continue.
    pub(crate) fn failure(&self) -> watch::Receiver<Option<String>> {
        self.failure.subscribe()
    }

    /// Whether the server cannot continue.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.borrow().is_some()
    }

    fn panicked(&self, name: &str, panic: &(dyn Any + Send)) {
        let message = panic_message(panic);
        let reason = format!("{name} panicked: {message}");
        tracing::error!("{reason}");
        self.fail(reason);
    }
}

/// The output of a future, or the payload of its panic.
pub(crate) async fn catch_panic<T>(
    work: impl Future<Output = T> + Send,
) -> Result<T, Box<dyn Any + Send>> {
    let mut work = Box::pin(work);
    std::future::poll_fn(move |context| {
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}

/// The message of a panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
