//! The native API, `/v1`.

pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod openapi;
pub(crate) mod render;
pub(crate) mod submit;
pub(crate) mod wire;
