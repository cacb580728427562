//! `copy`: a file or a folder becomes another one.
//!
//! The copy is made under a temporary name beside its target, synced, and gets its name at once when it is whole, so
//! that nobody ever sees half of it. What a stop or a failure leaves is removed, and the error says what had been done;
//! what a crash leaves is taken up by the next attempt, which copies only what is not whole yet.
//!
//! Modes and times are kept, owners are not: the copy is the server's own. Links are kept where they stay inside the
//! root, and FIFOs, sockets and devices are left out; the report counts what was. A file that may not be read fails the
//! copy, which would else lack it unnoticed.

use std::io;

use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::job::Failure;
use crate::operations::context::Slot;
use crate::operations::copy::file::{FileCopier, finish};
use crate::operations::copy::flush::{flush_file, flush_tree};
use crate::operations::copy::mount_epoch::epoch;
use crate::operations::copy::params::CopyParams;
use crate::operations::copy::stats::CopyStats;
use crate::operations::copy::workers::{Earlier, Shared, stopped};
use crate::operations::copy::{params, tree};
use crate::operations::destination::{Conflict, Destination, StagedFile, make_folder, open_folder};
use crate::operations::files::changes::Change;
use crate::operations::files::source::{Source, unreadable};
use crate::operations::files::walk;
use crate::operations::files::walk::{Walker, open_file};
use crate::operations::report::report;
use crate::operations::{
    Context, InvalidParam, Operation, OperationError, OperationOutput, OperationSpec, destination,
};
use crate::roots::{Identity, Roots};

/// More than other operations get: each attempt goes on where the last one was, so a copy that takes days survives more
/// than three power cuts.
const MAX_ATTEMPTS: u32 = 10;

pub(in crate::operations) struct Copy;

/// Said before anything is made, so that a later attempt knows what to think of it.
#[derive(Serialize, Deserialize)]
struct Begun {
    epoch: Option<String>,
}

impl Operation for Copy {
    fn spec(&self) -> OperationSpec {
        OperationSpec {
            output: "application/json".into(),
            max_attempts: MAX_ATTEMPTS,
            ..OperationSpec::new::<CopyParams>("copy", "Copy a file or a folder")
        }
    }

    fn check(&self, params: &Value, roots: &Roots) -> Result<(), Vec<InvalidParam>> {
        params::check(params, roots)
    }

    fn run(&self, context: &Context) -> Result<OperationOutput, OperationError> {
        let params: CopyParams = context.params()?;
        let target = Destination::open(context.roots(), &params.to.0)?;
        let mut draft = StagedFile::new(&target, context, Slot::Work);
        let (path, tally) = match draft.placed()? {
            Some(placed) => placed,
            None => copy(context, &params, &target, draft)?,
        };
        tell(context, path, &tally)
    }

    fn recover(&self, context: &Context) -> Result<Option<OperationOutput>, OperationError> {
        let params: CopyParams = context.params()?;
        let found = destination::find(context, &params.to.0)?;
        let told = found.map(|(path, tally)| tell(context, path, &tally));
        told.transpose()
    }

    fn abandon(&self, context: &Context) -> Result<(), OperationError> {
        let params: CopyParams = context.params()?;
        destination::discard::<CopyStats>(context, &params.to.0)
    }
}

/// The report of a copy that is in its place.
fn tell(
    context: &Context,
    path: String,
    tally: &CopyStats,
) -> Result<OperationOutput, OperationError> {
    let remarks = [tally.skipped.describe(), tally.changed.describe()];
    context.set_phase(&walk::summary("Copied", remarks));
    report(context, "copy.json", &tally.report(&path), path)
}

pub(super) fn copy(
    context: &Context,
    params: &CopyParams,
    target: &Destination,
    mut draft: StagedFile<'_>,
) -> Result<(String, CopyStats), OperationError> {
    context.set_phase("Counting");
    let total = prepare(context, params, target)?;
    context.set_phase("Copying");
    let mut done = CopyStats::default();
    match make(context, params, target, &draft, total, &mut done) {
        Ok(()) => {
            context.set_phase("Placing");
            let path = draft.place(params.conflict, &done)?;
            Ok((path, done))
        }
        Err(OperationError::Canceled) if context.will_retry() => {
            draft.keep();
            Err(OperationError::Canceled)
        }
        Err(stop) => Err(give_up(context, &mut draft, &done, stop)),
    }
}

/// Removes what was made, and says so.
fn give_up(
    context: &Context,
    draft: &mut StagedFile<'_>,
    done: &CopyStats,
    stop: OperationError,
) -> OperationError {
    let left = match draft.discard() {
        Ok(()) => "none of it is left".to_owned(),
        Err(error) => format!(
            "it is still there, in part, at {}, since it cannot be removed: {error}",
            draft.path()
        ),
    };
    let left = format!("had been copied ({}), {left}", done.describe());
    match stop {
        OperationError::Canceled => {
            context.set_phase(&format!("Canceled: what {left}"));
            OperationError::Canceled
        }
        OperationError::Failed(failure) => OperationError::Failed(Failure {
            message: format!("{} What {left}.", failure.message),
            ..failure
        }),
    }
}

