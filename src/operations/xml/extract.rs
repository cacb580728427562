//! The `extract` operation: restores one version of a document from a delta.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::operations::xml::xml_documents;
use crate::operations::xml::xml_documents::{MEDIA_TYPE, XmlWork};
use crate::operations::{
    Context, Document, Operation, OperationError, OperationOutput, OperationSpec,
};
use crate::xml;

/// A delta, and the version to extract from it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExtractParams {
    /// The delta: a result of `compare` (with `format` `full-context`) or of `merge` (with `format` `delta`).
    delta: Document,
    /// The name of the version. A result of `compare` has the versions `A` (the old one) and `B` (the new one); a result of
    /// `merge` has the names that were given to it.
    #[schemars(length(min = 1, max = 256))]
    version: String,
}

pub(in crate::operations) struct Extract;

impl Operation for Extract {
    fn spec(&self) -> OperationSpec {
        OperationSpec {
            inputs: [("delta".to_owned(), xml_documents::input(false))].into(),
            output: MEDIA_TYPE.into(),
            ..OperationSpec::new::<ExtractParams>("extract", "Extract a version from a delta")
        }
    }

    fn run(&self, context: &Context) -> Result<OperationOutput, OperationError> {
        let params: ExtractParams = context.params()?;
        let work = XmlWork::on_delta(context);
        let source = work.load(&params.delta, 0, "Reading the delta")?;
        context.set_phase("Extracting");
        work.begin(&params.version);
        let text = work.compute(|watcher| {
            let limits = xml_documents::limits(context);
            xml::extract(source, &params.version, &limits, watcher)
        })?;
        let filename = format!("{}.xml", params.version.replace(['/', '\\'], "_"));
        work.hand_over(&text, "Output", MEDIA_TYPE, &filename)
    }
}
