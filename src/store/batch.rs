//! A batch that the writer works on, and the answers to those who wait for it.

use std::sync::Arc;

use super::Error;
use super::command_queue::{Batch, Chunk, Command};
use crate::job::{IdleMs, Job, Seq};

/// A batch and its answers.
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

    /// Sends the answers. A receiver that has gone away needs none.
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

/// The stored reading of the idle clock, and the due times of the jobs whose uses were stored with it.
pub(super) type StoredClock = (IdleMs, Vec<(Seq, IdleMs)>);

/// What a transaction did besides the batch.
pub(super) struct Filled {
    pub(super) freed: Freed,
    pub(super) clock: Option<StoredClock>,
}

/// The garbage that a transaction removed.
#[derive(Default)]
pub(super) struct Freed {
    pub(super) chunks: usize,
    /// Blobs removed completely, from the front of the queue.
    pub(super) blobs: usize,
}
