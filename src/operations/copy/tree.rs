//! A folder's copy, made aside. What an earlier attempt left there and is whole stays.

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

/// Copies all that is walked into `top`, which is empty or what an earlier attempt left, and which will be `depth`
/// folders deep below its root.
///
/// # Errors
/// What the walk says, or why something cannot be written.
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

/// The walk's side of it: folders and links are made as they are found, files are handed to the crew.
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
                Kind::Link(said) => self.link(&found, said),
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

    /// Makes a folder, or takes the one that is there.
    fn folder(&self, dir: &Dir, name: &OsStr) -> io::Result<Dir> {
        if self.shared.earlier != Earlier::Nothing
            && let Ok(there) = dir.symlink_metadata(name)
        {
            if there.is_dir() {
                let folder = open_folder(dir, name)?;
                // It may have been finished, as the copy of one that nobody writes to.
                #[cfg(unix)]
                rustix::fs::fchmod(&folder, rustix::fs::Mode::RWXU)?;
                return Ok(folder);
            }
            remove(dir, name)?;
        }
        make_folder(dir, name)?;
        open_folder(dir, name)
    }

    /// A link that stays inside where it was may lead out from where the copy is, which is skipped.
    fn link(&self, found: &Found, said: &Path) -> io::Result<()> {
        if !stays_inside(said, self.depth + self.levels.len() - 1) {
            self.shared.count(|done| done.skipped.links += 1);
            return Ok(());
        }
        let (parent, name) = self.place_of(found);
        if self.shared.earlier != Earlier::Nothing {
            remove(&parent.dir, name)?;
        }
        make_link(&parent.dir, name, said, &found.metadata)?;
        self.shared.count(|done| done.links += 1);
        Ok(())
    }

    fn file(&self, walker: &mut Walker<'_>, found: &Found) -> Result<(), OperationError> {
        let (folder, name) = self.place_of(found);
        let Some((from, metadata)) = walker.open(found)? else {
            return Ok(());
        };
        let task = Task {
            folder: Arc::clone(folder),
            name: name.to_owned(),
            from,
            metadata,
        };
        // Nobody takes it if all have panicked, which ends the attempt when they are waited for.
        let _ = self.tasks.send(task);
        Ok(())
    }

    fn place_of<'f>(&self, found: &'f Found) -> (&Arc<Folder<'a>>, &'f OsStr) {
        let parent = self.levels.last();
        let parent = parent.expect("its folder came before it");
        (parent, found.path.file_name().expect("it is in a folder"))
    }
}

/// Makes a link with the times of another.
fn make_link(dir: &Dir, name: &OsStr, said: &Path, metadata: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::fs::{AtFlags, symlinkat, utimensat};
        // As it is said: whether it leads inside has been judged.
        symlinkat(said, dir, name)?;
        // Not every file system keeps a link's times.
        let times = crate::operations::copy::file::times(metadata);
        let _ = utimensat(dir, name, &times, AtFlags::SYMLINK_NOFOLLOW);
        Ok(())
    }
    #[cfg(not(unix))]
    {
        let _ = (dir, name, said, metadata);
        Err(io::ErrorKind::Unsupported.into())
    }
}
