//! The only connection that writes rows, on its own thread.
//!
//! All waiting work goes into one transaction (group commit). After the commit the observer is notified, then the commands
//! are answered.
//!
//! An unexpected error in a command rolls the whole batch back. The batch is then repeated with one transaction per item, so
//! that a bad item does not affect the others. After an I/O error the state of the file is unknown: the writer stops,
//! waiting commands get [`Error::Stopped`], and the next start recovers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::batch::{Filled, Freed, RunningBatch, StoredClock};
use super::command_queue::{Batch, Command, CommandQueue};
use super::disk::Disk;
use super::file_format::PAGE_BYTES;
use super::file_watch::FileWatch;
use super::jobs::Jobs;
use super::readers::Gate;
use super::wal::Wal;
use super::{CommitMetrics, CommitObserver, Error, OpenError, chunks, pages, wal};
use crate::failpoints;
use crate::job::BlobId;
use crate::vital::Vital;

/// Maximum number of chunks of deleted blobs that one transaction frees (4 MiB).
const FREED_CHUNKS: usize = 16;
/// Maximum number of blobs that one transaction frees; most blobs are short.
const FREED_BLOBS: usize = 128;
/// The idle clock is stored with other work once it has advanced by this much, in milliseconds.
const CLOCK_STEP_MS: i64 = 1000;
/// Maximum number of job uses that are stored with other work.
const FEW_USES: usize = 64;
/// Maximum number of job uses that are stored with a sweep.
const MANY_USES: usize = 1024;
/// Batches with more commands are answered by a separate task, because waking one task costs the writer less than waking all.
const ANSWERED_HERE: usize = 4;

pub(super) struct Writer {
    connection: Connection,
    jobs: Jobs,
    observer: Arc<dyn CommitObserver>,
    queue: Arc<CommandQueue>,
    disk: Arc<Disk>,
    file_watch: Arc<FileWatch>,
    commits: Arc<CommitMetrics>,
    gate: Gate,
    /// Another process holds a lock on the database.
    is_held: bool,
    /// Blobs to free step by step.
    garbage: VecDeque<BlobId>,
    /// Pages may have been freed since the last check of the database.
    has_free_pages: bool,
    /// Pages were returned, so the file shrinks at the next checkpoint.
    has_shrunk: bool,
    /// To the task that answers large batches.
    answers: mpsc::UnboundedSender<RunningBatch>,
    vital: Vital,
}

/// The parts that the writer shares with the rest of the store.
pub(super) struct Shared {
    pub(super) queue: Arc<CommandQueue>,
    pub(super) disk: Arc<Disk>,
    pub(super) file_watch: Arc<FileWatch>,
    pub(super) commits: Arc<CommitMetrics>,
    pub(super) vital: Vital,
    pub(super) gate: Gate,
}

/// Closes the queue when dropped, and drops the queued commands unanswered.
pub(super) struct Closing(Arc<CommandQueue>);

impl Closing {
    pub(super) fn new(queue: Arc<CommandQueue>) -> Self {
        Self(queue)
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        jobs: Jobs,
        observer: Arc<dyn CommitObserver>,
        shared: Shared,
    ) -> Result<Self, Error> {
        let garbage = chunks::select_unowned(&connection)?.into();
        let (answers, mut due) = mpsc::unbounded_channel::<RunningBatch>();
        shared.vital.task("store-answers", async move {
            failpoints::panic_point("store-answers");
            while let Some(work) = due.recv().await {
                work.answer();
            }
        });
        let writer = Self {
            connection,
            jobs,
            observer,
            queue: shared.queue,
            disk: shared.disk,
            file_watch: shared.file_watch,
            commits: shared.commits,
            gate: shared.gate,
            is_held: false,
            garbage,
            has_free_pages: true,
            has_shrunk: false,
            answers,
            vital: shared.vital,
        };
        writer.measure()?;
        Ok(writer)
    }

