//! Recovery decisions as pure functions.

use cloakroom::job::{
    Event, Job, JobId, JobOptions, Params, Progress, Seq, State, Version, WallMs,
};
use cloakroom::plan::{Policy, Recovery, Restart, recover};

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

/// The recorded decision, with a leading `+` if the remains are removed first.
fn code(recovery: Recovery) -> String {
    let code = |event| match event {
        Event::Fail(failure) => failure.code,
        other => format!("{other:?}"),
    };
    match recovery {
        Recovery::Wait => "waits".into(),
        Recovery::Record(event) => code(event),
        Recovery::Remove(event) => format!("+{}", code(event)),
    }
}

#[test]
fn orphan_is_requeued_or_interrupted_per_restart_policy() {
    let requeue = Some(Policy {
        restart: Restart::Requeue,
        max_attempts: 3,
    });
    let fail = Some(Policy {
        restart: Restart::Fail,
        max_attempts: 3,
    });
    let check =
        |job: &Job, policy, expected: &str| assert_eq!(code(recover(job, policy)), expected);
    check(&orphan(1), requeue, "Requeue");
    check(&orphan(2), requeue, "Requeue");
    check(&orphan(3), requeue, "+interrupted");
    check(&orphan(1), fail, "+interrupted");
    check(&orphan(1), None, "+unknown_operation");
}

#[test]
fn canceled_orphan_is_not_requeued() {
    let canceled = Job {
        cancel_requested: true,
        ..orphan(1)
    };
    let deleted = Job {
        delete_requested: true,
        ..canceled.clone()
    };
    for policy in [
        None,
        Some(Policy {
            restart: Restart::Requeue,
            max_attempts: 3,
        }),
    ] {
        for job in [&canceled, &deleted] {
            assert_eq!(code(recover(job, policy)), "+AttemptCanceled");
            let queued = Job {
                state: State::Queued,
                ..job.clone()
            };
            assert_eq!(code(recover(&queued, policy)), "+AttemptCanceled");
        }
    }
}

#[test]
fn queued_job_stays_queued_unless_unwanted_or_its_operation_is_gone() {
    let requeue = Some(Policy {
        restart: Restart::Requeue,
        max_attempts: 3,
    });
    let queued = |attempt| Job {
        attempt,
        state: State::Queued,
        ..orphan(attempt)
    };
    let ephemeral = |job: Job| {
        let options = JobOptions {
            ephemeral: true,
            ..JobOptions::default()
        };
        Job {
            options: options.into(),
            ..job
        }
    };
    for (job, policy, expected) in [
        (queued(0), requeue, "waits"),
        (queued(3), requeue, "waits"),
        (queued(0), None, "unknown_operation"),
        (queued(1), None, "+unknown_operation"),
        (ephemeral(queued(0)), requeue, "Delete"),
        (ephemeral(orphan(1)), requeue, "+Requeue"),
    ] {
        assert_eq!(code(recover(&job, policy)), expected, "{job:?}");
    }
}
