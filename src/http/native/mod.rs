//! The native API, `/v1`.

pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod jobs;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod monitor;
pub(crate) mod openapi;
pub(crate) mod operations;
pub(crate) mod render;
pub(crate) mod routes;
pub(crate) mod server;
pub(crate) mod submit;
pub(crate) mod wire;
