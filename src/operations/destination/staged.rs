//! What a job makes, under a temporary name beside its target until it is whole: made, synced, renamed.
//!
//! The temporary name is the job's own, so that the next attempt finds what the last one left. Before the renaming the
//! store learns of the intent, with the fingerprint of what was made; a server that starts after a crash finds by it
//! what is in its place already, and does not make it twice. From the intent on the attempt cannot be stopped.
//!
//! A draft that is dropped is removed, durably: the job's row, which alone tells where to look, ends only afterwards.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Metadata, OpenOptions};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::failpoints;
use crate::job::Failure;
use crate::operations::context::Slot;
use crate::operations::destination::fingerprint::Fingerprint;
use crate::operations::destination::names::{new_name, numbered, old_name};
use crate::operations::destination::remove::remove;
use crate::operations::destination::{Conflict, Destination, sys};
use crate::operations::{Context, OperationError};

/// What the store is told before something gets its name.
#[derive(Serialize, Deserialize)]
struct Intent<T> {
    name: String,
    fingerprint: Fingerprint,
    content: T,
}

/// What is said of something that was made, for the attempt that finds it in its place.
pub(in crate::operations) trait PlacedContent:
    Serialize + DeserializeOwned
{
    /// Its length in bytes and the SHA-256 of its bytes in hexadecimal, if it is a file and they are known.
    fn content(&self) -> Option<(u64, &str)>;
}

/// Something that is being made for a target.
pub(in crate::operations) struct StagedFile<'a> {
    target: &'a Destination,
    context: &'a Context,
    slot: Slot,
    new: OsString,
    old: OsString,
    /// Nothing of it is left under its temporary names, or what is left shall stay.
    is_finished: bool,
}

impl<'a> StagedFile<'a> {
    /// Makes nothing yet. There may be what an earlier attempt made.
    pub(in crate::operations) fn new(
        target: &'a Destination,
        context: &'a Context,
        slot: Slot,
    ) -> Self {
        Self {
            target,
            context,
            new: new_name(context.job(), slot),
            old: old_name(context.job(), slot),
            slot,
            is_finished: false,
        }
    }

    /// What an earlier attempt has put in its place: its path on the wire, and what it said about it.
    ///
    /// # Errors
    /// What the disk may say.
    pub(in crate::operations) fn placed<T: PlacedContent>(
        &mut self,
    ) -> Result<Option<(String, T)>, OperationError> {
        let Some(intent) = self.context.intent_in::<Intent<T>>(self.slot)? else {
            return Ok(None);
        };
        let dir = &self.target.dir;
        let is_at = |name: &OsStr| {
            let is_it = intent.fingerprint.is_of(dir, name);
            is_it.unwrap_or_else(|error| {
                tracing::warn!(job.id = %self.context.job(), %error, "what the job may have made cannot be read");
                false
            })
        };
        // What still goes by its temporary name did not get another one, whatever it is that has that.
        if !is_at(intent.name.as_ref()) || is_at(&self.new) {
            return Ok(None);
        }
        sys::sync_folder(dir).map_err(|e| self.target.failed(&e))?;
        self.discard_replaced();
        Ok(Some((self.target.path_of(&intent.name), intent.content)))
    }

    /// The name that it goes by until it is placed.
    pub(in crate::operations) fn name(&self) -> &OsStr {
        &self.new
    }

    /// Where that is, on the wire.
    pub(in crate::operations) fn path(&self) -> String {
        self.target.path_of(&self.new.to_string_lossy())
    }

