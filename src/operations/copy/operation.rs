//! The `copy` operation: prepares the copy, creates it under a temporary name, and renames it.

use std::io;

use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::job::Failure;
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
use crate::operations::intents::Slot;
use crate::operations::report::report;
use crate::operations::{
    Context, InvalidParam, Operation, OperationError, OperationOutput, OperationSpec, destination,
};
use crate::roots::{Identity, Roots};

/// More attempts than other operations have. Each attempt continues the work of the last one, so a copy that takes days
/// survives more than three crashes.
const MAX_ATTEMPTS: u32 = 10;

pub(in crate::operations) struct Copy;

/// The intent recorded before the copy is created. By its epoch, a later attempt decides whether it can trust the copy.
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
        let mut staged = StagedFile::new(&target, context, Slot::Work);
        let (path, stats) = match staged.placed()? {
            Some(placed) => placed,
            None => copy(context, &params, &target, staged)?,
        };
        report_copied(context, path, &stats)
    }

    fn recover(&self, context: &Context) -> Result<Option<OperationOutput>, OperationError> {
        let params: CopyParams = context.params()?;
        let found = destination::find(context, &params.to.0)?;
        let report = found.map(|(path, stats)| report_copied(context, path, &stats));
        report.transpose()
    }

    fn abandon(&self, context: &Context) -> Result<(), OperationError> {
        let params: CopyParams = context.params()?;
        destination::discard::<CopyStats>(context, &params.to.0)
    }
}

/// Stores the report about a copy that has its target name.
fn report_copied(
    context: &Context,
    path: String,
    stats: &CopyStats,
) -> Result<OperationOutput, OperationError> {
    let remarks = [stats.skipped.describe(), stats.changed.describe()];
    context.set_phase(&walk::summary("Copied", remarks));
    report(context, "copy.json", &stats.report(&path), path)
}

pub(super) fn copy(
    context: &Context,
    params: &CopyParams,
    target: &Destination,
    mut staged: StagedFile<'_>,
) -> Result<(String, CopyStats), OperationError> {
    context.set_phase("Counting");
    let total = prepare(context, params, target)?;
    context.set_phase("Copying");
    let mut done = CopyStats::default();
    match make(context, params, target, &staged, total, &mut done) {
        Ok(()) => {
            context.set_phase("Finishing");
            let path = staged.place(params.conflict, &done)?;
            Ok((path, done))
        }
        Err(OperationError::Canceled) if context.will_retry() => {
            staged.keep();
            Err(OperationError::Canceled)
        }
        Err(error) => Err(give_up(context, &mut staged, &done, error)),
    }
}

/// Removes the partial copy, and adds to the error how much was copied and whether the partial copy was removed.
fn give_up(
    context: &Context,
    staged: &mut StagedFile<'_>,
    done: &CopyStats,
    error: OperationError,
) -> OperationError {
    let removal = match staged.discard() {
        Ok(()) => "the partial copy was removed".to_owned(),
        Err(error) => format!(
            "the partial copy at {} could not be removed: {error}",
            staged.path()
        ),
    };
    let copied = done.describe();
    match error {
        OperationError::Canceled => {
            context.set_phase(&format!("Canceled after copying {copied}; {removal}"));
            OperationError::Canceled
        }
        OperationError::Failed(failure) => OperationError::Failed(Failure {
            message: format!(
                "{} The copy failed after {copied}; {removal}.",
                failure.message
            ),
            ..failure
        }),
    }
}

/// Counts what there is to copy, and checks that the target can be created.
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
            "{to_path} is inside {from_path}, which cannot be copied into itself."
        ));
    }
    if let Some(there) = there {
        match params.conflict {
            Conflict::Fail => return Err(target.already_exists().into()),
            Conflict::Replace if there == from || source.above.contains(&there) => {
                return refused(format!(
                    "{to_path} is or contains {from_path}, which would be replaced by its copy."
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

/// Creates the copy under its temporary name and syncs it. `done` receives what was copied, even after an error.
fn make(
    context: &Context,
    params: &CopyParams,
    target: &Destination,
    staged: &StagedFile<'_>,
    total: CopyStats,
    done: &mut CopyStats,
) -> Result<(), OperationError> {
    let source = Source::open(context.roots(), &params.from.0)?;
    if source.file.is_some() {
        return make_file(context, &source, target, staged, total, done);
    }
    let (top, earlier) = begin(context, target, staged)?;
    let shared = Shared::new(context, &params.to.0, earlier, total);
    let mut walker = Walker::new(context, source, &|_| false);
    let copied = tree::copy(&shared, &mut walker, &top, target.above().len());
    *done = *shared.done.lock();
    copied?;
    context.set_phase("Writing to the disk");
    flush_tree(context, &top)?.map_err(|e| target.failed(&e).into())
}

/// Creates or opens the folder of the copy, and decides how far to trust what an earlier attempt left in it.
fn begin(
    context: &Context,
    target: &Destination,
    staged: &StagedFile<'_>,
) -> Result<(Dir, Earlier), OperationError> {
    let now = epoch(target.dir());
    let is_there = target.dir().symlink_metadata(staged.name()).is_ok();
    let begun: Option<Begun> = context.intent()?;
    let earlier = match &begun {
        Some(Begun { epoch: Some(then) }) if Some(then) == now.as_ref() => Earlier::Kept,
        Some(_) => Earlier::Doubtful,
        // The folder exists, but its epoch is unknown.
        None if is_there => Earlier::Doubtful,
        None => Earlier::Nothing,
    };
    if begun.is_none() {
        let epoch = now.filter(|_| !is_there);
        context.record_intent(&Begun { epoch })?;
    }
    let open = || {
        match make_folder(target.dir(), staged.name()) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        open_folder(target.dir(), staged.name())
    };
    let top = open().map_err(|e| target.failed(&e))?;
    Ok((top, earlier))
}

/// Copies a single file. Each attempt starts over.
fn make_file(
    context: &Context,
    source: &Source,
    target: &Destination,
    staged: &StagedFile<'_>,
    total: CopyStats,
    done: &mut CopyStats,
) -> Result<(), OperationError> {
    let name = source
        .file
        .as_ref()
        .expect("the caller has checked that the source is a file");
    let opened = open_file(context.roots(), &source.dir, name);
    let missing = |why: String| {
        let message = format!("{} cannot be read: {why}.", source.path);
        Failure::new("source_not_found", message)
    };
    let (mut from, metadata) = opened
        .map_err(|e| unreadable(&source.path, &e))?
        .ok_or_else(|| missing("it no longer exists".into()))?;
    context.set_stage(&source.name, 1, 1);
    let mut to = staged.create_file()?;
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