/// Finds out how much there is to copy, and what would stand in the way at the end.
fn prepare(
    context: &Context,
    params: &CopyParams,
    target: &Destination,
) -> Result<CopyStats, OperationError> {
    let source = Source::open(context.roots(), &params.from.0)?;
    let from = Identity::of(&source.metadata);
    let there = target.look()?;
    let (from_path, to_path) = (&params.from.0, &params.to.0);
    let refused = |why: String| Err(Failure::new("into_itself", why).into());
    if source.file.is_none() && target.above().contains(&from) {
        return refused(format!(
            "{to_path} is inside of {from_path}, which cannot be copied into itself."
        ));
    }
    if let Some(there) = there {
        match params.conflict {
            Conflict::Fail => return Err(target.taken().into()),
            Conflict::Replace if there == from || source.above.contains(&there) => {
                return refused(format!(
                    "{to_path} is or holds {from_path}, which would be replaced by its copy."
                ));
            }
            Conflict::Replace | Conflict::Rename => {}
        }
    }
    let mut total = CopyStats::default();
    let mut walker = Walker::new(context, source, &|_| false);
    while let Some(found) = walker.next()? {
        total.count(&found);
    }
    Ok(total)
}

/// Makes the copy under its temporary name and gets it onto the disk; `done` is how far it came.
fn make(
    context: &Context,
    params: &CopyParams,
    target: &Destination,
    draft: &StagedFile<'_>,
    total: CopyStats,
    done: &mut CopyStats,
) -> Result<(), OperationError> {
    let source = Source::open(context.roots(), &params.from.0)?;
    if source.file.is_some() {
        return make_file(context, &source, target, draft, total, done);
    }
    let (top, earlier) = begin(context, target, draft)?;
    let shared = Shared::new(context, &params.to.0, earlier, total);
    let mut walker = Walker::new(context, source, &|_| false);
    let copied = tree::copy(&shared, &mut walker, &top, target.above().len());
    *done = *shared.done.lock();
    copied?;
    context.set_phase("Writing to the disk");
    flush_tree(context, &top)?.map_err(|e| target.failed(&e).into())
}

/// The folder that the copy is made in, and what an earlier attempt may have left there.
fn begin(
    context: &Context,
    target: &Destination,
    draft: &StagedFile<'_>,
) -> Result<(Dir, Earlier), OperationError> {
    let now = epoch(target.dir());
    let is_there = target.dir().symlink_metadata(draft.name()).is_ok();
    let begun: Option<Begun> = context.intent()?;
    let earlier = match &begun {
        Some(Begun { epoch: Some(then) }) if Some(then) == now.as_ref() => Earlier::Kept,
        Some(_) => Earlier::Doubtful,
        // Nobody knows from when it is.
        None if is_there => Earlier::Doubtful,
        None => Earlier::Nothing,
    };
    if begun.is_none() {
        let epoch = now.filter(|_| !is_there);
        context.record_intent(&Begun { epoch })?;
    }
    let open = || {
        match make_folder(target.dir(), draft.name()) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        open_folder(target.dir(), draft.name())
    };
    let top = open().map_err(|e| target.failed(&e))?;
    Ok((top, earlier))
}

/// A single file begins anew with every attempt.
fn make_file(
    context: &Context,
    source: &Source,
    target: &Destination,
    draft: &StagedFile<'_>,
    total: CopyStats,
    done: &mut CopyStats,
) -> Result<(), OperationError> {
    let name = source.file.as_ref().expect("it is a file");
    let opened = open_file(context.roots(), &source.dir, name);
    let missing = |why: String| {
        let message = format!("{} cannot be read: {why}.", source.path);
        Failure::new("source_not_found", message)
    };
    let (mut from, metadata) = opened
        .map_err(|e| unreadable(&source.path, &e))?
        .ok_or_else(|| missing("it is gone".into()))?;
    context.set_stage(&source.name, 1, 1);
    let mut to = draft.create_file()?;
    let mut copy = || {
        let mut on_bytes = |bytes| {
            done.bytes += bytes;
            done.show(context, &total);
            stopped(context)
        };
        let copied = FileCopier::new().fill(&mut from, &metadata, &mut to, &mut on_bytes)?;
        finish(&to, &metadata)?;
        let change = Change::find(&mut from, metadata.len(), copied)?;
        Ok((change, copied))
    };
    let copied: io::Result<_> = copy();
    context.check()?;
    let (change, copied) = copied.map_err(|e| target.failed(&e))?;
    if let Some(change) = change {
        let sizes = (metadata.len(), copied);
        done.changed.note(context, &source.name, change, sizes);
    }
    done.files += 1;
    context.set_phase("Writing to the disk");
    flush_file(context, to)?.map_err(|e| target.failed(&e).into())
}
