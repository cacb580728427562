//! Worker threads that copy files in parallel, because creating a file keeps a core busy on many file systems.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use cap_std::fs::{Dir, Metadata};
use parking_lot::Mutex;

use crate::failpoints;
use crate::operations::copy::file::{FileCopier, finish, is_same, looks_whole};
use crate::operations::copy::stats::CopyStats;
use crate::operations::destination::{remove, writing_failed};
use crate::operations::files::changes::Change;
use crate::operations::{Context, OperationError};

/// The maximum number of workers. More of them only wait for each other in the file system.
const MAX_WORKERS: usize = 4;
/// One worker is started for this many files.
const FILES_PER_WORKER: u64 = 32;
/// The maximum number of open files that wait for a worker, for each worker.
const QUEUED_FILES_PER_WORKER: usize = 4;

/// The state of files that an earlier attempt copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Earlier {
    /// No such files exist.
    Nothing,
    /// All writes are intact: files that look complete are.
    Kept,
    /// Writes may be lost, because the machine may have crashed: files that look complete are compared.
    Doubtful,
}

/// The state that all threads of a copy share.
pub(super) struct Shared<'a> {
    pub(super) context: &'a Context,
    /// The path of the copy, for messages.
    pub(super) path: &'a str,
    pub(super) earlier: Earlier,
    pub(super) total: CopyStats,
    pub(super) done: Mutex<CopyStats>,
    has_failed: AtomicBool,
    failure: Mutex<Option<OperationError>>,
}

impl<'a> Shared<'a> {
    pub(super) fn new(
        context: &'a Context,
        path: &'a str,
        earlier: Earlier,
        total: CopyStats,
    ) -> Self {
        Self {
            context,
            path,
            earlier,
            total,
            done: Mutex::default(),
            has_failed: AtomicBool::new(false),
            failure: Mutex::default(),
        }
    }

    /// Changes the counts, and shows the progress.
    pub(super) fn count(&self, count: impl FnOnce(&mut CopyStats)) {
        let mut done = self.done.lock();
        count(&mut done);
        done.show(self.context, &self.total);
    }

    /// Whether a thread has failed. The others then stop.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// Records that `path`, relative to the copy, could not be written. Only the first failure counts.
    pub(super) fn fail(&self, path: &Path, error: &io::Error) {
        let failure = self.context.check().err().unwrap_or_else(|| {
            let path = Path::new(self.path).join(path);
            writing_failed(&path.to_string_lossy(), error).into()
        });
        self.failure.lock().get_or_insert(failure);
        self.has_failed.store(true, Ordering::Relaxed);
    }

    /// The outcome, after all threads have ended.
    ///
    /// # Errors
    /// The first failure.
    pub(super) fn result(&self) -> Result<(), OperationError> {
        self.failure.lock().take().map_or(Ok(()), Err)
    }
}

/// Checks whether the attempt was asked to stop.
///
/// # Errors
/// An I/O error that ends the copy of the current file. The caller then returns [`OperationError::Canceled`].
pub(super) fn stopped(context: &Context) -> io::Result<()> {
    context
        .check()
        .map_err(|_| io::Error::other("the attempt was asked to stop"))
}

/// A folder of the copy. Dropping it sets its mode and times. Each entry holds it, so it is dropped after all of them.
pub(super) struct Folder<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) dir: Dir,
    pub(super) path: PathBuf,
    pub(super) metadata: Metadata,
    /// Keeps the parent from being dropped first: creating entries in a folder changes its times.
    pub(super) _parent: Option<Arc<Self>>,
}

impl Drop for Folder<'_> {
    fn drop(&mut self) {
        if !self.shared.has_failed()
            && let Err(error) = finish(&self.dir, &self.metadata)
        {
            self.shared.fail(&self.path, &error);
        }
    }
}

/// A file to copy.
pub(super) struct Task<'a> {
    pub(super) folder: Arc<Folder<'a>>,
    pub(super) name: OsString,
    pub(super) from: File,
    pub(super) metadata: Metadata,
}

/// Starts the workers. They run until the sender is dropped. After a failure they discard the remaining files.
pub(super) fn start<'scope, 'a: 'scope>(
    scope: &'scope Scope<'scope, '_>,
    shared: &'a Shared<'a>,
) -> SyncSender<Task<'a>> {
    let workers = MAX_WORKERS
        .min(shared.context.cores().count())
        .min((shared.total.files / FILES_PER_WORKER + 1) as usize);
    let (sender, receiver) = sync_channel::<Task<'a>>(workers * QUEUED_FILES_PER_WORKER);
    // Only the workers own the receiver, so sending fails if all of them panic.
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..workers {
        let receiver = Arc::clone(&receiver);
        scope.spawn(move || run_worker(shared, &receiver));
    }
    sender
}

fn run_worker<'a>(shared: &Shared<'a>, tasks: &Mutex<Receiver<Task<'a>>>) {
    let mut copier = FileCopier::new();
    loop {
        let Ok(mut task) = tasks.lock().recv() else {
            return;
        };
        if shared.has_failed() {
            continue;
        }
        match task.copy(&mut copier) {
            Ok(()) => failpoints::failpoint("copied-file"),
            Err(error) => shared.fail(&task.folder.path.join(&task.name), &error),
        }
    }
}

impl Task<'_> {
    fn copy(&mut self, copier: &mut FileCopier) -> io::Result<()> {
        let shared = self.folder.shared;
        if shared.earlier != Earlier::Nothing && self.is_whole()? {
            shared.count(|done| {
                done.bytes += self.metadata.len();
                done.files += 1;
                done.resumed += 1;
            });
            return Ok(());
        }
        let mut on_bytes = |bytes| {
            shared.count(|done| done.bytes += bytes);
            stopped(shared.context)
        };
        let dir = &self.folder.dir;
        let bytes = copier.copy(
            &mut self.from,
            &self.metadata,
            dir,
            &self.name,
            &mut on_bytes,
        )?;
        let length = self.metadata.len();
        let change = Change::find(&mut self.from, length, bytes)?;
        shared.count(|done| {
            done.files += 1;
            if let Some(change) = change {
                let name = self.folder.path.join(&self.name);
                let name = name.to_string_lossy();
                done.changed
                    .note(shared.context, &name, change, (length, bytes));
            }
        });
        Ok(())
    }

    /// Whether an earlier attempt has copied the file completely. Removes an incomplete file.
    fn is_whole(&mut self) -> io::Result<bool> {
        use std::io::Seek;
        let shared = self.folder.shared;
        let dir = &self.folder.dir;
        let Ok(there) = dir.symlink_metadata(&self.name) else {
            return Ok(false);
        };
        if looks_whole(&there, &self.metadata) {
            if shared.earlier == Earlier::Kept {
                return Ok(true);
            }
            let mut there = dir.open(&self.name)?.into_std();
            if is_same(&mut self.from, &mut there, &mut |_| stopped(shared.context))? {
                return Ok(true);
            }
            self.from.rewind()?;
        }
        remove(dir, &self.name)?;
        Ok(false)
    }
}
