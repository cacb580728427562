//! Conversion between jobs and rows.

use std::sync::{Arc, LazyLock};

use rusqlite::{Connection, Row, named_params, params};
use serde::{Deserialize, Serialize};

use super::Error;
use crate::job::{
    BlobId, Callback, Failure, IdleMs, Job, JobId, JobOptions, Outcome, Output, Params, Progress,
    Seq, State, Status, Version, WallMs,
};

/// The default options, shared by the jobs that have them.
pub(super) static DEFAULT_OPTIONS: LazyLock<Arc<JobOptions>> = LazyLock::new(Arc::default);

pub(super) const COLUMNS: &str = "seq, id, token, operation, state, attempt, interrupted_attempts, version, cancel_requested, delete_requested, \
     created_ms, started_ms, finished_ms, due, params, params_blob, uploads, options, log_blob, callback, \
     progress, outcome";

const INSERT: &str = "insert into job (seq, id, token, operation, state, attempt, interrupted_attempts, version, created_ms, \
     started_ms, params, params_blob, uploads, options) values (:seq, :id, :token, :operation, :state, :attempt, :interrupted_attempts, :version, \
     :created_ms, :started_ms, :params, :params_blob, :uploads, :options)";

const UPDATE: &str = "update job set state = :state, attempt = :attempt, interrupted_attempts = :interrupted_attempts, version = :version, \
     cancel_requested = :cancel_requested, delete_requested = :delete_requested, started_ms = :started_ms, finished_ms = :finished_ms, \
     due = :due, result_blob = :result_blob, log_blob = :log_blob, callback = :callback, callback_due = :callback_due, \
     callback_origin = :callback_origin, \
     progress = :progress, outcome = :outcome \
     where seq = :seq and state = :old_state and attempt = :old_attempt";

const UPDATE_PROGRESS: &str = "update job set progress = :progress where seq = :seq and state = 'running' and attempt = :attempt";

const UPDATE_INTENT: &str =
    "update job set intent = :intent where seq = :seq and state = 'running' and attempt = :attempt";

const DELETE: &str = "delete from job where seq = :seq and state = :state and attempt = :attempt";

/// The JSON in the `outcome` column.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutcomeJson {
    expires_ms: WallMs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<Output>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
}

/// The columns that depend on a job's state.
struct Ending {
    started: Option<WallMs>,
    finished: Option<WallMs>,
    due: Option<IdleMs>,
    result: Option<BlobId>,
    outcome: Option<String>,
}

impl Ending {
    fn of(job: &Job) -> Self {
        match &job.state {
            State::Queued => Self {
                started: None,
                finished: None,
                due: None,
                result: None,
                outcome: None,
            },
            State::Running { started } => Self {
                started: Some(*started),
                finished: None,
                due: None,
                result: None,
                outcome: None,
            },
            State::Ended {
                started,
                finished,
                expires,
                due,
                outcome,
            } => {
                let (output, error) = match outcome {
                    Outcome::Succeeded(output) => (Some(output.clone()), None),
                    Outcome::Failed(failure) => (None, Some(failure.clone())),
                    Outcome::Canceled => (None, None),
                };
                let result = output.as_ref().and_then(Output::blob);
                let json = to_json(&OutcomeJson {
                    expires_ms: *expires,
                    output,
                    error,
                });
                Self {
                    started: *started,
                    finished: Some(*finished),
                    due: Some(*due),
                    result,
                    outcome: Some(json),
                }
            }
        }
    }
}

/// Inserts a new job. A crash before the commit leaves nothing of it.
pub(super) fn insert(connection: &Connection, job: &Job) -> Result<(), Error> {
    let ending = Ending::of(job);
    let (text, blob) = match &job.params {
        Params::Inline(text) => (Some(&**text), None),
        Params::Blob(blob) => (None, Some(blob.0)),
    };
    connection.prepare_cached(INSERT)?.execute(named_params! {
        ":seq": job.seq.0,
        ":id": job.id.to_bytes(),
        ":token": job.token.as_deref(),
        ":operation": &*job.operation,
        ":state": job.status().as_str(),
        ":attempt": job.attempt,
        ":interrupted_attempts": job.interrupted_attempts,
        ":version": job.version.0,
        ":created_ms": job.created.0,
        ":started_ms": ending.started.map(|ms| ms.0),
        ":params": text,
        ":params_blob": blob,
        ":uploads": (!job.uploads.is_empty()).then(|| to_json(&*job.uploads)),
        ":options": (*job.options != JobOptions::default()).then(|| to_json(&*job.options)),
    })?;
    Ok(())
}

