//! The `merge` operation: merges versions of an XML document into one document that marks changes and conflicts.

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

/// Versions of an XML document, and how to merge them.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
struct MergeParams {
    /// The versions, the original first. Each object may have a `name`; a version without one is named after its file.
    #[schemars(length(min = 2, max = 64))]
    versions: Vec<Named>,
    /// How the versions derive from each other. `concurrent`, the default: each from the first. `threeway`: two versions
    /// from the first. `sequential`: each from the previous one.
    #[serde(default)]
    mode: Mode,
    /// The form of the result. `delta`, the default: an XML document with all versions and every difference marked.
    /// `merged`: one document with the changes of all versions, in which only conflicts are marked. `html`: a page for
    /// people.
    #[serde(default)]
    format: Format,
    /// What becomes of different elements that several versions added at one place: all are kept (`both`), they are a
    /// conflict, or a merged document has only those of the first (`ours`) or last version (`theirs`) that added any.
    /// Different elements with the same key or identifier are always a conflict. Default: `both`.
    #[serde(default)]
    additions: Additions,
    /// Whether to put each element on a line of its own, where that changes only insignificant white space. No effect on
    /// `html`. Default: false.
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
    // An HTML page with every difference. A doc comment here would turn the schema's `enum` into a `oneOf`.
    Html,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Additions {
    #[default]
    Both,
    Conflict,
    Ours,
    Theirs,
}

impl From<Additions> for xml::Additions {
    fn from(additions: Additions) -> Self {
        match additions {
            Additions::Both => Self::Both,
            Additions::Conflict => Self::Conflict,
            Additions::Ours => Self::Ours,
            Additions::Theirs => Self::Theirs,
        }
    }
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
            // The name of an upload is its file name.
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

    /// The schema of a document, with a name in each object.
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
            "description": "A version of the document: a path, a URL, or an object that may also have the version's name.",
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
            inputs: [
                ("versions".to_owned(), xml_documents::input(true)),
                xml_documents::dtd_input(),
            ]
            .into(),
            output: MEDIA_TYPE.into(),
            // A merge takes several times the size of its documents in memory.
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
        let dtd = work.load_dtd(params.matching.dtd.as_ref())?;
        let matching = params.matching.options(dtd, xml_documents::limits(context));
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
        let delta = work.compute(|watcher| {
            versions.merge(form, params.mode.into(), params.additions.into(), watcher)
        })?;
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
            return work.hand_over_page(delta, &stage, (&name, names));
        }
        let filename = format!("{name}.xml");
        if params.indent {
            return work.hand_over_indented(delta, &stage, &filename);
        }
        work.hand_over(&delta.xml, &stage, MEDIA_TYPE, &filename)
    }
}
