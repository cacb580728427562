//! What XML Merge's requests say, and which there are.

use serde_json::{Value, json};

use crate::http::dialects::deltaxml::wire::names::same;
use crate::http::dialects::deltaxml::wire::node::{List, Member, Node};
use crate::http::dialects::deltaxml::wire::value::{document, member, text};
use crate::http::dialects::deltaxml::wire::{Operation, Product};

/// What XML Merge can be told in a form besides, which makes no difference here; everything else is a version.
pub(crate) const OTHER_SETTINGS: [&str; 14] = [
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
    "ResultType",
    "RuleConfiguration",
    "WarningReportMode",
    "XmlCatalog",
];

/// The params of a merge.
///
/// # Errors
/// What is wrong with the versions.
pub(crate) fn params(work: Operation, request: &Value) -> Result<Value, String> {
    let versions = member(request, "Versions").map(all).unwrap_or_default();
    let versions: Result<Vec<_>, _> = versions.into_iter().map(version).collect();
    Ok(json!({ "mode": work.word(), "versions": versions? }))
}

/// Versions as a list, or as what is around `Version`s.
fn all(versions: &Value) -> Vec<&Value> {
    match versions {
        Value::Array(versions) => versions.iter().collect(),
        Value::Object(members) => {
            let versions = members.iter().filter(|(name, _)| same(name, "Version"));
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

/// A version: a document with a name, which stands beside what it says of itself or around it.
fn version(version: &Value) -> Result<Value, String> {
    let name = text(version, "name")?.ok_or("A version has no name.")?;
    let content = member(version, "Input").unwrap_or(version);
    let mut named = document(content, &format!("The version {name:?}"))?;
    // What is sent along has the name of its file as well.
    let key = if named["type"] == "upload" {
        "version"
    } else {
        "name"
    };
    named[key] = name.into();
    Ok(named)
}

/// Every way to merge; `path` is what addresses on this host begin with.
pub(crate) fn types(path: &str) -> Node {
    let one = |work: Operation| {
        let href = format!("{path}{}/types/{}", Product::Merge.prefix(), work.word());
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
        Member::Child(work.root(), Node::Object(vec![links]))
    };
    let all = Operation::MERGES.map(one).into();
    Node::Object(vec![Member::Child("Types", Node::Object(all))])
}
