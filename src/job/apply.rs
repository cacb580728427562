//! What may happen to a job, and the one function that decides.

use super::{
    CallbackDelivery, CallbackState, CallbackTrigger, Failure, IdleMs, Job, Outcome, Output,
    Progress, ResultLocation, State, Status, WallMs,
};

/// Both clocks at the moment of an event.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// The wall clock.
    pub wall: WallMs,
    /// The idle clock.
    pub idle: IdleMs,
    /// How long a job of this operation stays untouched before it is forgotten, in milliseconds.
    pub idle_timeout_ms: i64,
}

/// What can happen to a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A worker takes it.
    Claim,
    /// The attempt puts what it made into its place: from here on it is too late to cancel.
    FinalizeStarted,
    /// The attempt made a result.
    Succeed(Output),
    /// The attempt failed.
    Fail(Failure),
    /// The attempt stopped because it was asked to.
    AttemptCanceled,
    /// Somebody asks to stop it.
    Cancel,
    /// Somebody asks to forget it.
    Delete,
    /// The server stops in order: back to the queue, and the strike is given back.
    Drained,
    /// The server had died meanwhile: back to the queue, and the strike counts.
    Requeue,
    /// The result was downloaded whole, and is not to be kept.
    ResultConsumed,
    /// Whoever was to be told of the end has said so.
    CallbackDelivered,
    /// Nobody could be told, for this reason.
    CallbackFailed {
        /// Why.
        error: String,
        /// When to try again, or never.
        retry_at: Option<IdleMs>,
    },
}

/// What an event does to a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It becomes this.
    Save(Box<Job>),
    /// It and its result go.
    Forget,
    /// It is as the event wants it already.
    Nothing,
}

/// The event cannot happen to a job in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {} job does not take this event", status.as_str())]
pub struct IllegalEvent {
    /// The state that refused.
    pub status: Status,
}

