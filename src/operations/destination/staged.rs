//! A staged file or folder: created under a temporary name beside its target, synced, then renamed.
//!
//! The temporary name belongs to the job, so that the next attempt finds what the last one left. Before the rename, the
//! intent is recorded in the store with the fingerprint of the content. After a crash, the server recognizes by the
//! fingerprint that the content is at its target already. Once the intent is recorded, the attempt cannot be stopped.
//!
//! Dropping a staged file removes it durably. The job ends only afterwards, because only its row says where to look.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Metadata, OpenOptions};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::failpoints;
use crate::job::Failure;
use crate::operations::destination::fingerprint::Fingerprint;
use crate::operations::destination::names::{new_name, numbered, old_name};
use crate::operations::destination::remove::remove;
use crate::operations::destination::{Conflict, Destination, sys};
use crate::operations::intents::Slot;
use crate::operations::{Context, OperationError};

/// The intent that is recorded before a rename.
#[derive(Serialize, Deserialize)]
struct Intent<T> {
    name: String,
    fingerprint: Fingerprint,
    content: T,
}

/// A description of the content, stored for a later attempt that finds the content at its target.
pub(in crate::operations) trait PlacedContent:
    Serialize + DeserializeOwned
{
    /// The length in bytes and the hexadecimal SHA-256 of the content, if it is a file and they are known.
    fn content(&self) -> Option<(u64, &str)>;
}

/// A file or folder that is being created for a target.
pub(in crate::operations) struct StagedFile<'a> {
    target: &'a Destination,
    context: &'a Context,
    slot: Slot,
    new: OsString,
    old: OsString,
    /// Whether drop must not remove the temporary entries: there are none, or they are kept on purpose.
    is_finished: bool,
}

impl<'a> StagedFile<'a> {
    /// Creates the handle, but nothing on the disk. An earlier attempt may have left a temporary file.
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