    /// Starts the writer's and the checkpointer's threads. `closing` is dropped when the writer's thread ends, so that no
    /// command waits forever for an answer.
    pub(super) fn start(
        self,
        checkpointer: Connection,
        closing: Closing,
    ) -> Result<Vec<JoinHandle<()>>, OpenError> {
        let unable = |e: std::io::Error| OpenError::Start(e.to_string());
        let (wal, checkpoints) = Wal::start(
            Arc::clone(&self.disk),
            self.gate.clone(),
            checkpointer,
            &self.vital,
        )
        .map_err(unable)?;
        let vital = self.vital.clone();
        let work = move || {
            let _closing = closing;
            self.run(wal);
        };
        let writer = vital
            .thread("store-writer", thread::Builder::new(), work)
            .map_err(unable)?;
        Ok(vec![writer, checkpoints])
    }

    fn run(mut self, mut wal: Wal) {
        wal.watch(&self.connection);
        while let Some(batch) = self.queue.take(
            !self.garbage.is_empty() || self.has_free_pages,
            wal.wants_cutting(),
        ) {
            failpoints::panic_point("store-writer");
            let is_idle = batch.is_empty() && self.garbage.is_empty();
            let done = if is_idle {
                let present = self.file_watch.check_all().map_err(Error::Fatal);
                present.and_then(|()| self.return_pages())
            } else {
                self.transact(RunningBatch::new(batch))
            };
            if let Err(error) = done {
                tracing::error!(%error, "the database failed: the server stops, and recovers at its next start");
                self.queue.abort();
                self.rescue();
                self.observer.fatal(&error.to_string());
                return;
            }
            if is_idle && !self.has_shrunk {
                wal.cut(&self.connection);
            } else {
                wal.after_commit(&self.connection, std::mem::take(&mut self.has_shrunk));
            }
        }
        wal::copy(&self.connection, "truncate");
    }

    /// If only the WAL is no longer at its path, copies the acknowledged commits from it into the database.
    fn rescue(&self) {
        if self.file_watch.has_database() && self.file_watch.check().is_err() {
            wal::copy(&self.connection, "full");
        }
    }

    /// Executes a batch in one transaction, or, after a rollback, each item in its own.
    ///
    /// # Errors
    /// Only fatal errors; the batch is dropped unanswered then.
    fn transact(&mut self, mut work: RunningBatch) -> Result<(), Error> {
        for command in &work.batch.commands {
            match command {
                Command::SetSlots { slots, .. } => self.jobs.set_slots(*slots),
                Command::SetOperations {
                    operations,
                    default_idle_timeout_ms,
                    ..
                } => self
                    .jobs
                    .set_operations(operations, *default_idle_timeout_ms),
                _ => {}
            }
        }
        match self.try_transact(&mut work) {
            Ok(()) => {
                if std::mem::take(&mut self.is_held) {
                    tracing::info!("the database is no longer locked by another process");
                }
                self.answer(work);
            }
            Err(error) if error.is_fatal() => return Err(error),
            Err(Error::Busy) => self.put_off(work.batch),
            // Ending, canceling or deleting jobs is worth the ballast; new data is not.
            Err(Error::StorageFull) if !work.batch.is_new() && self.disk.release() => {
                return self.transact(RunningBatch::new(work.batch));
            }
            Err(error) if work.batch.is_single() => work.fail(&error),
            Err(error) => {
                tracing::warn!(%error, "a transaction was rolled back; its items are retried one by one");
                for part in work.batch.split() {
                    self.transact(RunningBatch::new(part))?;
                }
            }
        }
        Ok(())
    }

    /// Handles a lock by another process that outlasts the busy timeout. Clients get an error; commands that the server must
    /// not lose go back into the queue.
    fn put_off(&mut self, batch: Batch) {
        if !self.is_held {
            tracing::warn!(
                "another process has locked the database; nothing can be stored until it releases the lock"
            );
            self.is_held = true;
        }
        let (clients, server) = batch.by_origin();
        RunningBatch::new(clients).fail(&Error::Busy);
        if let Some(late) = self.queue.put_back(server) {
            RunningBatch::new(late).fail(&Error::Busy);
        }
    }

    fn answer(&self, work: RunningBatch) {
        if work.batch.commands.len() <= ANSWERED_HERE {
            work.answer();
        } else if let Err(unsent) = self.answers.send(work) {
            // The runtime is shutting down; remaining receivers are on other runtimes.
            unsent.0.answer();
        }
    }

