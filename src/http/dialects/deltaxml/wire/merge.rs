//! The requests of XML Merge, and its merge types.

use serde_json::{Value, json};

use crate::http::dialects::deltaxml::wire::names::same_name;
use crate::http::dialects::deltaxml::wire::node::{List, Member, Node};
use crate::http::dialects::deltaxml::wire::value::{document, member, text};
use crate::http::dialects::deltaxml::wire::{Operation, Product};

/// The settings of XML Merge that a form may contain and this server ignores. Any other unknown field is a version.
pub(crate) const IGNORED_SETTINGS: [&str; 13] = [
    "CalsTableProcessing",
    "CalsValidationLevel",
    "Catalog",
    "Configuration",
    "DoctypePreservationMode",
    "ElementSplitting",
    "EntityReferencePreservationMode",
    "FormattingElementsConfiguration",
    "HtmlTableProcessing",
    "InvalidCalsTableBehaviour",
    "RuleConfiguration",
    "WarningReportMode",
    "XmlCatalog",
];

/// The params of a merge.
///
/// # Errors
/// A sentence about the invalid version.
pub(crate) fn params(operation: Operation, request: &Value) -> Result<Value, String> {
    let versions = member(request, "Versions")
        .map(version_list)
        .unwrap_or_default();
    let versions: Result<Vec<_>, _> = versions.into_iter().map(version).collect();
    let format = result_format(request)?;
    Ok(json!({ "mode": operation.mode(), "versions": versions?, "format": format }))
}

/// The format of the result: `ResultType` of the request or of its configuration.
///
/// # Errors
/// A sentence about an unsupported type.
fn result_format(request: &Value) -> Result<&'static str, String> {
    let configured = member(request, "Configuration");
    let configured = configured.and_then(|configuration| member(configuration, "ResultType"));
    let name = member(request, "ResultType").or(configured);
    match name.map(|name| name.as_str().unwrap_or_default().trim()) {
        None | Some("" | "DELTAV2") => Ok("delta"),
        Some("RULE_PROCESSED_DELTAV2") => Ok("merged"),
        Some(other) => Err(format!(
            "This server has no ResultType {other:?}. Send \"DELTAV2\" for a delta of all versions, or \"RULE_PROCESSED_DELTAV2\" for one document in which only conflicts are marked."
        )),
    }
}

/// The versions: a list, or the `Version` members of an object.
fn version_list(versions: &Value) -> Vec<&Value> {
    match versions {
        Value::Array(versions) => versions.iter().collect(),
        Value::Object(members) => {
            let versions = members
                .iter()
                .filter(|(name, _)| same_name(name, "Version"));
            versions
                .flat_map(|(_, value)| match value {
                    Value::Array(versions) => versions.iter().collect(),
                    one => vec![one],
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

/// A version: a name and a document, which is `Input` or the version itself.
///
/// # Errors
/// A sentence about what is missing.
fn version(version: &Value) -> Result<Value, String> {
    let name = text(version, "name")?.ok_or("A version has no name: every version needs one.")?;
    let content = member(version, "Input").unwrap_or(version);
    let mut named = document(content, &format!("The version {name:?}"))?;
    // The `name` of an upload is that of its file.
    let key = if named["type"] == "upload" {
        "version"
    } else {
        "name"
    };
    named[key] = name.into();
    Ok(named)
}

/// The merge types. Links begin with `path`.
pub(crate) fn types(path: &str) -> Node {
    let one = |operation: Operation| {
        let href = format!(
            "{path}{}/types/{}",
            Product::Merge.prefix(),
            operation.mode()
        );
        let link = Node::Object(vec![
            Member::text("rel", "self"),
            Member::text("href", href),
        ]);
        let links = Member::List(List {
            element: "Links",
            item: "Links",
            key: "Links",
            items: vec![link],
        });
        Member::Child(operation.root(), Node::Object(vec![links]))
    };
    let all = Operation::MERGES.map(one).into();
    Node::Object(vec![Member::Child("Types", Node::Object(all))])
}
