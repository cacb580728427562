//! `merge`: several versions of an XML document become one, with marks where they differ or contradict each other.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::operations::xml::compare::changes;
use crate::operations::xml::match_params::MatchParams;
use crate::operations::xml::xml_documents;
use crate::operations::xml::xml_documents::{MEDIA_TYPE, XmlWork};
use crate::operations::{
    Context, Document, InvalidParam, Operation, OperationError, OperationOutput, OperationSpec,
};
use crate::roots::Roots;
use crate::xml::{self, MergeForm, Versions};

/// Versions, and how to merge them.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
struct MergeParams {
    /// The versions; the others come from the first. Those without a name are called as their files are.
    #[schemars(length(min = 2, max = 64))]
    versions: Vec<Named>,
    /// How the versions come from each other: all from the first, two from it, or each from the one before.
    #[serde(default)]
    mode: Mode,
    /// Every version with marks, or every change with marks only where versions contradict each other; or a page for people.
    #[serde(default)]
    format: Format,
    /// Put every element on a line of its own, where that makes no difference but in white space.
    #[serde(default)]
    indent: bool,
    #[serde(flatten)]
    matching: MatchParams,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Mode {
    #[default]
    Concurrent,
    ThreeWay,
    Sequential,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Format {
    #[default]
    Delta,
    Merged,
    // A page for people, with every difference. No doc comment: the schema stays one list of words.
    Html,
}

/// A document with a name.
#[derive(Debug)]
struct Named {
    name: String,
    document: Document,
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        let own = value.as_object_mut().and_then(|members| {
            // Of an upload, the name is what its file is called.
            let is_upload = members.get("type").is_some_and(|kind| kind == "upload");
            members.remove(if is_upload { "version" } else { "name" })
        });
        let document = Document::deserialize(value).map_err(D::Error::custom)?;
        let name = match own {
            Some(name) => name.as_str().unwrap_or_default().to_owned(),
            None => xml_documents::stem(&document)
                .unwrap_or_default()
                .to_owned(),
        };
        Ok(Self { name, document })
    }
}

impl JsonSchema for Named {
    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }

    /// As a document, and each object may have a name.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut document = Document::json_schema(generator).to_value();
        for kind in document["anyOf"].as_array_mut().into_iter().flatten() {
            let member = match kind["properties"]["type"]["const"].as_str() {
                None => continue,
                Some("upload") => "version",
                Some(_) => "name",
            };
            kind["properties"][member] =
                json!({ "type": "string", "minLength": 1, "maxLength": 256 });
        }
        json_schema!({
            "description": "A version of the document: as a document, with its name in marks.",
            "anyOf": document["anyOf"],
        })
    }
}

impl From<Mode> for xml::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Concurrent => Self::Concurrent,
            Mode::ThreeWay => Self::ThreeWay,
            Mode::Sequential => Self::Sequential,
        }
    }
}

pub(in crate::operations) struct Merge;

impl Operation for Merge {
    fn spec(&self) -> OperationSpec {
        OperationSpec {
            inputs: [("versions".to_owned(), xml_documents::input(true))].into(),
            output: MEDIA_TYPE.into(),
            // Each takes a multiple of its documents' size in memory.
            concurrency: Some(1),
            ..OperationSpec::new::<MergeParams>("merge", "Merge versions of an XML document")
        }
    }

    fn check(&self, params: &Value, _: &Roots) -> Result<(), Vec<InvalidParam>> {
        let Ok(params) = MergeParams::deserialize(params) else {
            return Ok(());
        };
        let mut faults = params.matching.check();
        let names: Vec<&str> = params
            .versions
            .iter()
            .map(|version| version.name.as_str())
            .collect();
        if let Err(error) = xml::check_versions(&names, params.mode.into()) {
            faults.push(InvalidParam {
                pointer: "#/versions".into(),
                detail: error.message,
            });
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }

    fn run(&self, context: &Context) -> Result<OperationOutput, OperationError> {
        let params: MergeParams = context.params()?;
        let names: Vec<String> = params
            .versions
            .iter()
            .map(|version| version.name.clone())
            .collect();
        let work = XmlWork::new(context, names.clone());
        let matching = params.matching.options();
        let mut versions = work.compute(|_| Versions::new(&matching))?;
        for (number, Named { name, document }) in params.versions.iter().enumerate() {
            let source = work.load(document, number, &format!("Processing Version '{name}'"))?;
            work.compute(|watcher| versions.read(name, source, watcher))?;
        }
        work.begin("Merge");
        let form = match params.format {
            Format::Delta | Format::Html => MergeForm::Delta,
            Format::Merged => MergeForm::Merged,
        };
        let delta = work.compute(|watcher| versions.merge(form, params.mode.into(), watcher))?;
        let conflicts = delta.counts.conflicts;
        let conflicts = format!(
            "{conflicts} {}",
            if conflicts == 1 {
                "conflict"
            } else {
                "conflicts"
            }
        );
        let stage = format!("Output, {}, {conflicts}", changes(delta.counts.changes));
        let name = format!("{}-merged", names[0]);
        if params.format == Format::Html {
            return work.hand_over_page(delta, &stage, &name);
        }
        let filename = format!("{name}.xml");
        if params.indent {
            return work.hand_over_indented(delta, &stage, &filename);
        }
        work.hand_over(&delta.xml, &stage, MEDIA_TYPE, &filename)
    }
}
