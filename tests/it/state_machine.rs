//! The job state machine as pure functions.

use std::sync::Arc;

use cloakroom::job::{
    BlobId, Change, Event, Failure, IdleMs, Job, JobId, Now, Outcome, Output, Params, Progress,
    ResultLocation, SEQ_MAX, Seq, State, Status, Version, WallMs, apply,
};
use proptest::prelude::*;

const NOW: Now = Now {
    wall: WallMs(1_000),
    idle: IdleMs(500),
    idle_timeout_ms: 60_000,
};

fn queued() -> Job {
    Job {
        seq: Seq(7),
        id: JobId::new(WallMs(1), Seq(7), 9),
        token: None,
        operation: "zip".into(),
        params: Params::Inline(Arc::from("{}")),
        uploads: Arc::new([]),
        options: Arc::default(),
        callback: None,
        log: None,
        finalizing: false,
        attempt: 0,
        interrupted_attempts: 0,
        version: Version::first_of(1),
        cancel_requested: false,
        delete_requested: false,
        created: WallMs(1),
        state: State::Queued,
        progress: Progress::default(),
    }
}

fn output() -> Output {
    Output {
        location: ResultLocation::Blob(BlobId(1)),
        size: 3,
        sha256: "00".repeat(32),
        media_type: "text/plain".into(),
        filename: "a".into(),
        target_path: None,
    }
}

fn failure() -> Failure {
    Failure::new("exit_status", "It failed.")
}

/// A job after these events, each of which must change it.
fn after(events: &[Event]) -> Job {
    events.iter().fold(queued(), |job, event| {
        match apply(&job, event.clone(), NOW) {
            Ok(Change::Save(job)) => *job,
            other => panic!("{event:?} on {job:?}: {other:?}"),
        }
    })
}

#[test]
fn each_state_accepts_its_events_only() {
    enum Then {
        Is(Status),
        Gone,
        Same,
        Refused,
    }
    use Event::{
        AttemptCanceled, Cancel, Claim, Delete, Drained, Fail, FinalizeStarted, Requeue, Succeed,
    };
    use Then::{Gone, Is, Refused, Same};
    let (fail, succeed) = (|| Fail(failure()), || Succeed(output()));
    let running = || vec![Claim];
    let canceling = || vec![Claim, Cancel];
    let delete_requested = || vec![Claim, Delete];
    let table: Vec<(Vec<Event>, Event, Then)> = vec![
        (vec![], Claim, Is(Status::Running)),
        (vec![], Cancel, Is(Status::Canceled)),
        (vec![], fail(), Is(Status::Failed)),
        (vec![], Delete, Gone),
        (vec![], succeed(), Refused),
        (vec![], AttemptCanceled, Refused),
        (vec![], Drained, Refused),
        (vec![], Requeue, Refused),
        (running(), Claim, Refused),
        (running(), succeed(), Is(Status::Succeeded)),
        (running(), fail(), Is(Status::Failed)),
        (running(), Cancel, Is(Status::Running)),
        (running(), Delete, Is(Status::Running)),
        (running(), Drained, Is(Status::Queued)),
        (running(), Requeue, Is(Status::Queued)),
        (canceling(), Cancel, Same),
        (canceling(), AttemptCanceled, Is(Status::Canceled)),
        (canceling(), succeed(), Is(Status::Canceled)),
        (canceling(), fail(), Is(Status::Failed)),
        (canceling(), Drained, Is(Status::Queued)),
        (canceling(), Requeue, Is(Status::Queued)),
        (canceling(), Delete, Is(Status::Running)),
        (delete_requested(), Delete, Same),
        (delete_requested(), Cancel, Same),
        (delete_requested(), AttemptCanceled, Gone),
        (delete_requested(), succeed(), Gone),
        (delete_requested(), fail(), Gone),
        (delete_requested(), Requeue, Is(Status::Queued)),
        // The earlier attempt ends once its remains are removed.
        (vec![Claim, Drained], Cancel, Is(Status::Queued)),
        (vec![Claim, Drained], Delete, Is(Status::Queued)),
        (vec![Claim, Drained], AttemptCanceled, Refused),
        (vec![Claim, Drained, Cancel], Cancel, Same),
        (vec![Claim, Drained, Cancel], Claim, Refused),
        (
            vec![Claim, Drained, Cancel],
            AttemptCanceled,
            Is(Status::Canceled),
        ),
        (vec![Claim, Cancel, Drained], Claim, Refused),
        (
            vec![Claim, Cancel, Drained],
            AttemptCanceled,
            Is(Status::Canceled),
        ),
        (vec![Claim, Drained, Delete], Delete, Same),
        (vec![Claim, Drained, Delete], Claim, Refused),
        (vec![Claim, Drained, Delete], AttemptCanceled, Gone),
        (vec![Claim, Delete, Requeue], AttemptCanceled, Gone),
        // A job that is finalizing is neither stopped nor run again.
        (vec![Claim, FinalizeStarted], Cancel, Refused),
        (vec![Claim, FinalizeStarted], Drained, Refused),
        (vec![Claim, FinalizeStarted], Requeue, Is(Status::Queued)),
        (vec![Claim, FinalizeStarted, Delete], succeed(), Gone),
        (
            vec![Claim, FinalizeStarted, Requeue],
            Cancel,
            Is(Status::Queued),
        ),
        (canceling(), FinalizeStarted, Refused),
        (delete_requested(), FinalizeStarted, Refused),
        (vec![Claim, succeed()], Cancel, Refused),
        (vec![Claim, succeed()], succeed(), Refused),
        (vec![Claim, succeed()], fail(), Refused),
        (vec![Claim, succeed()], Claim, Refused),
        (vec![Claim, succeed()], Delete, Gone),
        (vec![Claim, fail()], Cancel, Refused),
        (vec![Cancel], Cancel, Same),
        (vec![Cancel], Claim, Refused),
        (vec![Cancel], Delete, Gone),
    ];
    for (events, event, then) in table {
        let job = after(&events);
        let got = apply(&job, event.clone(), NOW);
        let fits = match (&got, then) {
            (Ok(Change::Save(job)), Is(status)) => job.status() == status,
            (Ok(Change::Forget), Gone) | (Ok(Change::Nothing), Same) | (Err(_), Refused) => true,
            _ => false,
        };
        assert!(fits, "{events:?} then {event:?}: {got:?}");
    }
}

