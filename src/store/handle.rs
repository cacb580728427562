//! The handle on the open store.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::job::{BlobId, Event, INLINE_PARAMS_BYTES, Job, Progress, Seq, TraceContext};
use crate::store::blobs::{BlobReader, BlobWriter};
use crate::store::clock::IdleClock;
use crate::store::command_queue::{Command, CommandQueue, NewParams, Origin};
use crate::store::disk::Disk;
use crate::store::error::Error;
use crate::store::file_watch::FileWatch;
use crate::store::readers::Readers;
use crate::store::stats::CommitMetrics;
use crate::store::types::{Attempt, NewJob, OperationLimits, Sweep};
use crate::store::uploads::Uploads;
use crate::store::{lock, reader};

/// A handle on the open database.
#[derive(Debug)]
pub(crate) struct Store {
    pub(in crate::store) queue: Arc<CommandQueue>,
    pub(in crate::store) point_reads: reader::Reader,
    pub(in crate::store) readers: Readers,
    pub(in crate::store) clock: Arc<IdleClock>,
    pub(in crate::store) disk: Arc<Disk>,
    pub(in crate::store) commits: Arc<CommitMetrics>,
    pub(in crate::store) file_watch: Arc<FileWatch>,
    pub(in crate::store) threads: Mutex<Vec<JoinHandle<()>>>,
    /// Last, so that the locks outlive every connection.
    pub(in crate::store) locks: Mutex<Option<lock::Locks>>,
}

impl Store {
    /// The idle clock.
    pub(crate) fn clock(&self) -> &Arc<IdleClock> {
        &self.clock
    }

    /// Advances the clock and checks the disk and the files; call once per `TICK`.
    pub(crate) fn tick(&self) {
        self.clock.tick();
        self.disk.measure();
        if self.file_watch.check_all().is_err() {
            self.queue.alarm();
        }
    }

    /// Whether there is room for more data. Measures the free disk space.
    pub(crate) fn has_room(&self) -> bool {
        self.disk.has_room_now()
    }

    /// Submits a job; it is on disk once the future completes.
    ///
    /// # Errors
    /// [`Error::QueueFull`], [`Error::StorageFull`] and [`Error::Busy`] mean that nothing was stored.
    pub(crate) fn submit(
        &self,
        job: NewJob,
    ) -> impl Future<Output = Result<Arc<Job>, Error>> + use<> {
        let params = if job.params.len() <= INLINE_PARAMS_BYTES {
            NewParams::Inline
        } else {
            NewParams::Blob(self.queue.new_blob())
        };
        let uploads: Vec<_> = job.uploads.iter().map(|whole| whole.blob).collect();
        let has_room = self.disk.has_room();
        let answer =
            has_room.then(|| self.ask(move |reply| Command::Submit { job, params, reply }));
        let queue = Arc::clone(&self.queue);
        async move {
            let result = match answer {
                Some(answer) => answer.await,
                None => Err(Error::StorageFull),
            };
            if result.as_ref().map_or(true, |job| *job.uploads != *uploads) {
                queue.abandon(uploads);
            }
            result
        }
    }

    /// Submits a job with the params and uploads of `old`.
    ///
    /// # Errors
    /// As [`Store::submit`].
    pub(crate) fn submit_again(
        &self,
        old: &Job,
        params: Arc<str>,
        trace: Option<Box<TraceContext>>,
    ) -> impl Future<Output = Result<Arc<Job>, Error>> + use<> {
        let (token, operation) = (old.token.clone(), Arc::clone(&old.operation));
        // The client that waited for the old job does not know the new one.
        let mut options = Arc::clone(&old.options);
        if options.ephemeral {
            Arc::make_mut(&mut options).ephemeral = false;
        }
        if trace.is_some() {
            Arc::make_mut(&mut options).trace = trace;
        }
        self.submit(NewJob {
            token,
            operation,
            params,
            uploads: Vec::new(),
            options,
            key: None,
            retry_of: Some(old.seq),
        })
    }

    /// Records an event; [`crate::job::apply`] decides on its effect. Returns the job afterwards, or its last version if the
    /// event deleted it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Illegal`], or an error of the database.
    pub(crate) fn record(
        &self,
        seq: Seq,
        event: Event,
    ) -> impl Future<Output = Result<Arc<Job>, Error>> + use<> {
        self.ask(move |reply| Command::Record {
            seq,
            event,
            attempt: None,
            reply,
        })
    }

    /// Like [`Store::record`], for the thread that runs attempt `attempt.number`. Blocks.
    ///
    /// # Errors
    /// [`Error::Superseded`] if another attempt has begun; otherwise as for [`Store::record`].
    pub(crate) fn record_attempt(
        &self,
        seq: Seq,
        event: Event,
        attempt: Attempt,
    ) -> Result<Arc<Job>, Error> {
        let (reply, answer) = oneshot::channel();
        self.queue.push(Command::Record {
            seq,
            event,
            attempt: Some(Box::new(attempt)),
            reply,
        });
        answer.blocking_recv().unwrap_or(Err(Error::Stopped))
    }

