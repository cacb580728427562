//! The params of the `fetch` operation.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::job::Failure;
use crate::operations::InvalidParam;
use crate::operations::destination;
use crate::operations::destination::Conflict;
use crate::operations::params::wire_path::WirePath;
use crate::roots::Roots;

/// The document to fetch, and where to put it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FetchParams {
    /// The `http://` or `https://` URL. Redirects are followed.
    #[schemars(length(max = 8192), extend("format" = "uri"))]
    pub(super) uri: String,
    /// The file to create, below a root. Without it, the document becomes the job's result.
    pub(super) to: Option<WirePath>,
    /// What to do if `to` exists already: `fail`, `replace` it, or `rename` the file to the first free of
    /// `name (1).ext`, `name (2).ext` and so on.
    #[serde(default)]
    pub(super) conflict: Conflict,
    /// The expected SHA-256 of the document, in hexadecimal.
    #[schemars(regex(pattern = "^[0-9A-Fa-f]{64}$"))]
    sha256: Option<String>,
    /// The maximum length of the document, in bytes.
    pub(super) max_bytes: Option<u64>,
}

impl FetchParams {
    /// Compares the SHA-256 of the downloaded bytes with the expected one.
    ///
    /// # Errors
    /// A failure with code `digest_mismatch` if they differ.
    pub(super) fn check_digest(&self, found: &str) -> Result<(), Failure> {
        match &self.sha256 {
            Some(expected) if !expected.eq_ignore_ascii_case(found) => {
                let message = format!(
                    "What came has the SHA-256 {found}, and not {}; none of it is kept.",
                    expected.to_ascii_lowercase()
                );
                Err(Failure::new("digest_mismatch", message))
            }
            _ => Ok(()),
        }
    }
}

/// Checks params that match the schema.
pub(super) fn check(params: &Value, roots: &Roots) -> Result<(), Vec<InvalidParam>> {
    let to = params["to"].as_str();
    let fault = to.and_then(|to| destination::check(roots, "#/to", to));
    fault.map_or(Ok(()), |fault| Err(vec![fault]))
}
