//! The native API, `/v1`.

pub(in crate::http) mod events;
pub(in crate::http) mod health;
pub(in crate::http) mod list;
pub(in crate::http) mod log;
pub(in crate::http) mod openapi;
pub(in crate::http) mod render;
pub(in crate::http) mod submit;
pub(in crate::http) mod wire;
