//! driveonweb: polling jobs for zip and copy.

pub(crate) mod handler;
pub(crate) mod openapi;
pub(crate) mod routes;
pub(crate) mod wire;
