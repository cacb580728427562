//! What a job makes, under a temporary name beside its target until it is whole: made, synced, renamed.
//!
//! The temporary name is the job's own, so that the next attempt finds what the last one left. Before the renaming the
//! store learns of the intent, with the identity of what was made; an attempt that begins after a crash finds by it
//! what is in its place already, and does not make it twice. A draft that is dropped is removed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Metadata, OpenOptions};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::names::{new_name, numbered, old_name};
use super::remove::remove;
use super::{Conflict, Target, sys};
use crate::faults;
use crate::operations::context::Slot;
use crate::operations::{Context, Stop};
use crate::roots::Identity;

/// What the store is told before something gets its name.
#[derive(Serialize, Deserialize)]
struct Intent<T> {
    name: String,
    identity: Identity,
    about: T,
}

/// What is said of something that was made, for the attempt that finds it in its place.
pub(in crate::operations) trait About: Serialize + DeserializeOwned {
    /// Its length in bytes and the SHA-256 of its bytes in hexadecimal, if it is a file: it is known by them where files
    /// have no identity, or another one after the file system was mounted again.
    fn content(&self) -> Option<(u64, &str)>;
}

/// Something that is being made for a target.
pub(in crate::operations) struct Draft<'a> {
    target: &'a Target,
    context: &'a Context,
    slot: Slot,
    new: OsString,
    old: OsString,
    /// Nothing of it is left under its temporary names, or what is left shall stay.
    is_settled: bool,
}

impl<'a> Draft<'a> {
    /// Makes nothing yet. There may be what an earlier attempt made.
    pub(in crate::operations) fn new(target: &'a Target, context: &'a Context, slot: Slot) -> Self {
        Self {
            target,
            context,
            new: new_name(context.job(), slot),
            old: old_name(context.job(), slot),
            slot,
            is_settled: false,
        }
    }

    /// What an earlier attempt has put in its place: its path on the wire, and what it said about it.
    ///
    /// # Errors
    /// What the disk may say.
    pub(in crate::operations) fn placed<T: About>(&mut self) -> Result<Option<(String, T)>, Stop> {
        let Some(intent) = self.context.intent_in::<Intent<T>>(self.slot)? else {
            return Ok(None);
        };
        let Ok(there) = self.target.dir.symlink_metadata(&intent.name) else {
            return Ok(None);
        };
        let content = intent.about.content();
        let is_same = Identity::of(&there) == intent.identity && (cfg!(unix) || content.is_none());
        let is_ours =
            is_same || content.is_some_and(|(size, sha256)| self.holds(&intent.name, size, sha256));
        if !is_ours {
            return Ok(None);
        }
        sys::sync_folder(&self.target.dir).map_err(|e| self.target.failed(&e))?;
        self.discard_replaced();
        Ok(Some((self.target.path_of(&intent.name), intent.about)))
    }

    /// Whether a file beside the target has these bytes. Reads it, unless its length tells already.
    fn holds(&self, name: &str, size: u64, sha256: &str) -> bool {
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No);
        let holds = || {
            let there = self.target.dir.symlink_metadata(name)?;
            if !there.is_file() || there.len() != size {
                return Ok(false);
            }
            let file = self.target.dir.open_with(name, &options)?.into_std();
            // Whoever adds to it makes it another one, and shall not keep this busy.
            let mut file = file.take(size + 1);
            let (mut digest, mut buffer) = (Sha256::new(), vec![0; 64 << 10]);
            loop {
                match file.read(&mut buffer)? {
                    0 => return Ok(hex::encode(digest.finalize()) == sha256),
                    read => digest.update(&buffer[..read]),
                }
            }
        };
        holds().unwrap_or_else(|error: io::Error| {
            tracing::warn!(job.id = %self.context.job(), %error, "what may be the result cannot be read");
            false
        })
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
    pub(in crate::operations) fn create_file(&self) -> Result<File, Stop> {
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
    /// `about` is what a later attempt learns of it, see [`Draft::placed`].
    ///
    /// # Errors
    /// `name_exists`, or what the file system says; nothing of the draft is left then. `target_not_found` if the path
    /// leads to another folder by now; the file may have been put into the one that it led to before.
    pub(in crate::operations) fn place(
        mut self,
        conflict: Conflict,
        about: &impl About,
    ) -> Result<String, Stop> {
        let made = self.target.dir.symlink_metadata(&self.new);
        let made = made.map_err(|e| self.target.failed(&e))?;
        let roots = self.context.roots();
        self.target.check_way(roots)?;
        let name = self.settle(conflict, &made, about)?;
        sys::sync_folder(&self.target.dir).map_err(|e| self.target.failed(&e))?;
        self.discard_replaced();
        // Somebody may have been quicker.
        self.target.check_way(roots)?;
        Ok(self.target.path_of(&name))
    }

    /// Removes it. What it was to replace is back in its place.
    ///
    /// # Errors
    /// What the file system says; some of it is left then, under the temporary name.
    pub(in crate::operations) fn discard(&mut self) -> io::Result<()> {
        self.is_settled = true;
        let dir = &self.target.dir;
        match sys::rename_to_free(dir, &self.old, OsStr::new(&self.target.name)) {
            // As a rule there is none.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        remove(dir, &self.new)
    }

    /// Leaves what is made for the attempt that follows.
    pub(in crate::operations) fn keep(mut self) {
        self.is_settled = true;
    }

    fn settle(
        &self,
        conflict: Conflict,
        made: &Metadata,
        about: &impl About,
    ) -> Result<String, Stop> {
        let wanted = &self.target.name;
        let names = std::iter::once(wanted.clone());
        let names: Box<dyn Iterator<Item = String>> = match conflict {
            Conflict::Rename => {
                let most_bytes = sys::name_bytes(&self.target.dir);
                Box::new(names.chain(numbered(wanted, made.is_dir(), most_bytes)))
            }
            Conflict::Fail | Conflict::Replace => Box::new(names),
        };
        for name in names {
            self.context.check()?;
            let there = self.target.dir.symlink_metadata(&name).ok();
            if there.is_some() && conflict != Conflict::Replace {
                continue;
            }
            let intent = Intent {
                name: name.clone(),
                identity: Identity::of(made),
                about,
            };
            self.context.intend_in(self.slot, &intent)?;
            faults::point("intended");
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
                    faults::point("renamed");
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

    /// Removes what the new one has replaced. It is nobody's concern any more if that fails, but for the room it takes.
    fn discard_replaced(&mut self) {
        self.is_settled = true;
        for name in [&self.new, &self.old] {
            if let Err(error) = remove(&self.target.dir, name) {
                tracing::warn!(job.id = %self.context.job(), %error, "what was replaced is still there, in part");
            }
        }
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.is_settled
            && !self.context.runs_again()
            && let Err(error) = self.discard()
        {
            tracing::warn!(job.id = %self.context.job(), %error, "what was made is still there, in part");
        }
    }
}
