//! The decisions of recovery, without a server.

use cloakroom::job::{
    Event, Failure, Job, JobId, JobOptions, Params, Progress, Seq, State, Version, WallMs,
};
use cloakroom::plan::{InPlace, Policy, Recovery, Restart, recover};

/// A job that was running when the server crashed, after this many interrupted attempts.
fn orphan(interrupted_attempts: u32) -> Job {
    Job {
        seq: Seq(1),
        id: JobId::new(WallMs(1), Seq(1), 1),
        token: None,
        operation: "zip".into(),
        params: Params::Inline("{}".into()),
        uploads: std::sync::Arc::new([]),
        options: std::sync::Arc::default(),
        callback: None,
        log: None,
        finalizing: false,
        attempt: interrupted_attempts,
        interrupted_attempts,
        version: Version::default(),
        cancel_requested: false,
        delete_requested: false,
        created: WallMs(1),
        state: State::Running { started: WallMs(1) },
        progress: Progress::default(),
    }
}

/// A decision in short: the recorded event or failure code, after a `+` if leftovers are removed first.
fn code(recovery: Recovery) -> String {
    let code = |event| match event {
        Event::Fail(failure) => failure.code,
        other => format!("{other:?}"),
    };
    match recovery {
        Recovery::Wait => "wait".into(),
        Recovery::FindOutput { locks: true } => "find, locked".into(),
        Recovery::FindOutput { locks: false } => "find".into(),
        Recovery::Record(event) => code(event),
        Recovery::Remove(event) => format!("+{}", code(event)),
    }
}

#[test]
fn recovery_follows_the_table() {
    let policy = |restart| {
        Some(Policy {
            restart,
            max_attempts: 3,
        })
    };
    let (requeue, fail, gone) = (policy(Restart::Requeue), policy(Restart::Fail), None);
    let queued = |attempts| Job {
        attempt: attempts,
        state: State::Queued,
        ..orphan(attempts)
    };
    let canceled = |job| Job {
        cancel_requested: true,
        ..job
    };
    let deleted = |job| Job {
        cancel_requested: true,
        delete_requested: true,
        ..job
    };
    let ephemeral = |job| Job {
        options: std::sync::Arc::new(JobOptions {
            ephemeral: true,
            ..JobOptions::default()
        }),
        ..job
    };
    let nothing = || InPlace::Nothing;
    let unknown = || InPlace::Unknown;
    let output = || InPlace::Output(Event::Fail(Failure::new("found", "The output is there.")));
    let check = |job: &Job, policy, in_place: InPlace, expected: &str| {
        let row = format!("{policy:?}, {in_place:?}, {job:?}");
        assert_eq!(code(recover(job, policy, in_place)), expected, "{row}");
    };
    // A job that waited goes on waiting, unless its operation or its client is gone.
    check(&queued(0), requeue, nothing(), "wait");
    check(&queued(3), fail, nothing(), "wait");
    check(&queued(3), requeue, unknown(), "wait");
    check(&queued(0), gone, nothing(), "unknown_operation");
    check(&queued(1), gone, nothing(), "+unknown_operation");
    check(&ephemeral(queued(0)), requeue, nothing(), "Delete");
    check(&ephemeral(queued(0)), gone, nothing(), "Delete");
    // An interrupted job runs again as often as its operation allows.
    check(&orphan(1), requeue, nothing(), "Requeue");
    check(&orphan(2), requeue, nothing(), "Requeue");
    check(&orphan(3), requeue, nothing(), "+interrupted");
    check(&orphan(1), fail, nothing(), "+interrupted");
    check(&orphan(1), gone, nothing(), "+unknown_operation");
    check(&ephemeral(orphan(1)), requeue, nothing(), "+Requeue");
    check(&ephemeral(orphan(1)), gone, nothing(), "+Requeue");
    // A cancel or delete request comes before all of that.
    check(&canceled(queued(1)), requeue, nothing(), "+AttemptCanceled");
    check(&canceled(queued(1)), gone, nothing(), "+AttemptCanceled");
    check(&canceled(orphan(1)), requeue, nothing(), "+AttemptCanceled");
    check(&canceled(orphan(3)), fail, nothing(), "+AttemptCanceled");
    check(&canceled(orphan(1)), gone, nothing(), "+AttemptCanceled");
    check(&deleted(queued(1)), requeue, nothing(), "+AttemptCanceled");
    check(&deleted(orphan(1)), requeue, nothing(), "+AttemptCanceled");
    check(
        &canceled(ephemeral(orphan(1))),
        requeue,
        nothing(),
        "+AttemptCanceled",
    );
    // An output that may be in place comes before everything.
    check(&orphan(1), requeue, unknown(), "find, locked");
    check(&orphan(3), fail, unknown(), "find, locked");
    check(&orphan(1), gone, unknown(), "find, locked");
    check(&ephemeral(orphan(1)), requeue, unknown(), "find, locked");
    check(&canceled(orphan(1)), requeue, unknown(), "find");
    check(&deleted(orphan(1)), requeue, unknown(), "find");
    check(&orphan(1), requeue, output(), "found");
    check(&orphan(3), fail, output(), "found");
    check(&canceled(orphan(1)), gone, output(), "found");
}
