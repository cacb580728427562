//! The events that can happen to a job, and the function that decides on their effect.

use super::{
    CallbackDelivery, CallbackState, CallbackTrigger, Failure, IdleMs, Job, Outcome, Output,
    Progress, ResultLocation, State, Status, WallMs,
};

/// The readings of both clocks at the time of an event.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// The wall clock.
    pub wall: WallMs,
    /// The idle clock.
    pub idle: IdleMs,
    /// How long an ended job of this operation is kept without being used, in milliseconds.
    pub idle_timeout_ms: i64,
}

/// What can happen to a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A worker starts an attempt.
    Claim,
    /// The attempt begins to move its output into place: the job can no longer be canceled.
    FinalizeStarted,
    /// The attempt produced a result.
    Succeed(Output),
    /// The attempt failed.
    Fail(Failure),
    /// The attempt stopped because of a cancel request.
    AttemptCanceled,
    /// A client asks to cancel the job.
    Cancel,
    /// A client asks to delete the job.
    Delete,
    /// The server shuts down in order: the job is queued again, and the attempt does not count as interrupted.
    Drained,
    /// The server crashed during the attempt: the job is queued again, and the attempt counts as interrupted.
    Requeue,
    /// The result was downloaded completely and is not to be kept.
    ResultConsumed,
    /// The callback's receiver answered with success.
    CallbackDelivered,
    /// The callback could not be delivered.
    CallbackFailed {
        /// What went wrong.
        error: String,
        /// When to try again; `None` to give up.
        retry_at: Option<IdleMs>,
    },
}

/// The effect of an event on a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The job becomes this one.
    Save(Box<Job>),
    /// The job and its result are deleted.
    Forget,
    /// No effect: the job is already in the requested state.
    Nothing,
}

/// The event is not allowed in the job's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {} job does not accept this event", status.as_str())]
pub struct IllegalEvent {
    /// The state of the job.
    pub status: Status,
}

/// Decides what `event` does to `job`. A terminal state never changes; only [`Event::Delete`] removes the job.
///
/// # Errors
/// [`IllegalEvent`] if the event is not allowed in this state.
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
        // A job with a delete request goes once its attempt has ended in any way, or once earlier leftovers are removed.
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

        // The client that waited for the job lost its connection when the server stopped.
        (State::Running { .. }, Event::Drained | Event::Requeue) if job.options.ephemeral => {
            Ok(Change::Forget)
        }
        // A client that saw the cancel request accepted finds the job canceled, never with a result.
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
        // The output may be in place, so the job must not run again; the next start finds out.
        (State::Running { .. }, Event::Drained) if job.finalizing => Err(IllegalEvent {
            status: job.status(),
        }),
        // A job with a cancel or delete request is queued too, until the attempt's leftovers are removed.
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
        // An earlier attempt may have left something outside the database. The job ends once that is removed.
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

/// The job without its stored result. A result written to a file stays.
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

/// The job after a delivery attempt. When delivery is over, the job's idle time starts again.
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
