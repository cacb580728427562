//! OneDrive's items and long-running actions.

pub(in crate::http) mod address;
pub(in crate::http) mod body;
mod endpoint;
pub(in crate::http) mod monitor;

pub(crate) use crate::http::dialects::onedrive::wire::address::{
    Action, Address, Endpoint, call, is_ours,
};
pub(crate) use crate::http::dialects::onedrive::wire::body::{conflict, copy, upload};
pub(crate) use crate::http::dialects::onedrive::wire::monitor::{Monitor, monitor};
pub(in crate::http) use endpoint::error_code;
pub(crate) use endpoint::{Facet, Item, error, item, root, word};
