//! What the writer does with a command: executes it within a transaction, and answers it after the commit.

use std::sync::Arc;

use rusqlite::Connection;

use super::command_queue::Command;
use super::jobs::Jobs;
use super::{Error, items};
use crate::job::Job;

/// The answer to a command. Commands that submit or change a job are answered with the job.
pub(super) type Answer = Result<Option<Arc<Job>>, Error>;

impl Command {
    /// Executes the command within the current transaction.
    pub(super) fn apply(&self, connection: &Connection, jobs: &mut Jobs) -> Answer {
        match self {
            Self::Submit { job, params, .. } => jobs.submit(connection, job, *params).map(Some),
            Self::Record {
                seq,
                event,
                attempt,
                ..
            } => jobs
                .record(connection, *seq, event, attempt.as_deref())
                .map(Some),
            Self::RecordIntent {
                seq,
                attempt,
                intent,
                places,
                ..
            } => jobs
                .record_intent(connection, *seq, *attempt, intent, *places)
                .map(|()| None),
            Self::NumberItems { root, paths, .. } => {
                items::insert(connection, root, paths).map(|()| None)
            }
            // Stored nowhere: the writer applies these before the transaction, which may be rolled back.
            Self::SetSlots { .. } | Self::SetOperations { .. } | Self::Ping { .. } => Ok(None),
            Self::Sweep { sweep, .. } => jobs.sweep(connection, sweep).map(|()| None),
            Self::EndLife { .. } => jobs.end_life(connection).map(|()| None),
            Self::Abandon { blob } => {
                jobs.blob_owners.abandon(*blob);
                Ok(None)
            }
        }
    }

    /// Sends the answer. A receiver that has gone away needs none.
    pub(super) fn reply(self, answer: Answer) {
        match self {
            Self::Submit { reply, .. } | Self::Record { reply, .. } => {
                if let Some(answer) = answer.transpose() {
                    let _ = reply.send(answer);
                }
            }
            Self::RecordIntent { reply, .. }
            | Self::NumberItems { reply, .. }
            | Self::SetSlots { reply, .. }
            | Self::SetOperations { reply, .. }
            | Self::Sweep { reply, .. }
            | Self::Ping { reply }
            | Self::EndLife { reply } => {
                let _ = reply.send(answer.map(drop));
            }
            Self::Abandon { .. } => {}
        }
    }
}
