//! Collects the descriptions of the dialects that are served.

use serde_json::{Map, Value};

use crate::config::{Dialect, Dialects};
use crate::http::dialects::deltaxml::openapi as deltaxml;
use crate::http::dialects::driveonweb::openapi as driveonweb;
use crate::http::dialects::onedrive::openapi as onedrive;

/// The paths of the dialects that are served.
pub(in crate::http) fn paths(dialects: &Dialects) -> Map<String, Value> {
    let mut paths = Vec::new();
    if dialects.has(Dialect::Driveonweb) {
        paths.extend(driveonweb::paths());
    }
    if dialects.has(Dialect::Onedrive) {
        paths.extend(onedrive::paths());
    }
    let paths = paths.into_iter();
    let paths = paths.map(|(path, item)| (path.to_owned(), item));
    paths.chain(deltaxml::paths(dialects)).collect()
}

/// The schemas of the dialects that are served.
pub(in crate::http) fn schemas(dialects: &Dialects) -> Map<String, Value> {
    let mut schemas = Map::new();
    if dialects.has(Dialect::Driveonweb) {
        schemas.extend(driveonweb::schemas());
    }
    if dialects.has(Dialect::Onedrive) {
        schemas.extend(onedrive::schemas());
    }
    schemas.extend(deltaxml::schemas(dialects));
    schemas
}

/// The tags of the dialects that are served.
pub(in crate::http) fn tags(dialects: &Dialects) -> Vec<Value> {
    let mut tags = Vec::new();
    if dialects.has(Dialect::Driveonweb) {
        tags.push(driveonweb::tag());
    }
    if dialects.has(Dialect::Onedrive) {
        tags.push(onedrive::tag());
    }
    tags.extend(deltaxml::tags(dialects));
    tags
}
