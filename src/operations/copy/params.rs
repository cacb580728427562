//! The params of the `copy` operation.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::operations::InvalidParam;
use crate::operations::destination;
use crate::operations::destination::Conflict;
use crate::operations::params::wire_path::WirePath;
use crate::roots::Roots;

/// The file or folder to copy, and the path of the copy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CopyParams {
    /// The path of the file or folder to copy, below a root.
    pub(super) from: WirePath,
    /// The path of the copy, below a root, including its name. Its parent folder must exist.
    pub(super) to: WirePath,
    /// What to do if `to` already exists. `fail`, the default: fail with `name_exists`. `replace`: replace it. `rename`:
    /// use the first free name of `name (1).ext`, `name (2).ext` and so on.
    #[serde(default)]
    pub(super) conflict: Conflict,
}

/// Validates params that match the schema.
///
/// # Errors
/// Every invalid param: paths that are not below a root, and copies of a folder into itself.
pub(super) fn check(params: &Value, roots: &Roots) -> Result<(), Vec<InvalidParam>> {
    let fault = |pointer: &str, detail: String| InvalidParam {
        pointer: pointer.to_owned(),
        detail,
    };
    let params: CopyParams =
        serde_json::from_value(params.clone()).map_err(|e| vec![fault("#", e.to_string())])?;
    let (from, to) = (&params.from.0, &params.to.0);
    let mut faults = Vec::new();
    let source = roots.admit(from);
    if let Err(refusal) = &source {
        faults.push(fault("#/from", refusal.to_string()));
    }
    faults.extend(destination::check(roots, "#/to", to));
    if let (Ok(source), Ok(target)) = (source, roots.locate(to)) {
        let (source, target) = (source.path(), target.path());
        let replaces = params.conflict == Conflict::Replace;
        if target != source && target.starts_with(&source) {
            let detail = format!("{to:?} is inside {from:?}, which cannot be copied into itself");
            faults.push(fault("#/to", detail));
        } else if replaces && source.starts_with(&target) {
            let detail =
                format!("{to:?} is or contains {from:?}, which would be replaced by its copy");
            faults.push(fault("#/to", detail));
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}
