//! The `zip` operation: counts the files, and streams them through the workers into the archive.

use std::path::Path;
use std::thread;

use serde_json::Value;

use crate::job::Failure;
use crate::operations::files::changes::Changes;
use crate::operations::files::source::Source;
use crate::operations::files::walk;
use crate::operations::files::walk::{Kind, Skipped, Walker};
use crate::operations::zip::exclude::Exclude;
use crate::operations::zip::params::{Names, ZipParams};
use crate::operations::zip::reader::{Reader, Totals};
use crate::operations::zip::top::Top;
use crate::operations::zip::{archive, params, workers};
use crate::operations::{
    Context, InvalidParam, Operation, OperationError, OperationOutput, OperationSpec, ResultWriter,
};
use crate::roots::{RootSpec, Roots};

pub(in crate::operations) struct Zip;

impl Operation for Zip {
    fn spec(&self) -> OperationSpec {
        OperationSpec {
            output: "application/zip".into(),
            ..OperationSpec::new::<ZipParams>("zip", "Zip files and folders")
        }
    }

    fn check(&self, params: &Value, roots: &Roots) -> Result<(), Vec<InvalidParam>> {
        params::check(params, roots)
    }

    fn run(&self, context: &Context) -> Result<OperationOutput, OperationError> {
        let params: ZipParams = context.params()?;
        let exclude = Exclude::new(&params.exclude)
            .map_err(|(_, error)| Failure::new("invalid_params", format!("{error}.")))?;

        context.set_phase("Counting");
        let prune = |path: &Path| exclude.matches(path);
        let (tops, total) = count(context, &params, &prune)?;

        context.set_phase("Zipping");
        let name = params.filename(&tops);
        let mut result = context.result("application/zip", &name);
        let reader = Reader::new(context, context.roots(), &prune, &tops, Some(total));
        let (skipped, changes) = write(context, &mut result, reader, params.level)?;
        let remarks = [skipped.describe(), changes.describe()];
        context.set_phase(&walk::summary("Zipped", remarks));
        result.finish()
    }
}

/// Archives the contents of a folder that belongs to the server, without showing progress.
///
/// # Errors
/// [`OperationError::Failed`] if the folder cannot be read or the archive cannot be written, [`OperationError::Canceled`]
/// if the attempt was asked to stop.
pub(in crate::operations) fn folder(
    context: &Context,
    folder: &Path,
    name: &str,
) -> Result<OperationOutput, OperationError> {
    let root = RootSpec {
        name: Some("output".to_owned()),
        path: folder.to_owned(),
        read_only: true,
    };
    let roots = Roots::open(&[root], Path::new("")).map_err(|(_, error)| error)?;
    let top = Top {
        path: "/output".to_owned(),
        name: String::new(),
    };
    let mut result = context.result("application/zip", name);
    let reader = Reader::new(
        context,
        &roots,
        &|_| false,
        std::slice::from_ref(&top),
        None,
    );
    write(context, &mut result, reader, params::LEVEL)?;
    result.finish()
}

pub(super) fn write<'a>(
    context: &'a Context,
    result: &mut ResultWriter,
    reader: Reader<'a>,
    level: u8,
) -> Result<(Skipped, Changes), OperationError> {
    let shared = workers::Shared::default();
    thread::scope(|scope| {
        let mut workers = workers::Workers::new(scope, &shared, context, reader, level);
        archive::write(result, &mut workers)?;
        Ok((workers.skipped(), workers.changes()))
    })
}

/// Gives every source a distinct name in the archive, and counts all entries and bytes.
fn count(
    context: &Context,
    params: &ZipParams,
    prune: &dyn Fn(&Path) -> bool,
) -> Result<(Vec<Top>, Totals), OperationError> {
    let mut total = Totals::default();
    let mut names = Names::default();
    let mut tops = Vec::new();
    for path in params.paths() {
        let source = Source::open(context.roots(), path)?;
        tops.push(Top {
            path: path.to_owned(),
            name: names.distinct(&source.name, source.file.is_none()),
        });
        let mut walker = Walker::new(context, source, prune);
        while let Some(found) = walker.next()? {
            total.entries += 1;
            if let Kind::File = found.kind {
                total.bytes += found.metadata.len();
            }
        }
    }
    Ok((tops, total))
}
