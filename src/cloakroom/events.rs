//! The changes of all jobs, as they happen.

use std::sync::Arc;

use crate::cloakroom::error::Error;
use crate::cloakroom::runtime::Runtime;
use crate::engine::{self, Caller, Engine, Forgotten, Subscriber};
use crate::job::{Job, JobId};

/// A change of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum JobEvent {
    /// The job is new or has changed; this is its current state. States in between may be left out, the last never is.
    Changed(Arc<Job>),
    /// The job was deleted or has expired.
    Deleted {
        /// The job's identifier.
        id: JobId,
        /// Its last state, if it was in memory.
        last: Option<Arc<Job>>,
    },
}

/// Why there are no more events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventsEnded {
    /// More than 10,000 jobs have changed since the last call of [`JobEvents::next`]. Subscribe again, then list the jobs.
    #[error("the program has fallen too far behind the events")]
    Lagged,
    /// The server is shutting down or has stopped.
    #[error("the server is stopped")]
    Stopped,
}

/// A subscription to the changes of all jobs; see [`Cloakroom::events`](crate::Cloakroom::events).
#[derive(Debug)]
pub struct JobEvents {
    subscriber: Arc<Subscriber>,
    engine: EngineRef,
    runtime: Runtime,
}

/// An engine, which has no `Debug` output.
struct EngineRef(Arc<Engine>);

impl std::fmt::Debug for EngineRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

impl JobEvents {
    pub(super) fn new(engine: &Arc<Engine>, runtime: &Runtime) -> Self {
        Self {
            subscriber: Arc::new(engine.subscribe(&Caller::Host)),
            engine: EngineRef(Arc::clone(engine)),
            runtime: runtime.clone(),
        }
    }

    /// Waits for the next change. No event is lost if this is dropped before it completes. Counts as no use of the job.
    ///
    /// # Errors
    /// [`EventsEnded::Lagged`] and [`EventsEnded::Stopped`]: there are no more events.
    pub async fn next(&mut self) -> Result<JobEvent, EventsEnded> {
        loop {
            let event = tokio::select! {
                biased;
                event = self.subscriber.next() => event.ok_or(EventsEnded::Lagged)?,
                () = self.engine.0.stopping() => return Err(EventsEnded::Stopped),
            };
            match event {
                engine::JobEvent::Forgotten(Forgotten { id, last, .. }) => {
                    return Ok(JobEvent::Deleted { id, last });
                }
                engine::JobEvent::Changed(seq) => {
                    let engine = Arc::clone(&self.engine.0);
                    let work = async move { engine.peek(&Caller::Host, seq).await };
                    match self.runtime.run(work).await {
                        Ok(Some(view)) => return Ok(JobEvent::Changed(view.job)),
                        // The job was deleted meanwhile: an event says so.
                        Ok(None) => {}
                        Err(Error::Stopped | _) => return Err(EventsEnded::Stopped),
                    }
                }
            }
        }
    }
}