    /// The content that an earlier attempt renamed to the target: its path as clients see it, and its description.
    ///
    /// # Errors
    /// [`OperationError::Failed`] if the intent or the target cannot be read.
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
                tracing::warn!(job.id = %self.context.job(), %error, "cannot check whether an earlier attempt finished the output");
                false
            })
        };
        // Content that still has its temporary name was not renamed, even if another file has the target name.
        if !is_at(intent.name.as_ref()) || is_at(&self.new) {
            return Ok(None);
        }
        sys::sync_folder(dir).map_err(|e| self.target.failed(&e))?;
        self.discard_replaced();
        Ok(Some((self.target.path_of(&intent.name), intent.content)))
    }

    /// The temporary name.
    pub(in crate::operations) fn name(&self) -> &OsStr {
        &self.new
    }

    /// The temporary path as clients see it.
    pub(in crate::operations) fn path(&self) -> String {
        self.target.path_of(&self.new.to_string_lossy())
    }

    /// Creates an empty file under the temporary name, and removes what an earlier attempt left there.
    ///
    /// # Errors
    /// A failure with code `storage_full` or `target_unwritable`.
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

    /// Renames the synced content to its target, atomically and durably, and returns the path as clients see it. `content`
    /// is stored for later attempts, see [`StagedFile::placed`].
    ///
    /// # Errors
    /// A failure with code `name_exists` if the name is taken, or the failure of the rename; the temporary content is
    /// removed in both cases. `target_not_found` if the path leads to another folder now; the content may then be in the
    /// folder that the path led to before.
    pub(in crate::operations) fn place(
        mut self,
        conflict: Conflict,
        content: &impl PlacedContent,
    ) -> Result<String, OperationError> {
        let made = self.target.dir.symlink_metadata(&self.new);
        let made = made.map_err(|e| self.target.failed(&e))?;
        let roots = self.context.roots();
        self.target.check_path(roots)?;
        let name = self.publish(conflict, &made, content)?;
        // The content has its target name. The entry with the temporary name is the one that it replaced.
        self.is_finished = true;
        let path = self.target.path_of(&name);
        sys::sync_folder(&self.target.dir).map_err(|error| {
            let message =
                format!("{path} was created, but could not be synced to the disk: {error}.");
            Failure::new("target_unwritable", message)
        })?;
        self.discard_replaced();
        failpoints::failpoint("placed");
        // Another program may have taken the name.
        self.target.check_path(roots)?;
        Ok(path)
    }

    /// Removes the temporary content durably, and restores an entry that was moved away to be replaced.
    ///
    /// # Errors
    /// [`OperationError::Failed`] if the file system refuses; the rest stays under the temporary name.
    pub(in crate::operations) fn discard(&mut self) -> io::Result<()> {
        self.is_finished = true;
        let dir = &self.target.dir;
        let restored = match dir.symlink_metadata(&self.old) {
            // Usually no replaced file was put aside.
            Err(_) => Ok(false),
            Ok(_) => sys::rename_to_free(dir, &self.old, self.target.name.as_ref()).map(|()| true),
        };
        let removed = remove(dir, &self.new);
        let is_clean = matches!((&restored, &removed), (Ok(false), Ok(false)));
        // Sync even if nothing was removed: an earlier attempt may have removed an entry just before the server died.
        if !is_clean || self.context.attempt() > 1 {
            sys::sync_folder(dir)?;
        }
        restored.and(removed).map(drop)
    }

    /// Keeps the temporary content for the next attempt.
    pub(in crate::operations) fn keep(mut self) {
        self.is_finished = true;
    }

    fn publish(
        &self,
        conflict: Conflict,
        made: &Metadata,
        content: &impl PlacedContent,
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
        let fingerprint = Fingerprint::of(&self.target.dir, &self.new, content.content());
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
                content,
            };
            failpoints::failpoint("intending");
            self.context.record_rename_intent(self.slot, &intent)?;
            failpoints::failpoint("intended");
            let renamed = match there {
                Some(there) => self.replace(&there, made, &name),
                // An entry created in the meantime is replaced too.
                None if conflict == Conflict::Replace && !made.is_dir() => {
                    self.target.dir.rename(&self.new, &self.target.dir, &name)
                }
                None => sys::rename_to_free(&self.target.dir, &self.new, name.as_ref()),
            };
            match renamed {
                // Another program has taken the name.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(self.target.failed(&error).into()),
                Ok(()) => {
                    failpoints::failpoint("renamed");
                    return Ok(name);
                }
            }
        }
        Err(self.target.already_exists().into())
    }

    /// Replaces an existing entry with the new content. After a crash, one of them has the name and is complete. On file
    /// systems that cannot exchange names neither may have it, and the next attempt continues.
    fn replace(&self, there: &Metadata, made: &Metadata, name: &str) -> io::Result<()> {
        let dir = &self.target.dir;
        if self.context.roots().must_stay(there) {
            let why = "roots and the server's own data cannot be replaced";
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
            // If this fails too, the old entry stays under its temporary name.
            let _ = dir.rename(&self.old, dir, name);
        })
    }

    /// Removes the replaced entry durably. A failure only wastes disk space.
    fn discard_replaced(&mut self) {
        self.is_finished = true;
        let dir = &self.target.dir;
        let removed = remove(dir, &self.new).and_then(|new| Ok(remove(dir, &self.old)? || new));
        let synced = removed.and_then(|any| if any { sys::sync_folder(dir) } else { Ok(()) });
        if let Err(error) = synced {
            tracing::warn!(job.id = %self.context.job(), %error, "cannot remove the replaced file or folder completely");
        }
    }
}

/// The content that an earlier attempt renamed to `path`, see [`StagedFile::placed`].
///
/// # Errors
/// [`OperationError::Failed`] if the target folder, the intent or the target cannot be read.
pub(in crate::operations) fn find<T: PlacedContent>(
    context: &Context,
    path: &str,
) -> Result<Option<(String, T)>, OperationError> {
    let target = Destination::open(context.roots(), path)?;
    let mut staged = StagedFile::new(&target, context, Slot::Work);
    let placed = staged.placed();
    staged.keep();
    placed
}

/// Removes the temporary content that earlier attempts left for `path`, unless it was renamed to its target.
///
/// # Errors
/// [`OperationError::Failed`] if it cannot be removed.
pub(in crate::operations) fn discard<T: PlacedContent>(
    context: &Context,
    path: &str,
) -> Result<(), OperationError> {
    let target = Destination::open(context.roots(), path)?;
    let mut staged = StagedFile::new(&target, context, Slot::Work);
    if staged.placed::<T>()?.is_none() {
        staged.discard()?;
    }
    Ok(())
}

impl Drop for StagedFile<'_> {
    fn drop(&mut self) {
        if !self.is_finished
            && !self.context.will_retry()
            && let Err(error) = self.discard()
        {
            tracing::warn!(job.id = %self.context.job(), %error, "cannot remove the temporary file or folder completely");
        }
    }
}
