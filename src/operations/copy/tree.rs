//! A folder's copy, made aside. What an earlier attempt left there and is whole stays.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, Metadata};

use super::file::{FileCopier, finish, is_same, looks_whole};
use super::tally::Tally;
use crate::job::Failure;
use crate::operations::target::{make_folder, open_folder, remove, writing_failed};
use crate::operations::walk::{Found, Kind, Walker, stays_inside};
use crate::operations::{Context, Stop};

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

/// A folder on the way down. Its mode and times are set when all that is in it is there.
struct Level {
    dir: Dir,
    path: PathBuf,
    metadata: Metadata,
}

/// A copy under way.
pub(super) struct Tree<'a> {
    context: &'a Context,
    /// Where it will be, for messages.
    path: &'a str,
    /// How many folders deep below the root that is.
    depth: usize,
    earlier: Earlier,
    total: Tally,
    copier: FileCopier,
    levels: Vec<Level>,
    led_out: u64,
    pub(super) done: Tally,
}

impl<'a> Tree<'a> {
    pub(super) fn new(
        context: &'a Context,
        path: &'a str,
        depth: usize,
        earlier: Earlier,
        total: Tally,
    ) -> Self {
        Self {
            context,
            path,
            depth,
            earlier,
            total,
            copier: FileCopier::new(),
            levels: Vec::new(),
            led_out: 0,
            done: Tally::default(),
        }
    }

    /// Copies all that is walked into `top`, which is empty or what an earlier attempt left.
    pub(super) fn copy(&mut self, walker: &mut Walker<'_>, top: &Dir) -> Result<(), Stop> {
        while let Some(found) = walker.next()? {
            self.done.count(&found.kind);
            self.show(&found);
            if let Some(parent) = found.path.parent() {
                self.leave(|level| level.path != parent)?;
            }
            match &found.kind {
                Kind::Folder => self.enter(top, found)?,
                Kind::Link(said) => self.link(&found, said)?,
                Kind::File => self.file(walker, &found)?,
            }
        }
        self.done.skipped = walker.skipped();
        self.done.skipped.links += self.led_out;
        self.leave(|_| true)
    }

    fn show(&self, found: &Found) {
        let name = match found.path.to_str() {
            Some("") => self.path.into(),
            _ => found.path.to_string_lossy(),
        };
        let total = self.total.entries().max(self.done.entries());
        self.context.stage(&name, self.done.entries(), total);
        self.done.show(self.context, &self.total);
    }

    /// Finishes folders from the lowest up, for as long as they are left.
    fn leave(&mut self, is_left: impl Fn(&Level) -> bool) -> Result<(), Stop> {
        while let Some(level) = self.levels.pop_if(|level| is_left(level)) {
            finish(&level.dir, &level.metadata).map_err(|e| self.failed(&level.path, &e))?;
        }
        Ok(())
    }

    fn enter(&mut self, top: &Dir, found: Found) -> Result<(), Stop> {
        let enter = || match (self.levels.last(), found.path.file_name()) {
            (Some(level), Some(name)) => self.folder(&level.dir, name),
            _ => top.try_clone(),
        };
        let dir = enter().map_err(|e| self.failed(&found.path, &e))?;
        self.levels.push(Level {
            dir,
            path: found.path,
            metadata: found.metadata,
        });
        Ok(())
    }

