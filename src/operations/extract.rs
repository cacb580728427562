//! `extract`: one version of the documents comes back out of a delta.

use schemars::JsonSchema;
use serde::Deserialize;

use super::markup::{self, MEDIA_TYPE, Work};
use super::{Context, Description, Document, Operation, Product, Stop};
use crate::xml;

/// A delta, and what to take out of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExtractParams {
    /// What `compare` or `merge` made.
    delta: Document,
    /// The version's name: `A` or `B` in what `compare` made.
    #[schemars(length(min = 1, max = 256))]
    version: String,
}

pub(super) struct Extract;

impl Operation for Extract {
    fn describe(&self) -> Description {
        Description {
            inputs: [("delta".to_owned(), markup::input(false))].into(),
            output: MEDIA_TYPE.into(),
            ..Description::new::<ExtractParams>("extract", "Take a version out of a delta")
        }
    }

    fn run(&self, context: &Context) -> Result<Product, Stop> {
        let params: ExtractParams = context.params()?;
        let work = Work::on_delta(context);
        let source = work.load(&params.delta, 0, "Reading the delta")?;
        context.phase("Extracting");
        work.begin(&params.version);
        let text = work.compute(|watcher| {
            xml::extract(source, &params.version, &markup::unlimited(), watcher)
        })?;
        let filename = format!("{}.xml", params.version.replace(['/', '\\'], "_"));
        work.hand_over(&text, "Output", MEDIA_TYPE, &filename)
    }
}
