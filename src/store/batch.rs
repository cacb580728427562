//! What the writer has in hand, and who waits for it.

use std::sync::Arc;

use super::Error;
use super::command_queue::{Batch, Chunk, Command};
use crate::job::{IdleMs, Job, Seq};

/// A batch, and what came of its parts.
#[derive(Default)]
pub(super) struct RunningBatch {
    pub(super) batch: Batch,
    pub(super) chunk_answers: Vec<Result<(), Error>>,
    pub(super) command_answers: Vec<Result<Option<Arc<Job>>, Error>>,
}

impl RunningBatch {
    pub(super) fn new(batch: Batch) -> Self {
        Self {
            batch,
            ..Self::default()
        }
    }

    /// Tells everyone; whoever has gone away needs no answer.
    pub(super) fn answer(self) {
        for (chunk, answer) in self.batch.chunks.into_iter().zip(self.chunk_answers) {
            let _ = chunk.reply.send(answer);
        }
        for (command, answer) in self.batch.commands.into_iter().zip(self.command_answers) {
            match (command, answer) {
                (Command::Submit { reply, .. } | Command::Record { reply, .. }, Ok(Some(job))) => {
                    let _ = reply.send(Ok(job));
                }
                (Command::Submit { reply, .. } | Command::Record { reply, .. }, Err(error)) => {
                    let _ = reply.send(Err(error));
                }
                (
                    Command::RecordIntent { reply, .. } | Command::NumberItems { reply, .. },
                    answer,
                ) => {
                    let _ = reply.send(answer.map(|_| ()));
                }
                (
                    Command::SetSlots { reply, .. }
                    | Command::Sweep { reply, .. }
                    | Command::EndLife { reply },
                    _,
                ) => {
                    let _ = reply.send(Ok(()));
                }
                (_, _) => {}
            }
        }
    }

    pub(super) fn refuse(self, error: &Error) {
        for Chunk { reply, .. } in self.batch.chunks {
            let _ = reply.send(Err(error.clone()));
        }
        for command in self.batch.commands {
            match command {
                Command::Submit { reply, .. } | Command::Record { reply, .. } => {
                    let _ = reply.send(Err(error.clone()));
                }
                Command::RecordIntent { reply, .. }
                | Command::NumberItems { reply, .. }
                | Command::SetSlots { reply, .. }
                | Command::Sweep { reply, .. }
                | Command::EndLife { reply } => {
                    let _ = reply.send(Err(error.clone()));
                }
                Command::Abandon { .. } => {}
            }
        }
    }
}

/// What the idle clock showed, and when the jobs are due whose uses were stored with it.
pub(super) type StoredClock = (IdleMs, Vec<(Seq, IdleMs)>);

/// What a transaction does besides the work.
pub(super) struct Filled {
    pub(super) freed: Freed,
    pub(super) clock: Option<StoredClock>,
}

/// What of the garbage a transaction takes away.
#[derive(Default)]
pub(super) struct Freed {
    pub(super) chunks: usize,
    /// Whole ones, from the front.
    pub(super) blobs: usize,
}