    /// Makes a folder, or takes the one that is there.
    fn folder(&self, dir: &Dir, name: &OsStr) -> io::Result<Dir> {
        if self.earlier != Earlier::Nothing
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
    fn link(&mut self, found: &Found, said: &Path) -> Result<(), Stop> {
        if !stays_inside(said, self.depth + self.levels.len() - 1) {
            self.done.links -= 1;
            self.led_out += 1;
            return Ok(());
        }
        let (dir, name) = self.place_of(found);
        let link = || {
            if self.earlier != Earlier::Nothing {
                remove(dir, name)?;
            }
            make_link(dir, name, said, &found.metadata)
        };
        link().map_err(|e| self.failed(&found.path, &e))
    }

    fn file(&mut self, walker: &mut Walker<'_>, found: &Found) -> Result<(), Stop> {
        let Some((mut from, metadata)) = walker.open(found)? else {
            // Counted there.
            self.done.files -= 1;
            return Ok(());
        };
        if self.is_whole(found, &mut from, &metadata)? {
            self.done.bytes += metadata.len();
            self.done.resumed += 1;
            return Ok(());
        }
        let (context, total, done) = (self.context, &self.total, &mut self.done);
        let level = self.levels.last().expect("its folder came before it");
        let name = found.path.file_name().expect("it is in a folder");
        let mut on_bytes = |bytes| {
            done.bytes += bytes;
            done.show(context, total);
            stopped(context)
        };
        let copied = self
            .copier
            .copy(&mut from, &metadata, &level.dir, name, &mut on_bytes);
        copied.map_err(|e| self.failed(&found.path, &e))
    }

    /// Whether an earlier attempt has copied it. What it left of it otherwise is removed.
    fn is_whole(&self, found: &Found, from: &mut File, metadata: &Metadata) -> Result<bool, Stop> {
        if self.earlier == Earlier::Nothing {
            return Ok(false);
        }
        let (dir, name) = self.place_of(found);
        let mut look = || {
            let Ok(there) = dir.symlink_metadata(name) else {
                return Ok(false);
            };
            if looks_whole(&there, metadata)
                && (self.earlier == Earlier::Kept || self.is_same(dir, name, from)?)
            {
                return Ok(true);
            }
            remove(dir, name)?;
            Ok(false)
        };
        look().map_err(|e| self.failed(&found.path, &e))
    }

    fn is_same(&self, dir: &Dir, name: &OsStr, from: &mut File) -> io::Result<bool> {
        use std::io::Seek;
        let mut there = dir.open(name)?.into_std();
        let is_same = is_same(from, &mut there, &mut |_| stopped(self.context))?;
        from.rewind()?;
        Ok(is_same)
    }

    fn place_of<'f>(&self, found: &'f Found) -> (&Dir, &'f OsStr) {
        let level = self.levels.last().expect("its folder came before it");
        (
            &level.dir,
            found.path.file_name().expect("it is in a folder"),
        )
    }

    fn failed(&self, path: &Path, error: &io::Error) -> Stop {
        if self.context.check().is_err() {
            return Stop::Canceled;
        }
        let path = Path::new(self.path).join(path);
        let failure: Failure = writing_failed(&path.to_string_lossy(), error);
        failure.into()
    }
}

/// Turns the wish to stop into an error that ends a file's copying.
pub(super) fn stopped(context: &Context) -> io::Result<()> {
    context
        .check()
        .map_err(|_| io::Error::other("it was stopped"))
}

/// Makes a link with the times of another.
fn make_link(dir: &Dir, name: &OsStr, said: &Path, metadata: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use cap_std::fs::MetadataExt;
        use rustix::fs::{AtFlags, Timespec, Timestamps, utimensat};
        // As it is said: whether it leads inside was judged by the walk.
        rustix::fs::symlinkat(said, dir, name)?;
        let times = Timestamps {
            last_access: Timespec {
                tv_sec: metadata.atime(),
                tv_nsec: metadata.atime_nsec(),
            },
            last_modification: Timespec {
                tv_sec: metadata.mtime(),
                tv_nsec: metadata.mtime_nsec(),
            },
        };
        // Not every file system keeps a link's times.
        let _ = utimensat(dir, name, &times, AtFlags::SYMLINK_NOFOLLOW);
        Ok(())
    }
    #[cfg(not(unix))]
    {
        let _ = (dir, name, said, metadata);
        Err(io::ErrorKind::Unsupported.into())
    }
}
