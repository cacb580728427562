//! The requests of XML Data Compare.

use serde_json::{Value, json};

use crate::http::dialects::deltaxml::wire::names::same_name;
use crate::http::dialects::deltaxml::wire::value::{document, member};

/// The names of the documents in requests, with their names in the operation's params.
pub(crate) const INPUTS: [(&str, &str); 2] = [("input-a", "a"), ("input-b", "b")];

/// Members of a configuration with other names than the operation's params.
const SETTINGS: [(&str, &str); 6] = [
    ("ignoreChanges", "ignore"),
    ("keys", "key"),
    ("numericTolerance", "tolerance"),
    ("orderlessChildren", "orderless"),
    ("unordered", "orderless"),
    ("wordByWord", "words"),
];

/// The name of the param that a member of a configuration stands for, if it has another one.
pub(crate) fn setting(name: &str) -> &str {
    let found = SETTINGS
        .iter()
        .find(|(setting, _)| same_name(setting, name));
    found.map_or(name, |(_, param)| param)
}

/// Whether a member of a configuration only identifies it, in the form of the original's configuration files.
pub(crate) fn is_label(name: &str, value: &Value) -> bool {
    let is_version = same_name(name, "version") && *value == "1.0";
    is_version
        || (["id", "schemaLocation"]
            .iter()
            .any(|label| same_name(label, name)))
}

/// The params of a comparison.
///
/// # Errors
/// A sentence about the missing or invalid document.
pub(crate) fn params(request: &Value) -> Result<Value, String> {
    // As in the original, texts that changed are marked as a whole unless the configuration says otherwise.
    let mut params = json!({ "words": false });
    for (name, param) in INPUTS {
        let input = member(request, name).ok_or_else(|| {
            format!("{name} is missing: it is one of the two documents to compare.")
        })?;
        params[param] = document(input, name)?;
    }
    Ok(params)
}
