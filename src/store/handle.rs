//! The one SQLite file: jobs, blobs, and a few single values.
//!
//! Owns every line of SQL. The floors above reach it through [`Store`]'s methods alone, so that another
//! engine could stand behind them. Rows are written by one connection on one thread (`writer`), which takes
//! whatever is waiting into one transaction, commits it with `synchronous=FULL`, tells the `CommitObserver` what
//! changed and only then answers. Everyone else reads.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::job::{BlobId, Event, INLINE_PARAMS_BYTES, Job, Progress, Seq};
use crate::store::blobs::{BlobReader, BlobWriter};
use crate::store::clock::IdleClock;
use crate::store::command_queue::{Command, CommandQueue, NewParams, Origin};
use crate::store::disk::Disk;
use crate::store::error::{Error, OpenError};
use crate::store::file_watch::FileWatch;
use crate::store::readers::{Gate, Readers};
use crate::store::stats::CommitMetrics;
use crate::store::types::{Attempt, CommitObserver, Found, NewJob, StoreOptions, Sweep};
use crate::store::uploads::Uploads;
use crate::store::{jobs, lock, reader, schema, writer};
use crate::vital::Vital;

/// Connections in the pool that serves lists and chunks.
pub(in crate::store) const READERS: u32 = 4;

/// A handle on the open file.
#[derive(Debug)]
pub(crate) struct Store {
    pub(in crate::store) queue: Arc<CommandQueue>,
    pub(in crate::store) point_reads: reader::Reader,
    pub(in crate::store) readers: Readers,
    pub(in crate::store) clock: Arc<IdleClock>,
    pub(in crate::store) disk: Arc<Disk>,
    pub(in crate::store) commits: Arc<CommitMetrics>,
    pub(in crate::store) presence: Arc<FileWatch>,
    pub(in crate::store) threads: Mutex<Vec<JoinHandle<()>>>,
    /// Last, so that the locks outlive every connection.
    pub(in crate::store) locks: Mutex<Option<lock::Locks>>,
}

impl Store {
    /// Opens the store below `data`, making it where there is none, and starts its threads. Needs a tokio runtime.
    ///
    /// # Errors
    /// Where the data is in use by another server, is not ours, is newer than we are, or cannot be read.
    pub(crate) fn open(
        data: &Path,
        options: StoreOptions,
        observer: Arc<dyn CommitObserver>,
        vital: &Vital,
    ) -> Result<(Arc<Self>, Found), OpenError> {
        let opened = schema::open(data, &options.tokens)?;
        let clock = Arc::new(IdleClock::new(opened.idle));
        let disk = Disk::new(data, options.free_disk_bytes, options.database_bytes);
        let disk = disk.map_err(|source| OpenError::Io {
            path: data.to_owned(),
            source,
        })?;
        let disk = Arc::new(disk);
        let inbox = Arc::new(CommandQueue::default());
        let gate = Gate::default();
        let readers = Readers::new(schema::pool(&opened.path, READERS)?, gate.clone());
        let connection = schema::reading_connection(&opened.path)?;
        let point_reads = reader::Reader::start(connection, gate.clone(), vital)?;
        let jobs = jobs::Jobs::load(&opened.connection, opened.boot, options, Arc::clone(&clock))?;
        let active = jobs.active();
        let presence = Arc::new(FileWatch::remember(data, &opened.locks)?);
        let commits = Arc::<CommitMetrics>::default();
        let around = writer::Shared {
            inbox: Arc::clone(&inbox),
            disk: Arc::clone(&disk),
            presence: Arc::clone(&presence),
            commits: Arc::clone(&commits),
            vital: vital.clone(),
            gate,
        };
        let writer = writer::Writer::new(opened.connection, jobs, observer, around)
            .map_err(|e| OpenError::Start(e.to_string()))?;
        let checkpointer = schema::plain_connection(&opened.path)?;
        let threads = writer.start(checkpointer)?;
        let store = Self {
            queue: inbox,
            point_reads,
            readers,
            clock,
            disk,
            commits,
            presence,
            threads: Mutex::new(threads),
            locks: Mutex::new(Some(opened.locks)),
        };
        Ok((
            Arc::new(store),
            Found {
                active,
                boot: opened.boot,
                in_order: opened.in_order,
                monitor_key: opened.monitor_key,
            },
        ))
    }

    /// The idle clock.
    pub(crate) fn clock(&self) -> &Arc<IdleClock> {
        &self.clock
    }

    /// Keeps the clock going and looks after the disk and the files; once every `TICK`.
    pub(crate) fn tick(&self) {
        self.clock.tick();
        self.disk.look();
        if self.presence.check_all().is_err() {
            self.queue.alarm();
        }
    }