/// Decides what `event` does to `job`. A terminal state never changes; only [`Event::Delete`] ends one.
///
/// # Errors
/// [`IllegalEvent`] where the event has no meaning in this state.
pub fn apply(job: &Job, event: Event, now: Now) -> Result<Change, IllegalEvent> {
    let end = |started, outcome| {
        let mut job = next(job);
        if matches!(outcome, Outcome::Succeeded(_)) {
            job.progress.percent = Some(100.0);
        }
        job.callback = job.options.callback.as_ref().map(|callback| {
            let wanted = callback.trigger == CallbackTrigger::Terminal
                || matches!(outcome, Outcome::Succeeded(_));
            CallbackDelivery {
                state: if wanted {
                    CallbackState::Pending { due: now.idle }
                } else {
                    CallbackState::Skipped
                },
                attempts: 0,
                last_error: None,
            }
        });
        job.finalizing = false;
        job.state = State::Ended {
            started,
            finished: now.wall,
            expires: WallMs(now.wall.0.saturating_add(now.idle_timeout_ms)),
            due: IdleMs(now.idle.0.saturating_add(now.idle_timeout_ms)),
            outcome,
        };
        Ok(Change::Save(Box::new(job)))
    };
    match (&job.state, event) {
        (State::Queued, Event::Claim) if !job.cancel_requested => {
            let mut job = next(job);
            job.attempt += 1;
            job.interrupted_attempts += 1;
            job.progress = Progress::default();
            job.finalizing = false;
            job.state = State::Running { started: now.wall };
            Ok(Change::Save(Box::new(job)))
        }
        (State::Queued, Event::Cancel) if job.attempt == 0 => end(None, Outcome::Canceled),
        // A deleted job goes once its attempt is over, however it ended, or once what earlier attempts left is removed.
        (State::Running { .. }, Event::Succeed(_) | Event::Fail(_) | Event::AttemptCanceled)
        | (State::Queued, Event::Fail(_) | Event::AttemptCanceled)
            if job.delete_requested =>
        {
            Ok(Change::Forget)
        }
        (State::Queued, Event::Fail(failure)) => end(None, Outcome::Failed(failure)),
        (State::Queued, Event::AttemptCanceled) if job.cancel_requested => {
            end(None, Outcome::Canceled)
        }

        // Whoever waited for it went with the server.
        (State::Running { .. }, Event::Drained | Event::Requeue) if job.options.ephemeral => {
            Ok(Change::Forget)
        }
        // Whoever was told that the job is stopping finds it canceled, never with a result after all.
        (State::Running { started }, Event::Succeed(_) | Event::AttemptCanceled)
            if job.cancel_requested =>
        {
            end(Some(*started), Outcome::Canceled)
        }
        (State::Running { started }, Event::Succeed(output)) => {
            end(Some(*started), Outcome::Succeeded(output))
        }
        (State::Running { started }, Event::Fail(failure)) => {
            end(Some(*started), Outcome::Failed(failure))
        }
        // Its work may be in its place, so it must not run again: the next start finds out.
        (State::Running { .. }, Event::Drained) if job.finalizing => Err(IllegalEvent {
            status: job.status(),
        }),
        // One that was canceled or deleted waits too, not for a worker: until what the attempt left is removed.
        (State::Running { .. }, Event::Drained) => Ok(Change::Save(Box::new(requeued(job, 1)))),
        (State::Running { .. }, Event::Requeue) => Ok(Change::Save(Box::new(requeued(job, 0)))),
        (State::Running { .. }, Event::FinalizeStarted) if !job.cancel_requested => {
            let mut job = next(job);
            job.finalizing = true;
            Ok(Change::Save(Box::new(job)))
        }
        (State::Queued | State::Running { .. }, Event::Cancel) if job.cancel_requested => {
            Ok(Change::Nothing)
        }
        (State::Running { .. }, Event::Cancel) if job.finalizing => Err(IllegalEvent {
            status: job.status(),
        }),
        // A job that was tried before may have left something outside the database. It ends once that is removed.
        (State::Queued | State::Running { .. }, Event::Cancel) => {
            let mut job = next(job);
            job.cancel_requested = true;
            Ok(Change::Save(Box::new(job)))
        }
        (State::Queued, Event::Delete) if job.attempt == 0 => Ok(Change::Forget),
        (State::Ended { .. }, Event::Delete) => Ok(Change::Forget),
        (State::Queued | State::Running { .. }, Event::Delete) if job.delete_requested => {
            Ok(Change::Nothing)
        }
        (State::Queued | State::Running { .. }, Event::Delete) => {
            let mut job = next(job);
            job.cancel_requested = true;
            job.delete_requested = true;
            Ok(Change::Save(Box::new(job)))
        }

        (
            State::Ended {
                outcome: Outcome::Canceled,
                ..
            },
            Event::Cancel,
        ) => Ok(Change::Nothing),
        (State::Ended { .. }, Event::ResultConsumed) if !job.options.keep => Ok(consumed(job)),
        (
            State::Ended { .. },
            event @ (Event::CallbackDelivered | Event::CallbackFailed { .. }),
        ) if job.callback_due().is_some() => Ok(callback_attempted(job, event, now)),
        _ => Err(IllegalEvent {
            status: job.status(),
        }),
    }
}

fn next(job: &Job) -> Job {
    Job {
        version: job.version.next(),
        ..job.clone()
    }
}

fn requeued(job: &Job, forgiven: u32) -> Job {
    let mut job = next(job);
    job.interrupted_attempts = job.interrupted_attempts.saturating_sub(forgiven);
    job.progress = Progress::default();
    job.finalizing = false;
    job.state = State::Queued;
    job
}

/// The job without its bytes. What was written to a file stays the file.
fn consumed(job: &Job) -> Change {
    let mut job = next(job);
    if let State::Ended {
        outcome: Outcome::Succeeded(output),
        ..
    } = &mut job.state
        && output.blob().is_some()
    {
        output.location = ResultLocation::Consumed;
        return Change::Save(Box::new(job));
    }
    Change::Nothing
}

/// The job after an attempt to tell of its end. Once that is over its idle time begins anew.
fn callback_attempted(job: &Job, event: Event, now: Now) -> Change {
    let mut job = next(job);
    let Some(delivery) = &mut job.callback else {
        return Change::Nothing;
    };
    delivery.attempts += 1;
    (delivery.state, delivery.last_error) = match event {
        Event::CallbackFailed {
            error,
            retry_at: again,
        } => (
            again.map_or(CallbackState::Failed, |due| CallbackState::Pending { due }),
            Some(error),
        ),
        _ => (CallbackState::Delivered, None),
    };
    if delivery.due().is_none()
        && let State::Ended { due, .. } = &mut job.state
    {
        *due = IdleMs(now.idle.0.saturating_add(now.idle_timeout_ms)).max(*due);
    }
    Change::Save(Box::new(job))
}