/// Updates a job. Fenced: the row must still be in `old`'s state and attempt.
pub(super) fn update(connection: &Connection, old: &Job, new: &Job) -> Result<(), Error> {
    let ending = Ending::of(new);
    let progress = (new.progress != Progress::default()).then(|| to_json(&new.progress));
    let rows = connection.prepare_cached(UPDATE)?.execute(named_params! {
        ":seq": old.seq.0,
        ":old_state": old.status().as_str(),
        ":old_attempt": old.attempt,
        ":state": new.status().as_str(),
        ":attempt": new.attempt,
        ":interrupted_attempts": new.interrupted_attempts,
        ":version": new.version.0,
        ":cancel_requested": new.cancel_requested,
        ":delete_requested": new.delete_requested,
        ":started_ms": ending.started.map(|ms| ms.0),
        ":finished_ms": ending.finished.map(|ms| ms.0),
        ":due": ending.due.map(|ms| ms.0),
        ":result_blob": ending.result.map(|blob| blob.0),
        ":log_blob": new.log.map(|blob| blob.0),
        ":callback": new.callback.as_ref().map(to_json),
        ":callback_due": new.callback_due().map(|due| due.0),
        ":callback_origin": new.callback_due().and(new.options.callback.as_ref()).map(Callback::origin),
        ":progress": progress,
        ":outcome": ending.outcome,
    })?;
    exactly_one(rows)
}

/// Updates the progress of an attempt; no effect if the attempt is over.
pub(super) fn update_progress(
    connection: &Connection,
    seq: Seq,
    attempt: u32,
    progress: &Progress,
) -> Result<(), Error> {
    connection
        .prepare_cached(UPDATE_PROGRESS)?
        .execute(named_params! {
            ":seq": seq.0,
            ":attempt": attempt,
            ":progress": to_json(progress),
        })?;
    Ok(())
}

/// Stores what an attempt is about to do. After a crash the intent is found, whether it was carried out or not.
pub(super) fn update_intent(
    connection: &Connection,
    seq: Seq,
    attempt: u32,
    intent: &str,
) -> Result<(), Error> {
    let rows = connection
        .prepare_cached(UPDATE_INTENT)?
        .execute(named_params! {
            ":seq": seq.0,
            ":attempt": attempt,
            ":intent": intent,
        })?;
    if rows == 1 {
        Ok(())
    } else {
        Err(Error::Superseded)
    }
}

/// Deletes a job. Fenced like [`update`].
pub(super) fn delete(connection: &Connection, old: &Job) -> Result<(), Error> {
    let rows = connection.prepare_cached(DELETE)?.execute(named_params! {
        ":seq": old.seq.0,
        ":state": old.status().as_str(),
        ":attempt": old.attempt,
    })?;
    exactly_one(rows)
}

/// Postpones the due time of an ended job. A crash before the commit keeps the earlier one.
pub(super) fn rearm(connection: &Connection, seq: Seq, due: IdleMs) -> Result<(), Error> {
    connection
        .prepare_cached("update job set due = ?2 where seq = ?1 and due < ?2")?
        .execute(params![seq.0, due.0])?;
    Ok(())
}

/// What the caller needs of an ended job that was deleted.
pub(super) struct Expired {
    pub(super) id: JobId,
    /// The name of the token that the job belonged to.
    pub(super) token: Option<Arc<str>>,
    /// The blobs that the job owned.
    pub(super) blobs: Vec<BlobId>,
}

/// Deletes an ended job, if it exists.
pub(super) fn expire(connection: &Connection, seq: Seq) -> Result<Option<Expired>, Error> {
    let mut statement = connection.prepare_cached(
        "delete from job where seq = ? and due is not null returning params_blob, result_blob, log_blob, uploads, token, id",
    )?;
    let mut rows = statement.query([seq.0])?;
    let mut expired = None;
    // The row is deleted only when the statement is stepped to its end.
    while let Some(row) = rows.next()? {
        let mut blobs = Vec::new();
        for column in 0..3 {
            blobs.extend(row.get::<_, Option<i64>>(column)?.map(BlobId));
        }
        blobs.extend(read_uploads(row.get(3)?).iter());
        expired = Some(Expired {
            id: JobId::from_bytes(row.get(5)?),
            token: row.get::<_, Option<String>>(4)?.map(Into::into),
            blobs,
        });
    }
    Ok(expired)
}

/// The job at `seq`.
pub(super) fn select(connection: &Connection, seq: Seq) -> Result<Option<Job>, Error> {
    let mut statement =
        connection.prepare_cached(&format!("select {COLUMNS} from job where seq = ?"))?;
    let mut rows = statement.query([seq.0])?;
    rows.next()?.map(read).transpose()
}

