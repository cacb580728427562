//! driveonweb: polling jobs for zip and copy.

pub(in crate::http) mod handler;
pub(in crate::http) mod openapi;
pub(in crate::http) mod wire;
