//! The requests of XML Data Compare.

use serde_json::{Value, json};

use crate::http::dialects::deltaxml::wire::value::{document, member};

/// The names of the documents in requests, with their names in the operation's params.
pub(crate) const INPUTS: [(&str, &str); 2] = [("input-a", "a"), ("input-b", "b")];

/// The params of a comparison.
///
/// # Errors
/// A sentence about the missing or invalid document.
pub(crate) fn params(request: &Value) -> Result<Value, String> {
    let mut params = json!({});
    for (name, param) in INPUTS {
        let input = member(request, name).ok_or_else(|| {
            format!("{name} is missing: it is one of the two documents to compare.")
        })?;
        params[param] = document(input, name)?;
    }
    Ok(params)
}
