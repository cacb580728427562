//! A batch that the writer works on, and its answers.

use super::Error;
use super::command::Answer;
use super::command_queue::{Batch, Chunk};
use crate::job::{IdleMs, Seq};

/// A batch and its answers.
#[derive(Default)]
pub(super) struct RunningBatch {
    pub(super) batch: Batch,
    pub(super) chunk_answers: Vec<Result<(), Error>>,
    pub(super) command_answers: Vec<Answer>,
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
            command.reply(answer);
        }
    }

    /// Answers everything with this error.
    pub(super) fn fail(self, error: &Error) {
        for Chunk { reply, .. } in self.batch.chunks {
            let _ = reply.send(Err(error.clone()));
        }
        for command in self.batch.commands {
            command.reply(Err(error.clone()));
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
