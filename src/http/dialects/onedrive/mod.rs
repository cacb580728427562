//! OneDrive: items and long-running actions.

pub(crate) mod handler;
pub(crate) mod openapi;
pub(crate) mod routes;
pub(crate) mod wire;