#[test]
fn only_crashes_count_as_interrupted_attempts() {
    let released = after(&[Event::Claim, Event::Drained, Event::Claim, Event::Drained]);
    assert_eq!((released.attempt, released.interrupted_attempts), (2, 0));
    let crashed = after(&[Event::Claim, Event::Requeue, Event::Claim, Event::Requeue]);
    assert_eq!((crashed.attempt, crashed.interrupted_attempts), (2, 2));
}

#[test]
fn ended_state_has_its_expiry() {
    let State::Ended {
        started,
        finished,
        expires,
        due,
        outcome,
    } = after(&[Event::Claim, Event::Succeed(output())]).state
    else {
        panic!("it ended");
    };
    assert_eq!(
        (started, finished, expires, due),
        (
            Some(WallMs(1_000)),
            WallMs(1_000),
            WallMs(61_000),
            IdleMs(60_500)
        )
    );
    assert_eq!(outcome, Outcome::Succeeded(output()));
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Claim),
        1 => Just(Event::Succeed(output())),
        1 => Just(Event::Fail(failure())),
        1 => Just(Event::AttemptCanceled),
        1 => Just(Event::Cancel),
        1 => Just(Event::Delete),
        1 => Just(Event::FinalizeStarted),
        2 => Just(Event::Drained),
        2 => Just(Event::Requeue),
    ]
}

proptest! {
    #[test]
    fn no_sequence_of_events_breaks_an_invariant(events in prop::collection::vec(any_event(), 0..40)) {
        let mut job = queued();
        for event in events {
            let before = job.clone();
            match apply(&job, event.clone(), NOW) {
                Ok(Change::Save(after)) => {
                    prop_assert!(!before.is_terminal(), "a terminal state never changes: {event:?}");
                    prop_assert!(after.version > before.version);
                    prop_assert!(after.attempt == before.attempt + u32::from(event == Event::Claim));
                    prop_assert!(after.interrupted_attempts <= after.attempt);
                    prop_assert!(after.delete_requested <= after.cancel_requested);
                    prop_assert!(before.cancel_requested <= after.cancel_requested);
                    prop_assert!(!(after.cancel_requested && after.output().is_some()), "no result after a cancel");
                    prop_assert!(!(after.delete_requested && after.is_terminal()), "what is deleted is never shown again");
                    prop_assert_eq!((after.seq, after.id, after.created), (before.seq, before.id, before.created));
                    job = *after;
                }
                Ok(Change::Forget) => {
                    prop_assert!(event == Event::Delete || before.delete_requested);
                    return Ok(());
                }
                Ok(Change::Nothing) | Err(_) => {}
            }
        }
    }

    #[test]
    fn job_id_contains_its_row_number(time in 0_i64..1 << 48, seq in 0..=SEQ_MAX, random: u64) {
        let id = JobId::new(WallMs(time), Seq(seq), random);
        prop_assert_eq!((id.time(), id.seq()), (WallMs(time), Seq(seq)));
        prop_assert_eq!(id.to_string().parse(), Ok(id));
        prop_assert_eq!(JobId::from_bytes(id.to_bytes()), id);
    }

    #[test]
    fn ids_sort_by_time_and_then_by_seq(a in (0_i64..1 << 48, 0..=SEQ_MAX), b in (0_i64..1 << 48, 0..=SEQ_MAX), random: u64) {
        let id = |(time, seq)| JobId::new(WallMs(time), Seq(seq), random).to_string();
        prop_assert_eq!(id(a).cmp(&id(b)), a.cmp(&b));
    }
}
