//! What to do about jobs that were running when the server died. Pure: the engine makes the plan from
//! what the store found and then executes it.

use serde::Deserialize;

use std::time::Duration;

use crate::job::{Event, Failure, IdleMs, Job, State};

/// What an operation wants done with a job whose attempt was cut short by the server's death.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Restart {
    /// Run it again.
    Requeue,
    /// End it as `interrupted`: it has effects that must not happen twice.
    Fail,
}

/// The part of an operation's declaration that recovery asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// What to do with an orphan.
    pub restart: Restart,
    /// How many attempts at a job the server's death may cut short before the job fails; at least 1.
    pub max_attempts: u32,
}

/// What recovery does with a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Recovery {
    /// Nothing: it waits for its turn.
    Wait,
    /// Lets this happen to it.
    Record(Event),
    /// Removes what its attempts left outside the database, then lets this happen to it. The row must outlive what was
    /// left, which nobody would find without it.
    Remove(Event),
}

/// What to do with a job that had not ended at start-up, and whose work is not in its place. `policy` is none where the
/// operation is no longer there.
pub fn recover(job: &Job, policy: Option<Policy>) -> Recovery {
    let is_queued = job.state == State::Queued;
    // A request to stop or to forget was committed before the crash, and is honoured before anything else.
    if job.cancel_requested || job.delete_requested {
        return Recovery::Remove(Event::AttemptCanceled);
    }
    // The client that waited for it went with the server.
    if job.options.ephemeral {
        return if is_queued {
            Recovery::Record(Event::Delete)
        } else {
            Recovery::Remove(Event::Requeue)
        };
    }
    let Some(policy) = policy else {
        let fail = Event::Fail(unknown_operation(&job.operation));
        return if job.attempt == 0 {
            Recovery::Record(fail)
        } else {
            Recovery::Remove(fail)
        };
    };
    if is_queued {
        return Recovery::Wait;
    }
    judge_orphan(job, policy)
}

fn judge_orphan(orphan: &Job, policy: Policy) -> Recovery {
    if policy.restart == Restart::Fail {
        return Recovery::Remove(Event::Fail(Failure::new(
            "interrupted",
            "The server stopped while the job ran, and its operation does not allow a second run.",
        )));
    }
    if orphan.interrupted_attempts >= policy.max_attempts {
        return Recovery::Remove(Event::Fail(Failure::new(
            "interrupted",
            format!(
                "The server died during each of {} attempts at this job; it is not tried again.",
                orphan.interrupted_attempts
            ),
        )));
    }
    Recovery::Record(Event::Requeue)
}

/// The failure of a job whose operation this server does not offer (any more).
pub fn unknown_operation(name: &str) -> Failure {
    Failure::new(
        "unknown_operation",
        format!("This server has no operation named {name:?} any more."),
    )
}

/// How long to wait after the `attempts`-th attempt to tell of a job's end has failed, or that it is given up. The
/// schedule has a pause for each, up to a fifth longer as `random` has it, so that many do not come at once; whoever
/// is to be told may have asked for more.
pub fn next_callback_attempt(
    attempts: u32,
    schedule: &[Duration],
    asked: Option<Duration>,
    random: u32,
) -> Option<Duration> {
    let pause = schedule.get(attempts.saturating_sub(1) as usize)?;
    let jitter = pause.mul_f64(f64::from(random) / f64::from(u32::MAX) / 5.0);
    Some((*pause + jitter).max(asked.unwrap_or_default()))
}

/// When the idle clock is stored by itself, and with it which jobs were used, where no other commit has stored them.
///
/// The clock is stored after a second, then after twice as long each time, up to a minute: a crash loses no more of it
/// than half of the server's life and a second, nor more than a minute. Uses are stored a second after the first of
/// them, and while more of them come after twice as long each time: one that comes after a quiet minute is safe a second
/// later, and constant ones cost a write a minute.
#[derive(Debug, Clone)]
pub struct ClockSchedule {
    clock_ms: i64,
    uses_ms: i64,
    /// When uses were last stored.
    uses_stored: IdleMs,
    /// When the first use was noticed that is not stored.
    used: Option<IdleMs>,
}

impl ClockSchedule {
    const SHORTEST_MS: i64 = 1000;
    const LONGEST_MS: i64 = 60_000;

    /// For a server that starts.
    pub fn start(now: IdleMs) -> Self {
        Self {
            clock_ms: Self::SHORTEST_MS,
            uses_ms: Self::SHORTEST_MS,
            uses_stored: now,
            used: None,
        }
    }

    /// When to store, for a clock that was last `stored` then. `has_uses`: there are some that are not stored.
    pub fn next(&mut self, now: IdleMs, stored: IdleMs, has_uses: bool) -> IdleMs {
        let clock = IdleMs(stored.0 + self.clock_ms);
        if !has_uses {
            self.used = None;
            return clock;
        }
        let first_use = *self.used.get_or_insert(now);
        if first_use.0 - self.uses_stored.0 >= Self::LONGEST_MS {
            self.uses_ms = Self::SHORTEST_MS;
        }
        let wait = (first_use.0 + Self::SHORTEST_MS).max(self.uses_stored.0 + self.uses_ms);
        clock.min(IdleMs(wait))
    }

    /// Notes that both were stored at this time because [`ClockSchedule::next`] said so.
    pub fn has_stored(&mut self, now: IdleMs, stored_before: IdleMs) {
        if now.0 - stored_before.0 >= self.clock_ms {
            self.clock_ms = (2 * self.clock_ms).min(Self::LONGEST_MS);
        }
        if self.used.take().is_some() {
            self.uses_ms = (2 * self.uses_ms).min(Self::LONGEST_MS);
            self.uses_stored = now;
        }
    }
}
