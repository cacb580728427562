//! Copies a folder into its temporary folder. Complete files that an earlier attempt left there are kept.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread;

use cap_std::fs::{Dir, Metadata};

use crate::operations::OperationError;
use crate::operations::copy::workers;
use crate::operations::copy::workers::{Earlier, Folder, Shared, Task};
use crate::operations::destination::{make_folder, open_folder, remove};
use crate::operations::files::links::stays_inside;
use crate::operations::files::walk::{Found, Kind, Walker};

/// Copies all entries of the walk into `top`, which is empty or was left by an earlier attempt. The copy will be in a
/// folder `depth` levels below its root.
///
/// # Errors
/// The errors of [`Walker::next`], and a failure with code `storage_full` or `target_unwritable` if an entry cannot be
/// written.
pub(super) fn copy(
    shared: &Shared<'_>,
    walker: &mut Walker<'_>,
    top: &Dir,
    depth: usize,
) -> Result<(), OperationError> {
    let result = thread::scope(|scope| {
        let tree = Tree {
            shared,
            top,
            depth,
            levels: Vec::new(),
            tasks: workers::start(scope, shared),
        };
        tree.copy(walker)
    });
    let skipped = walker.skipped();
    shared.count(|done| done.skipped.add(skipped));
    shared.result().and(result)
}

/// The walking thread's state. It creates folders and links itself, and hands files to the workers.
struct Tree<'a> {
    shared: &'a Shared<'a>,
    top: &'a Dir,
    depth: usize,
    levels: Vec<Arc<Folder<'a>>>,
    tasks: SyncSender<Task<'a>>,
}

impl<'a> Tree<'a> {
    fn copy(mut self, walker: &mut Walker<'_>) -> Result<(), OperationError> {
        let mut number = 0;
        while let Some(found) = walker.next()? {
            number += 1;
            self.show(&found, number);
            if let Some(parent) = found.path.parent() {
                while self.levels.pop_if(|level| level.path != parent).is_some() {}
            }
            let made = match &found.kind {
                Kind::Folder => self.enter(&found),
                Kind::Link(link_target) => self.link(&found, link_target),
                Kind::File => {
                    self.file(walker, &found)?;
                    Ok(())
                }
            };
            if let Err(error) = made {
                self.shared.fail(&found.path, &error);
            }
            if self.shared.has_failed() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn show(&self, found: &Found, number: u64) {
        let name = match found.path.to_str() {
            Some("") => self.shared.path.into(),
            _ => found.path.to_string_lossy(),
        };
        let total = self.shared.total.entries().max(number);
        self.shared.context.set_stage(&name, number, total);
    }

    fn enter(&mut self, found: &Found) -> io::Result<()> {
        let parent = self.levels.last();
        let dir = match (parent, found.path.file_name()) {
            (Some(parent), Some(name)) => self.folder(&parent.dir, name)?,
            _ => self.top.try_clone()?,
        };
        let folder = Folder {
            shared: self.shared,
            dir,
            path: found.path.clone(),
            metadata: found.metadata.clone(),
            _parent: parent.cloned(),
        };
        self.levels.push(Arc::new(folder));
        self.shared.count(|done| done.folders += 1);
        Ok(())
    }

    /// Creates a folder, or opens the one that an earlier attempt created.
    fn folder(&self, dir: &Dir, name: &OsStr) -> io::Result<Dir> {
        if self.shared.earlier != Earlier::Nothing
            && let Ok(there) = dir.symlink_metadata(name)
        {
            if there.is_dir() {
                let folder = open_folder(dir, name)?;
                // An earlier attempt may have copied the mode of a read-only folder already.
                #[cfg(unix)]
                rustix::fs::fchmod(&folder, rustix::fs::Mode::RWXU)?;
                return Ok(folder);
            }
            remove(dir, name)?;
        }
        make_folder(dir, name)?;
        open_folder(dir, name)
    }

    /// Copies a link. Skips it if it would lead out of the root from its new position.
    fn link(&self, found: &Found, link_target: &Path) -> io::Result<()> {
        if !stays_inside(link_target, self.depth + self.levels.len() - 1) {
            self.shared.count(|done| done.skipped.links += 1);
            return Ok(());
        }
        let (parent, name) = self.parent_of(found);
        if self.shared.earlier != Earlier::Nothing {
            remove(&parent.dir, name)?;
        }
        make_link(&parent.dir, name, link_target, &found.metadata)?;
        self.shared.count(|done| done.links += 1);
        Ok(())
    }

    fn file(&self, walker: &mut Walker<'_>, found: &Found) -> Result<(), OperationError> {
        let (folder, name) = self.parent_of(found);
        let Some((from, metadata)) = walker.open(found)? else {
            return Ok(());
        };
        let task = Task {
            folder: Arc::clone(folder),
            name: name.to_owned(),
            from,
            metadata,
        };
        // Sending fails only if all workers panicked. The scope reports that at its end.
        let _ = self.tasks.send(task);
        Ok(())
    }

    fn parent_of<'f>(&self, found: &'f Found) -> (&Arc<Folder<'a>>, &'f OsStr) {
        let parent = self.levels.last();
        let parent = parent.expect("the walk returns a folder before its entries");
        (
            parent,
            found
                .path
                .file_name()
                .expect("an entry of a folder has a name"),
        )
    }
}

/// Creates a link with the times of another.
fn make_link(dir: &Dir, name: &OsStr, link_target: &Path, metadata: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::fs::{AtFlags, symlinkat, utimensat};
        // The caller has checked that the link stays inside the root.
        symlinkat(link_target, dir, name)?;
        // Some file systems do not store the times of links.
        let times = crate::operations::copy::file::times(metadata);
        let _ = utimensat(dir, name, &times, AtFlags::SYMLINK_NOFOLLOW);
        Ok(())
    }
    #[cfg(not(unix))]
    {
        let _ = (dir, name, link_target, metadata);
        Err(io::ErrorKind::Unsupported.into())
    }
}
