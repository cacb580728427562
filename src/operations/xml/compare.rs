//! The `compare` operation: compares two XML documents and returns one document that marks the differences.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::operations::xml::match_params::MatchParams;
use crate::operations::xml::xml_documents;
use crate::operations::xml::xml_documents::{MEDIA_TYPE, XmlWork};
use crate::operations::{
    Context, Document, InvalidParam, Operation, OperationError, OperationOutput, OperationSpec,
};
use crate::roots::Roots;
use crate::xml::{self, Versions};

/// The names of the documents in phases and error messages.
const NAMES: [&str; 2] = ["inputA", "inputB"];

/// Two XML documents, and how to compare them.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
struct CompareParams {
    /// The old version of the document.
    a: Document,
    /// The new version of the document.
    b: Document,
    /// The form of the result. `full-context`, the default: an XML document with all content and every difference marked.
    /// `changes-only`: the same without the content of elements that did not change. `html`: a page for people.
    #[serde(default)]
    format: Format,
    /// Whether to mark moved elements as moved, instead of as deleted and added. Default: false.
    #[serde(default)]
    moves: bool,
    #[serde(flatten)]
    matching: MatchParams,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
enum Format {
    #[default]
    FullContext,
    ChangesOnly,
    // An HTML page with every difference. A doc comment here would turn the schema's `enum` into a `oneOf`.
    Html,
}

pub(in crate::operations) struct Compare;

impl Operation for Compare {
    fn spec(&self) -> OperationSpec {
        let input = |name: &str| (name.to_owned(), xml_documents::input(false));
        OperationSpec {
            inputs: [input("a"), input("b"), xml_documents::dtd_input()].into(),
            output: MEDIA_TYPE.into(),
            // A comparison takes several times the size of its documents in memory.
            concurrency: Some(1),
            ..OperationSpec::new::<CompareParams>("compare", "Compare two XML documents")
        }
    }

    fn check(&self, params: &Value, _: &Roots) -> Result<(), Vec<InvalidParam>> {
        let Ok(params) = CompareParams::deserialize(params) else {
            return Ok(());
        };
        let faults = params.matching.check();
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }

    fn run(&self, context: &Context) -> Result<OperationOutput, OperationError> {
        let params: CompareParams = context.params()?;
        let work = XmlWork::new(context, NAMES.map(str::to_owned).into());
        let dtd = work.load_dtd(params.matching.dtd.as_ref())?;
        let matching = params.matching.options(dtd, xml_documents::limits(context));
        let mut versions = work.compute(|_| Versions::new(&matching))?;
        for (number, (label, document)) in
            [("A", &params.a), ("B", &params.b)].into_iter().enumerate()
        {
            let name = NAMES[number];
            let source = work.load(document, number, &format!("Inputs Loading -'{name}'"))?;
            work.compute(|watcher| versions.read(label, source, watcher))?;
        }
        context.set_phase("Comparison in progress");
        work.begin("Comparison");
        let form = match params.format {
            Format::FullContext | Format::Html => xml::Context::Full,
            Format::ChangesOnly => xml::Context::ChangesOnly,
        };
        let delta = work.compute(|watcher| versions.compare(form, params.moves, watcher))?;
        context.set_phase("Output processing in progress");
        context.flush_progress();
        let stage = format!("Output, {}", changes(delta.counts.changes));
        let stem = xml_documents::stem(&params.b).or(xml_documents::stem(&params.a));
        let name = stem.map_or_else(|| "delta".into(), |stem| format!("{stem}-delta"));
        if params.format == Format::Html {
            let files = [("A", &params.a), ("B", &params.b)];
            let file = |(label, document): (&str, &Document)| {
                xml_documents::file_name(document)
                    .unwrap_or(label)
                    .to_owned()
            };
            return work.hand_over_page(delta, &stage, (&name, files.map(file).into()));
        }
        work.hand_over(&delta.xml, &stage, MEDIA_TYPE, &format!("{name}.xml"))
    }
}

/// `3 changes`.
pub(in crate::operations) fn changes(count: u64) -> String {
    format!("{count} {}", if count == 1 { "change" } else { "changes" })
}
