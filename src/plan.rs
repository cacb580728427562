//! Decides what happens at startup to jobs that were running when the server crashed, and when callbacks and the idle clock
//! are due. Pure: the engine builds the plan from the jobs in the store, then executes it.

use serde::Deserialize;

use std::time::Duration;

use crate::job::{Event, Failure, IdleMs, Job, State};

/// What to do with a job whose attempt was interrupted by a crash of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Restart {
    /// Run the job again.
    Requeue,
    /// Fail the job as `interrupted`: the operation has effects that must not happen twice.
    Fail,
}

/// The part of an operation's spec that recovery needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// What to do with an orphaned job.
    pub restart: Restart,
    /// How many interrupted attempts a job may have before it fails; at least 1.
    pub max_attempts: u32,
}

/// What the last attempt at a job has left in place, as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub enum InPlace {
    /// No output: the attempt did not come that far.
    Nothing,
    /// The output may be in place; to find out, the disk has to be searched.
    Unknown,
    /// The output is in place, and this event records it.
    Output(Event),
}

/// What recovery does with a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Recovery {
    /// Nothing: the job waits for a worker.
    Wait,
    /// Searches the disk for the output, then decides again. If `locks` is set, the job cannot be canceled meanwhile.
    FindOutput {
        /// Whether to record [`Event::FinalizeStarted`] first.
        locks: bool,
    },
    /// Records this event.
    Record(Event),
    /// Removes what the job's attempts left outside the database, then records this event. The row must outlive the
    /// leftovers, because only the row leads to them.
    Remove(Event),
}

/// Decides what to do with a job that had not ended at startup. `policy` is `None` if the operation no longer exists.
pub fn recover(job: &Job, policy: Option<Policy>, in_place: InPlace) -> Recovery {
    let is_queued = job.state == State::Queued;
    match in_place {
        // Clients and other programs may have seen the output, so the job ends with it.
        InPlace::Output(event) => return Recovery::Record(event),
        InPlace::Unknown if !is_queued => {
            return Recovery::FindOutput {
                locks: !job.cancel_requested,
            };
        }
        InPlace::Unknown | InPlace::Nothing => {}
    }
    // A cancel or delete request was committed before the crash and comes first.
    if job.cancel_requested || job.delete_requested {
        return Recovery::Remove(Event::AttemptCanceled);
    }
    // The client that waited for the job lost its connection when the server crashed.
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
    let interrupted = |message| Recovery::Remove(Event::Fail(Failure::new("interrupted", message)));
    if policy.restart == Restart::Fail {
        return interrupted(
            "The server stopped while the job ran, and the operation must not run twice."
                .to_owned(),
        );
    }
    if job.interrupted_attempts >= policy.max_attempts {
        return interrupted(format!(
            "The server crashed during {} attempts at this job, so the job is not tried again.",
            job.interrupted_attempts
        ));
    }
    Recovery::Record(Event::Requeue)
}

/// The failure of a job whose operation this server no longer offers.
pub fn unknown_operation(name: &str) -> Failure {
    Failure::new(
        "unknown_operation",
        format!("This server no longer has an operation named {name:?}."),
    )
}

/// The pause before the next delivery attempt after the `attempts`-th one failed; `None` if delivery is given up. The
/// schedule has one pause per failed attempt. `random` adds up to a fifth, so that callbacks do not come in bursts. The
/// receiver may have asked for a longer pause (`asked`).
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

/// When to store the idle clock and the job uses, if no other commit has stored them.
///
/// The clock is stored after one second, then after intervals that double up to a minute. A crash therefore loses at most
/// a minute of clock time, and at most a second plus half of the server's uptime. Uses are stored one second after the
/// first unstored use; under steady use this interval doubles as well. A use after a quiet minute is safe one second
/// later, and steady use costs one write per minute.
#[derive(Debug, Clone)]
pub struct ClockSchedule {
    clock_ms: i64,
    uses_ms: i64,
    /// When uses were last stored.
    uses_stored: IdleMs,
    /// When the first unstored use was noticed.
    used: Option<IdleMs>,
}

impl ClockSchedule {
    const SHORTEST_MS: i64 = 1000;
    const LONGEST_MS: i64 = 60_000;

    /// A schedule for a server that starts `now`.
    pub fn start(now: IdleMs) -> Self {
        Self {
            clock_ms: Self::SHORTEST_MS,
            uses_ms: Self::SHORTEST_MS,
            uses_stored: now,
            used: None,
        }
    }

    /// When to store next, if the clock was last stored at `stored`. `has_uses` says whether any uses are unstored.
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

    /// Notes that clock and uses were stored because of [`ClockSchedule::next`].
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
