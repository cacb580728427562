//! Helpers that copy files side by side: making a file keeps a core busy on many file systems.

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

/// More helpers than this wait for each other in the file system.
const HELPERS: usize = 4;
/// So many files are worth one more helper.
const FILES_EACH: u64 = 32;
/// Files that are open and wait for a helper, for each.
const WAITING: usize = 4;

/// What of an earlier attempt's work may be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Earlier {
    /// Nothing.
    Nothing,
    /// It is as it was left: what looks whole is.
    Kept,
    /// The machine was down meanwhile: what looks whole is compared.
    Doubtful,
}

/// What everybody knows who works on a copy.
pub(super) struct Shared<'a> {
    pub(super) context: &'a Context,
    /// Where the copy will be, for messages.
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

    /// Counts, and shows how far the copy is.
    pub(super) fn count(&self, count: impl FnOnce(&mut CopyStats)) {
        let mut done = self.done.lock();
        count(&mut done);
        done.show(self.context, &self.total);
    }

    /// Whether somebody has failed, so that nothing more is worth doing.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// Writing failed at a path below the copy's top. The first failure counts.
    pub(super) fn fail(&self, path: &Path, error: &io::Error) {
        let stop = self.context.check().err().unwrap_or_else(|| {
            let path = Path::new(self.path).join(path);
            writing_failed(&path.to_string_lossy(), error).into()
        });
        self.failure.lock().get_or_insert(stop);
        self.has_failed.store(true, Ordering::Relaxed);
    }

    /// How it ended, once nobody works on it any more.
    pub(super) fn result(&self) -> Result<(), OperationError> {
        self.failure.lock().take().map_or(Ok(()), Err)
    }
}

/// Turns the wish to stop into an error that ends a file's copying.
pub(super) fn stopped(context: &Context) -> io::Result<()> {
    context
        .check()
        .map_err(|_| io::Error::other("it was stopped"))
}

/// A folder of the copy. It gets its mode and times when all that is in it is there: when the last who holds it lets go.
pub(super) struct Folder<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) dir: Dir,
    pub(super) path: PathBuf,
    pub(super) metadata: Metadata,
    /// Held for its sake: what is made in a folder changes its time.
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

/// Starts helpers. They work until the sender is dropped, or until one of them fails; then they only take.
pub(super) fn start<'scope, 'a: 'scope>(
    scope: &'scope Scope<'scope, '_>,
    shared: &'a Shared<'a>,
) -> SyncSender<Task<'a>> {
    let helpers = HELPERS
        .min(shared.context.cores().count())
        .min((shared.total.files / FILES_EACH + 1) as usize);
    let (tasks, to_do) = sync_channel::<Task<'a>>(helpers * WAITING);
    // Theirs alone: if all of them panic, sending fails.
    let to_do = Arc::new(Mutex::new(to_do));
    for _ in 0..helpers {
        let to_do = Arc::clone(&to_do);
        scope.spawn(move || help(shared, &to_do));
    }
    tasks
}

fn help<'a>(shared: &Shared<'a>, to_do: &Mutex<Receiver<Task<'a>>>) {
    let mut copier = FileCopier::new();
    loop {
        let Ok(mut task) = to_do.lock().recv() else {
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

    /// Whether an earlier attempt has copied it. What it left of it otherwise is removed.
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
