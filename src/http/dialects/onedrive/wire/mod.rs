//! The requests and responses of OneDrive's API: items and long-running actions. Pure.

pub(crate) mod address;
pub(crate) mod body;
mod endpoint;
pub(crate) mod monitor;

pub(crate) use crate::http::dialects::onedrive::wire::address::{
    Address, canonical_path, is_onedrive_path, item_address,
};
pub(crate) use crate::http::dialects::onedrive::wire::body::{conflict, copy, upload};
pub(crate) use crate::http::dialects::onedrive::wire::monitor::{Monitor, monitor};
pub(crate) use endpoint::error_code;
pub(crate) use endpoint::{Facet, Item, error, field_name, item, root};
