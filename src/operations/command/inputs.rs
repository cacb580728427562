//! Writes documents to files in the work folder, keeping their file extensions.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, copy};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::data_dir;
use crate::operations::command::declaration::Plan;
use crate::operations::command::work::WorkFolder;
use crate::operations::{Context, Document, InvalidParam, OperationError, is_url};

/// Bytes copied between two checks for cancellation.
const CHUNK_BYTES: u64 = 8 << 20;
/// The longest file name, in bytes; file systems allow 255.
const MAX_NAME_BYTES: usize = 200;

/// A document as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::operations) struct Input {
    pub(in crate::operations) path: PathBuf,
    /// The file name without its extension.
    pub(in crate::operations) stem: String,
}

/// The documents of one input: none, one, or the items of a list.
fn documents(value: &Value) -> &[Value] {
    match value {
        Value::Null => &[],
        Value::Array(items) => items,
        one => std::slice::from_ref(one),
    }
}

/// Rejects documents whose declared media type the input does not accept. Reads nothing.
pub(in crate::operations) fn check(plan: &Plan, params: &Value) -> Vec<InvalidParam> {
    let mut faults = Vec::new();
    for (name, input) in &plan.spec.inputs {
        let value = &params[name];
        for (at, document) in documents(value).iter().enumerate() {
            let pointer = match value {
                Value::Array(_) => format!("#/{name}/{at}"),
                _ => format!("#/{name}"),
            };
            if let Some(media_type) = document["mediaType"].as_str()
                && !accepts(&input.media_types, media_type)
            {
                let detail = format!(
                    "Expected one of {}, found {media_type}.",
                    input.media_types.join(", ")
                );
                faults.push(InvalidParam { pointer, detail });
            }
        }
    }
    faults
}

/// Whether an input accepts a media type. Unknown types (empty or `application/octet-stream`) are accepted.
fn accepts(media_types: &[String], found: &str) -> bool {
    let found = found.split(';').next().unwrap_or_default().trim();
    let fits = |wanted: &String| match wanted.strip_suffix('*') {
        Some(start) => found
            .get(..start.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(start)),
        None => wanted.eq_ignore_ascii_case(found) || wanted == "*/*",
    };
    media_types.is_empty()
        || found.is_empty()
        || found.eq_ignore_ascii_case("application/octet-stream")
        || media_types.iter().any(fits)
}

/// Writes every document to a file.
///
/// # Errors
/// Fails if the job is canceled, a document cannot be read, or the disk is full.
pub(in crate::operations) fn write(
    plan: &Plan,
    params: &Value,
    work: &WorkFolder,
    context: &Context,
) -> Result<BTreeMap<String, Vec<Input>>, OperationError> {
    let mut inputs = BTreeMap::new();
    for name in plan.spec.inputs.keys() {
        let mut files = Vec::new();
        for (at, document) in documents(&params[name]).iter().enumerate() {
            // Each document has its own folder because names may be equal.
            let folder = work.inputs().join(format!("{name}-{}", at + 1));
            data_dir::create_private_dir(&folder)?;
            files.push(write_one(document, &folder, context)?);
        }
        inputs.insert(name.clone(), files);
    }
    Ok(inputs)
}

fn write_one(value: &Value, folder: &Path, context: &Context) -> Result<Input, OperationError> {
    let document: Document = serde_json::from_value(value.clone()).map_err(|error| {
        crate::job::Failure::new(
            "invalid_params",
            format!("The params are invalid: {error}."),
        )
    })?;
    let name = match document.name_of_result(context)? {
        Some(name) => plain_name(&name),
        None => plain_name(name(value)),
    };
    let mut from = document.open(context)?;
    let path = folder.join(&name);
    let mut to = File::create_new(&path)?;
    loop {
        context.check()?;
        context.check_room()?;
        if copy(&mut from.by_ref().take(CHUNK_BYTES), &mut to)? == 0 {
            break;
        }
    }
    let stem = Path::new(&name).file_stem().unwrap_or_default();
    Ok(Input {
        stem: stem.to_string_lossy().into_owned(),
        path,
    })
}

/// The file name in a document's params: the last segment of its path, name or URL.
fn name(document: &Value) -> &str {
    let text = document.as_str().or_else(|| {
        let members = ["name", "path", "uri"];
        members.iter().find_map(|member| document[member].as_str())
    });
    let text = text.unwrap_or_default();
    let path = if is_url(text) {
        text.split(['?', '#']).next().unwrap_or_default()
    } else {
        text
    };
    path.trim_end_matches('/')
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default()
}

/// Makes a safe file name: no path, no leading `-` or `.`. A long name keeps its end.
pub(in crate::operations) fn plain_name(name: &str) -> String {
    let mut plain: String = name
        .chars()
        .map(|c| {
            if c.is_control() || "/\\:".contains(c) {
                '_'
            } else {
                c
            }
        })
        .collect();
    if plain.starts_with(['-', '.']) {
        plain.replace_range(..1, "_");
    }
    if plain.is_empty() {
        plain.push_str("document");
    }
    let surplus = plain.len().saturating_sub(MAX_NAME_BYTES);
    plain.split_off(plain.ceil_char_boundary(surplus))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_document_has_a_file_name() {
        let check = |document: Value, expected: &str| {
            assert_eq!(plain_name(name(&document)), expected, "{document}");
        };
        check(json!("/docs/a b/c.tar.gz"), "c.tar.gz");
        check(json!({ "type": "file", "path": "/docs/x.xml" }), "x.xml");
        check(
            json!({ "type": "upload", "name": "..\\..\\evil.mp4" }),
            "evil.mp4",
        );
        check(json!({ "type": "upload", "name": "../.." }), "_.");
        check(json!({ "type": "upload", "name": "-rf.txt" }), "_rf.txt");
        check(json!({ "type": "upload", "name": "" }), "document");
        check(
            json!({ "type": "http", "uri": "https://a.test/b/c.xml?d=/e#f" }),
            "c.xml",
        );
        check(json!({ "type": "inline", "value": "x" }), "document");
        let long = plain_name(&format!("{}.mp4", "ü".repeat(300)));
        assert!(long.len() <= MAX_NAME_BYTES && long.ends_with("ü.mp4"));
    }

    #[test]
    fn only_expected_and_unknown_media_types_are_accepted() {
        let types = ["video/*".to_owned(), "image/gif".to_owned()];
        for fits in [
            "video/mp4",
            "VIDEO/MP4; codecs=x",
            "image/gif",
            "application/octet-stream",
            "",
        ] {
            assert!(accepts(&types, fits), "{fits}");
        }
        for other in ["image/png", "text/plain", "video"] {
            assert!(!accepts(&types, other), "{other}");
        }
        assert!(accepts(&[], "text/plain"));
    }
}
