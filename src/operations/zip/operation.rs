//! `zip`: files and folders become an archive.
//!
//! ```text
//!   feed: walks and reads ──units──► crew: helpers deflate ──in order──► archive: writes
//!   └──────────────────── the attempt's own thread but for the helpers ─────────────────┘
//! ```
//!
//! Streams: one file is open at a time, and a fixed number of blocks is in memory. The tree is walked twice, first to
//! count, so that percent means bytes really read.

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
use crate::operations::zip::reader::{Reader, Tally};
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
        let feed = Reader::new(context, context.roots(), &prune, &tops, Some(total));
        let (skipped, changes) = write(context, &mut result, feed, params.level)?;
        let remarks = [skipped.describe(), changes.describe()];
        context.set_phase(&walk::summary("Zipped", remarks));
        result.finish()
    }
}

/// Archives what is in a folder of our own, under its names there. Shows no progress.
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
    let feed = Reader::new(
        context,
        &roots,
        &|_| false,
        std::slice::from_ref(&top),
        None,
    );
    write(context, &mut result, feed, params::LEVEL)?;
    result.finish()
}

pub(super) fn write<'a>(
    context: &'a Context,
    result: &mut ResultWriter,
    feed: Reader<'a>,
    level: u8,
) -> Result<(Skipped, Changes), OperationError> {
    let shared = workers::Shared::default();
    thread::scope(|scope| {
        let mut crew = workers::Workers::new(scope, &shared, context, feed, level);
        archive::write(result, &mut crew)?;
        Ok((crew.skipped(), crew.changes()))
    })
}

/// Names every source and finds out how much there is below all of them.
fn count(
    context: &Context,
    params: &ZipParams,
    prune: &dyn Fn(&Path) -> bool,
) -> Result<(Vec<Top>, Tally), OperationError> {
    let mut total = Tally::default();
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