/// All jobs that have not ended, in order.
pub(super) fn select_active(connection: &Connection) -> Result<Vec<Job>, Error> {
    let mut statement = connection.prepare_cached(&format!(
        "select {COLUMNS} from job where finished_ms is null order by seq"
    ))?;
    let mut rows = statement.query([])?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next()? {
        jobs.push(read(row)?);
    }
    Ok(jobs)
}

pub(super) fn read(row: &Row<'_>) -> Result<Job, Error> {
    let state: String = row.get("state")?;
    let status = Status::ALL
        .into_iter()
        .find(|status| status.as_str() == state)
        .ok_or_else(|| damaged(row, "its state is unknown"))?;
    let started: Option<i64> = row.get("started_ms")?;
    let started = started.map(WallMs);
    let params = match (
        row.get::<_, Option<String>>("params")?,
        row.get::<_, Option<i64>>("params_blob")?,
    ) {
        (Some(text), _) => Params::Inline(text.into()),
        (None, Some(blob)) => Params::Blob(BlobId(blob)),
        (None, None) => return Err(damaged(row, "it has no params")),
    };
    let progress: Option<String> = row.get("progress")?;
    Ok(Job {
        seq: Seq(row.get("seq")?),
        id: JobId::from_bytes(row.get("id")?),
        token: row.get::<_, Option<String>>("token")?.map(Into::into),
        operation: row.get::<_, String>("operation")?.into(),
        params,
        uploads: read_uploads(row.get("uploads")?),
        options: match row.get::<_, Option<String>>("options")? {
            Some(json) => serde_json::from_str(&json)
                .map(Arc::new)
                .map_err(|_| damaged(row, "what it wants is not readable"))?,
            None => Arc::clone(&DEFAULT_OPTIONS),
        },
        callback: match row.get::<_, Option<String>>("callback")? {
            Some(json) => Some(
                serde_json::from_str(&json)
                    .map_err(|_| damaged(row, "its callback is not readable"))?,
            ),
            None => None,
        },
        finalizing: false,
        log: row.get::<_, Option<i64>>("log_blob")?.map(BlobId),
        attempt: row.get("attempt")?,
        interrupted_attempts: row.get("interrupted_attempts")?,
        version: Version(row.get("version")?),
        cancel_requested: row.get("cancel_requested")?,
        delete_requested: row.get("delete_requested")?,
        created: WallMs(row.get("created_ms")?),
        state: match (status, started) {
            (Status::Queued, _) => State::Queued,
            (Status::Running, Some(started)) => State::Running { started },
            (Status::Running, None) => return Err(damaged(row, "it runs without having started")),
            (status, started) => read_end(row, status, started)?,
        },
        // Progress is only for display: unreadable progress is dropped.
        progress: progress
            .and_then(|json| serde_json::from_str(&json).ok())
            .unwrap_or_default(),
    })
}

fn read_end(row: &Row<'_>, status: Status, started: Option<WallMs>) -> Result<State, Error> {
    let json: String = row.get("outcome")?;
    let json: OutcomeJson =
        serde_json::from_str(&json).map_err(|_| damaged(row, "its outcome is not readable"))?;
    let outcome = match (status, json.output, json.error) {
        (Status::Succeeded, Some(output), _) => Outcome::Succeeded(output),
        (Status::Failed, _, Some(failure)) => Outcome::Failed(failure),
        (Status::Canceled, _, _) => Outcome::Canceled,
        _ => return Err(damaged(row, "its outcome does not fit its state")),
    };
    Ok(State::Ended {
        started,
        finished: WallMs(row.get("finished_ms")?),
        expires: json.expires_ms,
        due: IdleMs(row.get("due")?),
        outcome,
    })
}

fn read_uploads(json: Option<String>) -> Arc<[BlobId]> {
    let blobs: Option<Vec<BlobId>> = json.and_then(|json| serde_json::from_str(&json).ok());
    blobs.unwrap_or_default().into()
}

fn damaged(row: &Row<'_>, what: &str) -> Error {
    let seq = row.get::<_, i64>("seq").unwrap_or_default();
    Error::Database(format!("the row of job {seq} is damaged: {what}"))
}

fn exactly_one(rows: usize) -> Result<(), Error> {
    if rows == 1 {
        Ok(())
    } else {
        Err(Error::Database(
            "a row is not what memory says it is".into(),
        ))
    }
}

fn to_json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("plain structs with string keys always serialise")
}
