//! What XML Data Compare's requests say.

use serde_json::{Value, json};

use crate::http::dialects::deltaxml::wire::value::{document, member};

/// What the documents are called, here and in the operation's params.
pub(crate) const INPUTS: [(&str, &str); 2] = [("input-a", "a"), ("input-b", "b")];

/// The params of a comparison.
///
/// # Errors
/// What is wrong with the documents.
pub(crate) fn params(request: &Value) -> Result<Value, String> {
    let mut params = json!({});
    for (name, param) in INPUTS {
        let input = member(request, name).ok_or_else(|| format!("{name} is missing."))?;
        params[param] = document(input, name)?;
    }
    Ok(params)
}
