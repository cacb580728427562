//! Opens the store in two steps: [`Store::open`] opens the files and reads the state, and [`PausedWriter::start`] begins to
//! execute commands. In between, the observer of the commits can be built from what was found.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;

use crate::store::clock::IdleClock;
use crate::store::command_queue::CommandQueue;
use crate::store::disk::Disk;
use crate::store::error::OpenError;
use crate::store::file_watch::FileWatch;
use crate::store::handle::Store;
use crate::store::jobs::Jobs;
use crate::store::readers::{Gate, Readers};
use crate::store::stats::CommitMetrics;
use crate::store::types::{CommitObserver, Found, StoreOptions};
use crate::store::writer::{Closing, Shared, Writer};
use crate::store::{reader, schema};
use crate::vital::Vital;

/// Number of connections in the pool for lists and chunks.
const READERS: u32 = 4;

/// An open database. Reads work; commands wait in the queue until the writer is started.
pub(crate) struct Opened {
    /// The handle.
    pub store: Arc<Store>,
    /// The state that the last run of the server left.
    pub found: Found,
    /// Executes the commands.
    pub writer: PausedWriter,
}

/// The writer of an open database, which does not run yet. Dropping it instead of starting it fails all commands with
/// [`Error::Stopped`](super::Error::Stopped).
pub(crate) struct PausedWriter {
    store: Arc<Store>,
    connection: Connection,
    checkpointer: Connection,
    jobs: Jobs,
    shared: Shared,
    closing: Closing,
}

impl Store {
    /// Opens the store below `data`, creating it if necessary.
    ///
    /// # Errors
    /// [`OpenError`] if the data is in use by another server, is not Cloakroom's, is newer than this release, or cannot be read.
    pub(crate) fn open(
        data: &Path,
        options: StoreOptions,
        vital: &Vital,
    ) -> Result<Opened, OpenError> {
        let opened = schema::open(data, &options.tokens)?;
        let clock = Arc::new(IdleClock::new(opened.idle));
        let disk = Disk::new(data, options.free_disk_bytes, options.database_bytes);
        let disk = disk.map_err(|source| OpenError::Io {
            path: data.to_owned(),
            source,
        })?;
        let disk = Arc::new(disk);
        let gate = Gate::default();
        let readers = Readers::new(schema::pool(&opened.path, READERS)?, gate.clone());
        let connection = schema::reading_connection(&opened.path)?;
        let point_reads = reader::Reader::start(connection, gate.clone(), vital)?;
        let jobs = Jobs::load(&opened.connection, opened.boot, options, Arc::clone(&clock))?;
        let found = Found {
            active: jobs.active(),
            boot: opened.boot,
            in_order: opened.in_order,
            monitor_key: opened.monitor_key,
        };
        let file_watch = Arc::new(FileWatch::remember(data, &opened.locks)?);
        let checkpointer = schema::plain_connection(&opened.path)?;
        let queue = Arc::new(CommandQueue::starting_at(jobs.blob_owners.first()));
        let commits = Arc::<CommitMetrics>::default();
        let shared = Shared {
            queue: Arc::clone(&queue),
            disk: Arc::clone(&disk),
            file_watch: Arc::clone(&file_watch),
            commits: Arc::clone(&commits),
            vital: vital.clone(),
            gate,
        };
        let store = Arc::new(Store {
            queue: Arc::clone(&queue),
            point_reads,
            readers,
            clock,
            disk,
            commits,
            file_watch,
            threads: Mutex::default(),
            locks: Mutex::new(Some(opened.locks)),
        });
        let writer = PausedWriter {
            store: Arc::clone(&store),
            connection: opened.connection,
            checkpointer,
            jobs,
            shared,
            closing: Closing::new(queue),
        };
        Ok(Opened {
            store,
            found,
            writer,
        })
    }
}

impl PausedWriter {
    /// Starts the writer, which executes the queued commands and reports every commit to `observer`. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`OpenError`] if the database cannot be read or a thread cannot be started.
    pub(crate) fn start(self, observer: Arc<dyn CommitObserver>) -> Result<(), OpenError> {
        let writer = Writer::new(self.connection, self.jobs, observer, self.shared)
            .map_err(|e| OpenError::Start(e.to_string()))?;
        let threads = writer.start(self.checkpointer, self.closing)?;
        *self.store.threads.lock() = threads;
        Ok(())
    }
}
