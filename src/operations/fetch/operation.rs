//! The `fetch` operation: streams a remote document into the result or into a file below a root.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::job::Failure;
use crate::operations::destination::{Destination, PlacedContent, StagedFile};
use crate::operations::documents::remote::{Piece, Remote};
use crate::operations::fetch::label::Label;
use crate::operations::fetch::params;
use crate::operations::fetch::params::FetchParams;
use crate::operations::fetch::sink::{FileSink, ResultSink, Sink};
use crate::operations::intents::Slot;
use crate::operations::report::report;
use crate::operations::{
    Context, InvalidParam, Operation, OperationError, OperationOutput, OperationSpec, destination,
};
use crate::roots::Roots;

pub(in crate::operations) struct Fetch;

/// The length, digest and media type of the downloaded document.
#[derive(Debug, Serialize, Deserialize)]
struct Fetched {
    bytes: u64,
    sha256: String,
    media_type: String,
}

impl PlacedContent for Fetched {
    fn content(&self) -> Option<(u64, &str)> {
        Some((self.bytes, &self.sha256))
    }
}

impl Operation for Fetch {
    fn spec(&self) -> OperationSpec {
        OperationSpec::new::<FetchParams>("fetch", "Download a URL")
    }

    fn check(&self, params: &Value, roots: &Roots) -> Result<(), Vec<InvalidParam>> {
        params::check(params, roots)
    }

    fn run(&self, context: &Context) -> Result<OperationOutput, OperationError> {
        let params: FetchParams = context.params()?;
        match &params.to {
            Some(to) => fetch_file(context, &params, &to.0),
            None => fetch_result(context, &params),
        }
    }

    fn recover(&self, context: &Context) -> Result<Option<OperationOutput>, OperationError> {
        let params: FetchParams = context.params()?;
        let found = match &params.to {
            Some(to) => destination::find(context, &to.0)?,
            None => None,
        };
        let report = found.map(|(path, fetched)| report_fetched(context, path, fetched));
        report.transpose()
    }

    fn abandon(&self, context: &Context) -> Result<(), OperationError> {
        let params: FetchParams = context.params()?;
        match &params.to {
            Some(to) => destination::discard::<Fetched>(context, &to.0),
            None => Ok(()),
        }
    }
}

fn fetch_result(
    context: &Context,
    params: &FetchParams,
) -> Result<OperationOutput, OperationError> {
    let mut remote = open(context, params)?;
    let mut sink = ResultSink::new(context, &Label::of(&remote));
    pump(context, params, &mut remote, &mut sink)?;
    context.set_phase("Fetched");
    sink.finish()
}

fn fetch_file(
    context: &Context,
    params: &FetchParams,
    to: &str,
) -> Result<OperationOutput, OperationError> {
    let target = Destination::open(context.roots(), to)?;
    let mut staged = StagedFile::new(&target, context, Slot::Work);
    let (path, fetched) = match staged.placed()? {
        Some(placed) => placed,
        None => make_file(context, params, &target, staged)?,
    };
    report_fetched(context, path, fetched)
}

/// Stores the report about a file that was created.
fn report_fetched(
    context: &Context,
    path: String,
    fetched: Fetched,
) -> Result<OperationOutput, OperationError> {
    context.set_phase("Fetched");
    let Fetched {
        bytes,
        sha256,
        media_type,
    } = fetched;
    let text = json!({ "path": path, "bytes": bytes, "sha256": sha256, "mediaType": media_type });
    report(context, "fetch.json", &format!("{text}\n"), path)
}

/// Downloads the document to a temporary file and renames it to the target.
fn make_file(
    context: &Context,
    params: &FetchParams,
    target: &Destination,
    staged: StagedFile<'_>,
) -> Result<(String, Fetched), OperationError> {
    // Check the name first, so that a taken name is reported before the download.
    let there = target.look()?;
    if params.conflict.is_fail() && there.is_some() {
        return Err(target.already_exists().into());
    }
    let mut remote = open(context, params)?;
    let mut sink = FileSink::new(staged.create_file()?, target);
    let fetched = pump(context, params, &mut remote, &mut sink)?;
    context.set_phase("Writing to the disk");
    sink.flush_to_disk(context)?;
    context.set_phase("Finishing");
    let path = staged.place(params.conflict, &fetched)?;
    Ok((path, fetched))
}

fn open<'a>(context: &'a Context, params: &FetchParams) -> Result<Remote<'a>, OperationError> {
    context.set_phase("Connecting");
    let remote = Remote::open(context, &params.uri, None)?;
    context.set_phase("Fetching");
    context.set_stage(&Label::of(&remote).filename, 1, 1);
    Ok(remote)
}

/// Copies the document to the sink, and checks its size and digest.
fn pump(
    context: &Context,
    params: &FetchParams,
    remote: &mut Remote<'_>,
    sink: &mut impl Sink,
) -> Result<Fetched, OperationError> {
    check_size(params, remote.total().unwrap_or(0))?;
    let mut bytes = 0;
    context.set_bytes(bytes, remote.total());
    loop {
        match remote.next()? {
            Piece::Bytes(piece) => {
                bytes += piece.len() as u64;
                check_size(params, bytes)?;
                sink.take(&piece)?;
            }
            Piece::Again => {
                check_size(params, remote.total().unwrap_or(0))?;
                bytes = 0;
                sink.restart(&Label::of(remote))?;
            }
            Piece::End => break,
        }
        context.set_bytes(bytes, remote.total());
    }
    let sha256 = hex::encode(sink.sha256());
    params.check_digest(&sha256)?;
    Ok(Fetched {
        bytes,
        sha256,
        media_type: Label::of(remote).media_type,
    })
}

fn check_size(params: &FetchParams, bytes: u64) -> Result<(), Failure> {
    match params.max_bytes {
        Some(max_bytes) if bytes > max_bytes => {
            let message = format!("The document is longer than max-bytes, {max_bytes} bytes.");
            Err(Failure::new("result_too_large", message))
        }
        _ => Ok(()),
    }
}