    /// Stores what a running attempt is about to do outside the database. Blocks until that is on disk.
    ///
    /// # Errors
    /// [`Error::Superseded`] if the attempt is over; [`Error::Illegal`] if `places` is set, because the intent moves the result
    /// into place, and the job was asked to stop; otherwise an error of the database.
    pub(crate) fn record_intent(
        &self,
        seq: Seq,
        attempt: u32,
        intent: String,
        places: bool,
    ) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.queue.push(Command::RecordIntent {
            seq,
            attempt,
            intent,
            places,
            reply,
        });
        answer.blocking_recv().unwrap_or(Err(Error::Stopped))
    }

    /// Sets the progress of an attempt; it is written with a later commit.
    pub(crate) fn leave_progress(&self, seq: Seq, attempt: u32, progress: Progress) {
        self.queue.leave_progress(seq, attempt, progress);
    }

    /// Sets how many jobs may run at once, initially 0; the writer claims the jobs that are ready.
    ///
    /// # Errors
    /// An error of the database, if the claims cannot be stored.
    pub(crate) async fn set_slots(&self, slots: usize) -> Result<(), Error> {
        self.ask(move |reply| Command::SetSlots { slots, reply })
            .await
    }

    /// Waits until the writer has executed the commands that came before.
    ///
    /// # Errors
    /// An error of the database.
    pub(crate) async fn ping(&self) -> Result<(), Error> {
        self.ask(|reply| Command::Ping { reply }).await
    }

    /// Replaces the limits of operations, and the idle timeout of jobs of other operations. The writer claims the jobs that
    /// are ready.
    ///
    /// # Errors
    /// An error of the database, if the claims cannot be stored.
    pub(crate) async fn set_operations(
        &self,
        operations: HashMap<Arc<str>, OperationLimits>,
        default_idle_timeout_ms: i64,
    ) -> Result<(), Error> {
        self.ask(move |reply| Command::SetOperations {
            operations,
            default_idle_timeout_ms,
            reply,
        })
        .await
    }

    /// Executes the sweeper's decisions in one commit.
    ///
    /// # Errors
    /// An error of the database; nothing was changed then.
    pub(crate) fn sweep(&self, sweep: Sweep) -> impl Future<Output = Result<(), Error>> + use<> {
        self.ask(move |reply| Command::Sweep { sweep, reply })
    }

    /// Records that this run of the server ends in order, together with the idle clock.
    ///
    /// # Errors
    /// An error of the database.
    pub(crate) fn end_life(&self) -> impl Future<Output = Result<(), Error>> + use<> {
        self.ask(|reply| Command::EndLife { reply })
    }

    /// A collection of uploaded blobs; they are freed unless a job is submitted with them.
    pub(crate) fn uploads(&self) -> Uploads {
        Uploads::new(Arc::clone(&self.queue))
    }

    /// A writer for a new blob, to be used by one thread. The blob has no owner until a job's result names it.
    pub(crate) fn write_blob(&self) -> BlobWriter {
        BlobWriter::new(
            Arc::clone(&self.queue),
            Arc::clone(&self.disk),
            Origin::Server,
        )
    }

    /// Like [`Store::write_blob`], for a client's upload, which is rejected while the database is busy.
    pub(crate) fn write_upload(&self) -> BlobWriter {
        BlobWriter::new(
            Arc::clone(&self.queue),
            Arc::clone(&self.disk),
            Origin::Client,
        )
    }

    /// A reader for a blob. Reading blocks on the disk.
    pub(crate) fn read_blob(&self, blob: BlobId) -> BlobReader {
        BlobReader::new(self.readers.clone(), blob)
    }

    /// Stops the threads once all earlier commands are done, and closes the database.
    pub(crate) fn close(&self) {
        self.queue.close();
        self.point_reads.close();
        for thread in self.threads.lock().drain(..) {
            // A panic was reported already; the thread has nothing left to close.
            let _ = thread.join();
        }
        // From here on another server may use the data.
        if let Some(locks) = self.locks.lock().take() {
            locks.release();
        }
    }

    /// The metrics of commits.
    pub(crate) fn commits(&self) -> Arc<CommitMetrics> {
        Arc::clone(&self.commits)
    }

    /// Queues a command at once; the future is its answer.
    pub(in crate::store) fn ask<T, C>(
        &self,
        command: C,
    ) -> impl Future<Output = Result<T, Error>> + use<T, C>
    where
        C: FnOnce(oneshot::Sender<Result<T, Error>>) -> Command,
    {
        let (reply, answer) = oneshot::channel();
        self.queue.push(command(reply));
        async { answer.await.unwrap_or(Err(Error::Stopped)) }
    }
}