    /// A new, empty file; what an earlier attempt made is removed.
    ///
    /// # Errors
    /// `storage_full` or `target_unwritable`.
    pub(in crate::operations) fn create_file(&self) -> Result<File, OperationError> {
        let create = || {
            remove(&self.target.dir, &self.new)?;
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true);
            options.follow(FollowSymlinks::No);
            self.target.dir.open_with(&self.new, &options)
        };
        let file = create().map_err(|e| self.target.failed(&e))?;
        Ok(file.into_std())
    }

    /// Gives what was made its final name, at once and for good; it must have been synced. Gives its path on the wire.
    /// `about` is what a later attempt learns of it, see [`StagedFile::placed`].
    ///
    /// # Errors
    /// `name_exists`, or what the file system says; nothing of the draft is left then. `target_not_found` if the path
    /// leads to another folder by now; the file may have been put into the one that it led to before.
    pub(in crate::operations) fn place(
        mut self,
        conflict: Conflict,
        about: &impl PlacedContent,
    ) -> Result<String, OperationError> {
        let made = self.target.dir.symlink_metadata(&self.new);
        let made = made.map_err(|e| self.target.failed(&e))?;
        let roots = self.context.roots();
        self.target.check_way(roots)?;
        let name = self.publish(conflict, &made, about)?;
        // It has its name: what goes by the temporary one is what it replaced.
        self.is_finished = true;
        let path = self.target.path_of(&name);
        sys::sync_folder(&self.target.dir).map_err(|error| {
            let message = format!("{path} is in its place, but perhaps not on the disk: {error}.");
            Failure::new("target_unwritable", message)
        })?;
        self.discard_replaced();
        failpoints::failpoint("placed");
        // Somebody may have been quicker.
        self.target.check_way(roots)?;
        Ok(path)
    }

    /// Removes it, so that it does not come back after a power cut. What it was to replace is back in its place.
    ///
    /// # Errors
    /// What the file system says; some of it is left then, under the temporary name.
    pub(in crate::operations) fn discard(&mut self) -> io::Result<()> {
        self.is_finished = true;
        let dir = &self.target.dir;
        let restored = match dir.symlink_metadata(&self.old) {
            // As a rule there is none.
            Err(_) => Ok(false),
            Ok(_) => sys::rename_to_free(dir, &self.old, self.target.name.as_ref()).map(|()| true),
        };
        let removed = remove(dir, &self.new);
        let is_clean = matches!((&restored, &removed), (Ok(false), Ok(false)));
        // An earlier attempt may have removed something just before the server died.
        if !is_clean || self.context.attempt() > 1 {
            sys::sync_folder(dir)?;
        }
        restored.and(removed).map(drop)
    }

    /// Leaves what is made for the attempt that follows.
    pub(in crate::operations) fn keep(mut self) {
        self.is_finished = true;
    }

    fn publish(
        &self,
        conflict: Conflict,
        made: &Metadata,
        about: &impl PlacedContent,
    ) -> Result<String, OperationError> {
        let wanted = &self.target.name;
        let names = std::iter::once(wanted.clone());
        let names: Box<dyn Iterator<Item = String>> = match conflict {
            Conflict::Rename => {
                let most_bytes = sys::name_bytes(&self.target.dir);
                Box::new(names.chain(numbered(wanted, made.is_dir(), most_bytes)))
            }
            Conflict::Fail | Conflict::Replace => Box::new(names),
        };
        let fingerprint = Fingerprint::of(&self.target.dir, &self.new, about.content());
        let fingerprint = fingerprint.map_err(|e| self.target.failed(&e))?;
        for name in names {
            self.context.check()?;
            let there = self.target.dir.symlink_metadata(&name).ok();
            if there.is_some() && conflict != Conflict::Replace {
                continue;
            }
            let intent = Intent {
                name: name.clone(),
                fingerprint: fingerprint.clone(),
                content: about,
            };
            failpoints::failpoint("intending");
            self.context.intend_to_place(self.slot, &intent)?;
            failpoints::failpoint("intended");
            let renamed = match there {
                Some(there) => self.replace(&there, made, &name),
                // Whatever comes there meanwhile is replaced too.
                None if conflict == Conflict::Replace && !made.is_dir() => {
                    self.target.dir.rename(&self.new, &self.target.dir, &name)
                }
                None => sys::rename_to_free(&self.target.dir, &self.new, name.as_ref()),
            };
            match renamed {
                // Somebody was quicker.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(self.target.failed(&error).into()),
                Ok(()) => {
                    failpoints::failpoint("renamed");
                    return Ok(name);
                }
            }
        }
        Err(self.target.taken().into())
    }

    /// Puts what was made in the place of something else. A crash leaves one of them there, whole; where the file
    /// system cannot exchange names it can leave neither, and the next attempt goes on.
    fn replace(&self, there: &Metadata, made: &Metadata, name: &str) -> io::Result<()> {
        let dir = &self.target.dir;
        if self.context.roots().must_stay(there) {
            let why = "a root or the server's own data is there, which nothing replaces";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        if !there.is_dir() && !made.is_dir() {
            return dir.rename(&self.new, dir, name);
        }
        if sys::exchange(dir, &self.new, name.as_ref())? {
            return Ok(());
        }
        dir.rename(name, dir, &self.old)?;
        sys::rename_to_free(dir, &self.new, name.as_ref()).inspect_err(|_| {
            // If this fails too, the old one is found under its temporary name.
            let _ = dir.rename(&self.old, dir, name);
        })
    }

    /// Removes what the new one has replaced, so that it does not come back after a power cut. A failure costs room on
    /// the disk, nothing else.
    fn discard_replaced(&mut self) {
        self.is_finished = true;
        let dir = &self.target.dir;
        let removed = remove(dir, &self.new).and_then(|new| Ok(remove(dir, &self.old)? || new));
        let synced = removed.and_then(|any| if any { sys::sync_folder(dir) } else { Ok(()) });
        if let Err(error) = synced {
            tracing::warn!(job.id = %self.context.job(), %error, "what was replaced is still there, in part");
        }
    }
}

/// What an earlier attempt's work has put at `path`, see [`StagedFile::placed`].
///
/// # Errors
/// What the disk may say.
pub(in crate::operations) fn find<T: PlacedContent>(
    context: &Context,
    path: &str,
) -> Result<Option<(String, T)>, OperationError> {
    let target = Destination::open(context.roots(), path)?;
    let mut draft = StagedFile::new(&target, context, Slot::Work);
    let placed = draft.placed();
    draft.keep();
    placed
}

/// Removes what earlier attempts' work left for `path` under its temporary name, unless it is in its place.
///
/// # Errors
/// What was in the way.
pub(in crate::operations) fn discard<T: PlacedContent>(
    context: &Context,
    path: &str,
) -> Result<(), OperationError> {
    let target = Destination::open(context.roots(), path)?;
    let mut draft = StagedFile::new(&target, context, Slot::Work);
    if draft.placed::<T>()?.is_none() {
        draft.discard()?;
    }
    Ok(())
}

impl Drop for StagedFile<'_> {
    fn drop(&mut self) {
        if !self.is_finished
            && !self.context.will_retry()
            && let Err(error) = self.discard()
        {
            tracing::warn!(job.id = %self.context.job(), %error, "what was made is still there, in part");
        }
    }
}
