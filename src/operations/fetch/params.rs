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

/// The document to download, and the file to save it to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FetchParams {
    /// The URL of the document, which begins with `http://` or `https://`. Redirects are followed.
    #[schemars(length(max = 8192), extend("format" = "uri"))]
    pub(super) uri: String,
    /// The path of the file to create, below a root. Its folder must exist. Default: no file, the document becomes the
    /// job's result.
    pub(super) to: Option<WirePath>,
    /// What to do if `to` already exists. `fail`, the default: fail with `name_exists`. `replace`: replace it. `rename`:
    /// use the first free name of `name (1).ext`, `name (2).ext` and so on.
    #[serde(default)]
    pub(super) conflict: Conflict,
    /// The expected SHA-256 of the document, as 64 hexadecimal digits. The job fails with `digest_mismatch` if the document
    /// has another. Default: not checked.
    #[schemars(regex(pattern = "^[0-9A-Fa-f]{64}$"))]
    sha256: Option<String>,
    /// The maximum length of the document, in bytes. The job fails with `result_too_large` if it is longer. Default: the
    /// server's limit for results if there is no `to`, otherwise no limit.
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
                    "The document has the SHA-256 {found} instead of {}. It was discarded.",
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
