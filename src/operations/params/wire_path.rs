//! Types that the params of several operations share.

use schemars::JsonSchema;
use serde::Deserialize;

/// A path below a root, as it is on the wire. Its format in the schema, `path`, tells clients that it is one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, extend("format" = "path", "maxLength" = 4096))]
pub(in crate::operations) struct WirePath(pub(in crate::operations) String);