    /// Whether there is room for more. Looks at the disk.
    pub(crate) fn has_room(&self) -> bool {
        self.disk.has_room_now()
    }

    /// Stores a job; once this returns it is on the disk.
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
        let inbox = Arc::clone(&self.queue);
        async move {
            let result = match answer {
                Some(answer) => answer.await,
                None => Err(Error::StorageFull),
            };
            if result.as_ref().map_or(true, |job| *job.uploads != *uploads) {
                inbox.abandon(uploads);
            }
            result
        }
    }

    /// Stores a job that asks what `old` asked; what was uploaded for that one is the new one's too.
    ///
    /// # Errors
    /// As [`Store::submit`].
    pub(crate) fn submit_again(
        &self,
        old: &Job,
        params: Arc<str>,
    ) -> impl Future<Output = Result<Arc<Job>, Error>> + use<> {
        let (token, operation) = (old.token.clone(), Arc::clone(&old.operation));
        // Whoever waited for the old one does not know of the new one.
        let mut options = Arc::clone(&old.options);
        if options.ephemeral {
            Arc::make_mut(&mut options).ephemeral = false;
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

    /// Records what happened to a job, as [`crate::job::apply`] decides; gives the job as it is then, or as it
    /// last was if the event made it go.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Illegal`], and what the disk may say.
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

    /// As [`Store::record`], for the thread that runs attempt `attempt.number`.
    ///
    /// # Errors
    /// [`Error::Superseded`] if another attempt has begun; else as [`Store::record`].
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

    /// Stores what a running attempt is about to do outside the database; once this returns it is on the disk.
    ///
    /// # Errors
    /// [`Error::Superseded`] if the attempt is over; else what the disk may say. Where the intent `places` the result,
    /// [`Error::Illegal`] for a job that was asked to stop.
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

    /// Leaves how far an attempt is, for when there is a commit to put it into.
    pub(crate) fn leave_progress(&self, seq: Seq, attempt: u32, progress: Progress) {
        self.queue.leave_progress(seq, attempt, progress);
    }

    /// Lets `slots` jobs run at once, 0 at first; the writer claims what is ready.
    ///
    /// # Errors
    /// What the disk may say to the claims.
    pub(crate) async fn set_slots(&self, slots: usize) -> Result<(), Error> {
        self.ask(move |reply| Command::SetSlots { slots, reply })
            .await
    }

    /// Executes what the sweeper decided, in one commit.
    ///
    /// # Errors
    /// What the disk may say; nothing of it was done then.
    pub(crate) fn sweep(&self, sweep: Sweep) -> impl Future<Output = Result<(), Error>> + use<> {
        self.ask(move |reply| Command::Sweep { sweep, reply })
    }

    /// Notes on the disk that this life ends in order, with the clock as it is.
    ///
    /// # Errors
    /// What the disk may say.
    pub(crate) fn end_life(&self) -> impl Future<Output = Result<(), Error>> + use<> {
        self.ask(|reply| Command::EndLife { reply })
    }

    /// Whole blobs that become a job's when one is submitted with them, and are freed otherwise.
    pub(crate) fn uploads(&self) -> Uploads {
        Uploads::new(Arc::clone(&self.queue))
    }

    /// A new blob, to be filled by one thread. It belongs to nobody until a job's result names it.
    pub(crate) fn write_blob(&self) -> BlobWriter {
        BlobWriter::new(
            Arc::clone(&self.queue),
            Arc::clone(&self.disk),
            Origin::Server,
        )
    }

    /// The same for a client's document, which is refused while the database is busy.
    pub(crate) fn write_upload(&self) -> BlobWriter {
        BlobWriter::new(
            Arc::clone(&self.queue),
            Arc::clone(&self.disk),
            Origin::Client,
        )
    }

    /// A blob's bytes. Reading blocks on the disk.
    pub(crate) fn read_blob(&self, blob: BlobId) -> BlobReader {
        BlobReader::new(self.readers.clone(), blob)
    }

    /// Stops the threads after everything that was asked before is done, and closes the file.
    pub(crate) fn close(&self) {
        self.queue.close();
        self.point_reads.close();
        for thread in self.threads.lock().drain(..) {
            // A thread that panicked has said so already; there is nothing left to close in it.
            let _ = thread.join();
        }
        // From here on another server may have the data.
        if let Some(locks) = self.locks.lock().take() {
            locks.release();
        }
    }

    /// Hands a command in at once; the future is only its answer.
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
