//! OneDrive: items and long-running actions.

pub(in crate::http) mod handler;
pub(in crate::http) mod openapi;
pub(in crate::http) mod wire;
