//! What a fetch job may be asked.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::job::Failure;
use crate::operations::InvalidParam;
use crate::operations::destination;
use crate::operations::destination::Conflict;
use crate::operations::params::wire_path::WirePath;
use crate::roots::Roots;

/// What to fetch, and where to put it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::operations) struct FetchParams {
    /// The `http://` or `https://` URL. Redirects are followed.
    #[schemars(length(max = 8192), extend("format" = "uri"))]
    pub(in crate::operations) uri: String,
    /// The file to make, below a root. Without one what is fetched is the job's result.
    pub(in crate::operations) to: Option<WirePath>,
    /// What to do if there is something at `to` already: `fail`, `replace` it, or `rename` the file to the first free of
    /// `name (1).ext`, `name (2).ext` and so on.
    #[serde(default)]
    pub(in crate::operations) conflict: Conflict,
    /// The SHA-256 that it must have, in hexadecimal.
    #[schemars(regex(pattern = "^[0-9A-Fa-f]{64}$"))]
    sha256: Option<String>,
    /// The most bytes that it may have.
    pub(in crate::operations) max_bytes: Option<u64>,
}

impl FetchParams {
    /// Compares what came with what was to come.
    ///
    /// # Errors
    /// `digest_mismatch`.
    pub(in crate::operations) fn check_digest(&self, found: &str) -> Result<(), Failure> {
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

/// Finds what is wrong with params that fit the schema.
pub(in crate::operations) fn check(params: &Value, roots: &Roots) -> Result<(), Vec<InvalidParam>> {
    let to = params["to"].as_str();
    let fault = to.and_then(|to| destination::check(roots, "#/to", to));
    fault.map_or(Ok(()), |fault| Err(vec![fault]))
}