    /// Executes one transaction. After an error, neither file nor memory contains any of it.
    fn try_transact(&mut self, work: &mut RunningBatch) -> Result<(), Error> {
        let done = self.fill_transaction(work).and_then(|filled| {
            failpoints::failpoint("before-commit");
            let begun = Instant::now();
            self.connection.execute_batch("commit")?;
            // Only after the commit: a file that is replaced meanwhile takes the commit with it.
            self.file_watch.check().map_err(Error::Fatal)?;
            self.commits.time.observe_time(begun.elapsed());
            self.commits.sharers.observe(work.batch.len() as u64);
            failpoints::failpoint("after-commit");
            Ok(filled)
        });
        match done {
            Ok(Filled { freed, clock }) => {
                if let Some((clock, uses)) = clock {
                    self.jobs.clock().set_stored(clock);
                    self.observer.stored_uses(&uses);
                }
                self.has_free_pages |= freed.chunks > 0 || work.batch.forgets();
                self.garbage.drain(..freed.blobs);
                self.measure()?;
                self.garbage.extend(self.jobs.blob_owners.take_unowned());
                for change in self.jobs.staged.drain(..) {
                    self.observer.committed(change);
                }
                Ok(())
            }
            Err(error) if error.is_fatal() => Err(error),
            Err(error) => {
                // SQLite undoes either the failed statement alone or the whole transaction.
                if !self.connection.is_autocommit() {
                    self.connection.execute_batch("rollback")?;
                }
                self.jobs.roll_back(&self.connection)?;
                Err(error)
            }
        }
    }

    /// Executes everything except the commit.
    fn fill_transaction(&mut self, work: &mut RunningBatch) -> Result<Filled, Error> {
        let connection = &self.connection;
        work.chunk_answers.clear();
        work.command_answers.clear();
        connection.execute_batch("begin immediate")?;
        for chunk in &work.batch.chunks {
            self.jobs.blob_owners.store_chunk(connection, chunk)?;
            work.chunk_answers.push(Ok(()));
        }
        for command in &work.batch.commands {
            match command.apply(connection, &mut self.jobs) {
                Err(error) if !error.is_rejection() => return Err(error),
                answer => work.command_answers.push(answer),
            }
        }
        Jobs::store_progress(connection, &work.batch.progress)?;
        self.jobs.claim_ready(connection)?;
        let mut freed = Freed::default();
        for blob in self.garbage.iter().take(FREED_BLOBS) {
            let (chunks, is_gone) = chunks::free(connection, *blob, FREED_CHUNKS - freed.chunks)?;
            freed.chunks += chunks;
            if !is_gone {
                break;
            }
            freed.blobs += 1;
        }
        let clock = self.store_clock(work.batch.stores_clock())?;
        Ok(Filled { freed, clock })
    }

    /// Stores the idle clock and the uses of jobs in the current transaction: if requested, or if it is due and there are few
    /// uses.
    fn store_clock(&self, is_asked: bool) -> Result<Option<StoredClock>, Error> {
        let clock = self.jobs.clock();
        let now = clock.now();
        if !is_asked && (now.0 - clock.stored().0 < CLOCK_STEP_MS || self.disk.is_low()) {
            return Ok(None);
        }
        let most = if is_asked { MANY_USES } else { FEW_USES };
        let uses = self.observer.uses(most);
        if uses.has_more && !is_asked {
            // The sweeper stores them in several transactions.
            return Ok(None);
        }
        Jobs::store_clock(&self.connection, now, &uses.due)?;
        Ok(Some((now, uses.due)))
    }

    /// Frees some pages; the file shrinks at the next checkpoint.
    fn return_pages(&mut self) -> Result<(), Error> {
        match pages::release(&self.connection) {
            Ok(true) => self.has_shrunk = true,
            Ok(false) => self.has_free_pages = false,
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "free pages could not be returned to the file system; this will be retried later");
                self.has_free_pages = false;
            }
        }
        Ok(())
    }

    /// Measures how full the database is, if the disk is nearly full or there is a quota.
    fn measure(&self) -> Result<(), Error> {
        let (is_low, has_quota) = (self.disk.is_low(), self.disk.has_quota());
        if is_low || has_quota {
            let free = pages::free(&self.connection)?.unsigned_abs();
            self.disk.set_free_inside(free * PAGE_BYTES);
            if has_quota {
                let pages = pages::all(&self.connection)?;
                self.disk
                    .set_used(pages.unsigned_abs().saturating_sub(free) * PAGE_BYTES);
            }
        }
        Ok(())
    }
}
